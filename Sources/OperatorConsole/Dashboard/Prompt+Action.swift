// SPDX-License-Identifier: Apache-2.0

internal import OperatorViews

extension Prompt {
    /// What is sent when it was answered.
    var action: OperatorAction {
        switch self.draft {
        case .acknowledge(let targets): .acknowledge(targets, comment: self.text(0))
        case .alarm(let verb, let target):
            .alarm(
                verb, target, comment: self.fields.last?.text ?? "",
                seconds: verb == .shelve ? Prompt.seconds(self.text(0)) ?? 0 : 0)
        case .setMode:
            .setMode(area: self.text(0), mode: self.text(1), comment: self.text(2))
        case .silence:
            .silence(
                what: self.text(0), seconds: Prompt.seconds(self.text(1)) ?? 0,
                reason: self.text(2))
        case .endSilence(let silence): .endSilence(id: silence.id)
        case .test(let target): .test(target)
        case .delivery(let verb, let alert, let endpoint):
            .delivery(verb, alert: alert, endpoint: endpoint)
        }
    }

    /// What is about to be done, for the question line.
    var title: String {
        switch self.draft {
        case .acknowledge(let targets):
            targets.count == 1
                ? "acknowledge \(targets[0].alarmID)"
                : "acknowledge the \(targets.count) alarms on the screen"
        case .alarm(let verb, let target):
            self.isConfirming && verb == .shelve
                ? "shelve \(target.alarmID) for \(self.text(0))"
                : "\(verb.question) \(target.alarmID)"
        case .setMode:
            self.isConfirming
                ? "other limits for area \(self.text(0)): mode \(self.text(1))"
                : "switch the limits of an area"
        case .silence:
            self.isConfirming
                ? "keep alerts of \(self.text(0)) back for \(self.text(1))" : "keep alerts back"
        case .endSilence(let silence): "end \(silence.id), \(silence.match)"
        case .test(let target): "send a DRILL to \(target.text)"
        case .delivery(.resend, let alert, let endpoint): "send \(alert) to \(endpoint) again"
        case .delivery(.drop, let alert, let endpoint):
            "put \(alert) to \(endpoint) away unsent"
        case .delivery(.enable, _, let endpoint): "use \(endpoint) again"
        }
    }
}
