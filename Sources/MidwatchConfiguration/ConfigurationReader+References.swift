// SPDX-License-Identifier: Apache-2.0

internal import AlarmEngine
internal import MidwatchModel

extension ConfigurationReader {
    /// Looks up every name of a sensor or an alarm that stands outside of a rule's condition.
    func resolve(rules: [RuleDeclaration], sensors: [SensorDeclaration]) {
        guard !self.references.list.isEmpty else { return }
        let check = RuleCheck(rules, sensors: sensors)
        for reference in self.references.list {
            let issue = check.issue(
                path: reference.path, alarm: reference.alarm, of: reference.patterns)
            guard let issue else { continue }
            var message = oneLine(issue.message)
            if let name = issue.unknownName,
                let near = Spelling.nearest(to: name, among: issue.knownNames)
            {
                message += ", did you mean \"\(near)\"?"
            }
            reference.section.report(.invalid, reference.key, message)
        }
    }
}
