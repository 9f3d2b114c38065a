// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Alarms that are to be looked at again, each once, the most urgent first.
struct LookQueue: Sendable {
    private var waiting: Set<String> = []
    /// By priority, each with the next one last.
    private var lists = [[String]](repeating: [], count: AlarmPriority.allCases.count)

    var count: Int { self.waiting.count }

    /// Adds alarms that do not wait yet.
    mutating func add(_ alarms: some Sequence<(alarmID: String, priority: AlarmPriority)>) {
        var added = [[String]](repeating: [], count: self.lists.count)
        for alarm in alarms where self.waiting.insert(alarm.alarmID).inserted {
            added[Int(alarm.priority.rawValue)].append(alarm.alarmID)
        }
        for (place, list) in added.enumerated() where !list.isEmpty {
            self.lists[place].insert(contentsOf: list.sorted(by: >), at: 0)
        }
    }

    /// Takes out the next one.
    mutating func next() -> String? {
        for place in self.lists.indices.reversed() {
            guard let alarmID = self.lists[place].popLast() else { continue }
            self.waiting.remove(alarmID)
            return alarmID
        }
        return nil
    }
}
