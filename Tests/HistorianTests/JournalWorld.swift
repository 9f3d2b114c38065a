// SPDX-License-Identifier: Apache-2.0

import Historian
import Logging
import MidwatchModel

/// Numbers from a seed (xorshift64).
struct SeededRandom {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func below(_ bound: Int) -> Int {
        self.state ^= self.state << 13
        self.state ^= self.state >> 7
        self.state ^= self.state << 17
        return Int(self.state % UInt64(bound))
    }

    mutating func chance(_ percent: Int) -> Bool { self.below(100) < percent }
}

/// A journal in memory that a source reads and a test appends to.
final class MemoryJournal {
    let id = JournalID(high: UInt64.random(in: 1...UInt64.max), low: 7)
    private(set) var records: [(position: Position, slot: Slot)] = []
    /// Index of the oldest record kept.
    var firstKept = 0
    var epoch: UInt32 = 1
    var nextNumber: UInt64 = 1

    func append(_ slot: Slot) {
        self.records.append((Position(epoch: self.epoch, n: self.nextNumber), slot))
        self.nextNumber += 1
    }

    func append(_ head: Slot, payload: String) {
        for slot in ControlRecord.slots(head: head, payload: Array(payload.utf8)) {
            self.append(slot)
        }
    }

    /// Forgets the records from `index` on, as a journal restored from a backup has.
    func truncate(to index: Int) { self.records.removeSubrange(index...) }

    var kept: ArraySlice<(position: Position, slot: Slot)> { self.records[self.firstKept...] }

    /// Index of the first kept record after `position`.
    func index(after position: Position) -> Int {
        var (low, high) = (self.firstKept, self.records.count)
        while low < high {
            let middle = (low + high) / 2
            if self.records[middle].position > position { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

struct MemorySource: ReadingSource {
    struct Failure: Error {}

    let journal: MemoryJournal
    /// Reads that fail before one succeeds.
    var failures = 0

    var journalID: JournalID { self.journal.id }
    var oldestPosition: Position? { self.journal.kept.first?.position }
    var newestPosition: Position? { self.journal.kept.last?.position }

    mutating func next(
        after: Position, max: Int, into input: inout HistorianInput
    ) throws -> ReadingSourceYield {
        if self.failures > 0 {
            self.failures -= 1
            throw Failure()
        }
        let first = self.journal.index(after: after)
        guard first < self.journal.records.count else { return .caughtUp }
        let start = self.journal.records[first].position
        input.epoch = start.epoch
        input.firstN = start.n
        var index = first
        while index < self.journal.records.count, index - first < max,
            self.journal.records[index].position
                == Position(epoch: start.epoch, n: start.n + UInt64(index - first))
        {
            input.slots.append(self.journal.records[index].slot)
            index += 1
        }
        return .slots
    }

    func rewound(from position: Position, records: UInt64) -> Position {
        let index = self.journal.index(after: position) - Int(min(records, 1 << 40)) - 1
        return index < self.journal.firstKept ? .zero : self.journal.records[index].position
    }
}

/// A plant that writes a journal: readings of every doubtful kind, resends, restarts, holes.
struct JournalWorld {
    /// 2026-11-21T00:00:30Z.
    static let wallStart: Int64 = 1_795_219_230_000_000_000

    let journal = MemoryJournal()
    private var random: SeededRandom
    private var clock = MonotonicInstant(nanoseconds: 1_000_000_000_000)
    private let sensorCount: Int
    private var registered = 0
    private var recent: [[Slot]] = []
    private var packet: UInt16 = 0

    init(seed: UInt64, sensorCount: Int = 12) {
        self.random = SeededRandom(seed: seed)
        self.sensorCount = sensorCount
        self.beginRun()
    }

    var now: MonotonicInstant { self.clock }
    var wall: Int64 {
        Self.wallStart + Int64(self.clock.nanoseconds) - 1_000_000_000_000
    }

    mutating func advance(_ nanoseconds: UInt64) {
        self.clock = self.clock.advanced(byNanoseconds: nanoseconds)
    }

    mutating func anchor() {
        var slot = Slot(kind: .clockAnchor, arrival: self.clock)
        slot.sourceTime = self.wall
        self.journal.append(slot)
    }

    mutating func register(_ index: UInt32) {
        var head = Slot(kind: .registerSensor, arrival: self.clock)
        head.sensor = SensorIndex(rawValue: index)
        self.journal.append(head, payload: "plant/line-\(index % 3)/sensor-\(index)/temperature")
    }

    private mutating func beginRun() {
        self.journal.append(Slot(kind: .start, arrival: self.clock))
        self.anchor()
        var source = Slot(
            kind: .registerSource, arrival: self.clock, source: SourceIndex(rawValue: 1))
        source.valueBits = 0
        self.journal.append(source, payload: "mqtt/gateway-1")
    }

    /// Appends about `count` records.
    mutating func run(_ count: Int) {
        let end = self.journal.records.count + count
        while self.journal.records.count < end {
            self.advance(UInt64(self.random.below(60_000_000)))
            switch self.random.below(200) {
            case 0:
                self.journal.epoch += 1
                self.beginRun()
            case 1: self.journal.nextNumber += UInt64(self.random.below(5)) + 1
            case 2...7: self.anchor()
            case 8: self.journal.append(Slot(kind: .tick, arrival: self.clock))
            case 9:
                self.journal.append(
                    Slot(kind: .command, arrival: self.clock),
                    payload: String(repeating: "x", count: self.random.below(300)))
            case 10...30 where self.registered < self.sensorCount:
                self.register(UInt32(self.registered))
                self.registered += 1
            case 31...45 where !self.recent.isEmpty: self.resend()
            default: self.publish()
            }
        }
    }

    private mutating func publish() {
        guard self.registered > 0 else { return }
        self.packet = self.packet % 9 + 1
        let count = self.random.chance(20) ? self.random.below(4) + 1 : 1
        var message: [Slot] = []
        for place in 0..<count {
            var slot = self.reading()
            slot.flags.insert(.acknowledgedDelivery)
            slot.packetIdentifier = self.packet
            slot.payloadHash = UInt64(self.random.below(3))
            slot.aux = UInt64(place)
            slot.payloadHash = message.first?.payloadHash ?? slot.payloadHash
            message.append(slot)
        }
        self.recent.append(message)
        if self.recent.count > 6 { self.recent.removeFirst() }
        for slot in message { self.journal.append(slot) }
    }

    private mutating func resend() {
        for var slot in self.recent[self.random.below(self.recent.count)] {
            slot.flags.insert(.duplicateDelivery)
            slot.arrival = self.clock
            self.journal.append(slot)
        }
    }

    private mutating func reading() -> Slot {
        var slot = Slot(
            reading: Double(self.random.below(1_000)) / 8,
            of: SensorIndex(rawValue: UInt32(self.random.below(self.registered))),
            from: SourceIndex(rawValue: 1), arrival: self.clock, sourceTime: self.wall - 5_000_000)
        switch self.random.below(40) {
        case 0: slot.valueBits = Double.nan.bitPattern
        case 1: slot.valueBits = (-Double.infinity).bitPattern
        case 2: slot.sourceTime = 0
        case 3: slot.sourceTime = self.wall + 3_600_000_000_000
        case 4: slot.sourceTime = self.wall - 600_000_000_000
        case 5: slot.flags.insert(.historical)
        case 6: slot.sourceTime = Slot.noSourceTime
        case 7:
            slot.valueKindRaw = ValueKind.int64.rawValue
            slot.valueBits = UInt64(bitPattern: Int64(self.random.below(100)) - 50)
        case 8:
            slot.valueKindRaw = ValueKind.bool.rawValue
            slot.valueBits = 1
        case 9: slot.qualityRaw = Quality.bad.rawValue
        case 10: slot.qualityRaw = Quality.uncertain.rawValue
        case 11: slot.flags.insert(.canary)
        case 12: slot.valueKindRaw = 99
        default: break
        }
        return slot
    }
}

/// What a historian that is never disturbed would store.
struct ExpectedArchive {
    static let limits = RedeliveryWindow.Limits(
        publishesPerSource: 16, trackedSources: 4, dualHomedReadings: 16, recordSpan: 300)

    var rows: [ArchivedReading] = []
    var minutes: [MinuteRow] = []
    var tally = HistorianBatchBuilder.Tally()

    init(of journal: MemoryJournal) {
        var source = MemorySource(journal: journal)
        var builder = HistorianBatchBuilder(
            cursor: ArchiveCursor(stored: .zero, summarised: .zero, anchor: nil),
            state: ArchiveState(identity: "", cursor: nil, sensors: [], quarantined: []),
            start: .zero, sourceTimes: SourceTimeBounds(), redelivery: Self.limits,
            assumedAnchor: testAnchor, unit: { _ in "" })
        var input = HistorianInput()
        while (try? source.next(after: builder.position, max: 1_000, into: &input)) == .slots {
            builder.feed(input)
            input.slots.removeAll()
        }
        self.rows = builder.rows
        if let last = builder.rows.last { builder.didStore(builder.rows.count, to: last.position) }
        self.minutes = builder.minutes.rows
        self.tally = builder.takeTally()
    }
}

let testAnchor = ClockAnchor(arrival: .zero, wall: JournalWorld.wallStart)

/// Small batches, and delays of milliseconds.
func quickConfiguration(batchRows: Int = 64) -> HistorianConfiguration {
    var configuration = HistorianConfiguration()
    configuration.batchRowsMax = batchRows
    configuration.batchIntervalNanoseconds = 0
    configuration.quietIntervalNanoseconds = 0
    configuration.summaryIntervalNanoseconds = 2_000_000
    configuration.inputRecordsMax = 100
    configuration.redelivery = ExpectedArchive.limits
    configuration.delays.minNanoseconds = 1_000_000
    configuration.delays.maxNanoseconds = 20_000_000
    configuration.delays.longNanoseconds = 20_000_000
    configuration.delays.slowNanoseconds = 20_000_000
    return configuration
}

/// A historian over a journal in memory, driven turn by turn.
func makeHistorian(
    _ journal: MemoryJournal, _ store: any ArchiveStore, batchRows: Int = 64, failures: Int = 0,
    identityFile: ArchiveIdentityFile? = nil, configuration: HistorianConfiguration? = nil,
    progress: StageProgress = .standalone()
) -> Historian<MemorySource> {
    var configuration = configuration ?? quickConfiguration(batchRows: batchRows)
    configuration.identityFile = identityFile
    return Historian(
        configuration: configuration, source: MemorySource(journal: journal, failures: failures),
        store: store, status: HistorianStatus(), progress: progress,
        logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
        assumedAnchor: testAnchor, unit: { $0.hasSuffix("temperature") ? "degC" : "" },
        wallClock: { WallInstant(nanoseconds: JournalWorld.wallStart) })
}
