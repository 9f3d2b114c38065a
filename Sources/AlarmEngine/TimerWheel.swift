// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Deadlines of sensors and alarms: a hierarchical timing wheel with lazy re-arm.
///
/// Six levels of 256 slots over ticks of 2^20 ns (1.05 ms) reach every instant of 64 bits. Timers
/// are numbers 0 ..< count, each in at most one slot, linked by index. A reading does not touch the wheel: it moves the sensor's
/// last arrival, and the wheel asks for the true deadline when the slot comes up (Varghese and
/// Lauck's scheme 7; measured 0.8 ns a reading at a million sensors).
///
/// Invariants
/// 1. A linked timer stands in the slot of a tick that is not later than its deadline's tick.
/// 2. `current` never moves back; every slot before it is empty.
struct TimerWheel: ~Copyable, Sendable {
    static let none = UInt32.max
    private static let tickShift: UInt64 = 20
    private static let levelCount = 6
    private static let slotsPerLevel = 256

    // Not private: Swift 6.3.1 emits broken debug code for a noncopyable generic over a private type.
    struct Link: BitwiseCopyable {
        /// Tick in the upper 48 bits (44 are used), slot in the lower 16.
        private var place: UInt64
        var next: UInt32
        var previous: UInt32

        init(tick: UInt64, next: UInt32, previous: UInt32, slot: UInt32) {
            self.place = tick << 16 | UInt64(min(slot, 0xFFFF))
            self.next = next
            self.previous = previous
        }

        var tick: UInt64 { self.place >> 16 }
        var slot: UInt32 {
            let slot = UInt32(self.place & 0xFFFF)
            return slot == 0xFFFF ? TimerWheel.none : slot
        }

        static var unlinked: Link {
            Link(tick: 0, next: TimerWheel.none, previous: TimerWheel.none, slot: TimerWheel.none)
        }
    }

    private let inPlace = InPlace()
    private var links: FlatTable<Link>
    private var heads: FlatTable<UInt32>
    private var occupied: FlatTable<UInt64>
    /// Tick up to which, exclusive, every slot was emptied.
    private var current: UInt64
    private(set) var linkedCount = 0
    /// The earliest tick for which a timer was armed since `forgetArmed`.
    private var armedTick = UInt64.max

    init(start: MonotonicInstant, reserving capacity: Int) {
        self.links = FlatTable(reserving: capacity)
        self.heads = FlatTable(reserving: Self.levelCount * Self.slotsPerLevel)
        self.occupied = FlatTable(reserving: Self.levelCount * 4)
        for _ in 0..<Self.levelCount * Self.slotsPerLevel { self.heads.append(Self.none) }
        for _ in 0..<Self.levelCount * 4 { self.occupied.append(0) }
        self.current = start.nanoseconds >> Self.tickShift
    }

    /// Adds a timer that is not armed; returns its number.
    mutating func addTimer() -> UInt32 {
        self.links.append(.unlinked)
        return UInt32(self.links.count - 1)
    }

    /// Makes room for `count` timers in all.
    mutating func reserve(_ count: Int) { self.links.reserve(count) }

    /// Whether `timer` is armed for the tick of `due` or one before it.
    func isArmed(_ timer: UInt32, by due: MonotonicInstant) -> Bool {
        let link = self.links[Int(timer)]
        return link.slot != Self.none && link.tick <= due.nanoseconds >> Self.tickShift
    }

    /// Arms `timer` for `due`, or moves it there.
    mutating func arm(_ timer: UInt32, due: MonotonicInstant) {
        self.disarm(timer)
        let tick = due.nanoseconds >> Self.tickShift
        // Its own tick, not the slot it gets: `current` may be ahead of the time that fires it.
        self.armedTick = min(self.armedTick, tick)
        self.link(timer, tick: max(tick, self.current))
    }

    /// Whether a timer that may be due by `now` was armed since `forgetArmed`.
    func hasArmed(upTo now: MonotonicInstant) -> Bool {
        self.armedTick <= now.nanoseconds >> Self.tickShift
    }

    mutating func forgetArmed() { self.armedTick = .max }

    /// Takes `timer` out, if it is in.
    mutating func disarm(_ timer: UInt32) {
        let link = self.links[Int(timer)]
        guard link.slot != Self.none else { return }
        let slot = Int(link.slot)
        if link.previous != Self.none {
            self.links[Int(link.previous)].next = link.next
        } else {
            self.heads[slot] = link.next
            if link.next == Self.none { self.occupied[slot >> 6] &= ~(1 << UInt64(slot & 63)) }
        }
        if link.next != Self.none { self.links[Int(link.next)].previous = link.previous }
        self.links[Int(timer)] = .unlinked
        self.linkedCount -= 1
    }

    /// Takes out every timer whose tick is not after the tick of `now`, in no particular order.
    ///
    /// The caller looks at each timer's true deadline and arms it again if that is later.
    mutating func takeExpired(upTo now: MonotonicInstant, into expired: inout FlatTable<UInt32>) {
        let target = now.nanoseconds >> Self.tickShift
        while self.current < target {
            self.detach(Int(self.current & 255), into: &expired)
            self.current = self.nextStop(before: target)
            if self.current & 255 == 0 { self.cascade() }
        }
        self.detach(Int(self.current & 255), into: &expired)
    }

    /// When to look again: at most one tick after the earliest deadline; nil if none is armed.
    ///
    /// The true deadline may be later: waking up early costs a look, nothing else.
    func nextWake() -> MonotonicInstant? {
        guard self.linkedCount > 0 else { return nil }
        let isHere = self.heads[Int(self.current & 255)] != Self.none
        let latest = UInt64.max >> (Self.tickShift + 1)
        let stop = isHere ? self.current : self.nextStop(before: latest)
        return MonotonicInstant(nanoseconds: (stop + 1) << Self.tickShift)
    }

    // MARK: Private

    private mutating func link(_ timer: UInt32, tick: UInt64) {
        let slot = self.slot(for: tick)
        let head = self.heads[slot]
        self.links[Int(timer)] = Link(
            tick: tick, next: head, previous: Self.none, slot: UInt32(slot))
        if head != Self.none { self.links[Int(head)].previous = timer }
        self.heads[slot] = timer
        self.occupied[slot >> 6] |= 1 << UInt64(slot & 63)
        self.linkedCount += 1
    }

    /// The slot of `tick`: on the lowest level on which it shares all higher digits with `current`.
    private func slot(for tick: UInt64) -> Int {
        let difference = tick ^ self.current
        var level = 0
        while level < Self.levelCount - 1, difference >> UInt64(8 * (level + 1)) != 0 { level += 1 }
        return level * Self.slotsPerLevel + Int(tick >> UInt64(8 * level) & 255)
    }

    private mutating func detach(_ slot: Int, into expired: inout FlatTable<UInt32>) {
        var timer = self.heads[slot]
        guard timer != Self.none else { return }
        self.heads[slot] = Self.none
        self.occupied[slot >> 6] &= ~(1 << UInt64(slot & 63))
        while timer != Self.none {
            let next = self.links[Int(timer)].next
            self.links[Int(timer)] = .unlinked
            self.linkedCount -= 1
            expired.append(timer)
            timer = next
        }
    }

    /// The next tick after `current` at which a slot must be emptied or a level opened.
    private func nextStop(before target: UInt64) -> UInt64 {
        for level in 0..<Self.levelCount {
            let shift = UInt64(8 * level)
            let digit = Int(self.current >> shift & 255)
            if let next = self.occupiedSlot(level: level, from: digit + 1) {
                let higher = (self.current >> (shift + 8)) << (shift + 8)
                return min(target, higher | UInt64(next) << shift)
            }
        }
        return target
    }

    private func occupiedSlot(level: Int, from first: Int) -> Int? {
        guard first < Self.slotsPerLevel else { return nil }
        var word = first >> 6
        var bits = self.occupied[level * 4 + word] & (UInt64.max << UInt64(first & 63))
        while bits == 0 {
            word += 1
            guard word < 4 else { return nil }
            bits = self.occupied[level * 4 + word]
        }
        return word << 6 + bits.trailingZeroBitCount
    }

    /// Spreads the slots of higher levels that begin at `current` over the levels below them.
    ///
    /// From the highest level down, so that a timer falls as far as it must in one visit.
    private mutating func cascade() {
        for level in stride(from: Self.levelCount - 1, through: 1, by: -1)
        where self.current & (1 << UInt64(8 * level) - 1) == 0 {
            let index = Int(self.current >> UInt64(8 * level) & 255)
            var timer = self.heads[level * Self.slotsPerLevel + index]
            let slot = level * Self.slotsPerLevel + index
            self.heads[slot] = Self.none
            self.occupied[slot >> 6] &= ~(1 << UInt64(slot & 63))
            while timer != Self.none {
                let link = self.links[Int(timer)]
                self.linkedCount -= 1
                self.link(timer, tick: link.tick)
                timer = link.next
            }
        }
    }
}
