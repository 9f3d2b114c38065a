// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

/// One sensor with one high limit, judged the plain way: a list of readings, no wheel, no tables.
///
/// Written from the rules, not from the engine; nanoseconds since time 0.
private struct Oracle {
    enum Event: Equatable {
        case raised(AlarmKind, UInt64)
        case returned(AlarmKind, UInt64)
    }

    let setpoint: Double
    let deadband: Double
    let onDelay: UInt64
    let offDelay: UInt64
    let deadline: UInt64
    let unknownGrace: UInt64

    private(set) var events: [Event] = []
    private var lastReading: UInt64 = 0
    private var isStale = false
    private var isHigh = false
    private var isBlind = false
    private var onUntil: UInt64?
    private var offUntil: UInt64?
    private var blindUntil: UInt64?

    init(
        setpoint: Double, deadband: Double, onDelay: UInt64, offDelay: UInt64, deadline: UInt64,
        unknownGrace: UInt64
    ) {
        self.setpoint = setpoint
        self.deadband = deadband
        self.onDelay = onDelay
        self.offDelay = offDelay
        self.deadline = deadline
        self.unknownGrace = unknownGrace
    }

    /// Everything that time alone brings up to `now`.
    mutating func pass(to now: UInt64) {
        while true {
            var dues: [UInt64] = []
            if !self.isStale { dues.append(self.lastReading + self.deadline) }
            dues += [self.onUntil, self.offUntil, self.blindUntil].compactMap { $0 }
            guard let due = dues.min(), due <= now else { return }
            if !self.isStale, self.lastReading + self.deadline == due {
                self.isStale = true
                if self.onUntil != nil { self.raiseHigh(due) }
                self.onUntil = nil
                self.offUntil = nil
                self.events.append(.raised(.stale, due))
                // The stale alarm is less urgent than what the silence blinds.
                if !self.isBlind, self.blindUntil == nil {
                    self.blindUntil = due + self.unknownGrace
                }
            } else if self.onUntil == due {
                self.raiseHigh(due)
            } else if self.offUntil == due {
                self.offUntil = nil
                self.isHigh = false
                self.events.append(.returned(.high, due))
            } else {
                self.blindUntil = nil
                self.isBlind = true
                self.events.append(.raised(.unverifiable, due))
            }
        }
    }

    private mutating func raiseHigh(_ time: UInt64) {
        self.onUntil = nil
        self.isHigh = true
        self.events.append(.raised(.high, time))
    }

    mutating func read(_ value: Double, at now: UInt64) {
        self.lastReading = now
        if self.isStale {
            self.isStale = false
            self.events.append(.returned(.stale, now))
        }
        guard value.isFinite else {
            if self.onUntil != nil { self.raiseHigh(now) }
            self.offUntil = nil
            if !self.isBlind, self.blindUntil == nil { self.blindUntil = now + self.unknownGrace }
            return
        }
        if value >= (self.isHigh ? self.setpoint - self.deadband : self.setpoint) {
            self.offUntil = nil
            if !self.isHigh, self.onUntil == nil {
                self.onUntil = now + self.onDelay
                if self.onDelay == 0 { self.raiseHigh(now) }
            }
        } else {
            self.onUntil = nil
            if self.isHigh, self.offUntil == nil {
                self.offUntil = now + self.offDelay
                if self.offDelay == 0 {
                    self.offUntil = nil
                    self.isHigh = false
                    self.events.append(.returned(.high, now))
                }
            }
        }
        self.blindUntil = nil
        if self.isBlind {
            self.isBlind = false
            self.events.append(.returned(.unverifiable, now))
        }
    }
}

@Suite struct OracleTests {
    private let path = "vessel/pressure"

    private func events(_ world: World) -> [Oracle.Event] {
        world.decisions.compactMap { decision in
            let time = decision.time.nanoseconds - World.originNanoseconds
            return switch decision.kind {
            case .alarmRaised: .raised(decision.alarm, time)
            case .alarmReturned: .returned(decision.alarm, time)
            default: nil
            }
        }
    }

    @Test(arguments: 1...60)
    func `the engine decides as the rules read plainly`(seed: Int) {
        var random = Random(seed: UInt64(seed))
        let onDelay = random.pick([0.0, 0.5, 3, 8])
        let offDelay = random.pick([0.0, 0.5, 3, 8])
        let deadline = random.pick([2.0, 5, 20])
        let deadband = random.pick([0.0, 4, 15])
        let grace = random.pick([0.5, 4, 10])
        // The stale alarm is less urgent than the limit, so a silent sensor cannot be verified, too.
        let world = World([
            .make(
                self.path, deadline: deadline,
                high: .at(60, deadband: deadband, on: onDelay, off: offDelay, .critical),
                stale: .low, unknownGrace: grace)
        ])
        var oracle = Oracle(
            setpoint: 60, deadband: deadband, onDelay: seconds(onDelay),
            offDelay: seconds(offDelay), deadline: seconds(deadline),
            unknownGrace: seconds(grace))
        var now: UInt64 = 0
        var value = 50.0
        for _ in 0..<400 {
            // Milliseconds make many timers end at the very instant of a reading.
            now += UInt64(random.next(below: random.chance(10) ? 12_000 : 900)) * 1_000_000
            let second = Double(now) / 1_000_000_000
            if random.chance(50) { world.advance(to: second) } else { world.leap(to: second) }
            oracle.pass(to: now)
            if random.chance(30) { value = Double(40 + random.next(below: 40)) }
            let isUnknown = random.chance(8)
            world.read(self.path, isUnknown ? .nan : value)
            oracle.read(isUnknown ? .nan : value, at: now)
        }
        let end = now + seconds(100)
        world.advance(to: Double(end) / 1_000_000_000)
        oracle.pass(to: end)
        let events = self.events(world)
        #expect(events.count > 4)
        #expect(events == oracle.events)
    }
}
