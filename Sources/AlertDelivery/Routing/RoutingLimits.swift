// SPDX-License-Identifier: Apache-2.0

/// Every bound of routing that is not configuration.
package enum RoutingLimits {
    /// Alarms followed at once; alerts of others go to their routes, but escalate no further.
    package static let caseCountMax = 65_536
    /// Silences of operators at once.
    package static let silenceCountMax = 1_000
    /// Alarms that inhibit others at once; further ones inhibit nothing.
    package static let inhibitorCountMax = 1_024
    /// Active alarms that might inhibit others; further ones inhibit nothing.
    package static let inhibitorCandidateMax = 4_096
    /// Silences that are asked about alarms in one call: a call stays within some milliseconds.
    private static let askedCountMax = 1_048_576
    private static let lookCountMax = 8_192
    /// Alarms named in a digest.
    package static let digestTopMax = 10
    /// Members of a digest that are remembered as told; those beyond are only counted.
    package static let digestMemberMax = 16_384
    /// Digests whose outcome is awaited; the oldest are forgotten.
    package static let digestOpenMax = 1_024
    /// Groups that collect at once; alerts of others leave singly.
    package static let groupCountMax = 4_096
    /// Confirmations remembered while a start reads the ledger.
    package static let evidenceCountMax = 262_144
    /// Alerts that a start offers again; older ones are in the outbox or were told.
    package static let owedCountMax = 65_536
    /// Steps of one alarm that one call makes: a clock that leapt must not loop.
    static let stepsPerCallMax = 16

    /// Alarms that one call looks at again, each asking so many silences.
    static func lookMax(_ silenceCount: Int) -> Int {
        min(self.lookCountMax, self.askedCountMax / (silenceCount + 1))
    }
}

/// Counters of the router.
package struct RoutingCounters: Sendable, Equatable {
    package var sent: UInt64 = 0
    package var withheld: UInt64 = 0
    /// Fitted no route: told to everybody, or to nobody where routes leave out.
    package var unrouted: UInt64 = 0
    package var escalated: UInt64 = 0
    package var repeated: UInt64 = 0
    package var digests: UInt64 = 0
    /// Alerts that left in digests.
    package var digested: UInt64 = 0
    /// Alarms that could not be followed for want of room.
    package var casesFull: UInt64 = 0
    package var inhibitorsFull: UInt64 = 0

    package init() {}
}
