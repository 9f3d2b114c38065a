// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

extension Dashboard {
    /// One sensor: value, chart with limits, gaps and alarm marks, statistics, and why.
    var sensorSheet: Body {
        guard case .sensor(let path) = self.state.sheets.last else { return Body() }
        var body = Body()
        body.head = [self.heading("SENSOR  \(path)")]
        guard let live = self.model.sensors[path] else {
            body.empty = "asking about it"
            return body
        }
        let sensor = live.view
        let isLive = self.isLive(sensor)
        var lines = self.facts(sensor, isLive)
        lines.append(StyledText(""))
        let alarms = self.model.alarms.filter { $0.path == path }
        if !alarms.isEmpty {
            lines += alarms.map { self.alarmLine($0, " ") }
            lines.append(StyledText(""))
        }
        let detail = self.model.sensorDetail.flatMap { $0.path == path ? $0 : nil }
        lines += self.chart(sensor, detail, room: self.bodyRows - lines.count - 1)
        lines += [StyledText(""), StyledText(" why", Style(bold: true))]
        lines += self.paragraphs(self.reasons(sensor))
        // The engine's own answer; while nothing is heard it would be an old one.
        if let explanation = detail?.explanation, !self.isBlind {
            lines.append(StyledText(""))
            lines += self.explained(
                ExplanationText.lines(explanation, time: self.times.dateAndTime))
        }
        lines += self.sensorEvents(detail)
        body.items = ItemList(lines.map(Item.text))
        return body
    }

    private func facts(_ sensor: SensorView, _ isLive: Bool) -> [StyledText] {
        let signal = self.signal(of: sensor)
        let quality =
            sensor.ageNanoseconds == nil
            ? "none" : isLive ? sensor.quality.word : "\(sensor.quality.word) when last heard"
        var value = self.valueText(sensor, isLive)
        if !sensor.unit.isEmpty { value += " \(sensor.unit)" }
        if !isLive, sensor.value != nil { value += "   the last one known, not the present one" }
        var lines: [StyledText] = []
        if !sensor.title.isEmpty { lines.append(self.field("title", sensor.title)) }
        lines.append(self.field("value", value, Style(isLive ? .plain : .stale, bold: true)))
        let age = sensor.ageNanoseconds.map {
            Words.duration(nanoseconds: $0 &+ self.lag(of: sensor)) + " old"
        }
        lines += self.fields(
            "freshness",
            "\(self.freshnessText(sensor)), \(age ?? "nothing was received"), deadline "
                + "\(Words.duration(nanoseconds: sensor.deadlineNanoseconds)) "
                + "(\(sensor.supervision.word))",
            Style(isLive ? .good : .stale, bold: !isLive))
        lines += self.fields(
            "quality", "\(quality); NE 107 \(signal.letter): \(signal.meaning)")
        var source = sensor.source.isEmpty ? "unknown" : sensor.source
        source += ", time of the sender \(sensor.sourceTimeStatus.word)"
        source += ", \(Words.count(Double(sensor.readingsCount))) readings"
        if sensor.backlogCount > 0 { source += ", \(sensor.backlogCount) too late to be live" }
        lines += self.fields("source", source)
        if let limits = Self.limitText(sensor) { lines += self.fields("limits", limits) }
        return lines
    }

    /// The limits from the highest to the lowest, and where their alarms return.
    private static func limitText(_ sensor: SensorView) -> String? {
        let limits = self.limits(sensor).reversed().map { limit in
            limit.name + " " + Words.value(limit.value)
                + (limit.returnsAt.map { " (off at \(Words.value($0)))" } ?? "")
        }
        return limits.isEmpty ? nil : limits.joined(separator: ", ")
    }

    /// From the lowest to the highest.
    static func limits(_ sensor: SensorView) -> [Chart.Limit] {
        guard let set = sensor.limits else { return [] }
        let all: [(name: String, value: Double?, deadband: Double?, isHigh: Bool)] = [
            ("LL", set.lowLow, set.lowLowDeadband, false), ("L", set.low, set.lowDeadband, false),
            ("H", set.high, set.highDeadband, true),
            ("HH", set.highHigh, set.highHighDeadband, true),
        ]
        return all.compactMap { name, value, deadband, isHigh in
            guard let value else { return nil }
            return Chart.Limit(
                name, value,
                returnsAt: deadband.map { isHigh ? value - $0 : value + $0 })
        }
    }

    /// What the ledger has of the sensor and its alarms, newest first.
    private func sensorEvents(_ detail: SensorDetail?) -> [StyledText] {
        guard let detail, !detail.events.isEmpty else { return [] }
        return [StyledText(""), StyledText(" events, newest first", Style(bold: true))]
            + detail.events.suffix(20).reversed().map { event in
                let words = EventLine(event)
                var line = StyledText("   \(self.timeText(event.written)) ", Style(.muted))
                line.add(self.padded(words.what, 15) + " ", Style(words.tone, bold: true))
                let name = AlarmName(words.alarmID).name
                line.add(name.isEmpty ? "" : "\(name), ", Style(words.tone))
                line.add(words.detail)
                return line
            }
    }

    // MARK: Why

    /// Why the sensor is shown as it is, each fact with what it rests on.
    func reasons(_ sensor: SensorView) -> [String] {
        let age = sensor.ageNanoseconds.map {
            Words.duration(nanoseconds: $0 &+ self.lag(of: sensor))
        }
        let deadline = Words.duration(nanoseconds: sensor.deadlineNanoseconds)
        var reasons: [String] = []
        if self.isBlind {
            reasons.append("the daemon does not answer: whatever it was, it is not verified now")
        }
        switch sensor.freshness {
        case .fresh:
            let word = self.isLive(sensor) ? "fresh:" : "was fresh when last seen;"
            reasons.append(
                "\(word) the last live reading is \(age ?? "-") old, deadline \(deadline)")
        case .stale:
            reasons.append(
                age.map {
                    "stale: silent for \($0), deadline \(deadline); the value is the last one"
                }
                    ?? "stale: nothing was received within the deadline of \(deadline)")
        case .unverified:
            reasons.append(
                "unverified: nothing live came since the restart; the deadline runs (\(deadline))")
        case .neverReceived:
            reasons.append("never seen: nothing came yet; the deadline runs (\(deadline))")
        }
        if let heldSince = sensor.heldSince {
            reasons.append(
                "its alarm state is held since \(self.times.timeAndZone(heldSince)): the condition "
                    + "cannot be verified")
        }
        if sensor.quality != .good {
            let code = String(sensor.statusCode, radix: 16, uppercase: true)
            reasons.append("the sender calls the value \(sensor.quality.word) (code 0x\(code))")
        }
        if sensor.value == nil, sensor.ageNanoseconds != nil {
            reasons.append("what it sent is not a number")
        }
        reasons += self.limitReasons(sensor)
        switch sensor.sourceTimeStatus {
        case .implausible: reasons.append("the clock of the sender is wrong; the value counts")
        case .regressed, .historical:
            reasons.append("the last reading was an old one; it refreshed nothing")
        case .absent, .accepted: break
        }
        if !sensor.declared {
            reasons.append("no configuration names it: it has the default deadline and no limits")
        }
        return reasons
    }

    private func limitReasons(_ sensor: SensorView) -> [String] {
        guard let limits = sensor.limits, let value = sensor.value else { return [] }
        let tests: [(name: String, limit: Double?, isAbove: Bool)] = [
            ("lowLow", limits.lowLow, false), ("low", limits.low, false),
            ("high", limits.high, true), ("highHigh", limits.highHigh, true),
        ]
        return tests.compactMap { test in
            guard let limit = test.limit else { return nil }
            let isBeyond = test.isAbove ? value > limit : value < limit
            let distance = Words.value(abs(value - limit), digits: 4)
            let side = test.isAbove == isBeyond ? "above" : "below"
            return "\(Words.value(value)) is \(distance) \(side) the limit \(test.name) "
                + "\(Words.value(limit))" + (isBeyond ? ": BEYOND" : "")
        }
    }
}
