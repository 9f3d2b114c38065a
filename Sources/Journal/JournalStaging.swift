// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel
internal import Synchronization

/// What became of one batch.
package struct StagingOutcome: Equatable, Sendable {
    /// Slots of the batch, from its start, that the caller is done with.
    package var consumedCount: Int
    /// Readings among them that were skipped: they will never be in the journal.
    package var unrecordedCount: Int
    /// The rest must be offered again after a commit: no slot of it may be lost.
    package var isHeldBack: Bool
}

/// What a commit loop asks before it decides.
package struct StagingStatus: Equatable, Sendable {
    package var stagedCount: Int
    /// When the oldest staged slot was appended; nil if nothing is staged.
    package var oldestStagedAt: MonotonicInstant?
    /// Whether an acknowledgement or an effect waits for a staged slot.
    package var needsImmediateSync: Bool
    /// Readings are being skipped: "journal stalled".
    package var isSkipping: Bool
    /// Readings skipped since the start.
    package var unrecordedTotal: UInt64
    /// Canary readings among them.
    package var unrecordedCanaryTotal: UInt64
    /// Records that are no readings (ticks, anchors, commands) skipped since the start.
    package var unrecordedControlTotal: UInt64
    /// Number the next appended slot must have.
    package var nextN: UInt64

    package var stagedBytes: Int { self.stagedCount * Slot.byteCount }
}

/// When a commit is due: at once for an acknowledgement or an effect, else by size or age.
///
/// The pause spares flash: a sync for every batch would write 4 KiB for every few readings.
package enum CommitRule {
    package static let bytesMin = 64 * 1_024
    package static let ageMaxNanoseconds: UInt64 = 50_000_000

    /// Whether to commit now.
    package static func isDue(_ status: StagingStatus, now: MonotonicInstant) -> Bool {
        guard status.stagedCount > 0, let oldest = status.oldestStagedAt else { return false }
        return status.needsImmediateSync || status.stagedBytes >= self.bytesMin
            || now.nanosecondsSince(oldest) >= self.ageMaxNanoseconds
    }

    /// When a commit will be due if nothing more comes; nil if nothing is staged.
    package static func wake(_ status: StagingStatus) -> MonotonicInstant? {
        status.oldestStagedAt?.advanced(byNanoseconds: self.ageMaxNanoseconds)
    }
}

/// Readings of one sensor that are not in the journal.
package struct UnrecordedCount: Equatable, Sendable {
    package var sensor: SensorIndex
    package var count: UInt32
}

/// Bounded memory between the ring and the disk.
///
/// The journal's ring reader copies slots in and frees the ring at once; the committer takes them
/// out and keeps them here until they are durable, so a failed segment can be written again
/// elsewhere. No lock is held while the disk works: a stuck sync does not stop `append`.
///
/// What happens when it fills
/// 1. Readings without acknowledgement may use what the two below leave. Beyond it they are
///    skipped, counted per sensor, and their numbers are a gap; skipping ends when 1/8 of the room
///    is free again.
/// 2. Ticks, clock anchors, commands and every other record may use 1/32 more. Beyond it they are
///    skipped, counted, and part of the gap: a disk that never answers may not stop the ring, and
///    with it the evaluation. A record of several slots is skipped whole.
/// 3. Readings that await an acknowledgement, registrations and beginnings of sessions are never
///    skipped. The last room is theirs: as much as the ring holds, because from `holdCount` on the ring takes no more of
///    them. Where that rule is not kept, `append` stops in front of the first that does not fit.
///
/// So a gap holds no slot that anybody may acknowledge, and one watermark is enough: every number
/// below it is durable or was skipped here. The ring is drained however long the disk is away.
///
/// `@unchecked Sendable`: `slots` is written under the lock outside the staged range and read by
/// the committer inside it; only the committer makes the range shorter.
@safe
package final class JournalStaging: @unchecked Sendable {
    /// Gaps that are remembered one by one; the last one widens when there are more.
    package static let gapsMax = 64
    /// Closed gaps that `isUnrecorded` looks through; the oldest ones become one when there are more.
    package static let recentGapsMax = 128
    /// Slots that producers may add to the ring after they were told to hold them back: a few
    /// messages of the largest size.
    static let lateOffersMax = 4 * SystemLimits.readingsPerMessageMax
    /// Least room, in slots.
    package static let slotCountMin = 4_096

    private struct State {
        var head = 0
        var count = 0
        var nextN: UInt64
        var firstStagedN: UInt64
        var oldestAt: MonotonicInstant?
        var appendedSincePeek: MonotonicInstant?
        var immediateThrough: UInt64 = 0
        var isSkipping = false
        var openGap: Range<UInt64>?
        var closedGaps: [Range<UInt64>] = []
        var recentGaps: [Range<UInt64>] = []
        var unrecordedTotal: UInt64 = 0
        var unrecordedCanaryTotal: UInt64 = 0
        var unrecordedControlTotal: UInt64 = 0
        /// What the record is whose continuations follow, and whether its head was skipped.
        var recordRank = Rank.control
        var isRecordSkipped = false
        var touchedSensors: [UInt32] = []
    }

    /// Slots that fit: a power of two.
    package let capacity: Int
    /// From this fill on the ring should refuse what may not be skipped (`holdAcknowledged`), and
    /// take it again below `resumeCount`.
    package let holdCount: Int
    package let resumeCount: Int
    /// Fill up to which each rank is taken.
    private let lossyMax: Int
    private let controlMax: Int
    private let lossyResume: Int
    private let slots: UnsafeMutablePointer<Slot>
    /// Skipped readings by sensor.
    ///
    /// Zeroed pages cost nothing until a sensor is counted.
    private let unrecorded: ZeroedTable<UInt32>
    private let state: Mutex<State>

    /// Room for `byteCount` bytes, rounded down to a power of two, at least `slotCountMin` slots and
    /// at least twice what a ring of `ringCapacity` slots holds.
    package init(firstN: UInt64, byteCount: Int = 64 << 20, ringCapacity: Int = 0) {
        var capacity = Self.slotCountMin
        while capacity * 2 * Slot.byteCount <= byteCount { capacity *= 2 }
        // What producers that looked before the hold still put into the ring comes on top.
        let ringRoom = ringCapacity + min(ringCapacity, Self.lateOffersMax)
        while capacity < 2 * ringRoom { capacity *= 2 }
        self.capacity = capacity
        self.controlMax = capacity - max(ringRoom, capacity / 32)
        self.lossyMax = self.controlMax - capacity / 32
        self.lossyResume = self.lossyMax - capacity / 8
        self.holdCount = self.lossyMax / 5 * 4
        self.resumeCount = self.lossyMax / 2
        unsafe self.slots = .allocate(capacity: capacity)
        self.unrecorded = ZeroedTable(count: SystemLimits.sensorCountMax)
        self.state = Mutex(State(nextN: firstN, firstStagedN: firstN))
    }

    deinit {
        unsafe self.slots.deallocate()
        self.unrecorded.deallocate()
    }

    // MARK: The ring reader's side

    /// Takes a batch whose first slot has number `firstN`, which must be the next one.
    ///
    /// `link` of the slots is not read; the committer writes it.
    package func append(
        _ batch: UnsafeBufferPointer<Slot>, firstN: UInt64, now: MonotonicInstant
    ) -> StagingOutcome {
        self.state.withLock { state in
            precondition(firstN == state.nextN, "a batch does not follow the one before it")
            var unrecordedCount = 0
            var storedCount = 0
            var index = 0
            while index < batch.count {
                let slot = unsafe batch[index]
                let rank = Self.rank(of: slot, &state)
                if self.shouldSkip(slot, rank, &state) {
                    unrecordedCount += self.skip(slot, &state)
                } else if state.count < self.capacity {
                    self.store(slot, &state)
                    storedCount += 1
                } else {
                    break
                }
                index += 1
            }
            if storedCount > 0 {
                if state.oldestAt == nil { state.oldestAt = now }
                if state.appendedSincePeek == nil { state.appendedSincePeek = now }
            }
            return StagingOutcome(
                consumedCount: index, unrecordedCount: unrecordedCount,
                isHeldBack: index < batch.count)
        }
    }

    /// An effect waits for record `n`: the commit that covers it is due at once.
    package func requestSync(through n: UInt64) {
        self.state.withLock { $0.immediateThrough = max($0.immediateThrough, n &+ 1) }
    }

    package var status: StagingStatus {
        self.state.withLock { state in
            StagingStatus(
                stagedCount: state.count, oldestStagedAt: state.oldestAt,
                needsImmediateSync: state.count > 0
                    && state.immediateThrough > state.firstStagedN,
                isSkipping: state.isSkipping, unrecordedTotal: state.unrecordedTotal,
                unrecordedCanaryTotal: state.unrecordedCanaryTotal,
                unrecordedControlTotal: state.unrecordedControlTotal, nextN: state.nextN)
        }
    }

    /// Gaps that have ended, each once, for `.gap` records.
    ///
    /// Empty while there is little room: a record for every piece would make new pieces, and might
    /// be skipped itself. When there are more than `gapsMax`, the last range reaches to the end of the last
    /// gap and may contain recorded numbers; the blocks themselves tell exactly.
    package func takeGaps() -> [Range<UInt64>] {
        self.state.withLock { state in
            guard state.count <= self.lossyResume, !state.closedGaps.isEmpty else { return [] }
            defer { state.closedGaps = [] }
            return state.closedGaps
        }
    }

    /// Up to `max` sensors with skipped readings, and how many; what is returned counts from 0.
    package func takeUnrecorded(max: Int) -> [UnrecordedCount] {
        self.state.withLock { state in
            var counts: [UnrecordedCount] = []
            while counts.count < max, let sensor = state.touchedSensors.popLast() {
                let count = self.unrecorded[Int(sensor)]
                self.unrecorded[Int(sensor)] = 0
                counts.append(
                    UnrecordedCount(sensor: SensorIndex(rawValue: sensor), count: count))
            }
            return counts
        }
    }

    /// Whether number `n` was skipped in this run: a decision that rests on it says so.
    ///
    /// Of every number that was skipped this is true. It is true of recorded ones too where more
    /// than `recentGapsMax` gaps lie behind `n`: whoever is asked so late does not claim what may
    /// be false.
    package func isUnrecorded(_ n: UInt64) -> Bool {
        self.state.withLock { state in
            if let open = state.openGap, open.contains(n) { return true }
            return state.recentGaps.contains { $0.contains(n) }
        }
    }

    // MARK: The committer's side

    /// Slots that are staged now; those appended later are younger than this call.
    func peek() -> (head: Int, count: Int, nextN: UInt64) {
        self.state.withLock { state in
            state.appendedSincePeek = nil
            return (state.head, state.count, state.nextN)
        }
    }

    /// The staged slot `offset` places behind `head`; its `link` holds its number.
    func slot(head: Int, offset: Int) -> Slot {
        unsafe self.slots[(head &+ offset) & (self.capacity &- 1)]
    }

    /// The first `count` slots are durable: their room is free.
    func release(_ count: Int) {
        self.state.withLock { state in
            precondition(count >= 0 && count <= state.count, "released more than is staged")
            state.count -= count
            state.head = (state.head + count) & (self.capacity - 1)
            if state.count == 0 {
                // The next slots use the same pages again: memory that a burst touched once is
                // not walked through for ever.
                state.head = 0
                state.oldestAt = nil
                state.firstStagedN = state.nextN
            } else {
                state.firstStagedN = unsafe self.slots[state.head].link
                if count > 0 { state.oldestAt = state.appendedSincePeek ?? state.oldestAt }
            }
        }
    }

    // MARK: Private

    /// How badly a slot is needed.
    private enum Rank {
        /// A reading that nobody acknowledges.
        case lossy
        /// Another input of the engine.
        case control
        /// Somebody acknowledges it, or later records mean nothing without it.
        case kept
    }

    @inline(__always)
    private static func rank(of slot: Slot, _ state: inout State) -> Rank {
        if slot.kindRaw == SlotKind.reading.rawValue {
            return slot.flags.contains(.acknowledgedDelivery) ? .kept : .lossy
        }
        return Self.otherRank(of: slot, &state)
    }

    private static func otherRank(of slot: Slot, _ state: inout State) -> Rank {
        switch slot.kind {
        case .padding: return .lossy
        case .continuation: break
        case .registerSensor, .registerSource, .sessionBegin: state.recordRank = .kept
        // That a connection came or went may be lost; what an answer waits for may not.
        case .sessionChange where slot.flags.contains(.acknowledgedDelivery):
            state.recordRank = .kept
        default: state.recordRank = .control
        }
        return state.recordRank
    }

    @inline(__always)
    private func shouldSkip(_ slot: Slot, _ rank: Rank, _ state: inout State) -> Bool {
        switch rank {
        case .lossy:
            let limit = state.isSkipping ? self.lossyResume + 1 : self.lossyMax
            state.isSkipping = state.count >= limit
            return state.isSkipping
        case .control:
            // Continuations go where their head went.
            if slot.kindRaw != SlotKind.continuation.rawValue {
                state.isRecordSkipped = state.count >= self.controlMax
            }
            return state.isRecordSkipped
        case .kept: return false
        }
    }

    @inline(__always)
    private func store(_ slot: Slot, _ state: inout State) {
        if let gap = state.openGap { self.close(gap, &state) }
        var slot = slot
        slot.link = state.nextN
        if slot.flags.contains(.acknowledgedDelivery) {
            state.immediateThrough = max(state.immediateThrough, state.nextN &+ 1)
        }
        if state.count == 0 { state.firstStagedN = state.nextN }
        unsafe self.slots[(state.head &+ state.count) & (self.capacity &- 1)] = slot
        state.count &+= 1
        state.nextN &+= 1
    }

    /// Counts a slot that is not staged; 1 if it was a reading, else 0.
    private func skip(_ slot: Slot, _ state: inout State) -> Int {
        let n = state.nextN
        state.openGap = (state.openGap?.lowerBound ?? n)..<(n + 1)
        state.nextN += 1
        guard slot.kindRaw == SlotKind.reading.rawValue else {
            switch slot.kind {
            case .padding, .continuation: break
            default: state.unrecordedControlTotal += 1
            }
            return 0
        }
        state.unrecordedTotal += 1
        if slot.flags.contains(.canary) { state.unrecordedCanaryTotal += 1 }
        let sensor = Int(slot.sensor.rawValue)
        if sensor < SystemLimits.sensorCountMax {
            let count = self.unrecorded[sensor]
            if count == 0 { state.touchedSensors.append(slot.sensor.rawValue) }
            self.unrecorded[sensor] = count == UInt32.max ? count : count + 1
        }
        return 1
    }

    private func close(_ gap: Range<UInt64>, _ state: inout State) {
        state.openGap = nil
        Self.push(gap, to: &state.closedGaps)
        state.recentGaps.append(gap)
        guard state.recentGaps.count > Self.recentGapsMax else { return }
        // Forgotten, a decision on skipped input would be told to be reproducible.
        let oldest = state.recentGaps.removeFirst()
        state.recentGaps[0] = oldest.lowerBound..<state.recentGaps[0].upperBound
    }

    private static func push(_ gap: Range<UInt64>, to gaps: inout [Range<UInt64>]) {
        if gaps.count == self.gapsMax, let last = gaps.popLast() {
            gaps.append(last.lowerBound..<gap.upperBound)
        } else {
            gaps.append(gap)
        }
    }
}
