// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

extension Dashboard {
    /// A stage whose loop did not turn for this long is shown as stuck: it beats once a second.
    static let beatAgeMaxNanoseconds: UInt64 = 3_000_000_000

    /// What is wrong, on one screen: alarms, the worst sensors, the monitor itself.
    var overview: Body {
        guard let status = self.model.status else { return Body() }
        var body = Body()
        body.foot = self.monitorLines(status)
        let room = max(6, self.bodyRows - body.foot.count - 2)
        let shown = min(self.model.alarms.count, max(3, room / 2))
        body.items.append(.heading(self.alarmHeading(status)))
        if self.model.alarms.isEmpty {
            let text = self.isBlind ? "   none when last seen" : "   none"
            body.items.append(.text(StyledText(text, Style(self.isBlind ? .stale : .good))))
        }
        body.items += self.model.alarms.prefix(shown).map(Item.alarm)
        if shown < self.model.alarms.count {
            body.items.append(
                .text(
                    StyledText(
                        "   and \(self.model.alarms.count - shown) more: press 2", Style(.muted))))
        }
        body.items.append(.heading(self.sensorHeading(status, "SENSORS, worst first")))
        body.items += self.model.worst.map(Item.sensor)
        return body
    }

    func alarmHeading(_ status: StatusView) -> String {
        let counts = status.alarms
        var text = "ALARMS  \(counts.unacknowledged + counts.latchedUnacknowledged) unacknowledged"
        if counts.returnedUnacknowledged > 0 {
            text += ", \(counts.returnedUnacknowledged) returned"
        }
        text += ", \(counts.acknowledged + counts.latchedAcknowledged) acknowledged"
        if counts.suppressed > 0 { text += ", \(counts.suppressed) out of view" }
        return self.isBlind ? text + " (when last seen)" : text
    }

    func sensorHeading(_ status: StatusView, _ title: String) -> String {
        let counts = status.sensors
        var text = "\(title)  \(counts.total): \(counts.fresh) fresh, \(counts.stale) stale"
        if counts.unverified > 0 { text += ", \(counts.unverified) unverified" }
        if counts.neverReceived > 0 { text += ", \(counts.neverReceived) never seen" }
        return self.isBlind ? text + " (when last seen)" : text
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
        if self.isBlind { title += " (when last seen)" }
        var lines = [self.heading(title), self.abilities(status)]
        lines.append(self.labelled("rates /s", self.rates(status.rates)))
        lines.append(self.labelled("queues", self.queues(status)))
        if !status.latencies.isEmpty { lines.append(self.latencyLine(status)) }
        lines.append(self.beats(status))
        lines += self.endpointLines(status)
        return lines
    }

    private func labelled(_ label: String, _ text: String) -> StyledText {
        var line = StyledText(" " + self.padded(label, 9) + " ", Style(.muted))
        line.add(text, Style(self.isBlind ? .stale : .plain))
        return line
    }

    private func rates(_ rates: StageRates) -> String {
        let separator = self.columns >= 100 ? " \(self.glyphs.separator) " : " "
        return [
            "received \(Words.count(rates.received))", "accepted \(Words.count(rates.accepted))",
            "evaluated \(Words.count(rates.evaluated))", "journal \(Words.count(rates.journaled))",
            "archive \(Words.count(rates.archived))",
        ].joined(separator: separator)
    }

    /// A disk that is full within a week is somebody's work today.
    private static let diskSoonSeconds: UInt64 = 7 * 86_400

    private func queues(_ status: StatusView) -> String {
        let queues = status.queues
        var parts = [
            "ring \(Words.decimals(queues.ringFill * 100, 0))%",
            "journal \(Words.bytes(queues.journalStagedBytes))",
            "archive \(Words.count(Double(queues.archiveLagRecords)))"
                + " (\(Words.decimals(queues.archiveLagSeconds, 1))s)",
            "delivery \(queues.deliveryBacklog)",
        ]
        if let seconds = status.disk.timeToFullSeconds {
            // What comes soon stands first: the row may be too short for all.
            let time = Words.duration(nanoseconds: seconds &* 1_000_000_000)
            let isSoon = seconds < Self.diskSoonSeconds
            parts.insert("disk full in \(time)", at: isSoon ? 0 : parts.count)
        } else if status.disk.bytesFree > 0 {
            parts.append("disk \(Words.bytes(status.disk.bytesFree)) free")
        }
        return parts.joined(separator: " \(self.glyphs.separator) ")
    }

    private func latencyLine(_ status: StatusView) -> StyledText {
        let parts = status.latencies.map { latency in
            "\(latency.stage) \(Words.latency(nanoseconds: latency.p99Nanoseconds))"
        }
        return self.labelled("p99", parts.joined(separator: " \(self.glyphs.separator) "))
    }

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
        var line = StyledText(" " + self.padded("can", 10), Style(.muted))
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

    /// Every heartbeat with its age; what does not turn is loud.
    private func beats(_ status: StatusView) -> StyledText {
        var line = StyledText(" " + self.padded("beats", 10), Style(.muted))
        // What is stuck comes first: the row may be too short for all.
        let stages = status.stages.sorted { a, b in
            let limit = Self.beatAgeMaxNanoseconds
            return a.beatAgeNanoseconds > limit && b.beatAgeNanoseconds <= limit
        }
        for stage in stages {
            let isStuck = stage.beatAgeNanoseconds > Self.beatAgeMaxNanoseconds
            // Whole seconds: how many milliseconds ago a healthy loop turned is noise.
            let seconds = (stage.beatAgeNanoseconds &+ self.lag) / 1_000_000_000
            let age = Words.duration(nanoseconds: seconds &* 1_000_000_000)
            if isStuck {
                line.add("\(stage.name) NOT TURNING for \(age)", Style(.critical, bold: true))
            } else {
                line.add(
                    seconds < 2 ? stage.name : "\(stage.name) \(age)",
                    Style(self.isBlind ? .stale : .plain))
            }
            line.add(" \(self.glyphs.separator) ", Style(.muted))
        }
        let watchdog = Self.watchdogText(status.watchdog, lag: self.lag)
        line.add(
            "watchdog " + (self.isBlind ? "?" : watchdog.isAlive ? "alive" : watchdog.text),
            self.isBlind
                ? Style(.stale)
                : Style(watchdog.isAlive ? .plain : .critical, bold: !watchdog.isAlive))
        return line
    }

    private func endpointLines(_ status: StatusView) -> [StyledText] {
        var line = StyledText(" " + self.padded("stores", 10), Style(.muted))
        var archive = "archive \(status.archive.store)"
        if !status.archive.state.isEmpty { archive += " \(status.archive.state)" }
        if !status.archive.breaker.isEmpty, status.archive.breaker != "closed" {
            archive += ", breaker \(status.archive.breaker)"
        }
        line.add(archive, Style(self.isBlind ? .stale : .plain))
        line.add(" \(self.glyphs.separator) ", Style(.muted))
        if status.endpoints.isEmpty {
            line.add("no endpoint: alerts go nowhere", Style(.high, bold: true))
        }
        // What is not in order comes first: the row may be too short for all.
        let endpoints =
            status.endpoints.filter { $0.breaker != "closed" }
            + status.endpoints.filter { $0.breaker == "closed" }
        for (index, endpoint) in endpoints.enumerated() {
            if index > 0 { line.add(", ") }
            let isGood = endpoint.breaker == "closed"
            line.add(
                "\(endpoint.name) \(isGood ? "in order" : "breaker \(Self.breaker(endpoint))")"
                    + (endpoint.queue > 0 ? ", \(endpoint.queue) waiting" : ""),
                Style(self.isBlind ? .stale : isGood ? .plain : .critical, bold: !isGood))
        }
        return [line]
    }
}
