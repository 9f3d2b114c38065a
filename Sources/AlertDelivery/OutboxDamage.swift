// SPDX-License-Identifier: Apache-2.0

internal import EmbeddedStore

/// Whether the file must be set aside: it is damaged, or reading and writing it fails for long.
struct OutboxDamage: Sendable {
    /// Failures to read or write in a row, a pause apart, until the file is given up.
    static let ioFailureCountMax = 5
    /// Files set aside in one run: a disk that spoils every file is not filled with them.
    static let asideCountMax = 8

    private var ioFailureCount = 0
    private var asideCount = 0
    private var hasOpened = false
    private(set) var isDue = false

    /// Whether the error speaks of the file, which is then to be opened anew.
    @discardableResult
    mutating func note(_ error: SQLiteError) -> Bool {
        guard error.isCorruption || error.isIO else { return false }
        if error.isIO { self.ioFailureCount += 1 }
        let isGivenUp = error.isCorruption || self.ioFailureCount >= Self.ioFailureCountMax
        self.isDue = isGivenUp && self.asideCount < Self.asideCountMax
        return true
    }

    mutating func wrote() { self.ioFailureCount = 0 }

    mutating func wasOpened() { self.hasOpened = true }

    /// A new file was begun; whether the one before it was in use.
    mutating func wasSetAside() -> Bool {
        self.ioFailureCount = 0
        self.asideCount += 1
        self.isDue = false
        defer { self.hasOpened = true }
        return self.hasOpened
    }
}

extension SQLiteError {
    /// SQLITE_IOERR.
    static let ioError: Int32 = 10

    /// SQLITE_CORRUPT or SQLITE_NOTADB.
    var isCorruption: Bool { self.code & 0xFF == 11 || self.code & 0xFF == 26 }
    var isIO: Bool { self.code & 0xFF == Self.ioError }
}
