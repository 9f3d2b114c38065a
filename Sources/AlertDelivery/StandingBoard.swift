// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// What an Alertmanager was told, so that it can be told again.
///
/// It forgets its alerts at a restart, and takes an alert that nobody repeats for resolved once
/// `endsAt` has passed. So what stands is posted again every `repeatNanoseconds`, in portions.
///
/// Not promised: a reminder in time. While the endpoint fails there is none; `endsAt` is far enough
/// ahead for that.
package struct StandingBoard: Sendable {
    package struct Alarm: Sendable, Equatable {
        package var alert: Alert
        /// The priority in its labels, from the first message on.
        package var labelled: AlarmPriority
    }

    package let options: AlertmanagerOptions
    private var alarms: [UInt64: Alarm] = [:]
    /// Keys that are still to be told in this round, the last one next.
    private var round: [UInt64] = []
    private var nextRoundAt = MonotonicInstant.zero
    private var isUnderWay = false
    package private(set) var failureCount: UInt64 = 0
    package private(set) var sentCount: UInt64 = 0

    package init(_ options: AlertmanagerOptions) { self.options = options }

    package var count: Int { self.alarms.count }

    /// The priority under which the Alertmanager knows an alarm.
    package func priority(of alarmKey: UInt64) -> AlarmPriority? { self.alarms[alarmKey]?.labelled }

    /// An alert was taken by the Alertmanager; what follows for the alarm.
    package mutating func delivered(_ alert: Alert, isEnd: Bool) -> StandingChange? {
        if isEnd { return self.end(alert.alarmKey) ? .ended : nil }
        let labelled = self.alarms[alert.alarmKey]?.labelled ?? alert.priority
        guard self.alarms[alert.alarmKey] != nil || self.count < DeliveryLimits.standingCountMax
        else { return nil }
        self.alarms[alert.alarmKey] = Alarm(alert: alert, labelled: labelled)
        return .stands(labelled)
    }

    /// What the store knew at the start; anything newer stays.
    package mutating func recall(_ alert: Alert, labelled: AlarmPriority) {
        guard self.alarms[alert.alarmKey] == nil, self.count < DeliveryLimits.standingCountMax
        else { return }
        self.alarms[alert.alarmKey] = Alarm(alert: alert, labelled: labelled)
    }

    /// The alarm does not stand any more; false if it was not known to.
    package mutating func end(_ alarmKey: UInt64) -> Bool {
        self.alarms.removeValue(forKey: alarmKey) != nil
    }

    /// The next portion to post at `now`; empty if there is none.
    ///
    /// Alarms of which something newer is on its way are left out: it tells more. Every portion that
    /// is not empty must be answered with `posted`.
    package mutating func portion(
        now: MonotonicInstant, isOnItsWay: (UInt64) -> Bool
    ) -> [Alarm] {
        guard !self.isUnderWay else { return [] }
        if self.round.isEmpty {
            guard now >= self.nextRoundAt else { return [] }
            self.nextRoundAt = now.advanced(byNanoseconds: self.options.repeatNanoseconds)
            self.round = self.alarms.sorted { $0.value.alert.sequence > $1.value.alert.sequence }
                .map(\.key)
        }
        var portion: [Alarm] = []
        var bytes = 0
        while portion.count < DeliveryLimits.reminderCountMax,
            bytes < DeliveryLimits.bodyBytesMax, let key = self.round.popLast()
        {
            guard let alarm = self.alarms[key], !isOnItsWay(key) else { continue }
            portion.append(alarm)
            bytes += alarm.alert.body.count
        }
        self.isUnderWay = !portion.isEmpty
        return portion
    }

    /// A portion was answered; after a failure the rest waits for the next round.
    package mutating func posted(isTaken: Bool) {
        self.isUnderWay = false
        if isTaken {
            self.sentCount += 1
        } else {
            self.failureCount += 1
            self.round = []
        }
    }
}

/// What a delivery changes in what an Alertmanager is reminded of.
package enum StandingChange: Sendable, Equatable {
    case stands(AlarmPriority)
    case ended
}
