// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@testable import midwatchd

/// The figures of the load of alarms that the metrics page has.
@Suite struct AlarmLoadTests {
    private static let day: Int64 = 86_400_000_000_000

    @Test func `annunciations are counted by priority, re-alarms and returns are not`() {
        let load = AlarmLoad()
        func note(
            _ kind: Decision.Kind, _ priority: AlarmPriority,
            _ cause: Decision.Cause = .valueBeyondLimit
        ) {
            var decision = Decision(kind, cause: cause, time: MonotonicInstant(nanoseconds: 1))
            decision.priority = priority
            load.note(decision)
        }
        for _ in 0..<3 { note(.alarmRaised, .low) }
        note(.alarmRaised, .critical)
        note(.alarmRaised, .critical, .reAlarm)
        note(.alarmReturned, .low)
        note(.alarmRaisedSuppressed, .low)
        let samples = load.metrics(at: MonotonicInstant(nanoseconds: 2)).filter {
            $0.name == "midwatch_alarms_annunciated_total"
        }
        #expect(samples.allSatisfy { $0.kind == .counter })
        let counts = samples.map { "\($0.labels.first?.value ?? "") \(Int($0.value))" }
        #expect(Set(counts) == ["low 3", "medium 0", "high 0", "critical 1"])
    }

    @Test(
        arguments: [
            (.unacknowledged, [], day + 1, true), (.acknowledged, [], day + 1, true),
            (.acknowledged, [], day, false), (.returnedUnacknowledged, [], 9 * day, false),
            (.latchedAcknowledged, [], 9 * day, false), (.normal, [], 9 * day, false),
            (.acknowledged, .shelved, 9 * day, false),
            (.acknowledged, .outOfService, 9 * day, false),
        ] as [(AlarmState, AlarmSuppression, Int64, Bool)])
    func `an alarm in view that is raised for longer than a day is standing`(
        state: AlarmState, suppression: AlarmSuppression, age: Int64, isStanding: Bool
    ) {
        let now = WallInstant(nanoseconds: 100 * Self.day)
        let raisedAt = WallInstant(nanoseconds: now.nanoseconds - age)
        #expect(
            AlarmLoad.isStanding(state, suppression, raisedAt: raisedAt, now: now) == isStanding)
        let unknown = WallInstant(nanoseconds: 0)
        #expect(!AlarmLoad.isStanding(state, suppression, raisedAt: unknown, now: now))
    }
}
