// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Lifecycle of one alarm: ISA-18.2 states A to F, with G to I as an overlay.
///
/// Invariants
/// 1. `normal` is left only when the condition is raised.
/// 2. An acknowledgement never hides a condition that is raised again: that is a new activation.
/// 3. The state runs on under the overlay; when the last suppression goes, an alarm whose condition
///    is raised is unacknowledged and annunciated, never quietly as it was.
///
/// Transitions
///
///     normal ──raised──▶ unacknowledged ──acknowledged──▶ acknowledged ──cleared──▶ normal
///     unacknowledged ──cleared──▶ returnedUnacknowledged ──acknowledged──▶ normal
///     returnedUnacknowledged ──raised──▶ unacknowledged
///     acknowledged ──reAlarmed──▶ unacknowledged
///     latching: unacknowledged ──cleared──▶ latchedUnacknowledged ──acknowledged──▶
///     latchedAcknowledged ──reset──▶ normal; acknowledged ──cleared──▶ latchedAcknowledged;
///     raised from either ──▶ unacknowledged
///     auto-acknowledged: unacknowledged ──cleared──▶ normal (latching: latchedAcknowledged)
package struct AlarmMachine: Sendable, BitwiseCopyable, Equatable {
    package enum Event: Sendable, BitwiseCopyable, CaseIterable {
        case conditionRaised, conditionCleared, acknowledged, reset, reAlarmed
        case shelved, unshelved, suppressed, unsuppressed, takenOutOfService, returnedToService
    }

    package enum Effect: Sendable, BitwiseCopyable, CaseIterable {
        /// A new activation, or one that was kept back until now: tell people.
        case annunciate
        /// A new activation that is not annunciated: write it down.
        case raiseSilently
        /// The state or the overlay changed: write it down.
        case record
        /// Nothing changed.
        case none
        /// The event asks for what this state does not allow; nothing changed.
        case refused
    }

    /// The class of the alarm, as far as the machine needs it.
    package struct Class: Sendable, BitwiseCopyable, Equatable {
        package var isLatching = false
        package var isAutoAcknowledged = false

        package init(isLatching: Bool = false, isAutoAcknowledged: Bool = false) {
            self.isLatching = isLatching
            self.isAutoAcknowledged = isAutoAcknowledged
        }
    }

    package private(set) var state: AlarmState
    package private(set) var suppression: AlarmSuppression

    package init(state: AlarmState = .normal, suppression: AlarmSuppression = []) {
        self.state = state
        self.suppression = suppression
    }

    /// Takes one event.
    package mutating func handle(_ event: Event, _ kind: Class = Class()) -> Effect {
        switch event {
        case .conditionRaised: self.raised()
        case .conditionCleared: self.cleared(kind)
        case .acknowledged: self.acknowledged()
        case .reset: self.reset()
        case .reAlarmed: self.reAlarmed()
        case .shelved: self.add(.shelved, isRepeatRefused: false)
        case .unshelved: self.remove(.shelved, isMissingRefused: true)
        case .suppressed: self.add(.suppressedByDesign, isRepeatRefused: false)
        case .unsuppressed: self.remove(.suppressedByDesign, isMissingRefused: false)
        case .takenOutOfService: self.add(.outOfService, isRepeatRefused: true)
        case .returnedToService: self.remove(.outOfService, isMissingRefused: true)
        }
    }

    private mutating func raised() -> Effect {
        switch self.state {
        case .normal, .returnedUnacknowledged, .latchedUnacknowledged, .latchedAcknowledged:
            self.state = .unacknowledged
            return self.suppression.isEmpty ? .annunciate : .raiseSilently
        case .unacknowledged, .acknowledged: return .none
        }
    }

    private mutating func cleared(_ kind: Class) -> Effect {
        switch (self.state, kind.isLatching) {
        case (.unacknowledged, true):
            self.state = kind.isAutoAcknowledged ? .latchedAcknowledged : .latchedUnacknowledged
        case (.unacknowledged, false):
            self.state = kind.isAutoAcknowledged ? .normal : .returnedUnacknowledged
        case (.acknowledged, true): self.state = .latchedAcknowledged
        case (.acknowledged, false): self.state = .normal
        case (.normal, _), (.returnedUnacknowledged, _), (.latchedUnacknowledged, _),
            (.latchedAcknowledged, _):
            return .none
        }
        return .record
    }

    private mutating func acknowledged() -> Effect {
        switch self.state {
        case .unacknowledged: self.state = .acknowledged
        case .returnedUnacknowledged: self.state = .normal
        case .latchedUnacknowledged: self.state = .latchedAcknowledged
        case .normal, .acknowledged, .latchedAcknowledged: return .refused
        }
        return .record
    }

    private mutating func reset() -> Effect {
        guard self.state == .latchedAcknowledged else { return .refused }
        self.state = .normal
        return .record
    }

    private mutating func reAlarmed() -> Effect {
        guard self.state == .acknowledged else { return .none }
        self.state = .unacknowledged
        return self.suppression.isEmpty ? .annunciate : .record
    }

    /// A shelving may be given again, with another time; logic repeats itself without effect.
    private mutating func add(_ overlay: AlarmSuppression, isRepeatRefused: Bool) -> Effect {
        guard !self.suppression.contains(overlay) else {
            if isRepeatRefused { return .refused }
            return overlay == .shelved ? .record : .none
        }
        self.suppression.insert(overlay)
        return .record
    }

    private mutating func remove(_ overlay: AlarmSuppression, isMissingRefused: Bool) -> Effect {
        guard self.suppression.contains(overlay) else {
            return isMissingRefused ? .refused : .none
        }
        self.suppression.remove(overlay)
        guard self.suppression.isEmpty, self.state.isRaised else { return .record }
        self.state = .unacknowledged
        return .annunciate
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
