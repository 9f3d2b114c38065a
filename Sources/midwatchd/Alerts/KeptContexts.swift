// SPDX-License-Identifier: Apache-2.0

import MidwatchModel

/// What was known when urgent alarms were raised, for those who are told of them later.
///
/// Who is called a quarter of an hour after the first needs the readings before the alarm as much. It
/// is lost with a restart; the oldest are forgotten beyond the bound.
struct KeptContexts: Sendable {
    /// Alarms whose context is kept; an alert holds at most as much of it as its size allows.
    static let countMax = 1_024

    private var contexts: [String: AlertContext] = [:]
    private var order: [String] = []
    private var oldestIndex = 0

    /// Keeps the context of the alert `id`, if it is urgent enough to go on to others.
    mutating func keep(_ context: AlertContext, of id: String, _ priority: AlarmPriority) {
        guard priority >= .high, context.isOfTheMoment, self.contexts[id] == nil else { return }
        if self.order.count < Self.countMax {
            self.order.append(id)
        } else {
            self.contexts[self.order[self.oldestIndex]] = nil
            self.order[self.oldestIndex] = id
            self.oldestIndex = (self.oldestIndex + 1) % Self.countMax
        }
        self.contexts[id] = context
    }

    /// The context of the alert `id`; none if it is not known any more.
    func context(of id: String) -> AlertContext { self.contexts[id] ?? .none }
}
