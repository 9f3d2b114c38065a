// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Keeps one zero-filled segment ready, so that rotation does not wait for a fill of 64 MiB.
///
/// A housekeeping thread calls `prepareIfNeeded()` about once a second; the committer takes the
/// spare. Without a spare it fills a segment itself: correct, but acknowledgements wait meanwhile.
package final class SegmentSupply: Sendable {
    private let folder: JournalFolder
    private let disk: any JournalDisk
    private let segmentBytes: UInt64
    private let hasSpare: Mutex<Bool>

    init(folder: JournalFolder, disk: any JournalDisk, segmentBytes: UInt64, hasSpare: Bool) {
        self.folder = folder
        self.disk = disk
        self.segmentBytes = segmentBytes
        self.hasSpare = Mutex(hasSpare)
    }

    /// Makes the spare if there is none.
    ///
    /// - Returns: Whether one was made.
    /// - Throws: `DiskError`; `isDiskFull` means that the journal will stop at the next rotation.
    @discardableResult
    package func prepareIfNeeded() throws(DiskError) -> Bool {
        if self.hasSpare.withLock({ $0 }) { return false }
        try self.fill(self.folder.spareNew)
        // Under the lock, so that the name is never taken while it changes hands.
        var failure: DiskError?
        self.hasSpare.withLock { hasSpare in
            do throws(DiskError) {
                try self.disk.rename(self.folder.spareNew, to: self.folder.spare)
                hasSpare = true
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        try self.disk.syncFolder(self.folder.path)
        return true
    }

    /// A zero-filled file under `path`: the spare if there is one, else a new one.
    func take(as path: String) throws(DiskError) -> any DiskFile {
        let isSpare = self.hasSpare.withLock { hasSpare -> Bool in
            guard hasSpare else { return false }
            hasSpare = false
            do throws(DiskError) {
                try self.disk.rename(self.folder.spare, to: path)
                return true
            } catch {
                return false
            }
        }
        if isSpare {
            let file = try self.disk.open(path, .update)
            if try file.size() == self.segmentBytes { return file }
        }
        return try self.fill(path)
    }

    @discardableResult
    private func fill(_ path: String) throws(DiskError) -> any DiskFile {
        do throws(DiskError) {
            let file = try self.disk.open(path, .create)
            try file.fillWithZeros(bytes: self.segmentBytes)
            return file
        } catch {
            // What was reserved goes back: a disk that is full must not stay so because of this.
            try? self.disk.remove(path)
            throw error
        }
    }
}
