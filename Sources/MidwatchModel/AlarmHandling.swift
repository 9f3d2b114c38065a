// SPDX-License-Identifier: Apache-2.0

/// How people deal with an alarm once it is raised: its class, as ISA-18.2 says.
package struct AlarmHandling: Hashable, Sendable {
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
/// What is not known does not suppress (RULES 23).
package enum SuppressionRule: Hashable, Sendable {
    /// While another alarm is raised and its condition is known to be met.
    case alarm(path: String, kind: AlarmKind)
    /// While a fresh, good sensor has this value: a mode.
    case mode(path: String, value: Int64)
    /// While another alarm of the group is raised: only the first of them is annunciated.
    case firstOut(group: String)
}
