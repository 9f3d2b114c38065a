// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

extension Dashboard {
    /// Widths of the columns that do not grow, for a width of screen.
    private struct Columns {
        var path: Int
        var value = 10
        var unit = 7
        var age: Int
        var freshness = 11
        var quality: Int
        var spark: Int

        init(width: Int) {
            self.age = width >= 72 ? 14 : 7
            self.quality = width >= 72 ? 10 : 0
            self.spark = width >= 100 ? DashboardModel.historyMax + 1 : 0
            self.path = 0
            let fixed =
                3 + self.value + 1 + self.unit + self.age + self.freshness + self.quality
                + self.spark
            self.path = max(8, width - fixed)
        }
    }

    /// Draws heading, column titles and as many sensors as fit above row `end`.
    func drawSensors(
        _ screen: inout Screen, _ snapshot: DashboardSnapshot, from row: Int, to end: Int
    ) {
        let counts = snapshot.status.sensors
        var heading = "SENSORS  \(counts.total): \(counts.fresh) fresh, \(counts.stale) stale"
        if counts.unverified > 0 { heading += ", \(counts.unverified) unverified" }
        if counts.neverReceived > 0 { heading += ", \(counts.neverReceived) never seen" }
        if self.isBlind { heading += " (when last seen)" }
        if !self.state.filter.isEmpty { heading += "  filter \"\(self.state.filter)\"" }
        let isFocused = self.state.pane == .sensors
        guard row < end else { return }
        self.drawHeading(heading, &screen, row: row, isFocused: isFocused)
        let columns = Columns(width: self.size.columns)
        guard row + 1 < end else { return }
        self.drawColumnTitles(&screen, columns, row: row + 1)
        let sensors = self.state.shownSensors(snapshot)
        let rows = end - row - 2
        guard rows > 0 else { return }
        guard !sensors.isEmpty else {
            let text = self.state.filter.isEmpty ? "  none" : "  none fits the filter"
            self.put(text, &screen, 0, row + 2, Style(.muted))
            return
        }
        let selected = self.state.sensorRow(sensors)
        let first =
            isFocused
            ? Self.firstShown(selected: selected ?? 0, rows: rows, count: sensors.count) : 0
        for offset in 0..<min(rows, sensors.count - first) {
            self.drawSensor(
                &screen, sensors[first + offset], columns, row: row + 2 + offset,
                isSelected: isFocused && first + offset == selected)
        }
    }

    private func drawColumnTitles(_ screen: inout Screen, _ columns: Columns, row: Int) {
        var text = "   " + self.padded("sensor", columns.path)
        text += self.padded("value", columns.value, right: true) + " "
        text += self.padded("unit", columns.unit)
        text += self.padded(columns.age > 7 ? "age/deadline" : "age", columns.age)
        text += self.padded("freshness", columns.freshness)
        if columns.quality > 0 { text += self.padded("quality", columns.quality) }
        if columns.spark > 0 { text += "trend" }
        self.put(text, &screen, 0, row, Style(.muted, underlined: false))
    }

    private func drawSensor(
        _ screen: inout Screen, _ sensor: SensorView, _ columns: Columns, row: Int,
        isSelected: Bool
    ) {
        let isLive = sensor.freshness == .fresh && !self.isBlind
        let mark = sensor.alarm.map { self.glyphs.priority($0.priority) } ?? " "
        let cursor = isSelected ? String(self.glyphs.cursor) : " "
        var text = "\(cursor)\(mark) " + self.paddedPath(sensor.path, columns.path)
        text += self.padded(self.valueText(sensor, isLive), columns.value, right: true) + " "
        text += self.padded(sensor.unit, columns.unit)
        text += self.padded(self.ageText(sensor, columns), columns.age)
        text += self.padded(self.freshnessText(sensor), columns.freshness)
        if columns.quality > 0 { text += self.padded(self.qualityText(sensor), columns.quality) }
        if columns.spark > 0, isLive {
            text += self.glyphs.sparkline(
                self.model.history[sensor.path] ?? [], columns: columns.spark - 1)
        }
        screen.fill(row: row, style: Style(reversed: isSelected))
        self.put(text, &screen, 0, row, self.sensorStyle(sensor, isLive, isSelected))
    }

    /// The value; in brackets if it is only the last one known.
    private func valueText(_ sensor: SensorView, _ isLive: Bool) -> String {
        let value = Words.value(sensor.value)
        return isLive || sensor.value == nil ? value : "(\(value))"
    }

    private func ageText(_ sensor: SensorView, _ columns: Columns) -> String {
        let age = sensor.ageNanoseconds.map { Words.duration(nanoseconds: $0 &+ self.lag) } ?? "-"
        guard columns.age > 7 else { return age }
        let deadline = Words.duration(nanoseconds: sensor.deadlineNanoseconds)
        return self.padded(age, 6, right: true) + "/" + deadline
    }

    /// While the dashboard is blind no sensor is called fresh.
    private func freshnessText(_ sensor: SensorView) -> String {
        if self.isBlind, sensor.freshness == .fresh { return "last seen" }
        if sensor.freshness == .fresh, sensor.heldSince != nil { return "held" }
        return Words.freshness(sensor.freshness)
    }

    private func qualityText(_ sensor: SensorView) -> String {
        if sensor.backlogCount > 0, sensor.quality == .good { return "backlog" }
        return sensor.quality.word
    }

    private func sensorStyle(
        _ sensor: SensorView, _ isLive: Bool, _ isSelected: Bool
    ) -> Style {
        if !isLive { return Style(.stale, reversed: isSelected) }
        guard let alarm = sensor.alarm else { return Style(reversed: isSelected) }
        return Style(
            Self.tone(alarm.priority), bold: alarm.state.needsAcknowledgement,
            reversed: isSelected)
    }
}
