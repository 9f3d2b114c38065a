// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Lifecycle of one alarm: ISA-18.2 states A to F.
///
/// Invariants
/// 1. `normal` is left only when the condition is raised.
/// 2. An acknowledgement never hides a condition that is raised again: that is a new activation.
/// 3. Suppression does not touch this machine: it runs on underneath.
///
/// Transitions
///
///     normal ──raised──▶ unacknowledged ──acknowledged──▶ acknowledged ──cleared──▶ normal
///     unacknowledged ──cleared──▶ returnedUnacknowledged ──acknowledged──▶ normal
///     returnedUnacknowledged ──raised──▶ unacknowledged
///     latching: unacknowledged ──cleared──▶ latchedUnacknowledged ──acknowledged──▶
///     latchedAcknowledged ──reset──▶ normal; acknowledged ──cleared──▶ latchedAcknowledged;
///     raised from either ──▶ unacknowledged
package struct AlarmMachine: Sendable, BitwiseCopyable, Equatable {
    package enum Event: Sendable, BitwiseCopyable, CaseIterable {
        case conditionRaised, conditionCleared, acknowledged, reset
    }

    package enum Effect: Sendable, BitwiseCopyable {
        /// A new activation: tell people.
        case annunciate
        /// The state changed: write it down.
        case record
        /// Nothing changed.
        case none
        /// The event asks for what this state does not allow; nothing changed.
        case refused
    }

    package private(set) var state: AlarmState

    package init(state: AlarmState = .normal) { self.state = state }

    /// Takes one event; `isLatching` is the alarm's rule.
    package mutating func handle(_ event: Event, isLatching: Bool = false) -> Effect {
        switch (self.state, event) {
        case (.normal, .conditionRaised), (.returnedUnacknowledged, .conditionRaised),
            (.latchedUnacknowledged, .conditionRaised), (.latchedAcknowledged, .conditionRaised):
            self.state = .unacknowledged
            return .annunciate
        case (.unacknowledged, .acknowledged):
            self.state = .acknowledged
            return .record
        case (.unacknowledged, .conditionCleared):
            self.state = isLatching ? .latchedUnacknowledged : .returnedUnacknowledged
            return .record
        case (.acknowledged, .conditionCleared):
            self.state = isLatching ? .latchedAcknowledged : .normal
            return .record
        case (.returnedUnacknowledged, .acknowledged), (.latchedAcknowledged, .reset):
            self.state = .normal
            return .record
        case (.latchedUnacknowledged, .acknowledged):
            self.state = .latchedAcknowledged
            return .record
        case (.unacknowledged, .conditionRaised), (.acknowledged, .conditionRaised),
            (.normal, .conditionCleared), (.returnedUnacknowledged, .conditionCleared),
            (.latchedUnacknowledged, .conditionCleared), (.latchedAcknowledged, .conditionCleared):
            return .none
        case (.normal, .acknowledged), (.acknowledged, .acknowledged),
            (.latchedAcknowledged, .acknowledged), (.normal, .reset), (.unacknowledged, .reset),
            (.acknowledged, .reset), (.returnedUnacknowledged, .reset),
            (.latchedUnacknowledged, .reset):
            return .refused
        }
    }
}

extension AlarmState {
    /// Whether the condition of the alarm is raised.
    package var isRaised: Bool { self == .unacknowledged || self == .acknowledged }

    /// Whether an acknowledgement is wanted.
    package var wantsAcknowledgement: Bool {
        switch self {
        case .unacknowledged, .returnedUnacknowledged, .latchedUnacknowledged: true
        case .normal, .acknowledged, .latchedAcknowledged: false
        }
    }
}
