// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

/// Alerts that do not get out, as the endpoints say.
struct DeliveryTrouble: Sendable, Equatable {
    /// Endpoints whose alerts do not arrive.
    var endpoints: [EndpointView]
    /// Whether no endpoint is left that takes alerts.
    var isTotal: Bool

    /// nil while alerts get out.
    init?(_ status: StatusView) {
        self.endpoints = status.endpoints.filter(\.isLost)
        guard !self.endpoints.isEmpty else { return nil }
        self.isTotal = self.endpoints.count == status.endpoints.count
    }
}

extension Dashboard {
    /// A line above every view.
    struct Banner {
        var text: StyledText
        /// Shown reversed over the whole row.
        var isLoud = false
    }

    /// Rows of banners at most, health included; the rest is counted.
    private var bannersMax: Int {
        switch self.size.rows {
        case ..<12: 1
        case ..<30: 3
        default: 5
        }
    }

    /// Health first, then what must be known on every view.
    var banners: [Banner] {
        var banners = self.healthBanners
        if let status = self.model.status, !self.isBlind {
            if let trouble = DeliveryTrouble(status) { banners.append(self.banner(trouble)) }
            let modes = self.modeLines(status)
            banners += modes
            if let trouble = self.model.trouble {
                let text = " \(self.glyphs.warning) this view is not complete: \(trouble)"
                banners.append(Banner(text: StyledText(text, Style(.high, bold: true))))
            }
        }
        if let blindness = self.recentBlindness { banners.append(blindness) }
        guard banners.count > self.bannersMax else { return banners }
        let hidden = banners.count - self.bannersMax
        banners.removeLast(hidden)
        banners[banners.count - 1].text.add("  (+\(hidden) more: press 1)", Style(bold: true))
        return banners
    }

    /// Health; blindness with its cause, on two rows where one is too short.
    private var healthBanners: [Banner] {
        let loud = Style(.critical, bold: true)
        if let blind = self.model.blindNanoseconds(now: self.now) {
            let cause = self.model.failure ?? "no answer"
            var since = ""
            if let wall = self.model.wall(now: self.model.heardAt) {
                since = " since \(self.times.timeAndZone(wall))"
            }
            let text =
                " \(self.glyphs.health(.failed)) BLIND for \(Words.duration(nanoseconds: blind))"
                + "\(since): nothing below is live."
            let hasRoom = TerminalText.width("\(text) \(cause)") <= self.columns
            guard !hasRoom, self.bannersMax > 1 else {
                return [Banner(text: StyledText("\(text) \(cause)", loud), isLoud: true)]
            }
            return [text, "   \(cause)"].map {
                Banner(text: StyledText($0, loud), isLoud: true)
            }
        }
        guard let status = self.model.status else { return [Banner(text: StyledText(""))] }
        let tone: Tone =
            switch status.health {
            case .healthy: .good
            case .degraded: .high
            case .failed: .critical
            }
        var line = StyledText(
            " \(self.glyphs.health(status.health)) \(status.health.word.uppercased())",
            Style(tone, bold: true))
        let watchdog = Self.watchdogText(status.watchdog, lag: self.lag)
        let right = "watchdog \(watchdog.text) "
        // How many is said where there is room: they stand below.
        if !status.modes.isEmpty, self.columns >= 72 {
            line.add(
                "  \(status.modes.count) "
                    + (status.modes.count == 1 ? "thing is" : "things are") + " not in order",
                Style(tone, bold: true))
        }
        line.pad(to: max(line.width + 2, self.columns - TerminalText.width(right)))
        line.add(
            right, Style(watchdog.isAlive ? .plain : .critical, bold: !watchdog.isAlive))
        return [Banner(text: line, isLoud: status.health == .failed)]
    }

    static func watchdogText(
        _ watchdog: WatchdogView, lag: UInt64
    ) -> (text: String, isAlive: Bool) {
        let age = watchdog.ageNanoseconds.map { Words.duration(nanoseconds: $0 &+ lag) }
        if watchdog.alive { return ("alive" + (age.map { " (\($0))" } ?? ""), true) }
        return (age.map { "SILENT for \($0)" } ?? "NOT RUNNING", false)
    }

    private func banner(_ trouble: DeliveryTrouble) -> Banner {
        let names = trouble.endpoints.map { endpoint in
            let age = UInt64(max(0, endpoint.oldestAgeSeconds)) &* 1_000_000_000 &+ self.lag
            let waiting =
                endpoint.queue > 0
                ? ", \(endpoint.queue) waiting for \(Words.duration(nanoseconds: age))" : ""
            return "\(endpoint.name) (\(Words.delivery(endpoint))\(waiting))"
        }
        let what =
            trouble.isTotal
            ? "DELIVERY DOWN: nobody is told. Call people. " : "DELIVERY IMPAIRED: "
        let text = " \(self.glyphs.health(.failed)) \(what)\(names.joined(separator: ", "))"
        return Banner(
            text: StyledText(text, Style(.critical, bold: true)), isLoud: trouble.isTotal)
    }

    /// The degraded modes and warnings, as many on a line as fit.
    private func modeLines(_ status: StatusView) -> [Banner] {
        var lines: [String] = []
        for mode in status.modes {
            let separator = " \(self.glyphs.separator) "
            if let last = lines.last,
                TerminalText.width(last + separator + mode) <= self.columns - 3
            {
                lines[lines.count - 1] += separator + mode
            } else {
                lines.append(mode)
            }
        }
        let tone: Tone = status.health == .failed ? .critical : .high
        return lines.map { line in
            Banner(text: StyledText(" \(self.glyphs.warning) \(line)", Style(tone, bold: true)))
        }
    }

    /// How long the dashboard says that it was blind, after it sees again.
    private static let blindnessShownNanoseconds: UInt64 = 60_000_000_000

    private var recentBlindness: Banner? {
        guard !self.isBlind, let blindness = self.model.lastBlindness,
            self.now < blindness.endedAt &+ Self.blindnessShownNanoseconds
        else { return nil }
        let ago = self.now > blindness.endedAt ? self.now - blindness.endedAt : 0
        let text =
            " \(self.glyphs.warning) saw nothing for "
            + "\(Words.duration(nanoseconds: blindness.nanoseconds)) until "
            + "\(Words.duration(nanoseconds: ago)) ago"
            + (blindness.isRestart ? "; midwatchd was restarted" : "")
        return Banner(text: StyledText(text, Style(.stale, bold: true)))
    }

    // MARK: Views and keys

    func drawTabs(_ screen: inout Screen, row: Int) {
        guard row < self.size.rows - 1 else { return }
        self.draw(self.tabs, &screen, row: row)
    }

    /// The names of the views, the one that is shown reversed.
    var tabs: StyledText {
        var line = StyledText()
        let unacknowledged = self.model.status.map { status in
            status.alarms.unacknowledged + status.alarms.latchedUnacknowledged
                + status.alarms.returnedUnacknowledged
        }
        for (index, place) in Place.views.enumerated() {
            let isShown = place == self.state.view
            var name = place.title
            if place == .alarms, let count = unacknowledged, count > 0 { name += " \(count)" }
            // A narrow screen names the shown view only.
            let text = self.columns >= 66 || isShown ? " \(index + 1) \(name) " : " \(index + 1) "
            line.add(text, Style(isShown ? .accent : .plain, bold: isShown, reversed: isShown))
            if self.columns >= 80 { line.add(" ") }
        }
        return line
    }
}
