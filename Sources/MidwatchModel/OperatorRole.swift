// SPDX-License-Identifier: Apache-2.0

/// What somebody may do with the operator API; each role may do what those below it may.
package enum OperatorRole: UInt8, Sendable, Comparable, CaseIterable {
    /// Looks.
    case viewer = 0
    /// Acts on alarms.
    case `operator` = 1
    /// Takes alarms out of service as well.
    case admin = 2

    /// Lower-case word used in configuration, tokens and answers.
    package var word: String {
        switch self {
        case .viewer: "viewer"
        case .operator: "operator"
        case .admin: "admin"
        }
    }

    package init?(word: String) {
        guard let role = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = role
    }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}
