// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import AlertDelivery
import MidwatchModel

extension Effects {
    /// Tells delivery which alarms stand, for those that it reminds others of.
    func compareStanding() {
        self.delivery.compare(
            standing: Set(self.standing(limit: .max).map { AlertMembers.key($0) }))
    }

    /// A new configuration may have removed rules, and with them alarms that never return.
    func forgetRetired() {
        self.activity.reset(active: Set(self.standing(limit: AlarmActivity.alarmCountMax)))
    }

    /// Ids of the alarms that are raised, as the live tables have them.
    private func standing(limit: Int) -> [String] {
        let paths = self.live.paths
        let rules = self.live.ruleBook
        var standing: [String] = []
        for index in 0..<self.live.alarms.count where standing.count < limit {
            guard let alarm = self.live.alarms.read(index), alarm.state.isRaised, !alarm.isRetired,
                Int(alarm.sensor.rawValue) < paths.count
            else { continue }
            let name = rules.alarmName(alarm.kind, rule: alarm.rule)
            standing.append("\(paths[Int(alarm.sensor.rawValue)]):\(name)")
        }
        return standing
    }
}
