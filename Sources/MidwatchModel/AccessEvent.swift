// SPDX-License-Identifier: Apache-2.0

/// Somebody came from outside: a connection, a failed login, a question.
package struct AccessEvent: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable {
        /// A connection was taken.
        case connected
        /// A connection was turned away: a limit, or a client that may not.
        case turnedAway
        /// Wrong name or password, wrong token, or none.
        case loginFailed
        /// Something was read.
        case read
        /// A command was sent, whatever became of it.
        case command
        /// A request that was refused for another reason.
        case refused
    }

    package var kind: Kind
    /// `mqtt/gateways`, `api/unix`, `api/tcp`.
    package var listener: String
    /// Network address, or `uid=1000` on a unix socket.
    package var address: String
    /// As who: a user name, empty if there is none.
    package var user: String
    /// What exactly: an address of the API, a cause.
    package var detail: String

    package init(
        _ kind: Kind, listener: String, address: String, user: String = "", detail: String = ""
    ) {
        self.kind = kind
        self.listener = listener
        self.address = address
        self.user = user
        self.detail = detail
    }
}

/// Counts of accesses, one row per kind, listener, address and user.
///
/// Bounded: who finds no row of its own counts in the row `others` of its kind and listener, a
/// detail without room as `others`. Texts are cut, so that nobody fills a log with a long name.
package struct AccessTally: Sendable {
    /// Rows of their own; a flood of addresses costs no more memory than this.
    package static let rowCountMax = 1_024
    package static let detailCountMax = 16
    package static let textBytesMax = 128
    package static let others = "others"

    /// What one row counts.
    package struct Row: Sendable, Hashable {
        package var kind: AccessEvent.Kind
        package var listener: String
        package var address: String
        package var user: String
    }

    package struct Count: Sendable, Equatable {
        package var total: UInt64 = 0
        package var details: [String: UInt64] = [:]
    }

    package private(set) var rows: [Row: Count] = [:]

    package init() {}

    package var isEmpty: Bool { self.rows.isEmpty }

    /// Counts one access.
    package mutating func add(_ event: AccessEvent) {
        var row = Row(
            kind: event.kind, listener: Self.cut(event.listener), address: Self.cut(event.address),
            user: Self.cut(event.user))
        if self.rows[row] == nil, self.rows.count >= Self.rowCountMax {
            row.address = Self.others
            row.user = ""
        }
        var count = self.rows[row] ?? Count()
        count.total += 1
        if !event.detail.isEmpty {
            var detail = Self.cut(event.detail)
            if count.details[detail] == nil, count.details.count >= Self.detailCountMax {
                detail = Self.others
            }
            count.details[detail, default: 0] += 1
        }
        self.rows[row] = count
    }

    /// Gives what was counted, in a fixed order, and begins again.
    package mutating func take() -> [(row: Row, count: Count)] {
        let taken = self.rows.map { (row: $0.key, count: $0.value) }.sorted {
            ($0.row.listener, $0.row.address, $0.row.kind.rawValue, $0.row.user)
                < ($1.row.listener, $1.row.address, $1.row.kind.rawValue, $1.row.user)
        }
        self.rows.removeAll(keepingCapacity: taken.count < 64)
        return taken
    }

    private static func cut(_ text: String) -> String {
        guard text.utf8.count > Self.textBytesMax else { return text }
        // A character that the cut takes apart is shown as one that cannot be read.
        return String(decoding: text.utf8.prefix(Self.textBytesMax), as: UTF8.self)
    }
}
