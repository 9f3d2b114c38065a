// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Keeps one zero-filled file ready, so that rotation does not wait for a fill of 64 MiB.
///
/// A housekeeping thread calls `prepareIfNeeded()` about once a second; the committer takes the
/// spare. Without a spare it fills a file itself: correct, but acknowledgements wait meanwhile.
/// The spare is also a reserve: when the disk is full there is still one file to go on in.
package final class SegmentSupply: Sendable {
    private let directory: String
    private let disk: any JournalDisk
    private let fileBytes: UInt64
    private let hasSpare: Mutex<Bool>
    /// A file whose durability is worth something but not the wait of an acknowledgement.
    private let unsynced = Mutex<(any DiskFile)?>(nil)

    static let spareName = "spare.ready"
    static let preparingSuffix = ".preparing"

    private var spare: String { self.directory + "/" + Self.spareName }

    private init(directory: String, disk: any JournalDisk, fileBytes: UInt64, hasSpare: Bool) {
        self.directory = directory
        self.disk = disk
        self.fileBytes = fileBytes
        self.hasSpare = Mutex(hasSpare)
    }

    /// Removes what a crash left half made and keeps a whole spare.
    static func recover(
        directory: String, disk: any JournalDisk, fileBytes: UInt64
    ) throws(DiskError) -> SegmentSupply {
        let names = try disk.list(directory)
        for name in names where name.hasSuffix(self.preparingSuffix) {
            try disk.remove(directory + "/" + name)
        }
        var hasSpare = names.contains(self.spareName)
        let spare = directory + "/" + self.spareName
        if hasSpare, try disk.open(spare, .read).size() != fileBytes {
            try disk.remove(spare)
            hasSpare = false
        }
        return SegmentSupply(
            directory: directory, disk: disk, fileBytes: fileBytes, hasSpare: hasSpare)
    }

    /// Makes the spare if there is none, and returns whether one was made.
    ///
    /// An error that `isDiskFull` means that the log will stop at the next rotation.
    @discardableResult
    package func prepareIfNeeded() throws(DiskError) -> Bool {
        let unsynced = self.unsynced.withLock { file -> (any DiskFile)? in
            defer { file = nil }
            return file
        }
        try unsynced?.sync()
        if self.hasSpare.withLock({ $0 }) { return false }
        let preparing = self.spare + Self.preparingSuffix
        try self.fill(preparing)
        var failure: DiskError?
        // Under the lock, so that the name is never taken while it changes hands.
        self.hasSpare.withLock { hasSpare in
            do throws(DiskError) {
                try self.disk.rename(preparing, to: self.spare)
                hasSpare = true
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        try self.disk.syncFolder(self.directory)
        return true
    }

    /// Syncs `file` with the next `prepareIfNeeded()`.
    func syncLater(_ file: any DiskFile) { self.unsynced.withLock { $0 = file } }

    /// A zero-filled file under `path`: the spare if there is one, else a new one.
    func take(as path: String) throws(DiskError) -> any DiskFile {
        let isSpare = self.hasSpare.withLock { hasSpare -> Bool in
            guard hasSpare else { return false }
            hasSpare = false
            do throws(DiskError) {
                try self.disk.rename(self.spare, to: path)
                return true
            } catch {
                return false
            }
        }
        return isSpare ? try self.disk.open(path, .update) : try self.fill(path)
    }

    @discardableResult
    private func fill(_ path: String) throws(DiskError) -> any DiskFile {
        do throws(DiskError) {
            let file = try self.disk.open(path, .create)
            try file.fillWithZeros(bytes: self.fileBytes)
            return file
        } catch {
            // What was reserved goes back: a disk that is full must not stay so because of this.
            try? self.disk.remove(path)
            throw error
        }
    }
}
