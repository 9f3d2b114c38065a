// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Redundant sensors that do not agree, and which of them is the odd one out.
struct GroupDiscrepancy: BitwiseCopyable, Sendable, Equatable {
    struct Verdict: BitwiseCopyable, Sendable, Equatable {
        var result: ConditionResult
        /// Member farthest from the median; -1 if nobody is beyond the tolerance, or two disagree
        /// and none can be told apart.
        var oddOne: Int
        /// Middle value of the known members (mean of the two middle ones); not a number if none.
        var median: Double
        /// Distance of the odd one from the median, or of the two from each other.
        var distance: Double
    }

    /// Distance that is too far, more than 0.
    var tolerance: Double
    var deadband: Double

    /// Not met is said only when all members are known and agree.
    @_noLocks
    func judge(_ members: MemberSamples, isActive: Bool) -> Verdict {
        var sorted: [8 of Double] = .init(repeating: 0)
        var known = 0
        var doubt: ConditionResult?
        for index in 0..<members.count {
            switch members[index] {
            case .known(let value):
                var place = known
                while place > 0, sorted[place - 1] > value {
                    sorted[place] = sorted[place - 1]
                    place -= 1
                }
                sorted[place] = value
                known += 1
            case .stale: if doubt == nil { doubt = .stale }
            case .error: doubt = .error
            }
        }
        guard known >= 2 else {
            let median = known == 1 ? sorted[0] : Double.nan
            return Verdict(result: doubt ?? .stale, oddOne: -1, median: median, distance: .nan)
        }
        let limit = self.tolerance - (isActive ? self.deadband : 0)
        let upper = sorted[known / 2]
        // Halved before they are added: the sum of two large values may not be finite.
        let median = known % 2 == 1 ? upper : sorted[known / 2 - 1] / 2 + upper / 2
        if known == 2 {
            let distance = sorted[1] - sorted[0]
            let result: ConditionResult = distance >= limit ? .met : doubt ?? .notMet
            return Verdict(result: result, oddOne: -1, median: median, distance: distance)
        }
        var odd = -1
        var farthest = -1.0
        for index in 0..<members.count {
            guard case .known(let value) = members[index] else { continue }
            let distance = (value - median).magnitude
            if distance > farthest {
                farthest = distance
                odd = index
            }
        }
        guard farthest >= limit else {
            return Verdict(
                result: doubt ?? .notMet, oddOne: -1, median: median, distance: farthest)
        }
        return Verdict(result: .met, oddOne: odd, median: median, distance: farthest)
    }
}
