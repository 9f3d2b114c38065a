// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

extension DashboardState {
    /// Begins an action on what is selected, or says why it cannot.
    mutating func begin(_ command: Command, _ page: Dashboard) {
        if page.isBlind {
            return self.refuse("cannot act: the daemon does not answer", page)
        }
        switch command {
        case .acknowledge: self.beginAcknowledgement(page)
        case .acknowledgeAll: self.beginAcknowledgementOfAll(page)
        case .shelve: self.ask(about: .shelve, page)
        case .unshelve: self.ask(about: .unshelve, page)
        case .reset: self.ask(about: .reset, page)
        case .comment: self.ask(about: .comment, page)
        case .service:
            let isOut = page.selectedAlarm?.suppression.contains(.outOfService) ?? false
            self.ask(about: isOut ? .returnToService : .takeOutOfService, page)
        case .mode: self.beginMode(page)
        case .silence: self.beginSilence(page)
        case .test: self.beginTest(page)
        case .resend: self.beginOrder(.resend, page)
        case .discard: self.beginDiscard(page)
        case .enable: self.beginOrder(.enable, page)
        default: break
        }
    }

    /// The time that a prompt of shelving or silencing offers at first.
    static let spanText = "1h"

    private mutating func beginMode(_ page: Dashboard) {
        let areas = page.model.areas
        guard !areas.isEmpty else {
            return self.refuse("no area with modes is configured: there is one limit set", page)
        }
        let modes = areas.reduce(into: [String]()) { modes, area in
            modes += area.modes.filter { !modes.contains($0) }
        }
        let only = areas.count == 1 ? areas[0].name : ""
        self.mode = .prompt(
            Prompt(
                .setMode,
                fields: [
                    .init("area", .choice(areas.map(\.name)), text: only),
                    .init("mode", .choice(modes)), .init("reason", .reason),
                ], needsConfirmation: true))
    }

    private mutating func ask(about verb: AlarmAction, _ page: Dashboard) {
        guard let alarm = page.selectedAlarm else {
            return self.refuse(page.reasonWithoutAlarm, page)
        }
        guard self.isTaken(verb.address, verb.rawValue, page) else { return }
        if let obstacle = Self.obstacle(to: verb, alarm) { return self.refuse(obstacle, page) }
        if self.sheets.isEmpty { self.selected[self.place] = Item.alarm(alarm).key }
        let fields: [Prompt.Field] =
            switch verb {
            case .shelve:
                [
                    .init(
                        "for how long", .duration(secondsMax: alarm.shelvingMaxSeconds),
                        text: Self.spanText),
                    .init("reason", .reason),
                ]
            case .takeOutOfService: [.init("reason", .reason)]
            case .comment: [.init("comment", .reason)]
            case .acknowledge, .unshelve, .reset, .returnToService: []
            }
        self.mode = .prompt(
            Prompt(
                .alarm(verb, AlarmTarget(alarm)), fields: fields,
                needsConfirmation: verb != .comment))
    }

    /// Whether the daemon takes a command; if not, that is said.
    mutating func isTaken(_ address: String, _ name: String, _ page: Dashboard) -> Bool {
        guard let commands = page.model.commands else {
            self.refuse("not known yet which commands this midwatchd takes", page)
            return false
        }
        guard commands.contains(address) else {
            self.refuse("this midwatchd does not take the command \(name): update it", page)
            return false
        }
        return true
    }

    /// Why an alarm is not in the state that a command is for.
    static func obstacle(to verb: AlarmAction, _ alarm: AlarmView) -> String? {
        let id = alarm.alarmID
        switch verb {
        case .shelve:
            if alarm.suppression.contains(.shelved) { return "\(id) is shelved; u unshelves it" }
            return alarm.shelvingMaxSeconds == 0
                ? "\(id) may not be shelved, says the configuration" : nil
        case .unshelve:
            return alarm.suppression.contains(.shelved) ? nil : "\(id) is not shelved"
        case .reset:
            switch alarm.state {
            case .latchedAcknowledged: return nil
            case .latchedUnacknowledged: return "\(id) must be acknowledged before it is reset"
            case .normal, .unacknowledged, .acknowledged, .returnedUnacknowledged:
                return "\(id) is not latched: it needs no reset"
            }
        case .comment: return alarm.activation.isEmpty ? "\(id) was never raised" : nil
        case .acknowledge, .takeOutOfService, .returnToService: return nil
        }
    }

    mutating func refuse(_ reason: String, _ page: Dashboard) {
        self.show(reason, isFailure: true, now: page.now)
    }

    private mutating func beginAcknowledgement(_ page: Dashboard) {
        guard let alarm = page.selectedAlarm else {
            return self.refuse(page.reasonWithoutAlarm, page)
        }
        guard alarm.state.needsAcknowledgement else {
            let by = alarm.ackBy.isEmpty ? "" : " by \(alarm.ackBy)"
            return self.refuse("\(alarm.alarmID) is already acknowledged\(by)", page)
        }
        // From now on the selection is on it by name, also if it was only the first row.
        if self.sheets.isEmpty { self.selected[self.place] = Item.alarm(alarm).key }
        self.mode = .prompt(
            Prompt(
                .acknowledge([AlarmTarget(alarm)]), fields: [.init("comment", .text)],
                needsConfirmation: false))
    }

    private mutating func beginAcknowledgementOfAll(_ page: Dashboard) {
        let targets = page.visibleAlarms.filter { alarm in
            alarm.state.needsAcknowledgement && alarm.suppression.isEmpty
        }.map { AlarmTarget($0) }
        guard !targets.isEmpty else {
            return self.refuse("no alarm on the screen waits for an acknowledgement", page)
        }
        self.mode = .prompt(
            Prompt(
                .acknowledge(targets), fields: [.init("comment", .text)], needsConfirmation: true))
    }

    /// What a prompt's answer leads to.
    mutating func follow(
        _ step: Prompt.Step, _ prompt: Prompt, _ model: DashboardModel, _ now: UInt64
    ) -> Intent? {
        switch step {
        case .goesOn: return nil
        case .refused(let reason):
            self.show(reason, isFailure: true, now: now)
            return nil
        case .cancelled:
            self.mode = .browse
            self.show("nothing was done", isFailure: false, now: now)
            return nil
        case .done:
            self.mode = .browse
            if model.blindNanoseconds(now: now) != nil {
                self.show(
                    "nothing was done: the daemon does not answer", isFailure: true, now: now)
                return nil
            }
            let action = prompt.action
            if case .delivery(_, let alert, let endpoint) = prompt.draft {
                self.stepOver(alert, endpoint, model)
            }
            self.show(action.progress, isFailure: false, now: now)
            return .send(action)
        }
    }
}
