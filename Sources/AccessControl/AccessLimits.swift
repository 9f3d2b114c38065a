// SPDX-License-Identifier: Apache-2.0

/// Bounds of what a password file and an access file may hold.
package enum AccessLimits {
    /// Bytes of one file.
    package static let fileBytesMax = 16 << 20
    /// Bytes of one line.
    package static let lineBytesMax = 4_096
    /// Users of one password file.
    package static let userCountMax = 100_000
    /// Rules of one access file.
    package static let ruleCountMax = 100_000
    /// Rules that can apply to one client: what a publish costs at most.
    package static let clientRuleCountMax = 1_000
    /// Bytes of a user name (MQTT strings have 16 bits of length; names are shorter).
    package static let userNameBytesMax = 256
    /// Bytes of a password.
    package static let passwordBytesMax = 1_024
    /// More would hold the password thread for seconds.
    package static let iterationCountMax = 5_000_000
    /// Fewer make a stolen file cheap to search; accepted with a warning.
    package static let iterationCountAdvised = 100_000
    /// Tokens of one token file: each is compared with what somebody shows.
    package static let tokenCountMax = 256
    /// Bytes of a token's name.
    package static let tokenNameBytesMax = 64
    /// Problems told of one file; the rest is counted.
    package static let issueCountMax = 50
}

/// One thing to say about a password file or an access file.
package struct AccessFileIssue: Equatable, Sendable, CustomStringConvertible {
    package var file: String
    /// 1-based; 0 when it is about the file as a whole.
    package var line: Int
    /// What is wrong and what to do; never a password or a hash.
    package var message: String
    /// Whether the file cannot be used.
    package var isError: Bool

    package init(file: String, line: Int, message: String, isError: Bool) {
        self.file = file
        self.line = line
        self.message = message
        self.isError = isError
    }

    package var description: String {
        self.line > 0
            ? "\(self.file):\(self.line): \(self.message)" : "\(self.file): \(self.message)"
    }
}

/// Collects the issues of one file, a bounded number of them.
struct IssueCollector {
    let file: String
    private(set) var issues: [AccessFileIssue] = []
    private var suppressedCount = 0
    private(set) var hasErrors = false

    init(file: String) { self.file = file }

    mutating func add(_ message: String, line: Int, isError: Bool = true) {
        self.hasErrors = self.hasErrors || isError
        guard self.issues.count < AccessLimits.issueCountMax else {
            self.suppressedCount += 1
            return
        }
        self.issues.append(
            AccessFileIssue(file: self.file, line: line, message: message, isError: isError))
    }

    func finished() -> [AccessFileIssue] {
        guard self.suppressedCount > 0 else { return self.issues }
        return self.issues + [
            AccessFileIssue(
                file: self.file, line: 0, message: "and \(self.suppressedCount) more",
                isError: false)
        ]
    }
}

/// The lines of a file with their numbers; nil and an issue if it is too long or no text.
func numberedLines(
    _ bytes: [UInt8], _ issues: inout IssueCollector
) -> [(number: Int, text: String)]? {
    guard bytes.count <= AccessLimits.fileBytesMax else {
        issues.add("longer than \(AccessLimits.fileBytesMax) bytes", line: 0)
        return nil
    }
    var lines: [(number: Int, text: String)] = []
    let pieces = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, piece) in pieces.enumerated() {
        let line = piece.last == UInt8(ascii: "\r") ? piece.dropLast() : piece
        guard line.count <= AccessLimits.lineBytesMax else {
            issues.add("a line of more than \(AccessLimits.lineBytesMax) bytes", line: index + 1)
            continue
        }
        guard let text = String(validating: line, as: UTF8.self), !text.utf8.contains(0) else {
            issues.add("not UTF-8 text; write the file anew", line: index + 1)
            continue
        }
        lines.append((index + 1, text))
    }
    return lines
}

/// A word of a file as messages show it: quoted, short, without control characters.
func shown(_ text: some StringProtocol) -> String {
    let clean = text.unicodeScalars.prefix(40).map { scalar -> Character in
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: "\u{FFFD}"
        default: Character(scalar)
        }
    }
    return "\"" + String(clean) + (text.unicodeScalars.count > 40 ? "…\"" : "\"")
}
