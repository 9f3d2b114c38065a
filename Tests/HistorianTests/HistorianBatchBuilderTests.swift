// SPDX-License-Identifier: Apache-2.0

import Historian
import MidwatchModel
import Testing

@Suite struct HistorianBatchBuilderTests {
    private static let wall = JournalWorld.wallStart

    private func row(_ slot: Slot, status: SourceTimeStatus = .accepted) -> ArchivedReading {
        ArchivedReading(
            slot, at: Position(epoch: 1, n: 5), arrivalTime: Self.wall, status: status)
    }

    private func reading(_ value: Double, sourceTime: Int64 = Slot.noSourceTime) -> Slot {
        Slot(
            reading: value, of: SensorIndex(rawValue: 0), from: SourceIndex(rawValue: 1),
            arrival: MonotonicInstant(nanoseconds: 5), sourceTime: sourceTime)
    }

    @Test func `rows of Midwatch's own sensors are told from those of the plant`() {
        var builder = HistorianBatchBuilder(
            cursor: ArchiveCursor(stored: .zero, summarised: .zero, anchor: nil),
            state: ArchiveState(identity: "", cursor: nil, sensors: [], quarantined: []),
            start: .zero, sourceTimes: SourceTimeBounds(), redelivery: ExpectedArchive.limits,
            assumedAnchor: testAnchor, unit: { _ in "" })
        func feed(_ criticality: SensorCriticality, n: UInt64) {
            var slot = self.reading(1)
            slot.criticalityRaw = criticality.rawValue
            var input = HistorianInput()
            input.epoch = 1
            input.firstN = n
            input.slots = [slot]
            builder.feed(input)
        }
        // The builder is not copyable, so its answers are taken out first.
        var answers = [builder.holdsPlantRows]
        feed(.own, n: 1)
        answers.append(builder.holdsPlantRows)
        var counts = [builder.ownCount(ofFirst: 1)]
        feed(.normal, n: 2)
        answers.append(builder.holdsPlantRows)
        counts.append(builder.ownCount(ofFirst: 2))
        #expect(answers == [false, false, true])
        #expect(counts == [1, 1])
    }

    @Test func `rows are counted by the source they came from`() {
        var builder = HistorianBatchBuilder(
            cursor: ArchiveCursor(stored: .zero, summarised: .zero, anchor: nil),
            state: ArchiveState(identity: "", cursor: nil, sensors: [], quarantined: []),
            start: .zero, sourceTimes: SourceTimeBounds(), redelivery: ExpectedArchive.limits,
            assumedAnchor: testAnchor, unit: { _ in "" })
        var input = HistorianInput()
        (input.epoch, input.firstN) = (1, 1)
        for source in [3, 3, 7, 3, 3, 3] as [UInt32] {
            var slot = self.reading(1)
            slot.source = SourceIndex(rawValue: source)
            input.slots.append(slot)
        }
        builder.feed(input)
        var runs: [[UInt64]] = []
        builder.forEachRun(ofFirst: 5) { runs.append([UInt64($0.rawValue), $1]) }
        #expect(runs == [[3, 2], [7, 1], [3, 2]])
    }

    @Test(arguments: SourceTimeStatus.allCases)
    func `only an accepted source time becomes the time column`(status: SourceTimeStatus) {
        let row = self.row(self.reading(1, sourceTime: Self.wall - 77), status: status)
        #expect(row.time == (status == .accepted ? Self.wall - 77 : Self.wall))
        #expect(row.slot.sourceTime == Self.wall - 77)
    }

    @Test(arguments: [
        (Int64(86_400_000_000_000), true), (86_400_000_000_001, false), (-1, true),
    ])
    func `a day long closed gets no row, whatever the sender's time`(age: Int64, isFiled: Bool) {
        let row = self.row(self.reading(1, sourceTime: Self.wall - age), status: .accepted)
        #expect(row.time == (isFiled ? Self.wall - age : Self.wall))
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity, .signalingNaN])
    func `what is not a number is stored as bad and without a value`(value: Double) {
        let row = self.row(self.reading(value))
        #expect(!row.hasValue && row.quality == .bad)
        #expect(row.statusCode == StatusCode.badSensorFailure)
    }

    @Test func `every value kind becomes a number`() {
        var slot = self.reading(0)
        slot.valueBits = UInt64(bitPattern: -7)
        slot.valueKindRaw = ValueKind.int64.rawValue
        #expect(self.row(slot).value == -7)
        slot.valueKindRaw = ValueKind.mappedState.rawValue
        #expect(self.row(slot).value == -7)
        slot.valueKindRaw = ValueKind.bool.rawValue
        #expect(self.row(slot).value == 1)
        slot.valueKindRaw = 200
        #expect(!self.row(slot).hasValue)
        slot.valueKindRaw = ValueKind.float64.rawValue
        slot.valueBits = (2.5).bitPattern
        slot.qualityRaw = Quality.uncertain.rawValue
        #expect(self.row(slot).statusCode == StatusCode.uncertain)
    }

    @Test(arguments: [
        (Int32(0), "19700101", "1970-01-01"), (20_778, "20261121", "2026-11-21"),
        (11_016, "20000229", "2000-02-29"), (-1, "19691231", "1969-12-31"),
    ])
    func `days have names and come back from them`(number: Int32, name: String, date: String) {
        let day = ArchiveDay(number: number)
        #expect(day.name == name && day.date == date)
        #expect(ArchiveDay(name: name) == day)
        #expect(ArchiveDay(of: day.start) == day)
        #expect(ArchiveDay(of: day.start - 1) == day.advanced(by: -1))
    }

    @Test(arguments: ["2026112", "20261321", "20260230", "2026112x", "", "+2026112"])
    func `what is no day is none`(name: String) { #expect(ArchiveDay(name: name) == nil) }

    @Test func `a minute row counts every reading and averages the usable ones`() {
        var summary = MinuteSummary()
        var bad = self.row(self.reading(100), status: .absent)
        bad.quality = .bad
        for value in [3.0, 1, 2] { summary.add(self.row(self.reading(value), status: .absent)) }
        summary.add(bad)
        summary.add(self.row(self.reading(.nan), status: .absent))
        var late = self.row(self.reading(9), status: .absent)
        late.time -= 1
        summary.add(late)
        var next = self.row(self.reading(4), status: .absent)
        next.time += 60_000_000_000
        summary.add(next)
        #expect(summary.rows.count == 2)
        let row = summary.rows[0]
        #expect(row.readingCount == 6 && row.valueCount == 4)
        #expect(row.valueMin == 1 && row.valueMax == 9 && row.valueSum == 15)
        #expect(row.valueLast == 2, "the latest by time, not by arrival")
        #expect(row.worstQuality == .bad)
        summary.add(self.row(self.reading(8), status: .absent))
        #expect(summary.rows.count == 2 && summary.rows[0].readingCount == 7)
        summary.removeAll()
        summary.add(self.row(self.reading(8), status: .absent))
        #expect(summary.rows.count == 1 && summary.rows[0].readingCount == 1)
    }

    @Test func `sums of huge values stay finite`() {
        var row = MinuteRow(sensor: SensorIndex(rawValue: 0), minute: 0)
        for _ in 0..<4 { row.add(self.row(self.reading(1e308))) }
        #expect(row.valueSum == MinuteRow.sumMax && row.valueMax == 1e308)
        for _ in 0..<9 { row.add(self.row(self.reading(-1.7e308))) }
        #expect(row.valueSum == -MinuteRow.sumMax)
    }

    @Test func `the world holds every kind of reading that the tests are about`() {
        var world = JournalWorld(seed: 3)
        world.run(6_000)
        let tally = ExpectedArchive(of: world.journal).tally
        #expect(tally.redelivered > 0 && tally.canaries > 0 && tally.implausible > 0)
        #expect(tally.regressed > 0 && tally.historical > 0 && tally.notANumber > 0)
        #expect(tally.recordsMissing > 0 && tally.sensorsRegistered == 12)
        #expect(tally.unregistered == 0)
        #expect(ExpectedArchive(of: world.journal).minutes.count > 20)
    }

    @Test func `a reading of a sensor without registration is kept under a name that says so`() {
        let journal = MemoryJournal()
        journal.append(self.reading(1))
        let expected = ExpectedArchive(of: journal)
        #expect(expected.rows.count == 1 && expected.tally.unregistered == 1)
        #expect(expected.tally.anchorMissing == 1)
    }

    /// Stops after any batch and goes on from the cursor with a new builder.
    @Test(arguments: UInt64(1)...12)
    func `builders that start at a cursor give the rows of one that never stopped`(
        seed: UInt64
    ) throws {
        var world = JournalWorld(seed: seed)
        world.run(3_000)
        let expected = ExpectedArchive(of: world.journal)
        var random = SeededRandom(seed: seed)
        var source = MemorySource(journal: world.journal)
        var state = ArchiveState(identity: "", cursor: nil, sensors: [], quarantined: [])
        var cursor = ArchiveCursor(stored: .zero, summarised: .zero, anchor: nil)
        var rows: [ArchivedReading] = []
        var minutes: [String: Int64] = [:]
        var isAtEnd = false
        while !isAtEnd {
            let start = source.rewound(
                from: cursor.summarised,
                records: HistorianBatchBuilder.rereadRecords(ExpectedArchive.limits))
            var builder = HistorianBatchBuilder(
                cursor: cursor, state: state, start: start, sourceTimes: SourceTimeBounds(),
                redelivery: ExpectedArchive.limits, assumedAnchor: testAnchor, unit: { _ in "" })
            var batches = random.below(12) + 1
            while batches > 0, !isAtEnd {
                var input = HistorianInput()
                isAtEnd =
                    try source.next(
                        after: builder.position, max: random.below(90) + 1, into: &input)
                    == .caughtUp
                builder.feed(input)
                guard builder.position > cursor.stored else { continue }
                batches -= 1
                state.sensors += builder.newSensors
                builder.didRegister()
                rows += builder.rows
                builder.didStore(builder.rows.count, to: builder.position)
                cursor.stored = builder.position
                if random.chance(20), let summary = builder.summary() {
                    Self.apply(summary, to: &minutes, &state)
                    builder.didSummarise(through: summary.through)
                    cursor.summarised = summary.through
                    cursor.anchor = summary.anchor
                }
            }
            if isAtEnd, let summary = builder.summary() {
                Self.apply(summary, to: &minutes, &state)
            }
        }
        #expect(rows.count == expected.rows.count)
        let difference = zip(rows, expected.rows).first { got, wanted in
            got.position != wanted.position || got.time != wanted.time
                || got.sourceTimeStatus != wanted.sourceTimeStatus
        }
        #expect(difference == nil)
        var counts: [String: Int64] = [:]
        for row in expected.minutes {
            counts["\(row.sensor.rawValue) \(row.minute)", default: 0] += row.readingCount
        }
        #expect(minutes == counts)
    }

    private static func apply(
        _ summary: ArchiveSummary, to minutes: inout [String: Int64], _ state: inout ArchiveState
    ) {
        for row in summary.minutes {
            minutes["\(row.sensor.rawValue) \(row.minute)", default: 0] += row.readingCount
        }
        for (sensor, time) in summary.newestSourceTimes {
            for index in state.sensors.indices where state.sensors[index].index == sensor {
                state.sensors[index].newestSourceTime = time
            }
        }
    }
}
