// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

extension Dashboard {
    /// A stage whose loop did not turn for this long is shown as stuck: it beats once a second.
    static let beatAgeMaxNanoseconds: UInt64 = 3_000_000_000

    /// Rows that alarms and sensors have at least, headings included.
    private static let itemRowsMin = 10
    private static let sensorRowsMin = 3

    /// What is wrong, on one screen: alarms, the worst sensors, the monitor itself.
    var overview: Body {
        guard let status = self.model.status else { return Body() }
        var body = Body()
        let lines = self.monitorLines(status)
        // What is wrong in the plant comes before how the monitor does, which gives rows away from
        // its end: the least urgent stand there.
        let wanted = self.model.alarms.count + Self.sensorRowsMin + 2
        let least = min(wanted, Self.itemRowsMin)
        body.foot = Array(lines.prefix(max(2, self.bodyRows - least)))
        let room = max(6, self.bodyRows - body.foot.count - 2)
        let most = room < 2 * Self.itemRowsMin ? room - Self.sensorRowsMin - 1 : room / 2
        let shown = min(self.model.alarms.count, max(3, most))
        body.items.append(.heading(self.alarmHeading(status)))
        // The list is cut where many stand, and is that of one place behind a sheet: the counts
        // are those of all.
        let active = Self.activeCount(status)
        if self.model.alarms.isEmpty, active == 0 {
            let text = self.isBlind ? "   none when last seen" : "   none"
            body.items.append(.text(StyledText(text, Style(self.isBlind ? .stale : .good))))
        }
        body.items += self.model.alarms.prefix(shown).map(Item.alarm)
        let count = max(self.model.alarms.count, active)
        if shown < count {
            body.items.append(
                .text(
                    StyledText(
                        "   and \(count - shown) more: press 2", Style(.muted))))
        }
        body.items.append(.heading(self.sensorHeading(status, "WORST SENSORS")))
        body.items += self.model.worst.map(Item.sensor)
        return body
    }

    /// Alarms that are not normal, by the counts.
    static func activeCount(_ status: StatusView) -> Int {
        let counts = status.alarms
        return Int(
            clamping: counts.unacknowledged + counts.latchedUnacknowledged
                + counts.returnedUnacknowledged + counts.acknowledged
                + counts.latchedAcknowledged)
    }

    func alarmHeading(_ status: StatusView) -> String {
        let counts = status.alarms
        var text = "ALARMS  \(counts.unacknowledged + counts.latchedUnacknowledged) unacknowledged"
        if counts.returnedUnacknowledged > 0 {
            text += ", \(counts.returnedUnacknowledged) returned"
        }
        let acknowledged = counts.acknowledged + counts.latchedAcknowledged
        if acknowledged > 0 { text += ", \(acknowledged) acknowledged" }
        if counts.suppressed > 0 { text += ", \(counts.suppressed) out of view" }
        if status.load.isFlood {
            text += ", FLOOD: \(status.load.inTenMinutes) in 10 min"
        } else if status.load.inTenMinutes > 0 {
            text += ", \(status.load.inTenMinutes) in 10 min"
        }
        if status.load.chatteringCount > 0 {
            text += ", \(status.load.chatteringCount) chattering"
        }
        return self.isBlind ? text + ", last seen" : text
    }

    func sensorHeading(_ status: StatusView, _ title: String) -> String {
        let counts = status.sensors
        var text = "\(title)  \(counts.total): \(counts.fresh) fresh, \(counts.stale) stale"
        if counts.unverified > 0 { text += ", \(counts.unverified) unverified" }
        if counts.neverReceived > 0 { text += ", \(counts.neverReceived) never seen" }
        return self.isBlind ? text + ", last seen" : text
    }

    // MARK: The monitor itself

    /// Health of Midwatch: what it can do, how fast, how far behind, who turns.
    private func monitorLines(_ status: StatusView) -> [StyledText] {
        let age = UInt64(clamping: status.time.nanoseconds - status.startedAt.nanoseconds)
        let up = Words.duration(nanoseconds: age &+ (self.isBlind ? 0 : self.lag))
        var title = "MONITOR  \(status.version), up \(up), run \(status.epoch)"
        if !status.configurationRevision.isEmpty {
            title += ", configuration \(status.configurationRevision.prefix(8))"
        }
        if self.isBlind { title += ", last seen" }
        var lines = [self.heading(title), self.abilities(status)]
        lines += self.rows("beats", self.beats(status))
        lines += self.rows("outputs", self.outputs(status))
        lines += self.rows("queues", self.queues(status))
        lines += self.rows("rates/s", self.rates(status.rates))
        lines += self.rows("p99", self.latencies(status))
        return lines
    }

    /// Columns of the labels at the left of the monitor's rows.
    private static let labelColumns = 9

    /// Facts behind a label: what does not fit a row goes on in the next, nothing is cut.
    private func rows(_ label: String, _ facts: [StyledText]) -> [StyledText] {
        // A narrow screen has no room for dots between facts: names are muted, values are not.
        let separator = self.isWide ? " \(self.glyphs.separator) " : "  "
        var lines: [StyledText] = []
        var line = StyledText(" " + self.padded(label, Self.labelColumns - 1), Style(.muted))
        var isFirst = true
        for fact in facts {
            if !isFirst, line.width + separator.count + fact.width > self.columns {
                lines.append(line)
                line = StyledText(String(repeating: " ", count: Self.labelColumns))
                isFirst = true
            }
            if !isFirst { line.add(separator, Style(.muted)) }
            isFirst = false
            for piece in fact.pieces { line.add(piece.text, piece.style) }
        }
        return facts.isEmpty ? [] : lines + [line]
    }

    /// `name value`, the name muted.
    private func fact(_ name: String, _ value: String, _ style: Style = Style()) -> StyledText {
        var text = StyledText(name + " ", Style(.muted))
        text.add(value, self.isBlind ? Style(.stale) : style)
        return text
    }

    private var isWide: Bool { self.columns >= 100 }

    private func rates(_ rates: StageRates) -> [StyledText] {
        [
            self.fact(self.isWide ? "received" : "in", Words.count(rates.received)),
            self.fact("accepted", Words.count(rates.accepted)),
            self.fact("engine", Words.count(rates.evaluated)),
            self.fact("journal", Words.count(rates.journaled)),
            self.fact("archive", Words.count(rates.archived)),
        ]
    }

    /// A disk that is full within a week is somebody's work today.
    private static let diskSoonSeconds: UInt64 = 7 * 86_400

    private func queues(_ status: StatusView) -> [StyledText] {
        let queues = status.queues
        var facts = [
            self.fact("ring", Words.decimals(queues.ringFill * 100, 0) + "%"),
            self.fact("journal", Words.bytes(queues.journalStagedBytes)),
            self.fact(
                "archive",
                "\(Words.count(Double(queues.archiveLagRecords))) "
                    + "(\(Words.decimals(queues.archiveLagSeconds, 1))s)"),
            self.fact("delivery", "\(queues.deliveryBacklog)"),
        ]
        if let seconds = status.disk.timeToFullSeconds {
            // What comes soon stands first.
            let time = Words.duration(nanoseconds: seconds &* 1_000_000_000)
            let isSoon = seconds < Self.diskSoonSeconds
            facts.insert(
                self.fact("disk full in", time, Style(isSoon ? .high : .plain, bold: isSoon)),
                at: isSoon ? 0 : facts.count)
        } else if status.disk.bytesFree > 0 {
            facts.append(self.fact("disk free", Words.bytes(status.disk.bytesFree)))
        }
        return facts
    }

    /// Where 99 of 100 readings, decisions and alerts of the last minute were after how long.
    private func latencies(_ status: StatusView) -> [StyledText] {
        status.latencies.map { latency in
            self.fact(
                Self.stops[latency.stage] ?? latency.stage,
                Words.shortLatency(nanoseconds: latency.p99Nanoseconds))
        }
    }

    /// Where a way ends whose latency is measured, in a word.
    private static let stops = [
        "arrivalToRing": "ring", "arrivalToEvaluated": "engine", "arrivalToDurable": "disk",
        "durableToArchived": "archive", "publishToAcknowledged": "PUBACK",
        "decisionToRecorded": "ledger", "decisionToDelivered": "alert",
    ]

    /// What the monitor can do now; what it cannot stands in capitals.
    private func abilities(_ status: StatusView) -> StyledText {
        let modes = status.modes
        func has(_ word: String) -> Bool { modes.contains { $0.contains(word) } }
        let archive = status.archive.state.isEmpty ? "running" : status.archive.state
        let isArchiving =
            archive == "running"
            && (status.archive.breaker.isEmpty || status.archive.breaker == "closed")
        let trouble = DeliveryTrouble(status)
        let abilities: [(name: String, isGood: Bool)] = [
            ("evaluate", !self.isStuck(status, "engine")),
            ("record", !has("journal") && !has("storage") && !has("ledger")),
            ("archive", isArchiving && !has("archive")),
            ("alert", !status.endpoints.isEmpty && trouble == nil),
            ("be watched", status.watchdog.alive),
        ]
        var line = StyledText(
            " " + self.padded("can", Self.labelColumns - 1), Style(.muted))
        for ability in abilities {
            let isGood = ability.isGood && !self.isBlind
            let words =
                self.isBlind
                ? "\(ability.name)?" : isGood ? ability.name : "NOT \(ability.name.uppercased())"
            line.add(
                "\(self.isBlind ? "?" : self.glyphs.mark(isGood: isGood)) \(words)",
                Style(self.isBlind ? .stale : isGood ? .good : .critical, bold: !isGood))
            line.add("  ")
        }
        return line
    }

    private func isStuck(_ status: StatusView, _ name: String) -> Bool {
        status.stages.contains {
            $0.name == name && $0.beatAgeNanoseconds > Self.beatAgeMaxNanoseconds
        }
    }

    /// Every heartbeat with its age; what does not turn is loud and comes first.
    private func beats(_ status: StatusView) -> [StyledText] {
        let stages = status.stages.sorted { a, b in
            let limit = Self.beatAgeMaxNanoseconds
            return a.beatAgeNanoseconds > limit && b.beatAgeNanoseconds <= limit
        }
        let quiet = Style(self.isBlind ? .stale : .plain)
        var facts = stages.map { stage in
            let isStuck = stage.beatAgeNanoseconds > Self.beatAgeMaxNanoseconds
            // Whole seconds: how many milliseconds ago a healthy loop turned is noise.
            let seconds = (stage.beatAgeNanoseconds &+ self.lag) / 1_000_000_000
            let age = Words.duration(nanoseconds: seconds &* 1_000_000_000)
            return isStuck
                ? StyledText(
                    "\(stage.name) NOT TURNING for \(age)", Style(.critical, bold: true))
                : StyledText(seconds < 2 ? stage.name : "\(stage.name) \(age)", quiet)
        }
        // A narrow screen has it in the row of health alone.
        guard self.isWide else { return facts }
        let watchdog = Self.watchdogText(status.watchdog, lag: self.lag)
        facts.append(
            self.fact(
                "watchdog",
                self.isBlind ? "?" : watchdog.isAlive ? "alive" : watchdog.text,
                Style(watchdog.isAlive ? .plain : .critical, bold: !watchdog.isAlive)))
        return facts
    }

    private func outputs(_ status: StatusView) -> [StyledText] {
        var archive = status.archive.store
        if !status.archive.state.isEmpty { archive += " \(status.archive.state)" }
        let isBroken = !status.archive.breaker.isEmpty && status.archive.breaker != "closed"
        if isBroken { archive += ", breaker \(status.archive.breaker)" }
        var facts = [
            self.fact("archive", archive, Style(isBroken ? .critical : .plain, bold: isBroken))
        ]
        if status.endpoints.isEmpty {
            facts.append(StyledText("no endpoint: alerts go nowhere", Style(.high, bold: true)))
        }
        // What is not in order comes first.
        let endpoints =
            status.endpoints.filter { !$0.isInOrder } + status.endpoints.filter(\.isInOrder)
        facts += endpoints.map { endpoint in
            let isGood = endpoint.isInOrder
            let text =
                (endpoint.condition == EndpointView.usable && !isGood
                    ? "breaker \(Self.breaker(endpoint))" : Words.delivery(endpoint))
                + (endpoint.queue > 0 ? ", \(endpoint.queue) waiting" : "")
            return self.fact(
                endpoint.name, text, Style(isGood ? .plain : .critical, bold: !isGood))
        }
        return facts
    }
}
