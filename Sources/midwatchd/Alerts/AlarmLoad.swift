// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import OperatorViews
import Synchronization

/// How many alarms people get, counted as the decisions leave: floods and chattering while they last.
///
/// Since the start of the daemon; `midwatch alarms kpi` reads the ledger and knows the time before.
final class AlarmLoad: Sendable {
    private let statistics = Mutex(AlarmStatistics())
    /// Annunciations by the number of their priority, re-alarms aside.
    private let annunciated = Mutex([UInt64](repeating: 0, count: AlarmPriority.allCases.count))

    /// Takes a decision that leaves.
    ///
    /// Any thread; decisions come in their order.
    func note(_ decision: Decision) {
        if decision.kind == .alarmRaised, decision.cause != .reAlarm,
            let place = AlarmPriority.allCases.firstIndex(of: decision.priority)
        {
            self.annunciated.withLock { $0[place] += 1 }
        }
        switch decision.kind {
        case .alarmRaised, .alarmReturned, .alarmAcknowledged:
            self.statistics.withLock { $0.note(decision) }
        default: break
        }
    }

    /// The figures at `now`, engine time.
    ///
    /// Any thread.
    func figures(at now: MonotonicInstant) -> AlarmStatistics.Live {
        self.statistics.withLock { $0.live(at: now) }
    }
}

extension AlarmLoad {
    /// The figures as operators see them.
    func view(at now: MonotonicInstant) -> AlarmLoadView {
        let figures = self.figures(at: now)
        var view = AlarmLoadView()
        view.inTenMinutes = UInt64(figures.inTenMinutes)
        view.isFlood = figures.isFlood
        view.floodCount = figures.floodCount
        view.floodNanoseconds = figures.floodNanoseconds
        view.chatteringCount = figures.chatteringCount
        view.fleetingCount = figures.fleetingCount
        return view
    }

    func metrics(at now: MonotonicInstant) -> [MetricSample] {
        let figures = self.figures(at: now)
        let annunciated = self.annunciated.withLock { $0 }
        return zip(AlarmPriority.allCases, annunciated).map { priority, count in
            MetricSample(
                "midwatch_alarms_annunciated_total",
                help: "Alarms that people were told of, re-alarms aside, by priority.",
                kind: .counter, labels: [("priority", priority.word)], value: Double(count))
        } + [
            MetricSample(
                "midwatch_alarms_raised_recently", help: "Alarms annunciated in ten minutes.",
                kind: .gauge, value: Double(figures.inTenMinutes)),
            MetricSample(
                "midwatch_alarm_flood", help: "1 while a flood of alarms lasts.", kind: .gauge,
                value: figures.isFlood ? 1 : 0),
            MetricSample(
                "midwatch_alarm_floods_total", help: "Floods of alarms since the start.",
                kind: .counter, value: Double(figures.floodCount)),
            MetricSample(
                "midwatch_alarm_flood_seconds_total", help: "Time in floods of alarms.",
                kind: .counter, value: Double(figures.floodNanoseconds) / 1e9),
            MetricSample(
                "midwatch_alarms_chattering", help: "Alarms that came three times in a minute.",
                kind: .gauge, value: Double(figures.chatteringCount)),
            MetricSample(
                "midwatch_alarms_fleeting_total",
                help: "Alarms that came, went by themselves within 10 s, and stayed away.",
                kind: .counter, value: Double(figures.fleetingCount)),
        ]
    }

    /// Whether an alarm in view has been raised for so long that it is standing (ISA-18.2).
    static func isStanding(
        _ state: AlarmState, _ suppression: AlarmSuppression, raisedAt: WallInstant,
        now: WallInstant
    ) -> Bool {
        let isRaised = state == .unacknowledged || state == .acknowledged
        // 0: the moment is not known.
        guard isRaised, suppression.isEmpty, raisedAt.nanoseconds > 0 else { return false }
        let age = now.nanoseconds &- raisedAt.nanoseconds
        return age > Int64(AlarmStatistics.Limits().standingNanoseconds)
    }
}
