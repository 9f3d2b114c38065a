// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// What is known of one rule on one sensor now.
package struct ConditionView: Sendable {
    package var result: ConditionResult
    /// As the condition says: rate, mean, distance, skew in seconds, faults; nil if nothing was
    /// measured.
    package var measured: Double?
    package var isPassive: Bool
    /// Times that a rule on trial would have alarmed.
    package var wouldAlarmCount: UInt32
    /// The odd one out of a redundant group.
    package var oddOne: SensorIndex
}

extension AlarmEngine {
    /// Number of the rule that makes an alarm, and 1; 0 if its kind does.
    borrowing func ruleNumber(of alarm: Int) -> UInt32 {
        let sensor = Int(self.alarms[alarm].sensor)
        for bound in self.conditions.range(of: sensor) where self.alarmRow(of: bound) == alarm {
            return self.conditions.bounds[bound].rule + 1
        }
        return 0
    }

    /// What is known of the rule named `rule` on the sensor at `path`; nil if it does not fit it.
    package borrowing func conditionView(rule: String, path: String) -> ConditionView? {
        guard let index = self.index(ofPath: path),
            let number = self.conditions.set.number(named: rule),
            let bound = self.conditions.bound(of: UInt32(number), on: UInt32(index))
        else { return nil }
        let memory = self.conditions.memories[bound]
        return ConditionView(
            result: memory.result, measured: memory.measured.isFinite ? memory.measured : nil,
            isPassive: self.conditions.bounds[bound].isPassive,
            wouldAlarmCount: memory.wouldAlarmCount,
            oddOne: SensorIndex(rawValue: memory.oddOne))
    }
}
