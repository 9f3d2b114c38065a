// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A disk that is read and never written, for a run that cannot write.
///
/// While a log is opened on it, writes are taken and forgotten, so that everything the disk still
/// gives back is known: the engine's state, the sensors, the end of the ledger. From `detach()` on
/// every write fails, and the log is in mode `storageFailed` from its first commit on.
package final class DetachedDisk: JournalDisk {
    /// What the disk still gives back.
    package enum Contents: Sendable {
        case readable
        /// Nothing: the log begins empty.
        case nothing
    }

    /// EROFS: what is not a full disk, and no missing file.
    private static let code: Int32 = 30

    private let below: any JournalDisk
    private let contents: Contents
    private let isDetached = Atomic<Bool>(false)

    package init(_ contents: Contents, below: any JournalDisk = LinuxDisk()) {
        self.contents = contents
        self.below = below
    }

    /// From now on every write fails.
    package func detach() { self.isDetached.store(true, ordering: .releasing) }

    fileprivate func write(_ operation: DiskError.Operation, _ path: String) throws(DiskError) {
        guard self.isDetached.load(ordering: .acquiring) else { return }
        throw DiskError(operation, code: Self.code, path: path)
    }

    package func makeFolder(_ path: String) throws(DiskError) { try self.write(.makeFolder, path) }

    package func list(_ folder: String) throws(DiskError) -> [String] {
        guard self.contents == .readable else { return [] }
        do throws(DiskError) {
            return try self.below.list(folder)
        } catch {
            if error.isMissing { return [] }
            throw error
        }
    }

    package func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile {
        if mode != .read { try self.write(.open, path) }
        guard self.contents == .readable else {
            guard mode == .create || mode == .createNew else {
                throw DiskError(.open, code: 2, path: path)
            }
            return DetachedFile(self, path, below: nil)
        }
        do throws(DiskError) {
            return DetachedFile(self, path, below: try self.below.open(path, .read))
        } catch {
            guard mode == .create || mode == .createNew else { throw error }
            return DetachedFile(self, path, below: nil)
        }
    }

    package func rename(_ source: String, to target: String) throws(DiskError) {
        try self.write(.rename, source)
    }

    package func remove(_ path: String) throws(DiskError) { try self.write(.remove, path) }

    package func syncFolder(_ path: String) throws(DiskError) { try self.write(.syncFolder, path) }

    package func space(_ folder: String) throws(DiskError) -> DiskSpace {
        try self.below.space(folder)
    }

    package func randomBytes() throws(DiskError) -> [16 of UInt8] { try self.below.randomBytes() }
}

/// A file that is read if it is there, and never changed.
private final class DetachedFile: DiskFile {
    private let disk: DetachedDisk
    private let path: String
    /// nil: a file that would have been made.
    private let below: (any DiskFile)?

    init(_ disk: DetachedDisk, _ path: String, below: (any DiskFile)?) {
        self.disk = disk
        self.path = path
        self.below = below
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError)
        -> Int
    {
        guard let below = self.below else { return 0 }
        return unsafe try below.read(into: buffer, at: offset)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(DiskError) {
        try self.disk.write(.write, self.path)
    }

    func sync() throws(DiskError) { try self.disk.write(.sync, self.path) }

    func size() throws(DiskError) -> UInt64 { try self.below?.size() ?? 0 }

    func fillWithZeros(bytes: UInt64) throws(DiskError) {
        try self.disk.write(.allocate, self.path)
    }

    /// Nobody else writes there either, or this run must not begin.
    func lock() throws(DiskError) -> Bool { try self.below?.lock() ?? true }
}
