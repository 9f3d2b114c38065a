// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Glibc
import MidwatchModel

/// Measures how late silence is noticed, in real time: `bench-deadlines [DEADLINES] [SECONDS]`.
///
/// A loop like the engine's wakes when a timer may be due, at most every millisecond, asks for a tick,
/// and takes the decisions. What counts is the time from a sensor's deadline to the moment at which
/// its decision is in the caller's hands. Beside it stands what the bare timer of the same loop was
/// late by, in the same run: nobody can be faster than that.
@main
struct DeadlineBench {
    private static let epochWall: Int64 = 1_763_683_200_000_000_000
    private static let tickNanoseconds: UInt64 = 1_000_000

    static func main() {
        let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
        let deadlines = arguments.first ?? 1_000_000
        let seconds = arguments.dropFirst().first ?? 30
        self.measure(
            "100000 in one tick, readings flowing", sensors: 100_000, spread: 0, talk: true)
        self.measure(
            "\(deadlines) over \(seconds) s", sensors: deadlines,
            spread: UInt64(seconds) * 1_000_000_000, talk: false)
        self.measure("\(deadlines) in one millisecond", sensors: deadlines, spread: 0, talk: false)
    }

    /// One run: sensors that never speak, whose deadlines lie evenly in `spread`; `talk` adds a
    /// thousand sensors that go on speaking, in turn, one a tick.
    private static func measure(_ title: String, sensors: Int, spread: UInt64, talk: Bool) {
        let talkers = talk ? 1_000 : 0
        var engine = AlarmEngine(
            rules: RuleBook(
                revision: "",
                declarations: [
                    SensorDeclaration(pattern: "plant/#", deadlineNanoseconds: 2_000_000_000)
                ]), reservingSensors: sensors + talkers, book: { _ in nil })
        let origin = self.clock() + 1_000_000_000
        var n = self.start(&engine, at: origin)
        for index in 0..<sensors + talkers {
            let offset = index < sensors ? spread / UInt64(sensors) * UInt64(index) : spread
            var head = Slot(
                kind: .registerSensor, arrival: MonotonicInstant(nanoseconds: origin + offset))
            head.sensor = SensorIndex(rawValue: UInt32(index))
            for slot in ControlRecord.slots(head: head, payload: Array("plant/\(index)".utf8)) {
                engine.apply(slot, n: n)
                n += 1
            }
        }
        engine.takeDecisions { _ in }
        var run = Run(sensors: sensors, talkers: talkers, n: n)
        let end = origin + 2_000_000_000 + spread + 5_000_000_000
        while run.noticed < sensors, self.clock() < end { self.turn(&engine, &run) }
        run.print(title)
        precondition(run.noticed == sensors, "deadlines that nobody noticed")
    }

    /// One turn of the loop: sleep, tick, decisions, readings.
    private static func turn(_ engine: inout AlarmEngine, _ run: inout Run) {
        let wish = self.clock() + self.tickNanoseconds
        var until = timespec(
            tv_sec: Int(wish / 1_000_000_000), tv_nsec: Int(wish % 1_000_000_000))
        while unsafe clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nil) == EINTR {}
        let now = self.clock()
        run.timer.record(now - wish)
        if run.talkers > 0 {
            let sensor = run.sensors + Int(run.n % UInt64(run.talkers))
            engine.apply(
                Slot(
                    reading: 1, of: SensorIndex(rawValue: UInt32(sensor)),
                    from: SourceIndex(rawValue: 1), arrival: MonotonicInstant(nanoseconds: now)),
                n: run.n)
            run.n += 1
        }
        let instant = MonotonicInstant(nanoseconds: now)
        var before = now
        // As the engine's loop: ticks of so many timers, with readings in between.
        while engine.needsTick(at: instant) {
            var tick = Slot(kind: .tick, arrival: instant)
            tick.aux = 256
            engine.apply(tick, n: run.n)
            run.n += 1
            engine.takeDecisions { decision in
                guard decision.kind == .alarmRaised || decision.kind == .alarmRaisedSuppressed,
                    decision.alarm == .stale, Int(decision.sensor.rawValue) < run.sensors
                else { return }
                run.noticed += 1
                run.late.record(self.clock() &- decision.time.nanoseconds)
            }
            let after = self.clock()
            run.worstTick = max(run.worstTick, after - before)
            before = after
        }
    }

    private static func start(_ engine: inout AlarmEngine, at origin: UInt64) -> UInt64 {
        var start = Slot(kind: .start, arrival: MonotonicInstant(nanoseconds: origin))
        start.aux = 1
        engine.apply(start, n: 1)
        var anchor = Slot(kind: .clockAnchor, arrival: MonotonicInstant(nanoseconds: origin))
        anchor.sourceTime = self.epochWall
        engine.apply(anchor, n: 2)
        return 3
    }

    /// What one run found.
    private struct Run {
        let sensors: Int
        let talkers: Int
        var n: UInt64
        var noticed = 0
        var worstTick: UInt64 = 0
        let late = LatencyHistogram()
        let timer = LatencyHistogram()

        func print(_ title: String) {
            let late = self.late.snapshot()
            let timer = self.timer.snapshot()
            let shares = [0.5, 0.99, 0.999].map { "\(late.quantile($0) / 1_000)" }
            Swift.print(
                "\(title): late p50/p99/p99.9", shares.joined(separator: "/"),
                "us, worst \(late.maxNanoseconds / 1_000) us;",
                "bare timer p99.9 \(timer.quantile(0.999) / 1_000) us,",
                "worst \(timer.maxNanoseconds / 1_000) us;",
                "a reading waits \(self.worstTick / 1_000) us for a tick at most")
        }
    }

    private static func clock() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
