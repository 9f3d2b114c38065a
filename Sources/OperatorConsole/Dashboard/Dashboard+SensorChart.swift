// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import MidwatchModel
internal import OperatorViews

/// The chart of one sensor: minutes of the archive, then what the dashboard saw itself.
///
/// All times are of the calendar, in nanoseconds since 1970: the archive's are, and what was seen
/// is brought to them by the daemon's clock.
extension Dashboard {
    private static let minuteNanoseconds: UInt64 = 60_000_000_000
    private static let chartRows = 8...20
    /// Rows of a chart that are no line of values: title, marks, axis, figures.
    private static let chartFrameRows = 4

    /// Chart, axis and figures in about `room` rows.
    func chart(_ sensor: SensorView, _ detail: SensorDetail?, room: Int) -> [StyledText] {
        let span = self.state.historySeconds * 1_000_000_000
        guard let wall = self.model.wall(now: self.now), wall.nanoseconds > 0 else { return [] }
        let end = UInt64(wall.nanoseconds)
        let begin = end > span ? end - span : 0
        let points = self.points(sensor, detail, end: end).filter { $0.at >= begin }
        var title = StyledText(" last \(Self.span(span))", Style(bold: true))
        title.add("  - longer, + shorter", Style(.muted))
        if let trouble = detail?.historyTrouble, !trouble.isEmpty {
            title.add("  the archive does not answer: \(trouble)", Style(.high))
        } else if detail == nil {
            title.add("  reading the archive", Style(.muted))
        }
        guard points.contains(where: { $0.lowest != nil }) else {
            return [title, StyledText("   no value in this time", Style(.muted))]
        }
        let rows = min(
            max(room - Self.chartFrameRows, Self.chartRows.lowerBound),
            Self.chartRows.upperBound)
        let chart = Chart(
            points, limits: Self.limits(sensor), marks: self.marks(sensor.path, detail),
            range: begin...max(end, begin + 1))
        return [title]
            + chart.lines(columns: self.columns - 1, rows: rows, glyphs: self.glyphs)
            + [self.axis(span)] + self.figures(points, begin...max(end, begin + 1), sensor.unit)
    }

    /// The archive's minutes up to the first reading seen here, then those readings.
    private func points(
        _ sensor: SensorView, _ detail: SensorDetail?, end: UInt64
    ) -> [Chart.Point] {
        let deadline = max(sensor.deadlineNanoseconds, Chart.holdNanosecondsMin)
        let seen = (self.model.series[sensor.path]?.points ?? []).map { point in
            Chart.Point(
                at: end - min(end, self.now > point.at ? self.now - point.at : 0),
                lowest: point.value, highest: point.value, holdNanoseconds: deadline)
        }
        let first = seen.first?.at ?? .max
        let minutes = (detail?.history?.minutes ?? []).compactMap { minute -> Chart.Point? in
            guard minute.at.nanoseconds > 0, UInt64(minute.at.nanoseconds) < first else {
                return nil
            }
            return Chart.Point(
                at: UInt64(minute.at.nanoseconds), lowest: minute.lowest, highest: minute.highest,
                mean: minute.mean, holdNanoseconds: Self.minuteNanoseconds + deadline)
        }
        return minutes + seen
    }

    private func axis(_ span: UInt64) -> StyledText {
        var axis = StyledText(String(repeating: " ", count: Chart.scaleColumns + 1))
        axis.add("\(Self.span(span)) ago", Style(.muted))
        let middle = "\(Self.span(span / 2)) ago"
        let width = self.columns - 1 - Chart.scaleColumns
        axis.pad(to: Chart.scaleColumns + (width - middle.count) / 2)
        axis.add(middle, Style(.muted))
        axis.pad(to: self.columns - 4)
        axis.add("now", Style(.muted))
        return axis
    }

    /// Lengths of whole units: `10m`, `6h`, `3d12h`.
    private static func span(_ nanoseconds: UInt64) -> String {
        let minutes = nanoseconds / Self.minuteNanoseconds
        let (days, hours, rest) = (minutes / 1_440, minutes / 60 % 24, minutes % 60)
        return (days > 0 ? "\(days)d" : "") + (hours > 0 ? "\(hours)h" : "")
            + (rest > 0 || minutes == 0 ? "\(rest)m" : "")
    }

    /// Figures over what the chart shows.
    private func figures(
        _ points: [Chart.Point], _ range: ClosedRange<UInt64>, _ unit: String
    ) -> [StyledText] {
        guard let figures = ChartFigures(points, range: range) else { return [] }
        var text =
            "lowest \(Words.value(figures.lowest)), mean \(Words.value(figures.mean, digits: 4))"
        text += ", highest \(Words.value(figures.highest))"
        text += unit.isEmpty ? "" : " \(unit)"
        text += ", deviation \(Words.value(figures.deviation, digits: 3))"
        let gaps = figures.gapCount
        text += gaps == 0 ? ", no gap" : gaps == 1 ? ", 1 gap" : ", \(gaps) gaps"
        // What was not seen is not in the figures: a mean over a tenth of the time must say so.
        if figures.coverage < Self.coverageWhole {
            let share = figures.coverage * 100
            text += ", values for \(share < 1 ? "<1" : Words.decimals(share, 0))% of the time"
        }
        return self.fields("in this time", text)
    }

    /// From this share on a time counts as seen whole.
    private static let coverageWhole = 0.98

    /// When alarms of the sensor were raised, by what is known of the ledger and of the list.
    private func marks(_ path: String, _ detail: SensorDetail?) -> [Chart.Mark] {
        var marks: [Chart.Mark] = []
        func mark(_ at: WallInstant, _ priority: AlarmPriority) {
            guard at.nanoseconds > 0 else { return }
            let glyph = self.glyphs.priority(priority)
            marks.append(Chart.Mark(at: UInt64(at.nanoseconds), glyph: Character(glyph)))
        }
        for event in detail?.events ?? [] where event.body["kind"]?.string == "alarmRaised" {
            let word = event.body["priority"]?.string ?? ""
            mark(event.written, AlarmPriority(word: word) ?? .low)
        }
        for alarm in self.model.alarms where alarm.path == path {
            if let raisedAt = alarm.raisedAt { mark(raisedAt, alarm.priority) }
        }
        return marks
    }
}
