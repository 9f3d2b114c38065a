// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Sizes of a journal.
package struct JournalOptions: Sendable {
    /// Least and default bytes of a segment.
    package static let segmentBytesMin: UInt64 = 128 * 1_024
    package static let segmentBytesDefault: UInt64 = 64 << 20

    /// Bytes of a segment, a multiple of 4 KiB.
    package var segmentBytes: UInt64
    /// Bytes of staging memory.
    package var stagingBytes: Int
    /// Slots of the ring that is drained into it: as many are kept free for what may not be lost.
    package var ringCapacity: Int
    /// Everything from here on is read and verified at the start; what is older is verified by
    /// whoever reads it.
    ///
    /// nil: as little as the start needs.
    package var verifyFrom: Position?
    /// An epoch that was given out although the journal does not hold it: the next one is higher.
    package var epochAbove: UInt32 = 0
    /// Epochs that are passed over, for a run that cannot make its own durable: a later run that
    /// can must not give the same one out.
    package var epochsPassed: UInt32 = 0

    package init(
        segmentBytes: UInt64 = JournalOptions.segmentBytesDefault, stagingBytes: Int = 64 << 20,
        ringCapacity: Int = 0, verifyFrom: Position? = nil
    ) {
        precondition(
            segmentBytes >= Self.segmentBytesMin
                && segmentBytes % UInt64(JournalFormat.blockAlignment) == 0,
            "segment size")
        self.segmentBytes = segmentBytes
        self.stagingBytes = stagingBytes
        self.ringCapacity = ringCapacity
        self.verifyFrom = verifyFrom
    }
}

/// What was found when the journal was opened.
package struct JournalReport: Sendable {
    package var journal: JournalID
    /// This run; durable before `open` returned.
    package var epoch: UInt32
    /// Number of the first record of this run.
    package var nextN: UInt64
    /// The run that wrote the last durable record, and `nextN`: where a projection that has
    /// everything stands.
    package var durableEnd: Position
    /// Engine time of the last durable record; `.zero` if there is none.
    package var lastArrival: MonotonicInstant
    /// Paths in index order.
    ///
    /// One that begins with `#lost-` stands for a registration in a damaged
    /// block (`lostSensors`).
    package var sensorPaths: [String]
    /// Sources in index order.
    package var sources: [RegisteredSource]
    package var lostSensors: [SensorIndex]
    package var damage: [JournalDamage]
    /// Damage beyond `damageMax`, counted only.
    package var furtherDamageCount: Int
    /// Bytes behind the last whole block that a crash left; they were never reported durable.
    package var tornBytes: UInt64
    /// Links of sensors that were silent since before this number are missing: their history
    /// cannot be walked across the start.
    ///
    /// 0 if all are there.
    package var linksFrom: UInt64

    /// Entries of `damage` at most.
    package static let damageMax = 256
}

/// An open journal: what was found, and the parts that go on writing.
package struct OpenJournal: Sendable {
    package var report: JournalReport
    /// For the thread that reads the ring.
    package var staging: JournalStaging
    /// For the thread that commits.
    package var committer: JournalCommitter
    /// For a housekeeping thread.
    package var supply: SegmentSupply
}

/// The log of everything the engine takes in.
package enum Journal {
    /// Opens the journal in `directory` for writing, or makes one, and begins a new run.
    ///
    /// On return the epoch of the run is durable, and so is every record that the report counts:
    /// what a killed process left in the page cache was synced. No segment is made yet, so a full
    /// disk does not stop a start.
    ///
    /// - Parameters:
    ///   - directory: Its parent must exist.
    ///   - options: Sizes, and how much is verified.
    ///   - disk: Where it is.
    ///   - progress: Told the number of the record that was read last and of about the last one, at
    ///     least every 16,384 records: a long start must not look like one that hangs.
    /// - Returns: What was found and the parts that go on.
    /// - Throws: `lockedByAnother` while another process writes there; `identityDamaged`;
    ///   `unknownVersion`; `disk`.
    ///
    /// A place that the disk does not give back is read as zeros (`LinuxDisk`), so it is damage like
    /// any other: reported and passed.
    package static func open(
        directory: String, options: JournalOptions = JournalOptions(),
        disk: any JournalDisk = LinuxDisk(),
        progress: (_ done: UInt64, _ total: UInt64) -> Void = { _, _ in }
    ) throws(JournalError) -> OpenJournal {
        var recovery = JournalRecovery(
            folder: JournalFolder(path: directory), options: options, disk: disk)
        return try recovery.run(progress)
    }

    /// The highest epoch that a folder names that cannot be opened as a journal; 0 if it names none.
    package static func highestEpoch(
        directory: String, disk: any JournalDisk = LinuxDisk()
    ) -> UInt32 {
        let folder = JournalFolder(path: directory)
        let stored = try? EpochFile.read(try disk.open(folder.epoch, .read)).epoch
        let reader = JournalReader(folder: folder, position: .zero, disk: disk)
        let newest = (try? reader.newestHeader())?.epoch
        return max(stored ?? 0, newest ?? 0)
    }

    /// Renames a folder that cannot be opened as a journal, so that a new one can begin in its
    /// place; returns its new path.
    ///
    /// Nothing in it is changed.
    package static func setAside(
        directory: String, disk: any JournalDisk = LinuxDisk()
    ) throws(DiskError) -> String {
        for number in 1...Self.asideMax {
            let target = "\(directory).aside-\(number)"
            do throws(DiskError) {
                _ = try disk.list(target)
            } catch {
                guard error.isMissing else { throw error }
                try disk.rename(directory, to: target)
                return target
            }
        }
        throw DiskError(.rename, code: 17, path: directory)
    }

    /// Journals that are kept aside; then a person must look.
    private static let asideMax = 100
}
