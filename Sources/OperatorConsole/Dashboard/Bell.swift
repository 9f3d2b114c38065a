// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

/// When the terminal's bell rings: for what a person must hear who does not look.
///
/// It rings when alerts do not get out any more and then every half minute, when the daemon falls
/// silent, and once for each new activation of a high or critical alarm.
package struct Bell: Sendable, Equatable {
    package static let againNanoseconds: UInt64 = 30_000_000_000
    /// Activations that rang already.
    package static let activationsMax = 2_048

    private var rungAt: UInt64?
    private var wasBlind = false
    private var wasHeard = false
    private var activations: Set<String> = []

    package init() {}

    /// Whether to ring now.
    package mutating func rings(_ model: DashboardModel, now: UInt64) -> Bool {
        guard let status = model.status else { return false }
        var rings = false
        let isBlind = model.blindNanoseconds(now: now) != nil
        if isBlind, !self.wasBlind { rings = true }
        self.wasBlind = isBlind
        if !isBlind, DeliveryTrouble(status)?.isTotal == true {
            let isAgain = self.rungAt.map { now >= $0 &+ Self.againNanoseconds } ?? true
            if isAgain {
                rings = true
                self.rungAt = now
            }
        } else if !isBlind {
            self.rungAt = nil
        }
        return self.hearsAlarms(model) || rings
    }

    private mutating func hearsAlarms(_ model: DashboardModel) -> Bool {
        let urgent = model.urgent.filter {
            $0.state == .unacknowledged && $0.suppression.isEmpty && $0.priority >= .high
        }.map { "\($0.alarmID) \($0.activation)" }
        let isNew = urgent.contains { !self.activations.contains($0) }
        // What stood there when the dashboard was opened is seen, not heard.
        let rings = isNew && self.wasHeard
        self.wasHeard = true
        if self.activations.count + urgent.count > Self.activationsMax { self.activations = [] }
        self.activations.formUnion(urgent)
        return rings
    }
}
