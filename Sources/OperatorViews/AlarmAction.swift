// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// What an operator does with an alarm; the raw value is its word in addresses and on command lines.
package enum AlarmAction: String, Sendable, CaseIterable {
    case acknowledge = "ack"
    case shelve
    case unshelve
    /// Ends a latched alarm that was acknowledged and whose condition is over.
    case reset
    case takeOutOfService = "out-of-service"
    case returnToService = "return-to-service"
    case comment

    /// Whether it is about the activation that the operator saw, and none that came after.
    package var namesActivation: Bool {
        switch self {
        case .acknowledge, .reset, .comment: true
        case .shelve, .unshelve, .takeOutOfService, .returnToService: false
        }
    }

    /// Whether a comment must say why.
    package var needsReason: Bool {
        switch self {
        case .shelve, .takeOutOfService, .comment: true
        case .acknowledge, .unshelve, .reset, .returnToService: false
        }
    }

    /// Whether it takes an alarm out of view, which wants a second thought.
    package var isHardToReverse: Bool {
        switch self {
        case .takeOutOfService, .reset: true
        case .acknowledge, .shelve, .unshelve, .returnToService, .comment: false
        }
    }

    /// Who may do it.
    package var role: OperatorRole {
        switch self {
        // It ends by hand alone.
        case .takeOutOfService: .admin
        case .acknowledge, .shelve, .unshelve, .reset, .returnToService, .comment: .operator
        }
    }

    /// What was done, for people.
    package var done: String {
        switch self {
        case .acknowledge: "acknowledged"
        case .shelve: "shelved"
        case .unshelve: "unshelved"
        case .reset: "reset"
        case .takeOutOfService: "taken out of service"
        case .returnToService: "returned to service"
        case .comment: "commented"
        }
    }
}
