// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Which readings the journal still has room for.
package enum AdmissionMode: UInt8, Sendable, Comparable, CaseIterable {
    case open = 0
    /// Readings of low criticality are refused.
    case stopLow = 1
    /// Low and normal ones; what is left of the room is for critical readings.
    case stopNormal = 2
    /// Critical ones too: only Midwatch's own records are taken.
    case stopCritical = 3

    /// Whether a reading of this class is still taken.
    package func admits(_ criticality: SensorCriticality) -> Bool {
        switch criticality {
        case .low: self < .stopLow
        case .normal: self < .stopNormal
        case .critical: self < .stopCritical
        case .own: true
        }
    }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// What of the journal is kept.
package struct RetentionPolicy: Equatable, Sendable {
    /// Part of the disk the journal may use, in percent, and the most it may use in any case.
    package var diskPercentMax: UInt64 = 20
    package var bytesMax: UInt64 = 50_000_000_000
    /// How long archived segments are kept for replay.
    package var keepNanoseconds: UInt64 = 7 * 24 * 3_600_000_000_000
    /// How long a segment stays at least after it was archived.
    package var holdNanoseconds: UInt64 = 3_600_000_000_000
    /// Room, in percent of the budget, above which low readings stop, and normal ones.
    package var stopLowPercent: UInt64 = 90
    package var stopNormalPercent: UInt64 = 95
    /// How far the room must fall below a level, in percent, before it is left.
    package var returnPercent: UInt64 = 2
    /// Newest segments that always stay: recovery reads them.
    package var segmentCountMin = 2

    package init() {}
}

/// One segment as retention sees it.
package struct RetainedSegment: Equatable, Sendable {
    package var number: UInt32
    package var byteCount: UInt64
    package var firstN: UInt64
    /// One more than the number of its last record; nil for the segment that is being written.
    package var endN: UInt64?
    /// Engine time of its last record.
    package var lastArrival: MonotonicInstant

    package init(
        number: UInt32, byteCount: UInt64, firstN: UInt64, endN: UInt64?,
        lastArrival: MonotonicInstant
    ) {
        self.number = number
        self.byteCount = byteCount
        self.firstN = firstN
        self.endN = endN
        self.lastArrival = lastArrival
    }
}

/// What retention decided.
package struct RetentionVerdict: Equatable, Sendable {
    /// Segments to remove, oldest first.
    package var removals: [UInt32] = []
    package var admission = AdmissionMode.open
    /// Segments that were removed although their time was not over: replay reaches less far back.
    package var removedEarlyCount = 0
    /// The oldest record that replay will reach after the removals; nil without segments.
    package var replayFrom: UInt64?
    package var usedBytes: UInt64 = 0
    package var budgetBytes: UInt64 = 0
    /// Nanoseconds until the budget is used up at the present rate if nothing can be removed; nil
    /// if it does not grow.
    package var timeToFullNanoseconds: UInt64?
}

/// Decides which segments go and which readings still come in.
///
/// Order: archived and past its time; archived within it, oldest first, while the budget is
/// exceeded (reported); then admission stops, low criticality first. A segment that is not archived
/// never goes, and an archived one stays for `holdNanoseconds`, so that an archive that turns out
/// to have forgotten something can be filled again.
///
/// Pure: segments, position, disk and time in; verdict out.
package struct RetentionMachine: Sendable {
    package let policy: RetentionPolicy
    private var admission = AdmissionMode.open
    /// When each segment was first seen archived.
    ///
    /// Bounded by the segments that exist.
    private var archivedAt: [UInt32: MonotonicInstant] = [:]
    private var rate: (records: UInt64, at: MonotonicInstant, bytesPerSecond: Double)?

    /// Weight of the newest observation in the rate, and the least time between two.
    private static let rateWeight = 0.2
    private static let rateIntervalNanoseconds: UInt64 = 1_000_000_000

    package init(policy: RetentionPolicy = RetentionPolicy()) { self.policy = policy }

    /// Judges the journal.
    ///
    /// - Parameters:
    ///   - segments: All of them, oldest first.
    ///   - durableThrough: One more than the number of the last durable record.
    ///   - archivedThrough: Every record with a smaller number is in the archive.
    ///   - space: The disk; what others use counts too.
    ///   - now: Engine time.
    /// - Returns: What to remove and what to admit.
    package mutating func judge(
        segments: [RetainedSegment], durableThrough: UInt64, archivedThrough: UInt64,
        space: DiskSpace, now: MonotonicInstant
    ) -> RetentionVerdict {
        self.noteArchived(segments, archivedThrough, now)
        var verdict = RetentionVerdict()
        verdict.usedBytes = segments.reduce(0) { $0 + $1.byteCount }
        verdict.budgetBytes = min(
            self.policy.bytesMax, space.capacity / 100 * self.policy.diskPercentMax,
            verdict.usedBytes + space.available)
        self.chooseRemovals(segments, now, &verdict)
        verdict.admission = self.judgeAdmission(verdict, segments, durableThrough)
        let gone = Set(verdict.removals)
        verdict.replayFrom = segments.first { !gone.contains($0.number) }?.firstN
        verdict.timeToFullNanoseconds = self.timeToFull(verdict, durableThrough, now)
        return verdict
    }

    private mutating func noteArchived(
        _ segments: [RetainedSegment], _ archivedThrough: UInt64, _ now: MonotonicInstant
    ) {
        var kept: [UInt32: MonotonicInstant] = [:]
        for segment in segments {
            guard let endN = segment.endN, endN <= archivedThrough else { continue }
            kept[segment.number] = self.archivedAt[segment.number] ?? now
        }
        self.archivedAt = kept
    }

    private func chooseRemovals(
        _ segments: [RetainedSegment], _ now: MonotonicInstant, _ verdict: inout RetentionVerdict
    ) {
        for segment in segments.dropLast(self.policy.segmentCountMin) {
            // Segments go from the old end only, so the first one that must stay ends the search.
            guard let archivedAt = self.archivedAt[segment.number],
                now.nanosecondsSince(archivedAt) >= self.policy.holdNanoseconds
            else { return }
            let isPastTime =
                now.nanosecondsSince(segment.lastArrival) >= self.policy.keepNanoseconds
            // One more segment is about to be made, so the budget must have room for it.
            let isOver = verdict.usedBytes + segment.byteCount > verdict.budgetBytes
            guard isPastTime || isOver else { return }
            if !isPastTime { verdict.removedEarlyCount += 1 }
            verdict.removals.append(segment.number)
            verdict.usedBytes -= segment.byteCount
        }
    }

    /// The room that records fill; the newest segment counts by its records, not by its file.
    private mutating func judgeAdmission(
        _ verdict: RetentionVerdict, _ segments: [RetainedSegment], _ durableThrough: UInt64
    ) -> AdmissionMode {
        var filled = verdict.usedBytes
        if let newest = segments.last {
            let records = durableThrough > newest.firstN ? durableThrough - newest.firstN : 0
            let (bytes, overflow) = records.multipliedReportingOverflow(
                by: UInt64(Slot.byteCount))
            filled -= newest.byteCount
            filled += overflow ? newest.byteCount : min(bytes, newest.byteCount)
        }
        let percent = verdict.budgetBytes == 0 ? 100 : filled * 100 / verdict.budgetBytes
        let levels: [(AdmissionMode, UInt64)] = [
            (.stopCritical, 100), (.stopNormal, self.policy.stopNormalPercent),
            (.stopLow, self.policy.stopLowPercent),
        ]
        for (mode, level) in levels {
            let threshold = self.admission >= mode ? level - self.policy.returnPercent : level
            if percent >= threshold {
                self.admission = mode
                return mode
            }
        }
        self.admission = .open
        return .open
    }

    private mutating func timeToFull(
        _ verdict: RetentionVerdict, _ durableThrough: UInt64, _ now: MonotonicInstant
    ) -> UInt64? {
        if let last = self.rate {
            let elapsed = now.nanosecondsSince(last.at)
            if elapsed >= Self.rateIntervalNanoseconds {
                let records = durableThrough > last.records ? durableThrough - last.records : 0
                let bytes = Double(records) * Double(Slot.byteCount)
                let seen = bytes / (Double(elapsed) / 1e9)
                let smooth = last.bytesPerSecond + (seen - last.bytesPerSecond) * Self.rateWeight
                self.rate = (durableThrough, now, last.bytesPerSecond == 0 ? seen : smooth)
            }
        } else {
            self.rate = (durableThrough, now, 0)
        }
        guard let rate = self.rate?.bytesPerSecond, rate > 0 else { return nil }
        let room =
            verdict.budgetBytes > verdict.usedBytes
            ? verdict.budgetBytes - verdict.usedBytes : 0
        let nanoseconds = Double(room) / rate * 1e9
        return nanoseconds < 9e18 ? UInt64(nanoseconds) : nil
    }
}
