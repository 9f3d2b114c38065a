// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import MidwatchModel
internal import OperatorViews

/// The views of what comes in, and of what was decided.
extension Dashboard {
    /// The ledger, newest first.
    var eventList: Body {
        var body = Body()
        body.head = [self.heading("EVENTS  the ledger, newest first" + self.filterNote(.events))]
        body.empty = self.model.events.isEmpty ? "reading the ledger" : "no event fits the filter"
        let wanted = (self.state.filters[.events] ?? "").lowercased()
        body.items = ItemList(
            newestFirst: wanted.isEmpty
                ? self.model.events
                : self.model.events.filter { event in
                    let line = EventLine(event)
                    return "\(line.what) \(line.subject) \(line.detail)".lowercased()
                        .contains(wanted)
                })
        if self.size.rows >= 20, case .event(let event) = self.itemUnderCursor(body.items) {
            body.foot = self.whole(event)
        }
        return body
    }

    /// All that an event says, over as many rows as it takes: its own row may cut it.
    private func whole(_ event: EventView) -> [StyledText] {
        let words = EventLine(event)
        let time = self.times.dateAndTime(event.written)
        let heading = self.heading("record \(event.n), \(time), \(words.what)")
        let texts = [words.subject, words.detail].filter { !$0.isEmpty }
        return Array(([heading] + self.paragraphs(texts)).prefix(Self.wholeRowsMax))
    }

    private static let wholeRowsMax = 6

    func eventLine(_ event: EventView, _ cursor: String) -> StyledText {
        let words = EventLine(event)
        let isWide = self.columns >= 100
        var line = StyledText("\(cursor)\(self.times.timeOfDay(event.written)) ", Style(.muted))
        if isWide { line.add(self.padded("\(event.n)", 9), Style(.muted)) }
        line.add(self.padded(words.what, 15) + " ", Style(words.tone, bold: true))
        let room = max(10, (self.columns - line.width) * 5 / 9)
        line.add(self.paddedPath(words.subject, room) + " ", Style(words.tone))
        line.add(words.detail)
        return line
    }

    // MARK: Ingest

    /// Sources with their rates, and what was refused.
    var ingestSheet: Body {
        guard let status = self.model.status else { return Body() }
        var body = Body()
        let rates = status.rates
        body.head = [
            self.heading(
                "INGEST  \(Words.count(rates.received))/s received, "
                    + "\(Words.count(rates.accepted))/s accepted")
        ]
        var lines = self.outcomeLines
        lines += self.sourceLines
        lines += [StyledText(""), self.heading("REFUSED  the last input that was not taken")]
        if self.model.rejects.isEmpty {
            lines.append(StyledText("   nothing was refused", Style(.good)))
        }
        for reject in self.model.rejects {
            var line = StyledText(" \(self.times.timeOfDay(reject.time)) ", Style(.muted))
            let source = reject.source.isEmpty ? reject.listener : reject.source
            line.add(self.paddedPath(source, 20) + " ")
            line.add(reject.cause + " ", Style(.high, bold: true))
            if !reject.detail.isEmpty { line.add(reject.detail + " ") }
            if !reject.topic.isEmpty { line.add(reject.topic + " ") }
            line.add(reject.excerpt, Style(.muted))
            lines.append(line)
        }
        body.items = ItemList(lines.map(Item.text))
        return body
    }

    private var outcomeLines: [StyledText] {
        guard let metrics = self.model.metrics else { return [] }
        var line = StyledText(" in all     ", Style(.muted))
        func sum(_ outcome: String) -> Double {
            metrics.sum("midwatch_readings_total", ["outcome": outcome]) ?? 0
        }
        // A line that could not be read is no reading, and no less lost.
        let unreadable =
            metrics.sum("midwatch_source_readings_total", ["outcome": "linesRejected"]) ?? 0
        let outcomes = [
            ("received", sum("received"), false), ("accepted", sum("accepted"), false),
            ("rejected", sum("rejected"), true), ("unreadable", unreadable, true),
            ("shed", sum("shed"), true), ("redelivered", sum("redelivered"), false),
        ]
        var lines: [StyledText] = []
        for (name, sum, isLoss) in outcomes {
            let text = "\(name) \(Words.count(sum))  "
            if line.width + TerminalText.width(text) - 2 > self.columns {
                lines.append(line)
                line = StyledText(String(repeating: " ", count: 12))
            }
            line.add(text, Style(isLoss && sum > 0 ? .high : .plain, bold: isLoss && sum > 0))
        }
        var listeners = StyledText(" listeners  ", Style(.muted))
        for sample in metrics.family("midwatch_listener_up") {
            let isUp = sample.value > 0
            let name = sample.labels["listener"] ?? sample.labels.values.first ?? "?"
            listeners.add(
                "\(self.glyphs.mark(isGood: isUp)) \(name)\(isUp ? "" : " DOWN")  ",
                Style(isUp ? .plain : .critical, bold: !isUp))
        }
        return lines + [line, listeners]
    }

    /// Sources shown: those that send most.
    private static let sourcesMax = 50

    private var sourceLines: [StyledText] {
        guard let metrics = self.model.metrics else { return [] }
        let name = "midwatch_source_readings_total"
        let sources = Set(metrics.family(name).compactMap { $0.labels["source"] })
        guard !sources.isEmpty else { return [] }
        func total(_ source: String, _ outcome: String) -> Double {
            metrics.sum(name, ["source": source, "outcome": outcome]) ?? 0
        }
        let rows = sources.map { source in
            (
                source,
                metrics.rate(
                    name, ["source": source, "outcome": "accepted"],
                    since: self.model.metricsBefore)
            )
        }.sorted { ($0.1 ?? 0, $1.0) > ($1.1 ?? 0, $0.0) }
        var lines = [
            StyledText(""), self.heading("SOURCES  \(sources.count)"),
            StyledText(
                "   " + self.padded("source", 25) + self.padded("per s", 9, right: true)
                    + self.padded("accepted", 11, right: true)
                    + self.padded("rejected", 10, right: true)
                    + self.padded("unreadable", 11, right: true)
                    + self.padded("shed", 8, right: true),
                Style(.muted)),
        ]
        for (source, rate) in rows.prefix(Self.sourcesMax) {
            let lost = ["rejected", "linesRejected", "shed"].reduce(0) { $0 + total(source, $1) }
            lines.append(
                StyledText(
                    "   " + self.paddedPath(source, 25)
                        + self.padded(rate.map(Words.count) ?? "-", 9, right: true)
                        + self.padded(Words.count(total(source, "accepted")), 11, right: true)
                        + self.padded(Words.count(total(source, "rejected")), 10, right: true)
                        + self.padded(
                            Words.count(total(source, "linesRejected")), 11, right: true)
                        + self.padded(Words.count(total(source, "shed")), 8, right: true),
                    Style(lost > 0 ? .high : .plain)))
        }
        if rows.count > Self.sourcesMax {
            lines.append(StyledText("   and \(rows.count - Self.sourcesMax) more", Style(.muted)))
        }
        return lines
    }
}
