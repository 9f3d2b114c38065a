// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Removes segments as `RetentionMachine` decides.
///
/// A housekeeping thread owns it and calls `run` every few seconds; the committer is not
/// disturbed, because the newest segments always stay.
///
/// `@unchecked Sendable`: one thread at a time uses it.
package final class JournalRetention: @unchecked Sendable {
    private let folder: JournalFolder
    private let disk: any JournalDisk
    private var machine: RetentionMachine
    /// Headers do not change; each is read once.
    private var headers: [UInt32: SegmentHeader] = [:]
    /// Segments removed since the start.
    package private(set) var removedCount: UInt64 = 0

    package init(
        directory: String, policy: RetentionPolicy = RetentionPolicy(),
        disk: any JournalDisk = LinuxDisk()
    ) {
        self.folder = JournalFolder(path: directory)
        self.disk = disk
        self.machine = RetentionMachine(policy: policy)
    }

    /// Judges, removes, and says what else follows.
    ///
    /// - Parameters:
    ///   - durableThrough: The durable watermark.
    ///   - archivedThrough: The archive's cursor: what lies before it is archived.
    ///   - now: Engine time.
    /// - Returns: The verdict, already carried out as far as segments go.
    /// - Throws: `disk`; what could not be removed is tried again next time.
    package func run(
        durableThrough: UInt64, archivedThrough: Position, now: MonotonicInstant
    ) throws(JournalError) -> RetentionVerdict {
        let reader = JournalReader(folder: self.folder, position: .zero, disk: self.disk)
        let numbers = try reader.segmentNumbers()
        var headers: [(UInt32, SegmentHeader?)] = []
        for number in numbers {
            if let known = self.headers[number] {
                headers.append((number, known))
            } else {
                headers.append((number, try reader.header(number)))
            }
        }
        self.headers = [:]
        for case (let number, let header?) in headers { self.headers[number] = header }
        return try self.run(
            Self.segments(headers), durableThrough: durableThrough,
            archivedThrough: archivedThrough.n, now: now)
    }

    private func run(
        _ segments: [RetainedSegment], durableThrough: UInt64, archivedThrough: UInt64,
        now: MonotonicInstant
    ) throws(JournalError) -> RetentionVerdict {
        let space = try onDisk { () throws(DiskError) in try self.disk.space(self.folder.path) }
        let verdict = self.machine.judge(
            segments: segments, durableThrough: durableThrough,
            archivedThrough: archivedThrough, space: space, now: now)
        try onDisk { () throws(DiskError) in
            for number in verdict.removals {
                try self.disk.remove(self.folder.segment(number))
                self.removedCount += 1
            }
            if !verdict.removals.isEmpty { try self.disk.syncFolder(self.folder.path) }
        }
        return verdict
    }

    /// Where each segment ends stands in the next header; one whose header is bad never counts as
    /// archived by itself, it ends where the next whole header begins.
    private static func segments(_ headers: [(UInt32, SegmentHeader?)]) -> [RetainedSegment] {
        var segments: [RetainedSegment] = []
        var endN: UInt64?
        var endArrival = MonotonicInstant.distantFuture
        for (number, header) in headers.reversed() {
            segments.append(
                RetainedSegment(
                    number: number,
                    byteCount: header?.segmentBytes ?? JournalOptions.segmentBytesDefault,
                    firstN: header?.firstN ?? endN ?? 0, endN: endN, lastArrival: endArrival))
            if let header {
                endN = header.previousThrough
                endArrival = header.highestArrival
            }
        }
        return segments.reversed()
    }
}
