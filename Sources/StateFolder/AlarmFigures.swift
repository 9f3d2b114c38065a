// SPDX-License-Identifier: Apache-2.0

package import AlarmEngine
internal import JSONText
package import Journal
package import MidwatchModel

/// The figures about alarms over a time, made of the ledger: they span restarts.
///
/// The ledger is read from its beginning, so that what was raised before the time began is known;
/// only what was annunciated in it counts. Times are those of the calendar.
package struct AlarmFigures: Sendable {
    /// Days that are listed one by one, the newest ones.
    package static let daysMax = 400

    package struct Day: Equatable, Sendable {
        /// Midnight, UTC.
        package var begin: WallInstant
        package var annunciations: UInt64 = 0
        /// Alarms that stood for more than a day when this one ended.
        package var standing = 0
    }

    /// The first and the last moment of the time; the first is not before the ledger's first record.
    package let begin: WallInstant
    package let end: WallInstant
    package let statistics: AlarmStatistics.Report
    package let days: [Day]
    /// Ledger records that are damaged or missing: what they say is not counted.
    package let missingCount: UInt64
    /// Alarm ids by the number that stands for the sensor in the report.
    private let names: [String]

    /// `path:name` of an alarm of the report.
    package func name(of key: AlarmStatistics.Key) -> String {
        let number = Int(key.sensor.rawValue)
        return number < self.names.count ? self.names[number] : "?"
    }

    /// Length of the time in ten minutes, hours and days.
    package func rate(perNanoseconds unit: UInt64) -> Double {
        let length = Double(self.end.nanoseconds - self.begin.nanoseconds)
        return length > 0
            ? Double(self.statistics.annunciations) / (length / Double(unit)) : 0
    }

    /// Reads the ledger.
    ///
    /// - Parameters:
    ///   - since: The first moment that counts; nil: the ledger's first record.
    ///   - now: The last.
    ///   - stateDirectory: The daemon's.
    ///   - onProgress: The number of the last record that was read; every few thousand.
    /// - Returns: nil if the ledger has no decision.
    /// - Throws: `LedgerError` if a file cannot be read; damage is passed and counted.
    package static func read(
        since: WallInstant?, now: WallInstant, stateDirectory: String,
        onProgress: (_ n: UInt64) -> Void
    ) throws(LedgerError) -> AlarmFigures? {
        let folder = Folders(stateDirectory: stateDirectory).ledger
        guard let end = try LedgerAudit.anchoredEnd(directory: folder), end < UInt64.max else {
            return nil
        }
        let reader = LedgerReader(directory: folder)
        var tally = Tally(since: since)
        var missing: UInt64 = 0
        reading: while true {
            switch try reader.step(through: end) {
            case .line(let line):
                tally.take(line)
                if line.n % 4_096 == 0 { onProgress(line.n) }
            case .gap(let gap): missing += UInt64(gap.missing.count)
            case .end: break reading
            }
        }
        return tally.finish(now: now, missing: missing)
    }

    fileprivate init(
        begin: WallInstant, end: WallInstant, statistics: AlarmStatistics.Report, days: [Day],
        missingCount: UInt64, names: [String]
    ) {
        self.begin = begin
        self.end = end
        self.statistics = statistics
        self.days = days
        self.missingCount = missingCount
        self.names = names
    }
}

/// Takes ledger lines in order.
private struct Tally {
    private static let dayNanoseconds: Int64 = 86_400_000_000_000
    private static let kinds: [String: Decision.Kind] = [
        "alarmRaised": .alarmRaised, "alarmReturned": .alarmReturned,
        "alarmAcknowledged": .alarmAcknowledged,
    ]
    private static let mark = Array("\"kind\":\"alarm".utf8)
    /// The kind stands behind the decision's id, and a mark at most.
    private static let markPlaceMax = 128

    private let since: WallInstant?
    private var statistics = AlarmStatistics()
    private var numbers: [String: UInt32] = [:]
    private var names: [String] = []
    private var first: WallInstant?
    private var last = WallInstant(nanoseconds: 0)
    private var isInPeriod = false
    private var days: [AlarmFigures.Day] = []

    init(since: WallInstant?) { self.since = since }

    mutating func take(_ line: LedgerLine) {
        guard self.isAboutAlarm(line.body) else { return self.noteFirst(line) }
        guard let json = try? JSONValue(parsing: line.body.span),
            let kind = json["kind"]?.string.flatMap({ Self.kinds[$0] }),
            let wall = json["at"]?.string.flatMap({ Moment.parse($0, now: self.last) }),
            wall.nanoseconds > 0, let path = json["sensor"]?.string, !OwnPath.isDrill(path),
            let name = json["alarm"]?.string,
            let priority = json["priority"]?.string.flatMap({ AlarmPriority(word: $0) })
        else { return self.noteFirst(line) }
        // A clock that was set back does not undo what was counted.
        self.last = max(self.last, wall)
        self.first = self.first ?? self.last
        if !self.isInPeriod, self.since.map({ self.last >= $0 }) ?? true { self.begin() }
        let isRepeated = json["cause"]?.string == Decision.Cause.reAlarm.word
        let time = MonotonicInstant(nanoseconds: UInt64(self.last.nanoseconds))
        var decision = Decision(kind, cause: isRepeated ? .reAlarm : .none, time: time)
        decision.sensor = SensorIndex(rawValue: self.number(of: "\(path):\(name)"))
        decision.priority = priority
        if self.isInPeriod { self.enterDay(of: self.last) }
        self.statistics.note(decision)
        if self.isInPeriod, kind == .alarmRaised, !isRepeated, !self.days.isEmpty {
            self.days[self.days.count - 1].annunciations += 1
        }
    }

    /// The time begins with the ledger, not with its first alarm.
    private mutating func noteFirst(_ line: LedgerLine) {
        guard self.first == nil, let wall = Moment.parse(line.written, now: self.last),
            wall.nanoseconds > 0
        else { return }
        self.first = wall
    }

    private func isAboutAlarm(_ body: [UInt8]) -> Bool {
        let end = min(body.count, Self.markPlaceMax) - Self.mark.count
        guard end > 0 else { return false }
        return (0..<end).contains { body[$0...].starts(with: Self.mark) }
    }

    private mutating func number(of id: String) -> UInt32 {
        if let known = self.numbers[id] { return known }
        // Beyond its own limit the statistics count alarms without a name.
        guard self.names.count < AlarmStatistics.alarmCountMax else { return UInt32.max }
        let number = UInt32(self.names.count)
        self.numbers[id] = number
        self.names.append(id)
        return number
    }

    private mutating func begin() {
        self.isInPeriod = true
        if let since { self.statistics.beginPeriod(at: Self.instant(since)) }
        if let first { self.enterDay(of: max(first, self.since ?? first)) }
    }

    private static func instant(_ wall: WallInstant) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: UInt64(max(0, wall.nanoseconds)))
    }

    /// Ends the days up to that of `wall`.
    private mutating func enterDay(of wall: WallInstant) {
        let (number, _) = wall.nanoseconds.flooredQuotientAndRemainder(Self.dayNanoseconds)
        let begin = WallInstant(nanoseconds: number * Self.dayNanoseconds)
        while let day = self.days.last, day.begin < begin {
            let next = WallInstant(nanoseconds: day.begin.nanoseconds + Self.dayNanoseconds)
            let standing = self.statistics.report(at: Self.instant(next)).standing.count
            self.days[self.days.count - 1].standing = standing
            self.days.append(AlarmFigures.Day(begin: next))
            if self.days.count > AlarmFigures.daysMax { self.days.removeFirst() }
        }
        if self.days.isEmpty { self.days.append(AlarmFigures.Day(begin: begin)) }
    }

    mutating func finish(now: WallInstant, missing: UInt64) -> AlarmFigures? {
        guard let first = self.first else { return nil }
        let end = max(now, self.last)
        if !self.isInPeriod { self.begin() }
        self.enterDay(of: end)
        let report = self.statistics.report(at: Self.instant(end))
        if !self.days.isEmpty { self.days[self.days.count - 1].standing = report.standing.count }
        return AlarmFigures(
            begin: max(first, self.since ?? first), end: end, statistics: report, days: self.days,
            missingCount: missing, names: self.names)
    }
}
