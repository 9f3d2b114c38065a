// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

extension Dashboard {
    /// Widths of the columns of a sensor's row, for a width of screen.
    private struct Columns {
        var path: Int
        var value = 10
        var unit = 7
        var age: Int
        var freshness = 11
        var quality: Int
        var spark: Int
        private static let pathMax = 64

        init(width: Int) {
            self.age = width >= 72 ? 13 : 7
            self.quality = width >= 100 ? 12 : width >= 60 ? 7 : 2
            self.spark = width >= 100 ? 25 : width >= 80 ? 7 : 0
            let fixed =
                3 + self.value + 1 + self.unit + self.age + self.freshness + self.quality
                + self.spark
            self.path = max(8, min(width - fixed, Self.pathMax))
            // A name far from its value is hard to follow: what is left shows more of the past.
            if self.spark > 0 { self.spark += max(0, width - fixed - self.path) }
        }
    }

    /// The sensors as a tree by the levels of their paths, or one after the other.
    var sensorList: Body {
        guard let status = self.model.status else { return Body() }
        let tree = self.state.sensorTree(self.model)
        var body = Body()
        let isByAsset = tree.key.arrangement == .assets
        var title =
            self.sensorHeading(status, isByAsset ? "SENSORS by asset" : "SENSORS")
            + self.filterNote(.sensors)
        if self.model.directory.isCut { title += ", the first \(tree.paths.count)" }
        if self.isAlarmListCut { title += ", levels know the \(Self.alarmsMax) most urgent alarms" }
        body.head = [self.heading(title), self.columnTitles]
        body.empty =
            !self.filterNote(.sensors).isEmpty
            ? "no sensor fits the filter; Esc drops it"
            : self.model.directory.version == 0 ? "reading the list of sensors" : "no sensor yet"
        body.items = ItemList(tree)
        return body
    }

    private var columnTitles: StyledText {
        let columns = Columns(width: self.columns)
        var text = "   " + self.padded("sensor", columns.path)
        text += self.padded("value", columns.value, right: true) + " "
        text += self.padded("unit", columns.unit)
        text += self.padded(columns.age > 7 ? "age/deadline" : "age", columns.age)
        text += self.padded("freshness", columns.freshness)
        text += self.padded(columns.quality > 2 ? "NE107" : "", columns.quality)
        if columns.spark > 0 { text += "trend" }
        return StyledText(text, Style(.muted))
    }

    /// Where a sensor stands in the tree on the screen.
    ///
    /// Of sensors of alarms and of those that are not known it is looked up once an answer.
    func standing(of path: String) -> String {
        guard self.state.arrangement(self.model) == .assets else { return path }
        return self.model.standings[path] ?? self.model.directory.standing(of: path) ?? path
    }

    /// What is not known below a level, in so many columns: `2 silent, 1 never seen`, else
    /// `3 not known`.
    private func unknownText(below prefix: String, columns: Int) -> String {
        var counts: [Freshness: Int] = [:]
        for sensor in self.model.unknown.sensors
        where self.standing(of: sensor.path).hasPrefix(prefix) {
            counts[sensor.freshness, default: 0] += 1
        }
        let words: [(Freshness, String)] = [
            (.stale, "silent"), (.unverified, "unverified"), (.neverReceived, "never seen"),
        ]
        let isCut = self.model.unknown.isCut
        let parts = words.compactMap { freshness, word in
            counts[freshness].map { "\($0)\(isCut ? " or more" : "") \(word)" }
        }
        // A level that was not asked about to its end must not look as if all of it were known.
        if parts.isEmpty { return isCut ? "others not known" : "" }
        let text = parts.joined(separator: ", ")
        guard text.utf8.count > columns else { return text }
        return "\(counts.values.reduce(0, +))\(isCut ? " or more" : "") not known"
    }

    /// A level of the tree, with what is wrong and what is not known below it.
    func groupLine(
        _ prefix: String, _ label: String, _ depth: Int, _ count: Int, _ isOpen: Bool,
        _ cursor: String
    ) -> StyledText {
        let below = self.model.alarms.filter {
            $0.suppression.isEmpty && $0.state != .normal
                && self.standing(of: $0.path).hasPrefix(prefix)
        }
        let worst = below.max { $0.priority < $1.priority }
        let mark = worst.map { self.glyphs.priority($0.priority) } ?? " "
        let indent = String(repeating: " ", count: 2 * depth)
        var line = StyledText(
            "\(cursor)\(mark) \(indent)\(self.glyphs.level(isOpen: isOpen)) \(label)",
            Style(worst.map { Self.tone($0.priority) } ?? .plain, bold: true))
        line.add("  \(count)", Style(.muted))
        // Beyond the list nothing is known of a level: it must not look quiet.
        let isCut = self.isAlarmListCut
        if let worst {
            var text = isCut ? "  \(below.count) or more " : "  \(below.count) "
            text += below.count == 1 && !isCut ? "alarm" : "alarms"
            text += ", worst \(Words.priority(worst.priority))"
            line.add(text, Style(Self.tone(worst.priority)))
        } else if isCut {
            line.add("  none of the most urgent alarms, others not known", Style(.stale))
        }
        let unknown = self.unknownText(below: prefix, columns: self.columns - line.width - 2)
        if !unknown.isEmpty {
            line.add((worst == nil && !isCut ? "  " : ", ") + unknown, Style(.stale))
        }
        return line
    }

    /// Whether there are more alarms than the dashboard asks for.
    private var isAlarmListCut: Bool { self.model.alarms.count >= Self.alarmsMax }

    /// A sensor with its value, its age against its deadline, and what the value is worth.
    func sensorLine(
        _ sensor: SensorView, _ cursor: String, indent: Int, isLeaf: Bool
    ) -> StyledText {
        let columns = Columns(width: self.columns)
        let isLive = self.isLive(sensor)
        let mark = sensor.alarm.map { self.glyphs.priority($0.priority) } ?? " "
        let style = self.style(sensor, isLive)
        let room = max(6, columns.path - 2 * indent)
        let name =
            isLeaf && indent > 0
            ? sensor.path.split(separator: "/").last.map(String.init) ?? sensor.path : sensor.path
        var line = StyledText(
            "\(cursor)\(mark) " + String(repeating: " ", count: columns.path - room)
                + self.paddedPath(name, room), style)
        line.add(self.padded(self.valueText(sensor, isLive), columns.value, right: true), style)
        line.add(" " + self.padded(sensor.unit, columns.unit), style)
        line.add(self.padded(self.ageText(sensor, columns.age), columns.age), style)
        line.add(self.padded(self.freshnessText(sensor), columns.freshness), style)
        line.add(self.padded(self.qualityText(sensor, columns.quality), columns.quality), style)
        if columns.spark > 0, isLive, let series = self.model.series[sensor.path] {
            line.add(
                self.glyphs.sparkline(
                    series.values(last: columns.spark - 1), columns: columns.spark - 1), style)
        }
        return line
    }

    /// Whether the value may be taken for the present one.
    func isLive(_ sensor: SensorView) -> Bool {
        sensor.freshness == .fresh && !self.isBlind && !self.isOutdated(sensor)
    }

    /// When the sensor was asked about.
    private func askedAt(_ sensor: SensorView) -> UInt64 {
        self.model.sensors[sensor.path]?.at ?? self.model.statusAt
    }

    /// Nanoseconds by which the sensor is older than it says.
    func lag(of sensor: SensorView) -> UInt64 {
        let at = self.askedAt(sensor)
        return self.now > at ? self.now - at : 0
    }

    /// It was off the screen, and is not asked about again yet.
    private func isOutdated(_ sensor: SensorView) -> Bool {
        self.lag(of: sensor) > DashboardModel.blindAfterNanoseconds
    }

    /// The value; in brackets if it is only the last one known.
    func valueText(_ sensor: SensorView, _ isLive: Bool) -> String {
        let value = Words.value(sensor.value)
        return isLive || sensor.value == nil ? value : "(\(value))"
    }

    private func ageText(_ sensor: SensorView, _ columns: Int) -> String {
        // Of a short deadline tenths matter.
        let isShort = sensor.deadlineNanoseconds < 3_000_000_000
        let age = sensor.ageNanoseconds.map { age in
            let now = age &+ self.lag(of: sensor)
            return isShort ? Words.duration(nanoseconds: now) : Words.age(nanoseconds: now)
        }
        guard columns > 7 else { return age ?? "-" }
        let deadline = Words.duration(nanoseconds: sensor.deadlineNanoseconds)
        return self.padded(age ?? "-", 5, right: true) + "/" + deadline
    }

    /// While the dashboard is blind no sensor is called fresh.
    func freshnessText(_ sensor: SensorView) -> String {
        let isFresh = sensor.freshness == .fresh
        if isFresh, self.isBlind || self.isOutdated(sensor) { return "last seen" }
        if isFresh, sensor.heldSince != nil { return "held" }
        return Words.freshness(sensor.freshness)
    }

    /// What a value is worth now; of what cannot be seen nothing is known.
    func signal(of sensor: SensorView) -> NamurSignal {
        self.isBlind || self.isOutdated(sensor)
            ? .unknown : NamurSignal(sensor, alarms: self.model.alarms)
    }

    /// No value but a live one is called good.
    private func qualityText(_ sensor: SensorView, _ columns: Int) -> String {
        let letter = self.signal(of: sensor).letter
        guard columns > 2 else { return String(letter) }
        if !self.isLive(sensor), sensor.quality == .good { return "\(letter) -" }
        let isWide = columns > 7
        if sensor.backlogCount > 0, sensor.quality == .good, isWide { return "\(letter) backlog" }
        return "\(letter) \(isWide ? sensor.quality.word : Words.short(sensor.quality))"
    }

    private func style(_ sensor: SensorView, _ isLive: Bool) -> Style {
        if !isLive { return Style(.stale) }
        guard let alarm = sensor.alarm else { return Style() }
        return Style(Self.tone(alarm.priority), bold: alarm.state.needsAcknowledgement)
    }
}
