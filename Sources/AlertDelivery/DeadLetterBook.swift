// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// The dead letters that nobody has settled, by priority: each is a promise that was not kept.
///
/// Not promised: every one of them. Beyond `DeliveryLimits.deadLetterCountMax` new ones are not
/// followed; the oldest of them go from the store as well.
struct DeadLetterBook: Sendable {
    struct Key: Hashable, Sendable {
        var alert: String
        var endpoint: String
    }

    private var priorities: [Key: AlarmPriority] = [:]
    private var counts = [Int](repeating: 0, count: AlarmPriority.allCases.count)

    /// The highest priority among them; nil without any.
    var highest: AlarmPriority? {
        AlarmPriority.allCases.last { self.counts[Int($0.rawValue)] > 0 }
    }

    /// Whether giving an alert up is a loss: not for a test, nor for what is about delivery itself.
    static func follows(_ alert: Alert) -> Bool {
        guard !alert.isDrill else { return false }
        let path = alert.alarmID.lastIndex(of: ":").map { alert.alarmID[..<$0] }
        return !OwnPath.isDelivery(String(path ?? alert.alarmID[...]))
    }

    /// Follows a dead letter, unless it tells that something is over or answered: who misses that
    /// waits for it, but is not in danger.
    mutating func add(_ letter: DeadLetter) {
        let key = Key(alert: letter.alert.id, endpoint: letter.endpoint)
        let isAnswer = ["alarm.returned", "alarm.acknowledged"].contains(letter.alert.type)
        guard Self.follows(letter.alert), !isAnswer, self.priorities[key] == nil,
            self.priorities.count < DeliveryLimits.deadLetterCountMax
        else { return }
        self.priorities[key] = letter.alert.priority
        self.counts[Int(letter.alert.priority.rawValue)] += 1
    }

    mutating func settle(alert: String, endpoint: String) {
        let key = Key(alert: alert, endpoint: endpoint)
        guard let priority = self.priorities.removeValue(forKey: key) else { return }
        self.counts[Int(priority.rawValue)] -= 1
    }
}
