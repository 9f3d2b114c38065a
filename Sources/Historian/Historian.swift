// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Logging
package import MidwatchModel

/// Settings of the historian that do not depend on the store.
package struct HistorianConfiguration: Sendable {
    /// Rows of one transaction at most.
    package var batchRowsMax = 10_000
    /// Longest time a readable record waits for its transaction.
    package var batchIntervalNanoseconds: UInt64 = 250_000_000
    /// The same while nothing of the plant came: readings of own sensors and the cursor can wait.
    package var quietIntervalNanoseconds: UInt64 = 5_000_000_000
    /// Interval of summaries: minute rows and what goes with them.
    package var summaryIntervalNanoseconds: UInt64 = 10_000_000_000
    /// Minute rows held in memory at most; beyond it a summary is written at once.
    package var minuteRowsMax = 50_000
    package var maintenanceIntervalNanoseconds: UInt64 = 60_000_000_000
    /// Journal records read at once.
    package var inputRecordsMax = 8_192
    /// The same bounds as the engine's, and the same limits.
    package var sourceTimes = SourceTimeBounds()
    package var redelivery = RedeliveryWindow.Limits()
    package var delays = HistorianMachine.Delays()
    /// Where the database's identity is remembered; nil: it is not (tests, throw-away archives).
    package var identityFile: ArchiveIdentityFile?

    package init() {}
}

/// Holds the builder, which cannot be copied, where it can be replaced.
final class BuilderBox {
    var builder: HistorianBatchBuilder

    init(_ builder: consuming HistorianBatchBuilder) { self.builder = builder }
}

/// The archive writer: follows the journal and stores every accepted reading exactly once.
///
/// A thin shell: `HistorianBatchBuilder` makes rows, `HistorianMachine` says when to connect, wait
/// and stand still, the store does one transaction at a time. One thread calls `run`; others read
/// `status`.
package final class Historian<Source: ReadingSource> {
    /// Longest sleep between two beats.
    static var pauseMaxNanoseconds: UInt64 { 250_000_000 }
    /// Attempts to make a missing partition before the row is suspected.
    static var partitionAttemptsMax: UInt32 { 3 }
    /// How long stopping waits for the store.
    static var stopGraceNanoseconds: UInt64 { 5_000_000_000 }
    /// Rest between two looks at a journal that had nothing.
    static var idlePauseNanoseconds: UInt64 { 20_000_000 }

    package let status: HistorianStatus
    let configuration: HistorianConfiguration
    var source: Source
    let store: any ArchiveStore
    let progress: StageProgress
    let logger: Logger
    let unit: @Sendable (String) -> String
    let assumedAnchor: ClockAnchor
    let wallClock: () -> WallInstant

    var machine: HistorianMachine
    var box: BuilderBox?
    var input = HistorianInput()
    /// Rows that the next transaction takes: halved when it is refused, grown when it is stored.
    var rowLimit: Int
    var random: UInt64
    var isStopping = false
    /// Whether the last call that failed was one that stores rows.
    var isWritingRows = false
    var lastWrite: UInt64 = 0
    var lastSummary: UInt64 = 0
    var lastMaintenance: UInt64?
    var caughtUpAt: UInt64
    var lastLoggedFailure: (code: String, at: UInt64)?

    /// - Parameters:
    ///   - configuration: Settings.
    ///   - source: Journal records; used on the thread that calls `run` only.
    ///   - store: The archive; likewise.
    ///   - status: What others may know.
    ///   - progress: Beats at least once a second while `run` runs.
    ///   - logger: Life cycle and failures, never a reading.
    ///   - assumedAnchor: Clock relation for readings before the journal's first anchor.
    ///   - unit: Unit of a sensor path, for the archive's sensor table.
    ///   - wallClock: For partitions and retention only.
    package init(
        configuration: HistorianConfiguration, source: Source, store: any ArchiveStore,
        status: HistorianStatus, progress: StageProgress, logger: Logger,
        assumedAnchor: ClockAnchor, unit: @escaping @Sendable (String) -> String,
        wallClock: @escaping () -> WallInstant = { Historian.realTime() }
    ) {
        precondition(configuration.batchRowsMax > 0 && configuration.inputRecordsMax > 0)
        self.configuration = configuration
        self.machine = HistorianMachine(delays: configuration.delays)
        self.source = source
        self.store = store
        self.status = status
        self.progress = progress
        self.logger = logger
        self.unit = unit
        self.assumedAnchor = assumedAnchor
        self.wallClock = wallClock
        self.rowLimit = configuration.batchRowsMax
        self.caughtUpAt = Self.now()
        self.random = Self.now() | 1
    }

    /// Follows the journal until `stop` answers true; then stores what it holds, once.
    ///
    /// Blocks the calling thread. `stop` is asked at least every 250 ms.
    package func run(until stop: @escaping () -> Bool) {
        // A transaction under way may still end; a store that hangs may not hold up the program.
        var stopSeen: UInt64?
        self.store.onWait = { [progress = self.progress] in
            progress.beat()
            guard stop() else { return true }
            let now = Self.now()
            stopSeen = stopSeen ?? now
            return now - (stopSeen ?? now) < Self.stopGraceNanoseconds
        }
        while !stop() {
            var pause = self.turn()
            while pause > 0, !stop() {
                let slice = min(pause, Self.pauseMaxNanoseconds)
                Self.sleep(slice)
                self.progress.beat()
                pause -= slice
            }
        }
        self.finish()
    }

    /// One turn of the loop: at most one transaction of rows.
    ///
    /// - Returns: Nanoseconds that nothing needs doing.
    package func turn() -> UInt64 {
        self.progress.beat()
        let now = Self.now()
        defer { self.publish() }
        switch self.machine.next(now: MonotonicInstant(nanoseconds: now)) {
        case .standStill: return Self.pauseMaxNanoseconds
        case .wait(let until):
            return min(Self.pauseMaxNanoseconds, until.nanoseconds - now)
        case .connect:
            self.progress.attempt()
            self.attempt("connect") { () throws(ArchiveError) in try self.connect() }
            return 0
        case .work:
            self.progress.attempt()
            var pause: UInt64 = 0
            self.attempt("store") { () throws(ArchiveError) in
                pause = try self.work(now: now)
            }
            return pause
        }
    }

    /// Stores what is readable and summarises; called once, when the program stops.
    package func finish() {
        // A server that hangs now must not hold up the program for long.
        let deadline = Self.now() + Self.stopGraceNanoseconds
        self.store.onWait = { Self.now() < deadline }
        self.isStopping = true
        while self.machine.state == .running, Self.now() < deadline, self.turn() == 0 {}
        self.store.close()
        self.publish()
    }

    // MARK: - Connecting

    private func connect() throws(ArchiveError) {
        var state = try self.store.open(journal: self.source.journalID)
        try self.checkIdentity(state)
        if state.cursor == nil {
            try self.store.begin(at: self.firstCursor())
            // Read back: another historian may have begun at the same moment.
            state = try self.store.open(journal: self.source.journalID)
        }
        guard let cursor = state.cursor else { throw Self.stopping(.cursorMissing) }
        try self.check(cursor)
        // The same place as before: what waits in the builder is still right.
        if let known = self.box, known.builder.committed == cursor.stored,
            known.builder.summarised == cursor.summarised
        {
            known.builder.reconcile(with: state)
            self.machine.opened()
            return
        }
        if self.box != nil { self.status.counters.add(.cursorFollowed) }
        self.status.counters.add(.resumed)
        let start = self.source.rewound(
            from: cursor.summarised,
            records: HistorianBatchBuilder.rereadRecords(self.configuration.redelivery))
        self.box = BuilderBox(
            HistorianBatchBuilder(
                cursor: cursor, state: state, start: min(start, cursor.summarised),
                sourceTimes: self.configuration.sourceTimes,
                redelivery: self.configuration.redelivery, assumedAnchor: self.assumedAnchor,
                unit: self.unit))
        self.machine.opened()
        self.logger.info(
            "archive opened",
            metadata: [
                "archive.store": "\(self.store.word)", "archive.cursor": "\(cursor.stored)",
                "archive.summarised": "\(cursor.summarised)",
            ])
    }

    private func checkIdentity(_ state: ArchiveState) throws(ArchiveError) {
        guard let file = self.configuration.identityFile else { return }
        guard let expected = try file.read() else {
            // Before the first batch: a database is never written without being remembered.
            try file.write(state.identity)
            return
        }
        guard expected == state.identity else {
            throw Self.stopping(.identityChanged(expected: expected, found: state.identity))
        }
        // The known database without our cursor: someone removed it, and with it what it said. A
        // begin that failed after the identity was written looks the same and is as harmless as
        // the journal is whole.
        if state.cursor == nil, let oldest = self.source.oldestPosition, oldest.n > 1 {
            throw Self.stopping(.cursorMissing)
        }
    }

    /// Where an archive begins that has never seen this journal.
    private func firstCursor() -> Position {
        guard let oldest = self.source.oldestPosition, oldest.n > 1 else { return .zero }
        // The journal is older than the archive: begin with what it still has.
        return Position(epoch: oldest.epoch, n: oldest.n - 1)
    }

    /// A cursor the journal cannot go on from stops the archive: nothing is guessed.
    private func check(_ cursor: ArchiveCursor) throws(ArchiveError) {
        guard cursor.summarised <= cursor.stored else {
            throw Self.stopping(
                .storeDamaged(detail: "the summarised cursor is after the stored one"))
        }
        let newest = self.source.newestPosition
        if cursor.stored > (newest ?? .zero) {
            throw Self.stopping(.cursorAheadOfJournal(cursor: cursor.stored, newest: newest))
        }
        guard cursor.summarised != .zero else { return }
        if let oldest = self.source.oldestPosition, oldest.n > cursor.summarised.n + 1 {
            throw Self.stopping(
                .cursorOlderThanJournal(cursor: cursor.summarised, oldest: oldest))
        }
    }

    private static func stopping(_ condition: ArchiveCondition) -> ArchiveError {
        ArchiveError(
            .stop(condition), code: condition.word, message: condition.description, action: "open")
    }

    // MARK: - Working

    private func work(now: UInt64) throws(ArchiveError) -> UInt64 {
        guard self.box != nil else {
            throw PostgresError.error(sqlState: nil, message: "no cursor", action: "work")
        }
        if now - (self.lastMaintenance ?? 0) >= self.configuration.maintenanceIntervalNanoseconds
            || self.lastMaintenance == nil
        {
            self.lastMaintenance = now
            self.maintain()
        }
        let isSummaryDue = self.isSummaryDue(now: now)
        // A summary needs every row taken to be stored: read no more until it is written.
        let isDraining = isSummaryDue && self.box.map { $0.builder.position } != self.stored
        let isCaughtUp = isDraining ? false : try self.fill()
        if try self.writeRows(now: now, isCaughtUp: isCaughtUp, isDraining: isDraining) {
            return 0
        }
        if isSummaryDue, try self.writeSummary() { return 0 }
        return isCaughtUp ? Self.idlePauseNanoseconds : 0
    }

    var stored: Position? { self.box?.builder.committed }

    /// Reads until a batch is full; whether the journal has no more now.
    private func fill() throws(ArchiveError) -> Bool {
        var reads = 0
        while let rows = self.box?.builder.rows.count, rows < self.configuration.batchRowsMax {
            // Long re-reads (the redelivery window) must not go on for seconds without a beat.
            if reads == 16 { return false }
            reads += 1
            self.progress.beat()
            self.input.slots.removeAll(keepingCapacity: true)
            do {
                let yield = try self.source.next(
                    after: self.box?.builder.position ?? .zero,
                    max: self.configuration.inputRecordsMax, into: &self.input)
                if yield == .caughtUp { return true }
            } catch {
                throw ArchiveError(
                    .retry, code: "journal", message: "\(error)", action: "read the journal")
            }
            self.box?.builder.feed(self.input)
        }
        return false
    }

    /// Writes one transaction of rows if one is due; whether it did.
    private func writeRows(
        now: UInt64, isCaughtUp: Bool, isDraining: Bool
    ) throws(ArchiveError) -> Bool {
        guard let known = self.box else { return false }
        let (position, committed, count) = (
            known.builder.position, known.builder.committed, known.builder.rows.count
        )
        guard position > committed else { return false }
        let interval =
            known.builder.holdsPlantRows
            ? self.configuration.batchIntervalNanoseconds
            : self.configuration.quietIntervalNanoseconds
        let isDue =
            count >= self.rowLimit || isDraining || now - self.lastWrite >= interval
            || (self.isStopping && isCaughtUp)
        guard isDue else { return false }
        try self.register()
        let taken = min(count, self.rowLimit)
        if taken > 0, let days = self.box?.builder.days(ofFirst: taken) {
            try self.store.prepare(days: days)
        }
        let to = taken == count ? position : (known.builder.rows[taken - 1].position)
        let outcome = try self.writePrefix(taken, from: committed, to: to)
        guard outcome == .stored else {
            self.follow()
            return true
        }
        let ownCount = self.box?.builder.ownCount(ofFirst: taken) ?? 0
        self.box?.builder.forEachRun(ofFirst: taken) { self.status.publish(rows: $1, of: $0) }
        self.box?.builder.didStore(taken, to: to)
        self.lastWrite = Self.now()
        self.didStore()
        self.status.counters.add(.stored, UInt64(taken - ownCount))
        self.status.counters.add(.ownStored, UInt64(ownCount))
        self.status.counters.add(.batches)
        self.rowLimit = min(self.configuration.batchRowsMax, self.rowLimit * 2)
        return true
    }

    /// In a function of its own so that the slice is gone before the builder's rows change: else
    /// the array would be copied.
    private func writePrefix(
        _ count: Int, from: Position, to: Position
    ) throws(ArchiveError) -> ArchiveWriteOutcome {
        self.isWritingRows = true
        let outcome = try self.store.write(
            ArchiveBatch(from: from, to: to, rows: self.box?.builder.rows.prefix(count) ?? []))
        self.isWritingRows = false
        return outcome
    }

    private func register() throws(ArchiveError) {
        guard let known = self.box,
            !known.builder.newSensors.isEmpty || !known.builder.newSources.isEmpty
        else { return }
        try self.store.register(
            sensors: known.builder.newSensors, sources: known.builder.newSources)
        self.box?.builder.didRegister()
    }

    private func isSummaryDue(now: UInt64) -> Bool {
        guard let known = self.box, known.builder.isCaughtUpWithCursor,
            known.builder.position > known.builder.summarised
        else { return false }
        return self.isStopping
            || known.builder.minutes.rows.count >= self.configuration.minuteRowsMax
            || now - self.lastSummary >= self.configuration.summaryIntervalNanoseconds
    }

    /// Writes the summary if every row taken is stored; whether it did.
    private func writeSummary() throws(ArchiveError) -> Bool {
        guard let summary = self.box?.builder.summary(), summary.through > summary.from else {
            return false
        }
        try self.store.prepare(
            days: Set(summary.minutes.map { ArchiveDay(of: $0.minute * 60_000_000_000) }))
        guard try self.store.write(summary) == .stored else {
            self.follow()
            return true
        }
        self.box?.builder.didSummarise(through: summary.through)
        self.lastSummary = Self.now()
        self.didStore()
        self.status.counters.add(.summaries)
        self.status.counters.add(.minuteRows, UInt64(summary.minutes.count))
        return true
    }

    func didStore() {
        self.machine.stored()
        self.status.publish(error: "")
        self.lastLoggedFailure = nil
    }

    /// Someone else moved the cursor: read it again and continue from there.
    func follow() {
        self.machine.failed(
            .reconnect, now: MonotonicInstant(nanoseconds: Self.now()), random: 0)
        self.store.close()
        self.logger.notice("archive cursor moved", metadata: [:])
    }

    private func maintain() {
        do throws(ArchiveError) {
            try self.store.maintain(now: self.wallClock())
        } catch {
            // Rows do not wait for maintenance; a broken connection shows at the next batch.
            self.status.counters.add(.failuresMaintenance)
            self.report(error, "maintain")
        }
    }

    // MARK: - Clock

    static func now() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_BOOTTIME, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// The wall clock.
    package static func realTime() -> WallInstant {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return WallInstant(
            nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    private static func sleep(_ nanoseconds: UInt64) {
        var time = timespec(
            tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        unsafe nanosleep(&time, nil)
    }
}
