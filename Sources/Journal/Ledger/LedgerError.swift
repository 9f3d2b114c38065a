// SPDX-License-Identifier: Apache-2.0

/// Why a ledger cannot take or give a line.
package enum LedgerError: Error, Equatable, Sendable {
    case disk(DiskError)
    case lockedByAnother
    /// Not one JSON object of one line, or too long (64 KiB).
    case bodyRefused
    /// Too much waits for a commit: the disk does not keep up.
    case queueFull
    /// A line that does not follow the one before it, or is none.
    case broken(LedgerBreak)
    /// The line asked for is older than the oldest one kept.
    case lineTooOld(oldest: UInt64)

    /// What the caller does about it.
    package enum Disposition: Sendable { case retry, drop, fatal }

    package var disposition: Disposition {
        switch self {
        case .disk(let error): error.isDiskFull ? .retry : .fatal
        case .lockedByAnother, .queueFull: .retry
        case .bodyRefused: .drop
        case .broken, .lineTooOld: .fatal
        }
    }
}

/// The first place where a ledger is not what it was.
package struct LedgerBreak: Equatable, Sendable {
    /// What is wrong there.
    package enum Reason: String, Sendable {
        case form = "the line is not in the form of a ledger line"
        case hash = "the line does not match its own hash"
        case chain = "the line does not name the hash of the line before it"
        case number = "the line does not have the next number"
        case trailingBytes = "bytes follow the last line"
        case fileMissing = "a file is missing"
        case cutOff = "the ledger ends before its anchored head"
        case otherHead = "the line at the anchored head has another hash"
        case anchorMissing = "there is no anchored head"
        case anchorDamaged = "the anchored head cannot be read"
    }

    package var reason: Reason
    /// Name of the file, `%08u.ledger` or `ledger.head`.
    package var file: String
    /// Number of the first line that is not right.
    package var n: UInt64
    /// Where it begins in the file.
    package var byteOffset: UInt64
}

/// Sizes of a ledger.
package struct LedgerOptions: Sendable {
    package static let fileBytesMin: UInt64 = 128 * 1_024

    /// Bytes of a file; each is filled with zeros before it is used, so a disk that fills up does
    /// not stop the ledger at once.
    package var fileBytes: UInt64
    /// Files kept at most; nil keeps all.
    ///
    /// An access log is bounded, the ledger is not.
    package var fileCountMax: Int?
    /// Bytes that may wait for a commit.
    package var pendingBytesMax: Int

    package init(
        fileBytes: UInt64 = 64 << 20, fileCountMax: Int? = nil, pendingBytesMax: Int = 16 << 20
    ) {
        precondition(fileBytes >= Self.fileBytesMin && fileBytes % 4_096 == 0, "ledger file size")
        precondition(fileCountMax ?? 2 >= 2, "a bounded ledger keeps two files at least")
        self.fileBytes = fileBytes
        self.fileCountMax = fileCountMax
        self.pendingBytesMax = pendingBytesMax
    }
}

/// Names in a ledger's folder.
struct LedgerFolder: Sendable {
    let path: String

    static let suffix = ".ledger"
    static let numberDigits = 8
    static let headName = "ledger.head"

    var head: String { self.path + "/" + Self.headName }

    static func name(_ number: UInt32) -> String {
        JournalFolder.padded(number, self.numberDigits) + self.suffix
    }

    func file(_ number: UInt32) -> String { self.path + "/" + Self.name(number) }

    func numbers(_ disk: any JournalDisk) throws(DiskError) -> [UInt32] {
        try disk.list(self.path).compactMap { name in
            JournalFolder.number(in: name, digits: Self.numberDigits, suffix: Self.suffix)
        }.sorted()
    }
}
