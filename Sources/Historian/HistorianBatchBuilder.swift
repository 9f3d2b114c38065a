// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Turns journal records into archive rows.
///
/// Pure: no clock, no I/O.
///
/// It may be fed records from well before the cursor, and has three ranges:
///
///     … warming …  ≤ summarised ≤  … replaying …  ≤ stored <  … building …
///
/// *Warming* fills the redelivery window only. *Replaying* judges readings again, as they were
/// judged when their rows were stored, and puts them into the minute rows that were not written.
/// *Building* makes rows. So every start at a cursor gives the rows and the minutes that a run
/// without a stop would have given.
///
/// Invariants
/// 1. `rows` are the accepted readings after `committed` up to `position`, in order.
/// 2. `minutes`, `newest…` and `anchor` are as of `position` when `rows` is empty; only then may
///    a summary be taken.
package struct HistorianBatchBuilder: ~Copyable {
    /// What happened to records, for the counters.
    package struct Tally: Equatable, Sendable {
        package var redelivered: UInt64 = 0
        package var canaries: UInt64 = 0
        package var implausible: UInt64 = 0
        package var regressed: UInt64 = 0
        package var historical: UInt64 = 0
        package var notANumber: UInt64 = 0
        /// Readings filed by a clock anchor of another run, or by none.
        package var anchorMissing: UInt64 = 0
        /// Readings of a sensor whose registration was lost.
        package var unregistered: UInt64 = 0
        /// Numbers that the journal skipped (a gap record says why).
        package var recordsMissing: UInt64 = 0
        package var sensorsRegistered: UInt64 = 0

        package init() {}
    }

    private struct Sensor {
        var path: String
        var newestSourceTime: Int64?
        var isTouched: Bool
    }

    package private(set) var rows: [ArchivedReading] = []
    package private(set) var minutes = MinuteSummary()
    package private(set) var tally = Tally()
    /// Registrations that the store has not been told of.
    package private(set) var newSensors: [ArchivedSensor] = []
    package private(set) var newSources: [ArchivedSource] = []
    /// Last record taken.
    package private(set) var position: Position
    /// The cursor in the store, as far as this builder knows.
    package private(set) var committed: Position
    package private(set) var summarised: Position
    package private(set) var anchor: ClockAnchor?
    /// Arrival wall time of the last reading taken, nanoseconds since 1970.
    package private(set) var newestArrival: Int64?

    private static let ownRowsLookedAtMax = 512

    private let sourceTimes: SourceTimeBounds
    private let unit: @Sendable (String) -> String
    private let assumedAnchor: ClockAnchor
    private var isAnchorOfThisRun = false
    private let replayThrough: Position
    private var quarantined: Set<Position>
    private var window: RedeliveryWindow
    private var assembler = ControlAssembler()
    private var sensors: [Sensor?] = []
    private var touched: [UInt32] = []

    /// A builder that continues at a cursor.
    ///
    /// - Parameters:
    ///   - cursor: The archive's cursor.
    ///   - state: Sensors and quarantined rows as read with the cursor.
    ///   - start: Position after which the records come that will be fed, at most
    ///     `cursor.summarised`.
    ///   - sourceTimes: What source times are accepted.
    ///   - redelivery: Limits of the redelivery window, the engine's.
    ///   - assumedAnchor: Clock relation for readings before the first anchor of the journal.
    ///   - unit: Unit of a sensor path, for the archive's sensor table.
    package init(
        cursor: ArchiveCursor, state: ArchiveState, start: Position,
        sourceTimes: SourceTimeBounds, redelivery: RedeliveryWindow.Limits,
        assumedAnchor: ClockAnchor, unit: @escaping @Sendable (String) -> String
    ) {
        precondition(start <= cursor.summarised, "start is after the summarised cursor")
        precondition(cursor.summarised <= cursor.stored, "summarised is after stored")
        self.position = start
        self.committed = cursor.stored
        self.summarised = cursor.summarised
        self.replayThrough = cursor.stored
        self.anchor = cursor.anchor
        self.quarantined = state.quarantined
        self.sourceTimes = sourceTimes
        self.assumedAnchor = assumedAnchor
        self.unit = unit
        self.window = RedeliveryWindow(limits: redelivery)
        for sensor in state.sensors where Self.isPlausible(sensor.index) {
            self.setSensor(
                sensor.index,
                Sensor(
                    path: sensor.path, newestSourceTime: sensor.newestSourceTime, isTouched: false))
        }
    }

    /// Records before the summarised cursor that must be fed for verdicts to be right.
    package static func rereadRecords(_ limits: RedeliveryWindow.Limits) -> UInt64 {
        limits.recordSpan + UInt64(SystemLimits.readingsPerMessageMax)
    }

    /// Whether every stored record has been seen again.
    package var isCaughtUpWithCursor: Bool { self.position >= self.replayThrough }

    /// Takes the next records.
    ///
    /// Records not after `position` are ignored. A hole in the numbers is counted.
    package mutating func feed(_ input: borrowing HistorianInput) {
        let first = Position(epoch: input.epoch, n: input.firstN)
        if first > self.position, self.position != .zero, input.firstN > self.position.n + 1,
            first > self.replayThrough
        {
            self.tally.recordsMissing += input.firstN - self.position.n - 1
        }
        var n = input.firstN
        for slot in input.slots {
            let at = Position(epoch: input.epoch, n: n)
            n += 1
            guard at > self.position else { continue }
            if slot.kindRaw == SlotKind.reading.rawValue {
                self.takeReading(slot, at: at)
            } else {
                self.takeControl(slot, at: at)
            }
            self.position = at
        }
    }

    /// The first `count` rows were stored, with the cursor at `to`.
    package mutating func didStore(_ count: Int, to: Position) {
        for row in self.rows.prefix(count) { self.minutes.add(row) }
        self.didSettle(count, to: to)
    }

    /// The first row went to quarantine, with the cursor at its position.
    package mutating func didQuarantineFirst() {
        guard let row = self.rows.first else { return }
        self.quarantined.insert(row.position)
        self.didSettle(1, to: row.position)
    }

    /// The summary was written.
    package mutating func didSummarise(through: Position) {
        precondition(self.rows.isEmpty && through == self.committed)
        self.summarised = through
        self.minutes.removeAll()
        self.quarantined.removeAll()
        for index in self.touched { self.sensors[Int(index)]?.isTouched = false }
        self.touched.removeAll(keepingCapacity: true)
    }

    /// Drops the registrations that the store turns out to know: its answer to them was lost.
    package mutating func reconcile(with state: ArchiveState) {
        guard !self.newSensors.isEmpty || !self.newSources.isEmpty else { return }
        let paths = Dictionary(
            state.sensors.map { ($0.index, $0.path) }, uniquingKeysWith: { $1 })
        self.newSensors.removeAll { paths[$0.index] == $0.path }
        self.newSources.removeAll { state.sources.contains($0) }
    }

    /// The store knows the new sensors and sources.
    package mutating func didRegister() {
        self.newSensors.removeAll()
        self.newSources.removeAll()
    }

    /// Minute rows and newest source times as of the stored cursor; nil while rows wait.
    package func summary() -> ArchiveSummary? {
        guard self.rows.isEmpty, self.committed == self.position else { return nil }
        var newest: [(sensor: SensorIndex, sourceTime: Int64)] = []
        for index in self.touched {
            if let time = self.sensors[Int(index)]?.newestSourceTime {
                newest.append((SensorIndex(rawValue: index), time))
            }
        }
        return ArchiveSummary(
            from: self.summarised, through: self.committed, minutes: self.minutes.rows,
            newestSourceTimes: newest, anchor: self.anchor)
    }

    /// Days that the first `count` rows fall on.
    package func days(ofFirst count: Int) -> Set<ArchiveDay> {
        var days: Set<ArchiveDay> = []
        var last: ArchiveDay?
        for row in self.rows.prefix(count) {
            let day = ArchiveDay(of: row.time)
            if day != last {
                days.insert(day)
                last = day
            }
        }
        return days
    }

    /// Whether a row that waits is of the plant and not of Midwatch's own sensors.
    ///
    /// Many rows are never of own sensors alone.
    package var holdsPlantRows: Bool {
        let count = self.rows.count
        return count > Self.ownRowsLookedAtMax || self.ownCount(ofFirst: count) < count
    }

    /// How many of the first `count` rows are of Midwatch's own sensors.
    package func ownCount(ofFirst count: Int) -> Int {
        let own = SensorCriticality.own.rawValue
        return self.rows.prefix(count).count { $0.slot.criticalityRaw == own }
    }

    /// Runs of rows of one source among the first `count`.
    package func forEachRun(ofFirst count: Int, _ body: (SourceIndex, UInt64) -> Void) {
        var run: (source: SourceIndex, count: UInt64) = (.own, 0)
        for row in self.rows.prefix(count) {
            if row.slot.source != run.source, run.count > 0 {
                body(run.source, run.count)
                run.count = 0
            }
            run = (row.slot.source, run.count + 1)
        }
        if run.count > 0 { body(run.source, run.count) }
    }

    /// What the builder counted since the last call.
    package mutating func takeTally() -> Tally {
        let tally = self.tally
        self.tally = Tally()
        return tally
    }

    // MARK: - Private

    private mutating func didSettle(_ count: Int, to: Position) {
        precondition(count <= self.rows.count && to > self.committed && to <= self.position)
        if count == self.rows.count {
            self.rows.removeAll(keepingCapacity: true)
        } else {
            self.rows.removeFirst(count)
        }
        self.committed = to
    }

    private mutating func takeReading(_ slot: Slot, at: Position) {
        guard !slot.flags.contains(.canary) else {
            if at > self.replayThrough { self.tally.canaries += 1 }
            return
        }
        let verdict = self.window.judge(slot, n: at.n)
        guard at > self.summarised else { return }
        let isNew = at > self.replayThrough
        guard verdict == .firstDelivery else {
            if isNew { self.tally.redelivered += 1 }
            return
        }
        guard Self.isPlausible(slot.sensor) else {
            // Only damage gives such an index: no sensor to file it under.
            if isNew { self.tally.unregistered += 1 }
            return
        }
        self.ensureSensor(slot.sensor, isNew: isNew)
        let arrival = self.wallTime(of: slot.arrival, isNew: isNew)
        let index = Int(slot.sensor.rawValue)
        let status = self.sourceTimes.status(
            of: slot.sourceTime, arrivalWall: arrival,
            newestAccepted: self.sensors[index]?.newestSourceTime ?? Slot.noSourceTime,
            isHistorical: slot.flags.contains(.historical))
        if status == .accepted { self.touch(index, sourceTime: slot.sourceTime) }
        let row = ArchivedReading(slot, at: at, arrivalTime: arrival, status: status)
        if isNew {
            self.count(row)
            self.rows.append(row)
            self.newestArrival = max(self.newestArrival ?? arrival, arrival)
        } else if !self.quarantined.contains(at) {
            self.minutes.add(row)
        }
    }

    private mutating func count(_ row: ArchivedReading) {
        if !row.hasValue { self.tally.notANumber += 1 }
        switch row.sourceTimeStatus {
        case .absent, .accepted: break
        case .implausible: self.tally.implausible += 1
        case .regressed: self.tally.regressed += 1
        case .historical: self.tally.historical += 1
        }
    }

    private mutating func touch(_ index: Int, sourceTime: Int64) {
        self.sensors[index]?.newestSourceTime = sourceTime
        guard self.sensors[index]?.isTouched == false else { return }
        self.sensors[index]?.isTouched = true
        self.touched.append(UInt32(index))
    }

    private mutating func wallTime(of instant: MonotonicInstant, isNew: Bool) -> Int64 {
        if !self.isAnchorOfThisRun, isNew { self.tally.anchorMissing += 1 }
        return (self.anchor ?? self.assumedAnchor).wallTime(of: instant)
    }

    /// Sensors of damaged journals may have lost their registration; their readings are kept.
    private mutating func ensureSensor(_ sensor: SensorIndex, isNew: Bool) {
        let index = Int(sensor.rawValue)
        if index < self.sensors.count, self.sensors[index] != nil { return }
        self.register(sensor, path: "unregistered/\(index)")
        if isNew { self.tally.unregistered += 1 }
    }

    private mutating func takeControl(_ slot: Slot, at: Position) {
        // The assembler needs every control slot; what a record means counts past the summary.
        guard let record = self.assembler.push(slot, n: at.n) else { return }
        guard let kind = record.head.kind else { return }
        switch kind {
        case .registerSensor:
            let path = String(decoding: record.payload, as: UTF8.self)
            if Self.isPlausible(record.head.sensor), SensorID(path) != nil {
                self.register(record.head.sensor, path: path)
            }
        case .registerSource:
            if at > self.replayThrough {
                let name = String(
                    decoding: record.payload.filter { $0 >= 0x20 }, as: UTF8.self)
                self.newSources.append(
                    ArchivedSource(index: record.head.source, name: name))
            }
        case .clockAnchor where at > self.summarised:
            self.anchor = ClockAnchor(arrival: record.head.arrival, wall: record.head.sourceTime)
            self.isAnchorOfThisRun = true
        case .start where at > self.summarised:
            // Engine time goes on over a restart, but not by the wall clock: until the new run's
            // first anchor the old relation is only a guess, and counted.
            self.isAnchorOfThisRun = false
        case .empty, .reading, .continuation, .command, .configuration, .clockAnchor, .clockStep,
            .lagObserved, .lossObserved, .start, .stop, .tick, .gap, .sourceEvidence, .padding,
            .sessionBegin, .sessionChange:
            break
        }
    }

    private mutating func register(_ sensor: SensorIndex, path: String) {
        let index = Int(sensor.rawValue)
        if index < self.sensors.count, let known = self.sensors[index] {
            guard known.path != path else { return }
            self.sensors[index]?.path = path
        } else {
            self.setSensor(sensor, Sensor(path: path, newestSourceTime: nil, isTouched: false))
        }
        self.tally.sensorsRegistered += 1
        self.newSensors.append(ArchivedSensor(index: sensor, path: path, unit: self.unit(path)))
    }

    private mutating func setSensor(_ index: SensorIndex, _ sensor: Sensor) {
        while self.sensors.count <= Int(index.rawValue) { self.sensors.append(nil) }
        self.sensors[Int(index.rawValue)] = sensor
    }

    private static func isPlausible(_ sensor: SensorIndex) -> Bool {
        Int(sensor.rawValue) < SystemLimits.sensorCountMax
    }
}
