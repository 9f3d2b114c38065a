// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@Suite struct StatisticsTests {
    private func decision(
        _ kind: Decision.Kind, _ second: Double, sensor: UInt32 = 0,
        cause: Decision.Cause = .valueBeyondLimit, _ priority: AlarmPriority = .high
    ) -> Decision {
        var decision = Decision(kind, cause: cause, time: World.instant(second))
        decision.sensor = SensorIndex(rawValue: sensor)
        decision.alarm = .high
        decision.priority = priority
        return decision
    }

    @Test func `a flood begins with the eleventh in ten minutes and ends below five`() {
        var statistics = AlarmStatistics()
        for index in 0..<10 {
            statistics.note(self.decision(.alarmRaised, Double(index), sensor: UInt32(index)))
        }
        #expect(statistics.report(at: World.instant(10)).floods.isEmpty)
        statistics.note(self.decision(.alarmRaised, 10, sensor: 10))
        #expect(statistics.report(at: World.instant(10)).floods.map(\.end) == [nil])
        for index in 0..<5 {
            statistics.note(self.decision(.alarmRaised, 300, sensor: UInt32(20 + index)))
        }
        // After 610 s the first eleven are out of the window: five are left, and it goes on.
        #expect(statistics.report(at: World.instant(700)).floods.map(\.end) == [nil])
        let report = statistics.report(at: World.instant(2_000))
        #expect(report.floods.count == 1 && report.floodCount == 1)
        #expect(report.floods.first?.annunciations == 16 && report.floods.first?.peak == 16)
        #expect(report.floods.first?.end == World.instant(900))
        #expect(report.floodNanoseconds == seconds(890))
        #expect(report.inTenMinutes == 0)
    }

    @Test func `three activations in a minute are chattering, two are not`() {
        var statistics = AlarmStatistics()
        for second in [0.0, 30] { statistics.note(self.decision(.alarmRaised, second)) }
        #expect(statistics.report(at: World.instant(31)).chattering.isEmpty)
        statistics.note(self.decision(.alarmRaised, 60))
        #expect(statistics.report(at: World.instant(60)).chattering.count == 1)
        #expect(statistics.report(at: World.instant(61)).chattering.isEmpty)
    }

    @Test func `an alarm that came and went and stayed away was fleeting`() {
        var statistics = AlarmStatistics()
        statistics.note(self.decision(.alarmRaised, 0))
        statistics.note(self.decision(.alarmReturned, 10))
        #expect(statistics.report(at: World.instant(70)).fleetingCount == 0)
        #expect(statistics.report(at: World.instant(71)).fleetingCount == 1)
        // One that somebody dealt with, one that lasted, one that came again.
        statistics.note(self.decision(.alarmRaised, 0, sensor: 1))
        statistics.note(self.decision(.alarmAcknowledged, 1, sensor: 1))
        statistics.note(self.decision(.alarmReturned, 2, sensor: 1))
        statistics.note(self.decision(.alarmRaised, 0, sensor: 2))
        statistics.note(self.decision(.alarmReturned, 11, sensor: 2))
        statistics.note(self.decision(.alarmRaised, 0, sensor: 3))
        statistics.note(self.decision(.alarmReturned, 1, sensor: 3))
        statistics.note(self.decision(.alarmRaised, 50, sensor: 3))
        statistics.note(self.decision(.alarmReturned, 51, sensor: 3))
        #expect(statistics.report(at: World.instant(500)).fleetingCount == 1)
    }

    @Test func `an alarm that stands for more than a day is standing`() {
        var statistics = AlarmStatistics()
        statistics.note(self.decision(.alarmRaised, 0))
        statistics.note(self.decision(.alarmAcknowledged, 1))
        #expect(statistics.report(at: World.instant(86_400)).standing.isEmpty)
        #expect(statistics.report(at: World.instant(86_401)).standing.count == 1)
        statistics.note(self.decision(.alarmReturned, 86_402))
        #expect(statistics.report(at: World.instant(90_000)).standing.isEmpty)
    }

    @Test func `what was kept back does not count, and re-alarms count apart`() {
        var statistics = AlarmStatistics()
        statistics.note(self.decision(.alarmRaisedSuppressed, 0))
        statistics.note(self.decision(.alarmReturnedSuppressed, 1))
        statistics.note(self.decision(.alarmRaised, 2, .low))
        statistics.note(self.decision(.alarmRaised, 3, cause: .reAlarm))
        for second in 4..<7 {
            statistics.note(self.decision(.alarmRaised, Double(second), sensor: 9))
        }
        let report = statistics.report(at: World.instant(10))
        #expect(report.annunciations == 4 && report.reAlarms == 1)
        #expect(report.byPriority == [.low: 1, .high: 3])
        #expect(report.topTen.map(\.count) == [3, 1])
        #expect(report.topTen.first?.key.sensor.rawValue == 9)
    }

    @Test func `two alarms of one kind on a sensor are two`() {
        var statistics = AlarmStatistics()
        for second in 0..<3 {
            var decision = self.decision(.alarmRaised, Double(second))
            decision.name = UInt32(second)
            statistics.note(decision)
        }
        let report = statistics.report(at: World.instant(3))
        #expect(report.topTen.map { $0.count } == [1, 1, 1] && report.chattering.isEmpty)
    }

    @Test func `what matters now is in the live figures and goes again`() {
        var statistics = AlarmStatistics()
        for second in 0..<12 { statistics.note(self.decision(.alarmRaised, Double(second))) }
        let now = statistics.live(at: World.instant(12))
        #expect(now.isFlood && now.inTenMinutes == 12 && now.chatteringCount == 1)
        #expect(now.floodCount == 1 && now.floodNanoseconds == seconds(2))
        let later = statistics.live(at: World.instant(2_000))
        #expect(!later.isFlood && later.inTenMinutes == 0 && later.chatteringCount == 0)
        #expect(later.floodCount == 1)
    }

    @Test func `a period forgets what was counted and keeps what lasts`() {
        var statistics = AlarmStatistics()
        for index in 0..<12 {
            statistics.note(self.decision(.alarmRaised, Double(index), sensor: UInt32(index)))
        }
        statistics.beginPeriod(at: World.instant(60))
        let report = statistics.report(at: World.instant(90_000))
        #expect(report.annunciations == 0 && report.topTen.isEmpty && report.slotsOver == 0)
        #expect(report.standing.count == 12 && report.floodCount == 1)
        #expect(report.floods.first?.begin == World.instant(60))
        #expect(report.peakInTenMinutes == 12)
    }
}
