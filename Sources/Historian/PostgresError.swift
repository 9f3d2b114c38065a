// SPDX-License-Identifier: Apache-2.0

/// From SQLSTATE to what the historian does about it: the one place where libpq errors are judged.
package enum PostgresError {
    /// Code of errors that carry no SQLSTATE: the socket failed, or we gave up waiting.
    package static let noSQLState = "socket"

    /// What to do after an error with this SQLSTATE; nil stands for an error without one.
    ///
    /// - Parameters:
    ///   - sqlState: Five characters, or nil.
    ///   - message: The server's words, for the conditions that stop the archive.
    /// - Returns: What the historian does about it.
    package static func disposition(
        sqlState: String?, message: String = ""
    ) -> ArchiveError.Disposition {
        guard let sqlState, sqlState.utf8.count == 5 else { return .reconnect }
        switch sqlState {
        // "insufficient data left in message": our row is wrong, not the link.
        case "08P01": return .quarantine
        case "57P01", "57P02", "57P03", "53300", "25006": return .reconnect
        case "40001", "40P01", "55P03": return .retry
        // The server ended the session with the transaction.
        case "25P03": return .reconnect
        case "57014": return .retrySmaller
        case "23514": return .createPartition
        case "42501", "3D000": return .retrySlowly
        case "XX001", "XX002": return .stop(.storeDamaged(detail: "\(sqlState) \(message)"))
        default: break
        }
        switch sqlState.prefix(2) {
        case "08": return .reconnect
        case "22", "23": return .quarantine
        case "28": return .retrySlowly
        case "53": return .backOffLong
        case "42", "0A", "3F": return .stop(.schemaMismatch(detail: "\(sqlState) \(message)"))
        case "58": return .stop(.storeDamaged(detail: "\(sqlState) \(message)"))
        // What no rule names: a new session and the cursor are the safe way back.
        default: return .reconnect
        }
    }

    /// The error of a failed statement.
    package static func error(
        sqlState: String?, message: String, action: String
    ) -> ArchiveError {
        let words = message.split(whereSeparator: \.isNewline).joined(separator: "; ")
        return ArchiveError(
            self.disposition(sqlState: sqlState, message: words),
            code: sqlState ?? self.noSQLState, message: words, action: action)
    }
}
