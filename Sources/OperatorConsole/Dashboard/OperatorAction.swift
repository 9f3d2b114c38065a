// SPDX-License-Identifier: Apache-2.0

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
}

/// What is sent to the daemon.
package enum OperatorAction: Sendable, Equatable {
    case acknowledge([AlarmTarget], comment: String)
    /// `seconds` is for how long an alarm is shelved.
    case alarm(AlarmAction, AlarmTarget, comment: String, seconds: UInt64)
    /// Another set of limits for an area.
    case setMode(area: String, mode: String, comment: String)

    /// What it is about.
    package var subject: String {
        switch self {
        case .acknowledge(let targets, _):
            targets.count == 1 ? targets[0].alarmID : "\(targets.count) alarms"
        case .alarm(_, let target, _, _): target.alarmID
        case .setMode(let area, _, _): "area \(area)"
        }
    }

    /// While the answer is awaited.
    package var progress: String { "\(self.subject): sent, waiting for the answer" }

    /// Sends it; returns what was done, in words.
    package func perform(_ client: OperatorClient) throws(ClientError) -> String {
        switch self {
        case .acknowledge(let targets, let comment):
            return try Self.acknowledge(targets, comment, client)
        case .alarm(let action, let target, let comment, let seconds):
            let view = try client.act(
                action, on: target.alarmID, activation: target.activation, comment: comment,
                seconds: seconds)
            let until = view.shelvedUntil.map { " until \(Words.dateAndTime($0))" } ?? ""
            return "\(target.alarmID) \(action.done)\(until)"
                + (view.recorded ? "" : Self.unrecorded)
        case .setMode(let area, let mode, let comment):
            let view = try client.setMode(area: area, mode: mode, comment: comment)
            return "area \(area) is in mode \(mode)" + (view.recorded ? "" : Self.unrecorded)
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
