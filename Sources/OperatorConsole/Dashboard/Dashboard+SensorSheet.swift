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
        let rows = max(4, min(16, self.bodyRows - lines.count - 10))
        lines += self.chart(sensor, rows: rows)
        lines += self.statistics(path)
        lines.append(StyledText(""))
        lines.append(StyledText(" why", Style(bold: true)))
        lines += self.reasons(sensor).map { StyledText("   " + $0) }
        let alarms = self.model.alarms.filter { $0.path == path }
        if !alarms.isEmpty {
            lines.append(StyledText(" alarms", Style(bold: true)))
            lines += alarms.map { self.alarmLine($0, " ") }
        }
        body.items = lines.map(Item.text)
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
        lines.append(
            self.field(
                "freshness",
                "\(self.freshnessText(sensor)), \(age ?? "nothing was received"), deadline "
                    + "\(Words.duration(nanoseconds: sensor.deadlineNanoseconds)) "
                    + "(\(sensor.supervision.word))",
                Style(isLive ? .good : .stale, bold: !isLive)))
        lines.append(
            self.field(
                "quality", "\(quality); NE 107 \(signal.letter): \(signal.meaning)"))
        var source = sensor.source.isEmpty ? "unknown" : sensor.source
        source += ", time of the sender \(sensor.sourceTimeStatus.word)"
        source += ", \(Words.count(Double(sensor.readingsCount))) readings"
        if sensor.backlogCount > 0 { source += ", \(sensor.backlogCount) too late to be live" }
        lines.append(self.field("source", source))
        return lines
    }

    // MARK: Chart

    /// Time that a chart shows at least.
    private static let chartNanosecondsMin: UInt64 = 60_000_000_000

    private func chart(_ sensor: SensorView, rows: Int) -> [StyledText] {
        let points = self.model.series[sensor.path]?.points ?? []
        guard let first = points.first(where: { $0.value != nil }) else {
            return [StyledText("   no value was seen since this dashboard watches", Style(.muted))]
        }
        let watched = max(self.now > first.at ? self.now - first.at : 0, Self.chartNanosecondsMin)
        let begin = self.now > watched ? self.now - watched : 0
        var limits: [Chart.Limit] = []
        if let set = sensor.limits {
            for (name, value) in [
                ("LL", set.lowLow), ("L", set.low), ("H", set.high), ("HH", set.highHigh),
            ] {
                if let value { limits.append(Chart.Limit(name, value)) }
            }
        }
        let chart = Chart(
            points, limits: limits, marks: self.marks(sensor.path, since: begin),
            range: begin...max(self.now, begin + 1))
        var lines = chart.lines(columns: self.columns - 1, rows: rows, glyphs: self.glyphs)
        var axis = StyledText(String(repeating: " ", count: Chart.scaleColumns + 1))
        let left = "\(Words.duration(nanoseconds: watched)) ago"
        axis.add(left, Style(.muted))
        axis.pad(to: self.columns - 5)
        axis.add("now", Style(.muted))
        lines.append(axis)
        return lines
    }

    /// When alarms of the sensor were raised, on the dashboard's clock.
    private func marks(_ path: String, since begin: UInt64) -> [Chart.Mark] {
        guard let wall = self.model.wall(now: self.now) else { return [] }
        return self.model.alarms.compactMap { alarm in
            guard alarm.path == path, let raisedAt = alarm.raisedAt else { return nil }
            let ago = UInt64(clamping: wall.nanoseconds - raisedAt.nanoseconds)
            guard ago < self.now, self.now - ago >= begin else { return nil }
            let glyph = self.glyphs.priority(alarm.priority)
            return Chart.Mark(at: self.now - ago, glyph: Character(glyph))
        }
    }

    private func statistics(_ path: String) -> [StyledText] {
        guard let figures = self.model.series[path]?.statistics else { return [] }
        var text = "lowest \(Words.value(figures.lowest)), mean \(Words.value(figures.mean))"
        text += ", highest \(Words.value(figures.highest))"
        text += ", deviation \(Words.value(figures.deviation, digits: 3))"
        text += ", \(figures.count) values"
        if figures.gapCount > 0 {
            text += ", \(figures.gapCount) " + (figures.gapCount == 1 ? "gap" : "gaps")
        }
        return [self.field("seen here", text)]
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
                "its alarm state is held since \(Words.timeOfDay(heldSince))Z: the condition "
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
