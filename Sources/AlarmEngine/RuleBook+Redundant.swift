// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension RuleBook {
    /// The sensors that measure the same as the one at `path`: with it in a vote or a discrepancy,
    /// or its reference in a deviation.
    ///
    /// Paths only, without `path`, each once, in the order of the rules; at most `limit`.
    package func redundantSensors(to path: String, limit: Int) -> [String] {
        var found: [String] = []
        for rule in self.ruleSet.rules {
            let members: [String]
            switch rule.declaration.condition {
            case .vote(let all, _, _), .discrepancy(let all, _, _): members = all
            case .deviation(let reference?, _, _, _, _): members = [reference]
            case .rateOfChange, .flatLine, .deviation, .offNormal, .badQuality, .clockSkew,
                .clockDrift, .sequence, .window, .drift, .expression:
                continue
            }
            for member in Self.filled(members, of: rule, around: path)
            where member != path && !found.contains(member) {
                guard found.count < limit else { return found }
                found.append(member)
            }
        }
        return found
    }

    /// The members of the group that `path` belongs to by `rule`; none if it belongs to none.
    private static func filled(
        _ members: [String], of rule: CompiledRule, around path: String
    ) -> [String] {
        if let captures = rule.captures(path) {
            return members.compactMap { PathTemplate.filled($0, with: captures) }
        }
        for member in members {
            guard let captures = self.captures(member, path) else { continue }
            return members.compactMap { PathTemplate.filled($0, with: captures) }
        }
        return []
    }

    /// What `{1}` … of a member stand for if the member is `path`; nil if it cannot be.
    ///
    /// Only whole levels are taken apart: `a/{1}/b`, not `a/x{1}`.
    private static func captures(_ member: String, _ path: String) -> [String]? {
        guard member.contains("{") else { return member == path ? [] : nil }
        let wanted = member.split(separator: "/", omittingEmptySubsequences: false)
        let levels = path.split(separator: "/", omittingEmptySubsequences: false)
        guard wanted.count == levels.count else { return nil }
        var captures: [Int: String] = [:]
        for (want, level) in zip(wanted, levels) {
            if want.hasPrefix("{"), want.hasSuffix("}"),
                let number = Int(want.dropFirst().dropLast()),
                (1...SystemLimits.sensorPathBytesMax).contains(number)
            {
                if let known = captures[number], known != level { return nil }
                captures[number] = String(level)
            } else if want != level {
                return nil
            }
        }
        let count = captures.keys.max() ?? 0
        guard captures.count == count else { return nil }
        return (0..<count).compactMap { captures[$0 + 1] }
    }
}
