// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import MidwatchModel
internal import OperatorViews

/// The way of alerts to people: endpoints, routes, what is kept back, what was given up.
extension Dashboard {
    var deliverySheet: Body {
        guard let status = self.model.status else { return Body() }
        let detail = self.model.deliveryDetail
        var body = Body()
        var title = "DELIVERY  \(status.queues.deliveryBacklog) alerts wait"
        if self.isBlind { title += ", last seen" }
        body.head = [self.heading(title), self.endpointTitles]
        body.items += status.endpoints.map(Item.endpoint)
        if status.endpoints.isEmpty {
            body.items.append(
                .text(
                    StyledText(
                        "   no endpoint is configured: alerts go nowhere",
                        Style(.critical, bold: true))))
        }
        let watchdog = Self.watchdogText(status.watchdog, lag: self.lag)
        body.items.append(
            .text(
                self.field(
                    "watchdog",
                    watchdog.isAlive
                        ? "alive; it tells people by routes of its own" : watchdog.text,
                    Style(watchdog.isAlive ? .good : .critical, bold: !watchdog.isAlive))))
        if let test = detail?.test { body.items += self.testItems(test) }
        body.items += self.deadLetterItems(detail)
        body.items += self.routeItems(detail)
        body.items += self.silenceItems(detail)
        body.items += self.deliveredItems
        body.foot = self.deliveryFoot(self.itemUnderCursor(body.items))
        return body
    }

    // MARK: Endpoints

    private var endpointColumns: Int { self.columns >= 100 ? 32 : 18 }

    private var endpointTitles: StyledText {
        StyledText(
            "   " + self.padded("endpoint", self.endpointColumns) + self.padded("breaker", 10)
                + self.padded("waiting", 9, right: true) + self.padded("oldest", 9, right: true)
                + self.padded("delivered", 11, right: true)
                + self.padded("failed", 8, right: true)
                + self.padded("given up", 10, right: true),
            Style(.muted))
    }

    /// Condition or breaker of an endpoint, what is not in order in capitals.
    static func breaker(_ endpoint: EndpointView) -> String {
        guard endpoint.condition == EndpointView.usable else {
            return endpoint.condition.uppercased()
        }
        return switch endpoint.breaker {
        case "closed": "closed"
        case "halfOpen": "HALF OPEN"
        default: endpoint.breaker.uppercased()
        }
    }

    func endpointLine(_ endpoint: EndpointView, _ cursor: String) -> StyledText {
        let isGood = endpoint.isInOrder
        let oldest = UInt64(max(0, endpoint.oldestAgeSeconds)) &* 1_000_000_000 &+ self.lag
        func figure(_ name: String) -> String {
            let sum = self.model.metrics?.sum(
                "midwatch_delivery_\(name)_total", ["endpoint": endpoint.name])
            return sum.map(Words.count) ?? "-"
        }
        var line = StyledText(
            "\(cursor)\(self.glyphs.mark(isGood: isGood)) "
                + self.padded(endpoint.name, self.endpointColumns),
            Style(isGood ? .plain : .critical, bold: !isGood))
        line.add(
            self.padded(Self.breaker(endpoint), 10),
            Style(isGood ? .good : .critical, bold: !isGood))
        line.add(self.padded("\(endpoint.queue)", 9, right: true))
        line.add(
            self.padded(
                endpoint.queue > 0 ? Words.duration(nanoseconds: oldest) : "-", 9, right: true))
        line.add(self.padded(figure("delivered"), 11, right: true))
        line.add(self.padded(figure("failed_attempts"), 8, right: true))
        line.add(self.padded(figure("dead_letters"), 10, right: true))
        return line
    }

    private func testItems(_ test: AlertTestLine) -> [Item] {
        var lines = [self.heading("TEST  \(test.id)")]
        for attempt in test.attempts {
            lines.append(
                self.field(
                    attempt.endpoint,
                    "\(self.glyphs.mark(isGood: attempt.isDelivered)) \(attempt.text)",
                    Style(attempt.isDelivered ? .good : .critical, bold: !attempt.isDelivered)))
        }
        for endpoint in test.open where !test.attempts.contains(where: { $0.endpoint == endpoint })
        {
            lines.append(self.field(endpoint, "no outcome yet", Style(.high)))
        }
        return lines.map(Item.text)
    }

    // MARK: What was given up, who is told, what is kept back

    private func section(_ title: String, _ items: [Item], empty: String) -> [Item] {
        let note = Item.text(StyledText("   " + empty, Style(.muted)))
        return [.heading(title)] + (items.isEmpty ? [note] : items)
    }

    private func deadLetterItems(_ detail: DeliveryDetail?) -> [Item] {
        let letters = detail?.deadLetters ?? []
        var title = "DEAD LETTERS  "
        if letters.isEmpty {
            title += "0"
        } else if detail?.hasMoreDeadLetters == true {
            title += "the newest \(letters.count) of more: nobody was told by these"
        } else {
            title += "\(letters.count) given up: nobody was told by these"
        }
        return self.section(
            title, letters.map(Item.deadLetter),
            empty: detail == nil ? "asking" : "none: nothing was given up")
    }

    /// How many dead letters are asked for: a page more when the cursor comes near the last one.
    var deadLetterLimit: Int {
        let detail = self.model.deliveryDetail
        let letters = detail?.deadLetters ?? []
        let pages = max(1, (letters.count + Self.deadLettersPage - 1) / Self.deadLettersPage)
        var limit = pages * Self.deadLettersPage
        if detail?.hasMoreDeadLetters == true, case .deadLetter(let letter) = self.selectedItem,
            letters.suffix(Self.deadLettersAhead).contains(letter)
        {
            limit += Self.deadLettersPage
        }
        return min(limit, Self.deadLettersMax)
    }

    static let deadLettersPage = 100
    /// So many rows before the last one more are asked for.
    private static let deadLettersAhead = 50
    /// All that the outbox keeps; so many are read only by somebody who goes there row by row.
    private static let deadLettersMax = 10_000

    func deadLetterLine(_ letter: DeadLetterView, _ cursor: String) -> StyledText {
        let style = Style(.critical, bold: true)
        var line = StyledText("\(cursor)\(self.glyphs.mark(isGood: false)) ", style)
        line.add(self.timeText(letter.deadAt) + " ", Style(.muted))
        line.add(self.padded(letter.endpoint, 12) + " ", style)
        line.add(self.padded(letter.priority, 9), style)
        let room = max(12, (self.columns - line.width) / 2)
        line.add(self.paddedPath(letter.alarmID, room) + " ", style)
        line.add(self.reason(letter))
        return line
    }

    /// Why it was given up: `refused, status 410, 9 attempts`.
    private func reason(_ letter: DeadLetterView) -> String {
        var text = Words.spaced(letter.reason)
        if letter.lastStatus > 0 { text += ", status \(letter.lastStatus)" }
        return text + ", " + Words.counted(Int64(letter.attemptCount), "attempt")
    }

    private func routeItems(_ detail: DeliveryDetail?) -> [Item] {
        self.section(
            "ROUTES  \(detail?.routes.count ?? 0)", (detail?.routes ?? []).map(Item.route),
            empty: detail == nil ? "asking" : "none: every endpoint is told of every alarm at once")
    }

    func routeLine(_ route: RouteLine, _ cursor: String) -> StyledText {
        var line = StyledText("\(cursor)  " + self.padded(route.name, 18) + " ")
        line.add(route.text)
        return line
    }

    private func silenceItems(_ detail: DeliveryDetail?) -> [Item] {
        let silences = detail?.silences ?? []
        return self.section(
            "SILENCES  \(silences.count { $0.holds }) in force", silences.map(Item.silence),
            empty: detail == nil ? "asking" : "none: every alert is sent")
    }

    func silenceLine(_ silence: SilenceLine, _ cursor: String) -> StyledText {
        let style = silence.holds ? Style(.high, bold: true) : Style(.muted)
        var line = StyledText(
            "\(cursor)  " + self.padded(silence.holds ? "KEPT BACK" : "not now", 10), style)
        line.add(
            self.padded(
                silence.until.map { "until \(self.timeText($0))" } ?? "every week", 16) + " ")
        line.add(silence.match, style)
        if silence.includesCritical { line.add(", CRITICAL ONES AS WELL", Style(.critical)) }
        line.add("  \(silence.author): \(silence.reason)", Style(.muted))
        return line
    }

    private var deliveredItems: [Item] {
        let kinds: Set<String> = ["alertDelivered", "alertRouted", "alertWithheld", "alertDigest"]
        let events = self.model.events.filter { kinds.contains($0.body["kind"]?.string ?? "") }
        return self.section(
            "OUTCOMES  newest first",
            events.suffix(20).reversed().map { Item.text(self.eventLine($0, " ")) },
            empty: "none in the last \(self.model.events.count) records")
    }

    /// All of what is under the cursor: its own row may cut it.
    private func deliveryFoot(_ item: Item?) -> [StyledText] {
        guard self.size.rows >= 20 else { return [] }
        let lines: [StyledText]
        switch item {
        case .deadLetter(let letter):
            lines =
                [self.heading("\(letter.alert) to \(letter.endpoint)")]
                + self.fields("told", letter.message)
                + self.fields("given up", self.reason(letter))
                + (letter.lastAnswer.isEmpty ? [] : self.fields("answer", letter.lastAnswer))
        case .route(let route):
            lines = [self.heading("route \(route.name)")] + self.fields("tells", route.text)
        case .endpoint(let endpoint) where !endpoint.isInOrder:
            lines =
                [self.heading(endpoint.name)] + self.fields("state", Words.delivery(endpoint))
                + self.fields("do", Self.remedy(endpoint))
        case .silence(let silence):
            lines =
                [self.heading(silence.id)]
                + self.fields("keeps back", silence.match)
                + self.fields("because", "\(silence.reason) (\(silence.author))")
        default: lines = []
        }
        return Array(lines.prefix(Self.deliveryFootRowsMax))
    }

    private static let deliveryFootRowsMax = 6

    /// What brings an endpoint back.
    private static func remedy(_ endpoint: EndpointView) -> String {
        switch endpoint.condition {
        case "paused": "put the right token or secret in place; e tries it at once"
        case "disabled": "correct its url, or have the receiver come back; then e uses it again"
        case "unusable": "put the file of its secret in place; it is tried again by itself"
        default: "look at the receiver and the way to it; e tries it at once"
        }
    }
}
