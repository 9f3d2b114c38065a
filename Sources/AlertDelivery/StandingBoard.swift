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
        /// It stands no more, and the end did not come this way: it is told with the reminders.
        package var isOver = false
    }

    package let options: AlertmanagerOptions
    private var alarms: [UInt64: Alarm] = [:]
    /// Keys that are still to be told in this round, the last one next.
    private var round: [UInt64] = []
    private var nextRoundAt = MonotonicInstant.zero
    /// Keys of the portion that is under way; nil if none is.
    private var underWay: [UInt64]?
    /// Alarms that did not stand when it was last looked.
    private var suspects: Set<UInt64> = []
    package private(set) var failureCount: UInt64 = 0
    package private(set) var sentCount: UInt64 = 0

    package init(_ options: AlertmanagerOptions) { self.options = options }

    package var count: Int { self.alarms.count }

    /// Everything that it reminds of, in the order of the alerts.
    package var all: [Alarm] {
        self.alarms.values.sorted { $0.alert.sequence < $1.alert.sequence }
    }

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

    /// Compares with the alarms that stand.
    ///
    /// One that does not, twice running, is over: its rule may have gone while nobody was told, or
    /// its route may have. Asked less often than a message is on its way.
    package mutating func compare(standing: Set<UInt64>) {
        let missing = Set(self.alarms.keys.filter { !standing.contains($0) })
        for key in missing.intersection(self.suspects) where self.alarms[key]?.isOver == false {
            self.alarms[key]?.isOver = true
            self.alarms[key]?.alert.type = "alarm.returned"
        }
        self.suspects = missing
    }

    /// The next portion to post at `now`; empty if there is none.
    ///
    /// Alarms of which something newer is on its way are left out: it tells more. Every portion that
    /// is not empty must be answered with `posted`.
    package mutating func portion(
        now: MonotonicInstant, isOnItsWay: (UInt64) -> Bool
    ) -> [Alarm] {
        guard self.underWay == nil else { return [] }
        if self.round.isEmpty {
            guard now >= self.nextRoundAt else { return [] }
            self.nextRoundAt = now.advanced(byNanoseconds: self.options.repeatNanoseconds)
            self.round = self.alarms.sorted { $0.value.alert.sequence > $1.value.alert.sequence }
                .map(\.key)
        }
        var portion: [Alarm] = []
        var keys: [UInt64] = []
        var bytes = 0
        while portion.count < DeliveryLimits.reminderCountMax,
            bytes < DeliveryLimits.bodyBytesMax, let key = self.round.popLast()
        {
            guard let alarm = self.alarms[key], !isOnItsWay(key) else { continue }
            portion.append(alarm)
            keys.append(key)
            bytes += alarm.alert.body.count
        }
        if !keys.isEmpty { self.underWay = keys }
        return portion
    }

    /// A portion was answered; after a failure the rest waits for the next round.
    ///
    /// - Returns: Alarms that are over and were told so: they are off the board.
    package mutating func posted(isTaken: Bool) -> [Alert] {
        let keys = self.underWay ?? []
        self.underWay = nil
        guard isTaken else {
            self.failureCount += 1
            self.round = []
            return []
        }
        self.sentCount += 1
        return keys.compactMap { key in
            self.alarms[key]?.isOver == true ? self.alarms.removeValue(forKey: key)?.alert : nil
        }
    }
}

/// What a delivery changes in what an Alertmanager is reminded of.
package enum StandingChange: Sendable, Equatable {
    case stands(AlarmPriority)
    case ended
}
