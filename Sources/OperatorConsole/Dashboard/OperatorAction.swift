// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel
package import OperatorViews

/// An alarm as it was on the screen: its activation is named, so that one that is raised anew
/// between screen and key is not meant.
package struct AlarmTarget: Sendable, Equatable {
    package var alarmID: String
    package var activation: String

    package init(_ alarm: AlarmView) {
        self.alarmID = alarm.alarmID
        self.activation = alarm.activation
    }
}

extension AlarmAction {
    /// Address in the daemon's description of its commands.
    var address: String { "/v1/alarms/{}/\(self.rawValue)" }

    /// As a question asks for it.
    var question: String {
        switch self {
        case .acknowledge: "acknowledge"
        case .shelve: "shelve"
        case .unshelve: "unshelve"
        case .reset: "reset"
        case .comment: "comment on"
        case .takeOutOfService: "take out of service"
        case .returnToService: "return to service"
        }
    }
}

/// What an operator began and is asked about.
package enum ActionDraft: Sendable, Equatable {
    case acknowledge([AlarmTarget])
    case alarm(AlarmAction, AlarmTarget)
    case setMode
    /// Keep alerts back; what, is asked.
    case silence
    case endSilence(SilenceLine)
    case test(AlertTestTarget)
    case delivery(DeliveryVerb, alert: String, endpoint: String)
}

/// What is ordered about a dead letter or an endpoint.
package enum DeliveryVerb: String, Sendable, Equatable {
    case resend, drop, enable

    /// Address in the daemon's description of its commands.
    var address: String {
        self == .enable
            ? "/v1/alerts/endpoints/{}/enable" : "/v1/alerts/dead-letters/{}/{}/\(self.rawValue)"
    }
}

/// What is sent to the daemon.
package enum OperatorAction: Sendable, Equatable {
    case acknowledge([AlarmTarget], comment: String)
    /// `seconds` is for how long an alarm is shelved.
    case alarm(AlarmAction, AlarmTarget, comment: String, seconds: UInt64)
    /// Another set of limits for an area.
    case setMode(area: String, mode: String, comment: String)
    /// Keeps the alerts of `what` back: a path, a template, or `path:name` of an alarm.
    case silence(what: String, seconds: UInt64, reason: String)
    case endSilence(id: String)
    case test(AlertTestTarget)
    case delivery(DeliveryVerb, alert: String, endpoint: String)

    /// What was done, in words, until when, and the test that can be followed from now on.
    package struct Done: Sendable, Equatable {
        private var what: String
        private var until: WallInstant?
        private var note: String
        package var testID: String?

        package init(
            _ what: String, until: WallInstant? = nil, note: String = "", testID: String? = nil
        ) {
            self.what = what
            self.until = until
            self.note = note
            self.testID = testID
        }

        package func text(_ times: TimeText = .utc) -> String {
            self.what + (self.until.map { " until \(times.dateAndTime($0))" } ?? "") + self.note
        }
    }

    /// What it is about.
    package var subject: String {
        switch self {
        case .acknowledge(let targets, _):
            targets.count == 1 ? targets[0].alarmID : "\(targets.count) alarms"
        case .alarm(_, let target, _, _): target.alarmID
        case .setMode(let area, _, _): "area \(area)"
        case .silence(let what, _, _): "alerts of \(what)"
        case .endSilence(let id): id
        case .test(let target): "test of \(target.text)"
        case .delivery(.enable, _, let endpoint): endpoint
        case .delivery(_, let alert, let endpoint): "\(alert) to \(endpoint)"
        }
    }

    /// While the answer is awaited.
    package var progress: String { "\(self.subject): sent, waiting for the answer" }

    /// Sends it; returns what was done.
    package func perform(_ client: OperatorClient) throws(ClientError) -> Done {
        switch self {
        case .acknowledge(let targets, let comment):
            return Done(try Self.acknowledge(targets, comment, client))
        case .alarm(let action, let target, let comment, let seconds):
            let view = try client.act(
                action, on: target.alarmID, activation: target.activation, comment: comment,
                seconds: seconds)
            return Done(
                "\(target.alarmID) \(action.done)", until: view.shelvedUntil,
                note: view.recorded ? "" : Self.unrecorded)
        case .setMode(let area, let mode, let comment):
            let view = try client.setMode(area: area, mode: mode, comment: comment)
            return Done(
                "area \(area) is in mode \(mode)" + (view.recorded ? "" : Self.unrecorded))
        case .silence(let what, let seconds, let reason):
            let id = try client.silence(what, seconds: seconds, reason: reason)
            return Done("\(id): alerts of \(what) are kept back; alarms and critical alerts go on")
        case .endSilence(let id):
            try client.endSilence(id)
            return Done("\(id) ended: what still stands is told now")
        case .test(let target):
            let id = try client.beginTest(target)
            return Done("\(id) sent to \(target.text); look below", testID: id)
        case .delivery(let verb, let alert, let endpoint):
            let view =
                try verb == .enable
                ? client.enable(endpoint: endpoint)
                : client.order(verb.rawValue, alert: alert, endpoint: endpoint)
            return Done(
                (view.alert.isEmpty ? "" : "\(view.alert) to ") + "\(endpoint) \(view.outcome)")
        }
    }

    private static let unrecorded = ", not yet recorded on disk"

    /// What was done stays done if another one is refused.
    private static func acknowledge(
        _ targets: [AlarmTarget], _ comment: String, _ client: OperatorClient
    ) throws(ClientError) -> String {
        if targets.count == 1 {
            let view = try client.act(
                .acknowledge, on: targets[0].alarmID, activation: targets[0].activation,
                comment: comment)
            return "\(view.alarmID) acknowledged" + (view.recorded ? "" : Self.unrecorded)
        }
        let results = try client.acknowledge(
            targets.map { (alarmID: $0.alarmID, activation: $0.activation) }, comment: comment
        ).items
        let done = results.compactMap(\.done)
        let note = done.allSatisfy(\.recorded) ? "" : Self.unrecorded
        guard let refused = results.first(where: { $0.done == nil }) else {
            return "\(done.count) alarms acknowledged\(note)"
        }
        return "\(done.count) of \(targets.count) acknowledged\(note); \(refused.alarmID): "
            + (refused.problem?.title ?? "refused")
    }
}
