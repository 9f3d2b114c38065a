// SPDX-License-Identifier: Apache-2.0

internal import CLibpq
internal import Glibc

/// How the historian reaches PostgreSQL, and how long it keeps what it stores there.
package struct PostgresOptions: Sendable {
    /// Connection string or URI of libpq; several hosts are tried in order.
    ///
    /// What it sets overrides the defaults of `keywords`.
    package var connection: String
    /// Per host, 2 seconds or more.
    package var connectTimeoutSeconds: UInt64 = 5
    package var applicationName = "midwatch-historian"
    /// Whether missing migrations are applied at the start; else the archive stops and says so.
    package var migratesAtStart = false
    /// Days for which partitions exist ahead of time.
    package var daysAhead: Int32 = 3
    /// Days that readings are kept, counted from the end of their day; nil: for ever.
    package var readingDays: Int32?
    /// Days that minute rows are kept; nil: for ever.
    package var minuteDays: Int32?
    /// Hours after its end when a day counts as closed and gets its sensor-time index.
    package var closeAfterHours: Int32 = 1

    package init(connection: String) { self.connection = connection }

    /// What the server does by itself when we hang or vanish, in force from the first statement.
    static let serverTimeouts =
        "-c statement_timeout=5000 -c lock_timeout=1000 "
        + "-c idle_in_transaction_session_timeout=10000 -c synchronous_commit=on"
    /// For index builds, which take as long as they take.
    static let patientTimeouts = "-c statement_timeout=0 -c lock_timeout=1000"

    /// Connection parameters as libpq is to see them: defaults first, then what `connection` says.
    ///
    /// libpq's own timeout per host works only while it blocks the thread, so the host list is
    /// turned by one for each failed attempt: a host that swallows packets comes last the next time.
    ///
    /// - Parameters:
    ///   - attempt: Failed attempts so far.
    ///   - serverOptions: The default of `options`.
    /// - Returns: Names and values; later ones override earlier ones.
    /// - Throws: What libpq says about a malformed string; only a person can mend it.
    func keywords(
        attempt: Int, serverOptions: String = Self.serverTimeouts
    ) throws(ArchiveError) -> [(name: String, value: String)] {
        var keywords: [(name: String, value: String)] = [
            ("connect_timeout", "\(max(2, self.connectTimeoutSeconds))"),
            ("tcp_user_timeout", "10000"), ("keepalives", "1"), ("keepalives_idle", "10"),
            ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("target_session_attrs", "read-write"),
            ("application_name", self.applicationName), ("client_encoding", "UTF8"),
            ("gssencmode", "disable"), ("options", serverOptions),
        ]
        for (name, value) in try self.parsed() {
            let isPerHost = name == "host" || name == "hostaddr" || name == "port"
            keywords.append((name, isPerHost ? Self.turned(value, by: attempt) : value))
        }
        return keywords
    }

    /// Hosts that `connection` names, 1 if it names none.
    func hostCount() throws(ArchiveError) -> Int {
        for (name, value) in try self.parsed() where name == "host" || name == "hostaddr" {
            return value.split(separator: ",", omittingEmptySubsequences: false).count
        }
        return 1
    }

    private func parsed() throws(ArchiveError) -> [(name: String, value: String)] {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = unsafe PQconninfoParse(self.connection, &message) else {
            let words = unsafe message.map { unsafe String(cString: $0) } ?? "out of memory"
            unsafe PQfreemem(message)
            throw ArchiveError(
                .retrySlowly, code: "connection-string", message: words, action: "connect")
        }
        defer { unsafe PQconninfoFree(options) }
        var found: [(name: String, value: String)] = []
        var option = unsafe options
        while let keyword = unsafe option.pointee.keyword {
            if let value = unsafe option.pointee.val {
                unsafe found.append((String(cString: keyword), String(cString: value)))
            }
            unsafe option += 1
        }
        return found
    }

    private static func turned(_ list: String, by attempt: Int) -> String {
        let items = list.split(separator: ",", omittingEmptySubsequences: false)
        guard items.count > 1 else { return list }
        let first = attempt % items.count
        return (items[first...] + items[..<first]).joined(separator: ",")
    }
}
