// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension AlarmEngine {
    /// Answers a command: its first decision carries the command's position and says what became
    /// of it.
    mutating func applyCommand(_ payload: [UInt8], at time: MonotonicInstant) {
        self.lastCommand = OperatorCommand(payload: payload)
        guard let command = self.lastCommand else {
            return self.decide(Decision(.commandRefused, cause: .malformedCommand, time: time))
        }
        guard command.verb != .setMode else { return self.applyMode(command, at: time) }
        guard let index = self.index(ofPath: command.path),
            let alarm = self.alarm(of: command, sensor: index)
        else {
            return self.decide(Decision(.commandRefused, cause: .unknownAlarm, time: time))
        }
        if let cause = self.perform(command, on: alarm, at: time) {
            self.record(
                .commandRefused, alarm, from: self.alarms[alarm].machine.state, at: time,
                cause: cause)
        }
        if let detail = self.knownDetail(of: alarm) { self.rearm(detail) }
        self.followRules(of: index, at: time)
    }

    /// Does what a command asks, or says why not.
    private mutating func perform(
        _ command: OperatorCommand, on alarm: Int, at time: MonotonicInstant
    ) -> Decision.Cause? {
        let from = self.alarms[alarm].machine.state
        let current = self.knownDetail(of: alarm).map { self.details[$0].activation } ?? .none
        if command.verb.namesActivation, current != command.activation { return .otherActivation }
        switch command.verb {
        case .acknowledge: return self.acknowledge(alarm, at: time)
        case .reset: return self.reset(alarm, at: time)
        case .shelve: return self.shelve(alarm, command, at: time)
        case .unshelve:
            guard self.alarms[alarm].machine.suppression.contains(.shelved) else {
                return .notShelved
            }
            self.unshelve(alarm, at: time, cause: .operatorCommand)
        case .takeOutOfService:
            guard !command.comment.isEmpty else { return .reasonMissing }
            let isDone = self.overlay(
                alarm, .takenOutOfService, .alarmOutOfService, at: time, cause: .operatorCommand)
            return isDone ? nil : .alreadyOutOfService
        case .returnToService:
            let isDone = self.overlay(
                alarm, .returnedToService, .alarmInService, at: time, cause: .operatorCommand)
            return isDone ? nil : .notOutOfService
        case .comment:
            guard !command.comment.isEmpty else { return .reasonMissing }
            self.record(.alarmCommented, alarm, from: from, at: time, cause: .operatorCommand)
        // About an area, not an alarm.
        case .setMode: return .malformedCommand
        }
        return nil
    }

    private mutating func acknowledge(
        _ alarm: Int, at time: MonotonicInstant
    ) -> Decision.Cause? {
        let from = self.alarms[alarm].machine.state
        let rule = self.rule(of: alarm)
        guard case .record = self.alarms[alarm].machine.handle(.acknowledged, rule.machineClass)
        else { return .nothingToAcknowledge }
        let detail = self.detail(of: alarm)
        self.details[detail].acknowledgedWall = self.wall(of: time).nanoseconds
        if rule.reAlarmNanoseconds > 0, self.alarms[alarm].isRaised {
            self.details[detail].reAlarmDue = time.advanced(
                byNanoseconds: rule.reAlarmNanoseconds)
        }
        self.record(.alarmAcknowledged, alarm, from: from, at: time, cause: .operatorCommand)
        return nil
    }

    private mutating func reset(_ alarm: Int, at time: MonotonicInstant) -> Decision.Cause? {
        let from = self.alarms[alarm].machine.state
        switch from {
        case .unacknowledged, .acknowledged: return .conditionStillMet
        case .latchedUnacknowledged: return .mustAcknowledgeFirst
        case .normal, .returnedUnacknowledged: return .nothingToReset
        case .latchedAcknowledged: break
        }
        // What is not known to be over is not reset: nor what was, before a restart. (Conditions of
        // rules are unknown then by themselves.)
        let sensor = Int(self.alarms[alarm].sensor)
        guard self.rule(of: alarm).name != 0 || self.sensors[sensor].freshness == .fresh else {
            return .conditionStillMet
        }
        switch self.alarms[alarm].result {
        case .notMet: break
        case .met, .stale, .error: return .conditionStillMet
        }
        _ = self.alarms[alarm].machine.handle(.reset)
        self.record(.alarmReset, alarm, from: from, at: time, cause: .operatorCommand)
        return nil
    }

    private mutating func shelve(
        _ alarm: Int, _ command: OperatorCommand, at time: MonotonicInstant
    ) -> Decision.Cause? {
        let most = self.rule(of: alarm).shelvingMaxNanoseconds
        guard most > 0 else { return .shelvingNotAllowed }
        guard !command.comment.isEmpty else { return .reasonMissing }
        guard command.durationNanoseconds > 0, command.durationNanoseconds <= most else {
            return .shelvingTimeOutOfRange
        }
        let detail = self.detail(of: alarm)
        self.details[detail].isOneShotShelved = command.isOneShot
        // Also a one-shot shelving ends at its time: nothing is out of view for ever.
        self.details[detail].shelvedUntil = time.advanced(
            byNanoseconds: command.durationNanoseconds)
        self.overlay(alarm, .shelved, .alarmShelved, at: time, cause: .operatorCommand)
        return nil
    }

    /// The sensor at `path`; nil if none was registered there.
    package func index(ofPath path: String) -> Int? { self.names.index(of: path) }
}
