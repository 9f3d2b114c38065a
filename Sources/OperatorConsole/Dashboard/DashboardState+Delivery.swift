// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

/// Actions on the way of alerts to people.
extension DashboardState {
    /// The longest silence; the configuration has maintenance for longer ones.
    private static let silenceSecondsMax: UInt64 = 31 * 86_400

    mutating func beginSilence(_ page: Dashboard) {
        guard self.isTaken("/v1/alerts/silences", "silence", page) else { return }
        var what = page.selectedAlarm?.alarmID ?? ""
        if case .sensor(let path) = self.sheets.last { what = path }
        self.mode = .prompt(
            Prompt(
                .silence,
                fields: [
                    .init("path, path:alarm or template", .subject, text: what),
                    .init(
                        "for how long", .duration(secondsMax: Self.silenceSecondsMax),
                        text: Self.spanText),
                    .init("reason", .reason),
                ], needsConfirmation: true))
    }

    mutating func beginTest(_ page: Dashboard) {
        guard self.isTaken("/v1/alerts/test", "test", page) else { return }
        let target: AlertTestTarget
        switch page.selectedItem {
        case .endpoint(let endpoint): target = .endpoint(endpoint.name)
        case .route(let route): target = .route(route.name)
        default: return self.refuse("choose an endpoint or a route to test", page)
        }
        self.mode = .prompt(Prompt(.test(target), fields: [], needsConfirmation: true))
    }

    /// Sends a dead letter again, or uses an endpoint again.
    mutating func beginOrder(_ verb: DeliveryVerb, _ page: Dashboard) {
        guard self.isTaken(verb.address, verb.rawValue, page) else { return }
        let draft: ActionDraft
        switch (verb, page.selectedItem) {
        case (.enable, .endpoint(let endpoint)):
            draft = .delivery(.enable, alert: "", endpoint: endpoint.name)
        case (.enable, _): return self.refuse("choose the endpoint to use again", page)
        case (.resend, .deadLetter(let letter)), (.drop, .deadLetter(let letter)):
            draft = .delivery(verb, alert: letter.alert, endpoint: letter.endpoint)
        case (.resend, _), (.drop, _):
            let isNone = page.model.deliveryDetail?.deadLetters.isEmpty ?? true
            return self.refuse(
                isNone ? "there is no dead letter" : "choose a dead letter first", page)
        }
        self.mode = .prompt(Prompt(draft, fields: [], needsConfirmation: true))
    }

    /// Goes on to the next dead letter, since the one that was dealt with leaves the list.
    mutating func stepOver(_ alert: String, _ endpoint: String, _ model: DashboardModel) {
        let letters = model.deliveryDetail?.deadLetters ?? []
        guard
            let place = letters.firstIndex(where: { $0.alert == alert && $0.endpoint == endpoint }),
            letters.count > 1
        else { return }
        let next = place + 1 < letters.count ? place + 1 : place - 1
        self.selected[.delivery] = Item.deadLetter(letters[next]).key
    }

    /// Puts a dead letter away, or ends a silence.
    mutating func beginDiscard(_ page: Dashboard) {
        guard case .silence(let silence) = page.selectedItem else {
            return self.beginOrder(.drop, page)
        }
        guard self.isTaken("/v1/alerts/silences/{}/remove", "remove", page) else { return }
        self.mode = .prompt(Prompt(.endSilence(silence), fields: [], needsConfirmation: true))
    }
}
