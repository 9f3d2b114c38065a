// SPDX-License-Identifier: Apache-2.0

internal import Historian
internal import Journal
internal import MidwatchModel
internal import StateFolder

extension IncidentArchive {
    // MARK: Readings

    /// The journal as far as it reaches back, in front of that the archive.
    mutating func writeReadings() throws {
        try self.tar.write(
            CSV.row(["arrival", "source_time", "sensor", "value", "quality", "source", "n"]))
        var window = try JournalWindow(folder: self.settings.folders.journal)
        let wanted = self.wanted(among: window.sensors)
        self.counts.sensors = wanted.count
        let begin = try window.oldestArrival() ?? self.settings.to
        if self.settings.from < begin {
            try self.writeArchived(wanted.values.sorted(), until: min(begin, self.settings.to))
        }
        let tar = self.tar
        let sources = window.sources
        var failure: (any Error)?
        var count = 0
        var rows: [UInt8] = []
        try window.each(from: self.settings.from, to: self.settings.to) { item in
            guard item.slot.kindRaw == SlotKind.reading.rawValue,
                !item.slot.flags.contains(.canary), let path = wanted[item.slot.sensor.rawValue]
            else { return true }
            count += 1
            rows += Self.row(item, path, sources)
            guard rows.count >= 1 << 16 else { return true }
            do {
                try tar.write(rows)
                rows.removeAll(keepingCapacity: true)
                return true
            } catch {
                failure = error
                return false
            }
        }
        if let failure { throw failure }
        try tar.write(rows)
        self.counts.readings += count
        self.notes += window.damage.map { "the journal is damaged: \($0)" }
    }

    /// Index and path of each sensor whose readings are wanted.
    private mutating func wanted(among paths: [String]) -> [UInt32: String] {
        var wanted: [UInt32: String] = [:]
        for (index, path) in paths.enumerated() {
            let fits =
                self.settings.sensors.isEmpty
                ? self.alarmSensors.contains(path)
                : self.settings.sensors.contains { PathTemplate.matches($0, path) }
            guard fits else { continue }
            guard wanted.count < Self.sensorCountMax else {
                self.notes.append("readings of the first \(Self.sensorCountMax) sensors only")
                break
            }
            wanted[UInt32(index)] = path
        }
        return wanted
    }

    private static func row(
        _ item: JournalWindow.Item, _ path: String, _ sources: [String]
    ) -> [UInt8] {
        let slot = item.slot
        let source = Int(slot.source.rawValue)
        let number = slot.number
        let sent =
            slot.sourceTime == Slot.noSourceTime
            ? "" : WallInstant(nanoseconds: slot.sourceTime).rfc3339
        let cells = [
            item.arrival.rfc3339, sent, path, number.isFinite ? "\(number)" : "",
            (number.isFinite ? slot.quality : .bad).word,
            source < sources.count ? sources[source] : "", item.position.description,
        ]
        return Array(CSV.row(cells).utf8)
    }

    /// What the journal no longer has, sensor by sensor, in spans that are answered reading by
    /// reading.
    private mutating func writeArchived(_ paths: [String], until end: WallInstant) throws {
        let reader: any ArchiveReader
        do throws(ArchiveError) {
            guard let found = try SensorHistory.reader(self.settings.folders) else {
                self.notes.append("there is no archive; readings begin with the journal")
                return
            }
            reader = found
        } catch {
            self.notes.append("the archive does not answer: \(error)")
            return
        }
        for path in paths {
            guard let sensor = SensorID(path) else { continue }
            var from = self.settings.from
            while from < end {
                let span = ArchiveHistory.readingSpanMax
                let to = min(WallInstant(nanoseconds: from.nanoseconds + span), end)
                let history: ArchiveHistory?
                do throws(ArchiveError) {
                    history = try reader.history(
                        of: sensor, from: from, to: to, limit: ArchiveHistory.pointsMax)
                } catch {
                    self.notes.append("the archive does not answer: \(error)")
                    return
                }
                for point in history?.points ?? [] {
                    let value = point.value.map { "\($0)" } ?? ""
                    try self.tar.write(
                        CSV.row([point.time.rfc3339, "", path, value, point.quality.word, "", ""]))
                    self.counts.readings += 1
                }
                from = to
            }
        }
    }
}
