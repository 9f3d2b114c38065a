// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Historian
internal import Journal
internal import MidwatchConfiguration
internal import MidwatchModel
internal import StateFolder

/// What is known of one sensor over a span: from the archive, and behind its end from the journal.
struct SensorHistory {
    typealias Point = ArchiveHistory.Point

    var resolution: ArchiveHistory.Resolution
    var unit = ""
    /// Ascending by time.
    var points: [Point] = []
    var isTruncated = false
    /// What could not be had, in words.
    var notes: [String] = []
    /// Points that came from the journal, because the archive does not have them yet.
    var journalCount = 0

    private static let minuteNanoseconds: Int64 = 60_000_000_000

    private init(_ resolution: ArchiveHistory.Resolution) { self.resolution = resolution }

    /// Reads the archive that the state folder's configuration names, then the journal.
    ///
    /// nil for a sensor that neither knows. An archive that does not answer is told in `notes`, and
    /// the journal answers for as long as it keeps records.
    static func load(
        _ sensor: SensorID, from: WallInstant, to: WallInstant, limit: Int, folders: Folders
    ) throws -> SensorHistory? {
        var history = SensorHistory(ArchiveHistory.resolution(from: from, to: to))
        var isKnown = false
        var reach: ArchiveReach?
        var window = try JournalWindow(folder: folders.journal)
        do throws(ArchiveError) {
            if let reader = try self.reader(folders) {
                if let found = try reader.history(of: sensor, from: from, to: to, limit: limit) {
                    isKnown = true
                    history.unit = found.unit
                    history.points = found.points
                    history.isTruncated = found.isTruncated
                }
                reach = try window.journal.flatMap { id throws(ArchiveError) in
                    try reader.reach(of: id)
                }
            }
        } catch {
            history.notes.append("the archive does not answer: \(error)")
        }
        guard let index = window.sensors.firstIndex(of: sensor.path) else {
            return isKnown ? history : nil
        }
        if !history.isTruncated {
            try history.addJournal(
                SensorIndex(rawValue: UInt32(index)), &window, from: from, to: to, behind: reach,
                limit: limit)
        }
        history.notes += window.damage.map { "the journal is damaged: \($0)" }
        if history.unit.isEmpty { history.unit = self.unit(of: sensor, folders) }
        return history
    }

    /// The unit by the configuration in force; empty if it has none.
    private static func unit(of sensor: SensorID, _ folders: Folders) -> String {
        let declarations = (try? KeptConfiguration.newest(folders))?.sensors ?? []
        let exact = declarations.first { $0.pattern == sensor.path }
        let found = exact ?? declarations.first { PathTemplate.matches($0.pattern, sensor.path) }
        return found?.unit ?? ""
    }

    /// The reader of the archive; nil if there is none yet.
    static func reader(_ folders: Folders) throws(ArchiveError) -> (any ArchiveReader)? {
        let configuration = try? KeptConfiguration.newest(folders)
        guard case .postgresql(let server)? = configuration?.archive.store else {
            guard unsafe access(folders.archive, R_OK) == 0 else { return nil }
            return SQLiteArchiveReader(path: folders.archive)
        }
        do throws(SecretError) {
            return PostgresArchiveReader(
                PostgresOptions(connection: try server.connection.resolve()))
        } catch {
            throw ArchiveError(
                .retry, code: "secret", message: "\(error)", action: "archive.connection")
        }
    }

    // MARK: The journal's tail

    private mutating func addJournal(
        _ index: SensorIndex, _ window: inout JournalWindow, from: WallInstant, to: WallInstant,
        behind reach: ArchiveReach?, limit: Int
    ) throws {
        let done = self.resolution == .reading ? reach?.stored.n : reach?.summarised.n
        var tail = Tail(resolution: self.resolution)
        let room = max(0, limit - self.points.count)
        try window.each(from: from, to: to, startingAt: (done ?? 0) + 1) { item in
            tail.take(item, of: index)
            return tail.points.count <= room
        }
        tail.close()
        if tail.points.count > room {
            self.isTruncated = true
            tail.points.removeLast(tail.points.count - room)
        }
        self.journalCount = tail.points.count
        // The archive's last minute may go on in the journal.
        for point in tail.points {
            if self.resolution == .minute, let last = self.points.last, last.time == point.time {
                self.points[self.points.count - 1] = Self.joined(last, point)
            } else {
                self.points.append(point)
            }
        }
        // Source times may come in another order than arrivals.
        self.points.sort { $0.time < $1.time }
    }

    /// Two parts of one minute.
    static func joined(_ first: Point, _ second: Point) -> Point {
        var point = first
        let count = first.readingCount + second.readingCount
        point.readingCount = count
        point.valueMin = [first.valueMin, second.valueMin].compactMap { $0 }.min()
        point.valueMax = [first.valueMax, second.valueMax].compactMap { $0 }.max()
        point.valueLast = second.valueLast ?? first.valueLast
        point.quality =
            first.quality.rawValue >= second.quality.rawValue ? first.quality : second.quality
        switch (first.value, second.value) {
        case (let a?, let b?):
            let part = Double(second.readingCount) / Double(max(1, count))
            point.value = a + (b - a) * part
        case (let a, let b): point.value = a ?? b
        }
        return point
    }

    /// Makes points of journal records, as the historian will.
    private struct Tail: ~Copyable {
        let resolution: ArchiveHistory.Resolution
        var points: [Point] = []
        private var window = RedeliveryWindow(limits: RedeliveryWindow.Limits())
        private var newestSourceTime = Slot.noSourceTime
        private var minute: Point?

        init(resolution: ArchiveHistory.Resolution) { self.resolution = resolution }

        mutating func take(_ item: JournalWindow.Item, of sensor: SensorIndex) {
            let slot = item.slot
            guard slot.kindRaw == SlotKind.reading.rawValue, !slot.flags.contains(.canary),
                self.window.judge(slot, n: item.position.n) == .firstDelivery,
                slot.sensor == sensor
            else { return }
            let status = SourceTimeBounds().status(
                of: slot.sourceTime, arrivalWall: item.arrival.nanoseconds,
                newestAccepted: self.newestSourceTime,
                isHistorical: slot.flags.contains(.historical))
            if status == .accepted { self.newestSourceTime = slot.sourceTime }
            let row = ArchivedReading(
                slot, at: item.position, arrivalTime: item.arrival.nanoseconds, status: status)
            let value = row.hasValue ? row.value : nil
            let point = Point(
                time: WallInstant(nanoseconds: row.time), value: value, valueMin: value,
                valueMax: value, valueLast: value, readingCount: 1, quality: row.quality)
            if self.resolution == .reading {
                self.points.append(point)
            } else {
                self.add(point)
            }
        }

        private mutating func add(_ point: Point) {
            let start =
                point.time.nanoseconds
                .flooredQuotientAndRemainder(SensorHistory.minuteNanoseconds).0
                * SensorHistory.minuteNanoseconds
            var point = point
            point.time = WallInstant(nanoseconds: start)
            guard let open = self.minute, open.time == point.time else {
                self.close()
                self.minute = point
                return
            }
            self.minute = SensorHistory.joined(open, point)
        }

        mutating func close() {
            if let minute = self.minute { self.points.append(minute) }
            self.minute = nil
        }
    }
}
