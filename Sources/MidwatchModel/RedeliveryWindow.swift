// SPDX-License-Identifier: Apache-2.0

/// Tells readings that were delivered before from first deliveries, over the record sequence.
///
/// The journal keeps every copy of a reading; the engine, the historian and replay each run one of
/// these over the same sequence and so agree which copy counts.
///
/// What is a redelivery
/// 1. MQTT: DUP is set and the same (source, packet identifier, payload hash, place in the message)
///    was seen among that source's last `Limits.publishesPerSource` publishes.
/// 2. Dual-homed sources: the same (sensor, source time, value bits) was seen from a dual-homed
///    source.
///
/// In both cases the earlier copy must lie at most `Limits.recordSpan` records back. Nothing else
/// is one: two equal publishes without DUP are two readings.
///
/// Rebuilding. The judgement of record `n` depends on the records from `n - rereadRecords` on and
/// on nothing older (every memory is a least-recently-seen cache whose entries age out). Whoever
/// starts at a cursor feeds the `rereadRecords` records before it to a new window, ignores the
/// verdicts, and from then on agrees with a window that saw everything.
///
/// Limits. Memory is `Limits.trackedSources` x `Limits.publishesPerSource` x 40 bytes, touched as
/// it is used, plus the dual-homed table and 4 bytes per possible source, whatever arrives. When
/// more sources publish than are tracked, the one silent for longest is forgotten: its resends
/// then count as first deliveries (twice stored rather than lost).
///
/// `@unchecked Sendable`: the memory has one owner, this value.
@safe
package struct RedeliveryWindow: ~Copyable, @unchecked Sendable {
    /// What the window remembers.
    ///
    /// All who must agree use the same limits.
    package struct Limits: Sendable, Equatable {
        /// Publishes remembered per source: the Receive Maximum that MQTT listeners announce.
        package var publishesPerSource: Int
        /// Sources remembered at once.
        package var trackedSources: Int
        /// Dual-homed readings remembered, a power of two and at least 4.
        package var dualHomedReadings: Int
        /// Records after which a copy no longer counts: at 20,000 a second 3.5 minutes, and 256 MiB
        /// of journal to read again when starting at a cursor.
        package var recordSpan: UInt64

        package init(
            publishesPerSource: Int = SystemLimits.resentPublishesMax, trackedSources: Int = 4_096,
            dualHomedReadings: Int = 65_536, recordSpan: UInt64 = 1 << 22
        ) {
            self.publishesPerSource = publishesPerSource
            self.trackedSources = trackedSources
            self.dualHomedReadings = dualHomedReadings
            self.recordSpan = recordSpan
        }
    }

    package enum Verdict: Sendable, BitwiseCopyable {
        case firstDelivery
        case redelivered
    }

    /// One pass over a publish: number of its first record (low 48 bits) and its last place so far.
    struct Walk: BitwiseCopyable {
        private var bits: UInt64

        init(start: UInt64, aux: UInt16) { self.bits = start << 16 | UInt64(aux) }

        var aux: UInt16 { UInt16(truncatingIfNeeded: self.bits) }

        /// Records since the pass began; right for spans up to 2^48.
        func age(at n: UInt64) -> UInt64 { (n &- self.bits >> 16) & 0xFFFF_FFFF_FFFF }

        mutating func move(to aux: UInt16) { self.bits = self.bits & ~0xFFFF | UInt64(aux) }
    }

    /// One publish: its key and its newest passes, each shorter than the one before it.
    ///
    /// A crash can cut a publish in the journal (its first readings are durable, the rest is not).
    /// The resend then holds new readings after old ones, and may be cut again. Three passes are
    /// kept: an older one matters only after two resends in a row were each cut shorter.
    struct Publish: BitwiseCopyable {
        var payloadHash: UInt64
        /// The pass under way.
        var newest: Walk
        /// The pass before it that reached further; then one that reached further still.
        var second: Walk
        var third: Walk
        var packetIdentifier: UInt16
        var walkCount: UInt8
    }

    /// Publishes of one source, a ring; and its place in the list from newest to oldest source.
    private struct Block: BitwiseCopyable {
        var source: UInt32
        var newer: UInt32
        var older: UInt32
        var count: UInt32
        /// Index of the newest publish; meaningless while `count` is 0.
        var newest: UInt32
    }

    private struct Copy: BitwiseCopyable {
        var sourceTime: Int64
        var valueBits: UInt64
        /// Number of the record + 1; 0 marks an unused place.
        var seenPlusOne: UInt64
        var sensor: UInt32
    }

    /// `SlotKind.reading`, `Slot.noSourceTime`, the bits of `ReadingFlags`: their getters are opaque to `@_noLocks`
    /// in a debug build.
    private static var readingKind: UInt8 { 1 }
    private static var noSourceTime: Int64 { -0x8000_0000_0000_0000 }
    private static var duplicateDelivery: UInt8 { 0x02 }
    private static var canary: UInt8 { 0x04 }
    private static var acknowledgedDelivery: UInt8 { 0x08 }
    private static var dualHomed: UInt8 { 0x10 }
    private static var none: UInt32 { 0xFFFF_FFFF }
    private static var ways: Int { 4 }

    package let limits: Limits
    // Variables that never change: with constants Swift 6.3.1 makes broken code for the thread
    // sanitizer ("Invalid bitcast") where an element is changed in place.
    private var publishes: UnsafeMutableBufferPointer<Publish>
    private var blocks: UnsafeMutableBufferPointer<Block>
    private var blockOfSource: UnsafeMutableBufferPointer<UInt32>
    private var copies: UnsafeMutableBufferPointer<Copy>
    private var usedBlocks = 0
    private var newestBlock = UInt32.max
    private var oldestBlock = UInt32.max

    /// An empty window; allocates all it will ever use.
    package init(limits: Limits = Limits()) {
        precondition(limits.publishesPerSource > 0 && limits.trackedSources > 0)
        precondition(limits.trackedSources < Int(UInt32.max))
        precondition(limits.dualHomedReadings >= Self.ways)
        precondition(limits.dualHomedReadings & (limits.dualHomedReadings - 1) == 0)
        self.limits = limits
        unsafe self.publishes = .allocate(
            capacity: limits.trackedSources * limits.publishesPerSource)
        unsafe self.blocks = .allocate(capacity: limits.trackedSources)
        unsafe self.blockOfSource = .allocate(capacity: SystemLimits.sourceCountMax)
        unsafe self.blockOfSource.initialize(repeating: Self.none)
        unsafe self.copies = .allocate(capacity: limits.dualHomedReadings)
        unsafe self.copies.initialize(
            repeating: Copy(sourceTime: 0, valueBits: 0, seenPlusOne: 0, sensor: 0))
    }

    deinit {
        unsafe self.publishes.deallocate()
        unsafe self.blocks.deallocate()
        unsafe self.blockOfSource.deallocate()
        unsafe self.copies.deallocate()
    }

    /// Records before a cursor that rebuild this window: the span and one whole message.
    package var rereadRecords: UInt64 {
        self.limits.recordSpan + UInt64(SystemLimits.readingsPerMessageMax)
    }

    /// Judges one reading and remembers it.
    ///
    /// Numbers ascend from call to call. Control records and the canary are never given, or are
    /// answered `firstDelivery` and forgotten.
    ///
    /// - Complexity: O(1); O(`publishesPerSource`) for a reading that opens a publish with DUP.
    @_noLocks
    package mutating func judge(_ slot: Slot, n: UInt64) -> Verdict {
        guard slot.kindRaw == Self.readingKind,
            slot.flags.rawValue & Self.canary == 0
        else {
            return .firstDelivery
        }
        // Both memories must see the reading, whatever the first one says.
        var verdict = Verdict.firstDelivery
        if slot.flags.rawValue & Self.acknowledgedDelivery != 0,
            unsafe Int(slot.source.rawValue) < self.blockOfSource.count,
            self.judgePublish(slot, n: n)
        {
            verdict = .redelivered
        }
        if slot.flags.rawValue & Self.dualHomed != 0,
            slot.sourceTime != Self.noSourceTime,
            self.judgeCopy(slot, n: n)
        {
            verdict = .redelivered
        }
        return verdict
    }

    // MARK: - MQTT

    /// Whether the reading was delivered before, by its publish.
    @_noLocks
    private mutating func judgePublish(_ slot: Slot, n: UInt64) -> Bool {
        let block = self.touchBlock(of: slot.source.rawValue)
        let aux = slot.aux < 0xFFFF ? UInt16(truncatingIfNeeded: slot.aux) : 0xFFFF
        let base = Int(block) * self.limits.publishesPerSource
        if unsafe self.blocks[Int(block)].count > 0 {
            let at = unsafe base + Int(self.blocks[Int(block)].newest)
            // Readings of one publish follow each other with ascending places.
            if unsafe self.publishes[at].packetIdentifier == slot.packetIdentifier,
                unsafe self.publishes[at].payloadHash == slot.payloadHash,
                unsafe aux > self.publishes[at].newest.aux
            {
                return self.walk(at, aux: aux, n: n)
            }
        }
        let start = Walk(start: n, aux: aux)
        var publish = Publish(
            payloadHash: slot.payloadHash, newest: start, second: start, third: start,
            packetIdentifier: slot.packetIdentifier, walkCount: 1)
        if slot.flags.rawValue & Self.duplicateDelivery != 0,
            let earlier = self.takePublish(block: block, like: publish, n: n)
        {
            publish.second = earlier.newest
            publish.third = earlier.second
            publish.walkCount = earlier.walkCount == 1 ? 2 : 3
        }
        let place = self.push(publish, block: block)
        return self.walk(base + place, aux: aux, n: n)
    }

    /// Moves the newest pass on to `aux`; whether an earlier pass holds that place.
    @_noLocks
    private mutating func walk(_ at: Int, aux: UInt16, n: UInt64) -> Bool {
        unsafe self.publishes[at].newest.move(to: aux)
        var isHeld = false
        while unsafe self.publishes[at].walkCount > 1 {
            let second = unsafe self.publishes[at].second
            if second.aux >= aux, second.age(at: n) <= self.limits.recordSpan { isHeld = true }
            if second.aux > aux { break }
            // The newest pass got as far as the second: it covers it.
            unsafe self.publishes[at].second = self.publishes[at].third
            unsafe self.publishes[at].walkCount -= 1
        }
        return isHeld
    }

    /// Takes out the newest publish with the same key that is not too old, or nil.
    @_noLocks
    private mutating func takePublish(block: UInt32, like key: Publish, n: UInt64) -> Publish? {
        let size = self.limits.publishesPerSource
        let base = Int(block) * size
        let count = unsafe Int(self.blocks[Int(block)].count)
        let newest = unsafe Int(self.blocks[Int(block)].newest)
        for age in 0..<count {
            let at = base + (newest + size - age) % size
            guard unsafe self.publishes[at].packetIdentifier == key.packetIdentifier,
                unsafe self.publishes[at].payloadHash == key.payloadHash
            else { continue }
            let found = unsafe self.publishes[at]
            guard found.newest.age(at: n) <= self.limits.recordSpan else { return nil }
            // Close the hole: what is newer moves one place towards older.
            var hole = age
            while hole > 0 {
                let to = base + (newest + size - hole) % size
                let from = base + (newest + size - hole + 1) % size
                unsafe self.publishes[to] = self.publishes[from]
                hole -= 1
            }
            unsafe self.blocks[Int(block)].newest = UInt32((newest + size - 1) % size)
            unsafe self.blocks[Int(block)].count -= 1
            return found
        }
        return nil
    }

    /// Makes `publish` the newest of its block, over the oldest if the block is full.
    @_noLocks
    private mutating func push(_ publish: Publish, block: UInt32) -> Int {
        let size = self.limits.publishesPerSource
        let at = Int(block)
        let place = unsafe self.blocks[at].count == 0 ? 0 : (Int(self.blocks[at].newest) + 1) % size
        unsafe self.blocks[at].newest = UInt32(place)
        if unsafe Int(self.blocks[at].count) < size { unsafe self.blocks[at].count += 1 }
        unsafe self.publishes[at * size + place] = publish
        return place
    }

    /// The block of `source`, now the newest one; takes the oldest if none is free.
    @_noLocks
    private mutating func touchBlock(of source: UInt32) -> UInt32 {
        var block = unsafe self.blockOfSource[Int(source)]
        if block == Self.none {
            if self.usedBlocks < self.limits.trackedSources {
                block = UInt32(self.usedBlocks)
                self.usedBlocks += 1
            } else {
                block = self.oldestBlock
                unsafe self.blockOfSource[Int(self.blocks[Int(block)].source)] = Self.none
                self.unlink(block)
            }
            unsafe self.blocks[Int(block)] = Block(
                source: source, newer: Self.none, older: Self.none, count: 0, newest: 0)
            unsafe self.blockOfSource[Int(source)] = block
        } else if block == self.newestBlock {
            return block
        } else {
            self.unlink(block)
        }
        unsafe self.blocks[Int(block)].newer = Self.none
        unsafe self.blocks[Int(block)].older = self.newestBlock
        if self.newestBlock != Self.none {
            unsafe self.blocks[Int(self.newestBlock)].newer = block
        }
        self.newestBlock = block
        if self.oldestBlock == Self.none { self.oldestBlock = block }
        return block
    }

    @_noLocks
    private mutating func unlink(_ block: UInt32) {
        let newer = unsafe self.blocks[Int(block)].newer
        let older = unsafe self.blocks[Int(block)].older
        if newer == Self.none {
            self.newestBlock = older
        } else {
            unsafe self.blocks[Int(newer)].older = older
        }
        if older == Self.none {
            self.oldestBlock = newer
        } else {
            unsafe self.blocks[Int(older)].newer = newer
        }
    }

    // MARK: - Dual-homed

    /// Whether an equal reading came from a dual-homed source; remembers this one.
    ///
    /// A set of four places per hash; in each set the one seen longest ago gives way.
    @_noLocks
    private mutating func judgeCopy(_ slot: Slot, n: UInt64) -> Bool {
        var hash = UInt64(slot.sensor.rawValue) &* 0x9E37_79B9_7F4A_7C15
        hash = (hash ^ UInt64(bitPattern: slot.sourceTime)) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ (hash >> 29) ^ slot.valueBits) &* 0x94D0_49BB_1331_11EB
        let setMask = UInt64(self.limits.dualHomedReadings / Self.ways - 1)
        let first = Int((hash ^ (hash >> 31)) & setMask) * Self.ways
        var victim = first
        for at in first..<first + Self.ways {
            if unsafe self.copies[at].seenPlusOne < self.copies[victim].seenPlusOne { victim = at }
            guard unsafe self.copies[at].seenPlusOne > 0,
                unsafe self.copies[at].sensor == slot.sensor.rawValue,
                unsafe self.copies[at].sourceTime == slot.sourceTime,
                unsafe self.copies[at].valueBits == slot.valueBits
            else { continue }
            let age = unsafe n - (self.copies[at].seenPlusOne - 1)
            unsafe self.copies[at].seenPlusOne = n + 1
            return age <= self.limits.recordSpan
        }
        unsafe self.copies[victim] = Copy(
            sourceTime: slot.sourceTime, valueBits: slot.valueBits, seenPlusOne: n + 1,
            sensor: slot.sensor.rawValue)
        return false
    }
}
