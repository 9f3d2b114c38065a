// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// k of n redundant sensors beyond a setpoint: 1oo2, 2oo2, 2oo3.
struct GroupVote: BitwiseCopyable, Sendable, Equatable {
    var required: UInt8
    var test: SetpointTest

    /// Unknown members neither vote for nor against: see `ConditionTally.atLeast`.
    @_noLocks
    func judge(_ members: MemberSamples, isActive: Bool) -> ConditionResult {
        var tally = ConditionTally()
        for index in 0..<members.count {
            tally.add(self.test.judge(members[index], isActive: isActive))
        }
        return tally.atLeast(Int(self.required))
    }
}
