// SPDX-License-Identifier: Apache-2.0

/// How people deal with an alarm once it is raised: its class, as ISA-18.2 says.
package struct AlarmHandling: Hashable, Sendable {
    /// Name of the class whose rules these are; empty for none.
    package var className = ""
    /// Stays in the list after its condition returned, until it is reset.
    package var isLatching = false
    /// Leaves the list without an acknowledgement when its condition returns.
    package var isAutoAcknowledged = false
    /// Annunciated again this long after the acknowledgement while the condition lasts; 0: never.
    package var reAlarmNanoseconds: UInt64 = 0
    /// The longest shelving; 0 for alarms that may not be shelved.
    package var shelvingMaxNanoseconds = SystemLimits.shelvingMaxNanoseconds
    /// What keeps the alarm from being annunciated, any of them.
    ///
    /// At most `SystemLimits.suppressionsPerAlarmMax`.
    package var suppressions: [SuppressionRule] = []

    package init() {}
}

/// A reason to suppress an alarm by design.
///
/// What is not known does not suppress. Paths and groups may hold `{1}` … for the
/// wildcards of the pattern that the alarm's sensor fits.
package enum SuppressionRule: Hashable, Sendable {
    /// While another alarm is raised and its condition is known to be met.
    case alarm(path: String, kind: AlarmKind)
    /// The same of the alarm that a rule makes.
    case ruleAlarm(path: String, rule: String)
    /// While a fresh, good sensor has this value: a mode.
    case mode(path: String, value: Int64)
    /// While people have put an area, whose mode no sensor says, into this mode.
    case areaMode(area: String, mode: String)
    /// While an older alarm of the group is raised and known to be met: the first is annunciated.
    case firstOut(group: String)
}

extension SuppressionRule {
    /// Whether it names a wildcard.
    package var hasWildcard: Bool { self.text.contains("{") }

    /// The path that it looks at, or its group; empty for an area, whose name has no wildcards.
    package var text: String {
        switch self {
        case .alarm(let path, _), .ruleAlarm(let path, _), .mode(let path, _): path
        case .areaMode: ""
        case .firstOut(let group): group
        }
    }

    /// The rule for a sensor, of whose pattern the wildcards stand for `captures`.
    ///
    /// One that names a wildcard too many stays as it is, and suppresses nothing.
    package func filled(with captures: [String]) -> Self {
        guard let text = PathTemplate.filled(self.text, with: captures) else { return self }
        return switch self {
        case .alarm(_, let kind): .alarm(path: text, kind: kind)
        case .ruleAlarm(_, let rule): .ruleAlarm(path: text, rule: rule)
        case .mode(_, let value): .mode(path: text, value: value)
        case .areaMode: self
        case .firstOut: .firstOut(group: text)
        }
    }
}
