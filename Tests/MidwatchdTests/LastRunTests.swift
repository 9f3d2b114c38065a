// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Glibc
import Journal
import MidwatchModel
import StateFolder
import Testing
import Vitals

@testable import midwatchd

/// What a start makes of what the run before left.
@Suite struct LastRunTests {
    private static let options = JournalOptions(
        segmentBytes: 1 << 20, stagingBytes: JournalStaging.slotCountMin * 64)

    /// A journal with `count` readings of one run, every tenth the canary's.
    private static func journal(_ folder: String, readings count: Int) throws -> JournalReport {
        let open = try Journal.open(directory: folder, options: Self.options)
        var n = open.report.nextN
        var left = count
        while left > 0 {
            let slots = (0..<min(left, 1_000)).map { index in
                var slot = Slot(
                    reading: 1, of: SensorIndex(rawValue: 0), from: .own,
                    arrival: MonotonicInstant(nanoseconds: n + UInt64(index)))
                if (n + UInt64(index)) % 10 == 0 { slot.flags.insert(.canary) }
                return slot
            }
            let outcome = unsafe slots.withUnsafeBufferPointer {
                unsafe open.staging.append($0, firstN: n, now: .zero)
            }
            n += UInt64(outcome.consumedCount)
            left -= outcome.consumedCount
            _ = open.committer.commit(now: .zero)
        }
        while open.staging.status.stagedCount > 0 { _ = open.committer.commit(now: .zero) }
        return open.report
    }

    private static func run(
        _ counters: [RunCounter: UInt64], epoch: UInt32, through: UInt64
    ) throws -> VitalsPage.PreviousRun {
        let folder = TemporaryFolder()
        let path = folder.file("vitals")
        do {
            let page = try VitalsPage.create(path: path, wall: WallInstant(nanoseconds: 1))
            page.epoch = epoch
            for (counter, value) in counters { page.set(counter, value) }
            page.durableThrough = through
        }
        let next = try VitalsPage.create(path: path, wall: WallInstant(nanoseconds: 2))
        return try #require(next.previousRun)
    }

    @Test func `what a crash took is what arrived and is nowhere`() throws {
        let folder = TemporaryFolder()
        let first = try Self.journal(folder.file("journal"), readings: 1_000)
        let end = first.nextN + 1_000
        // The run lived to count the commits up to number 601: 540 readings without the canary's.
        let run = try Self.run(
            [.received: 1_100, .rejected: 30, .shed: 20, .unrecorded: 10, .durable: 540],
            epoch: first.epoch, through: 601)
        let loss = try #require(
            CrashLoss.of(run, journalFolder: folder.file("journal"), nextN: end))
        #expect(loss == CrashLoss(epoch: 1, count: 1_100 - 60 - 900, isLowerBound: false))
        let record = try #require(loss.record(at: .zero))
        #expect(record.kind == .lossObserved && record.signedValue == 140 && record.aux == 4)
        #expect(CrashLoss.metrics(loss).map(\.value) == [140])
    }

    @Test func `an ordered end took nothing, and a page of no run says nothing`() throws {
        let folder = TemporaryFolder()
        let first = try Self.journal(folder.file("journal"), readings: 100)
        let end = first.nextN + 100
        var run = try Self.run(
            [.received: 95, .rejected: 5, .durable: 90], epoch: first.epoch, through: end)
        let loss = try #require(
            CrashLoss.of(run, journalFolder: folder.file("journal"), nextN: end))
        #expect(loss.count == 0 && loss.record(at: .zero) == nil)
        run = try Self.run([.received: 95], epoch: 0, through: 1)
        #expect(CrashLoss.of(run, journalFolder: folder.file("journal"), nextN: end) == nil)
        run = try Self.run([.received: 95], epoch: first.epoch, through: 0)
        #expect(CrashLoss.of(run, journalFolder: folder.file("journal"), nextN: end) == nil)
        #expect(CrashLoss.of(nil, journalFolder: folder.file("journal"), nextN: end) == nil)
    }

    @Test func `a long recovery moves all the time`() throws {
        let folder = TemporaryFolder()
        let count = 100_000
        _ = try Self.journal(folder.file("journal"), readings: count)
        let page = try VitalsPage.create(
            path: folder.file("vitals"), wall: WallInstant(nanoseconds: 1))
        let ledger = try LedgerWriter.open(directory: folder.file("ledger")).writer
        let before = page.phaseProgress
        var options = Self.options
        options.verifyFrom = Position(epoch: 1, n: 1)
        let recovered = try Recovery(
            journalFolder: folder.file("journal"), checkpointFolder: folder.file("checkpoints"),
            options: options, ledgerHolds: nil, catchUp: LedgerCatchUp(writer: ledger),
            book: { _ in nil }, logger: Quiet.logger, vitals: page
        ).run()
        let replayed = recovered.replayedCount
        #expect(replayed == UInt64(count))
        let end = recovered.journal.report.nextN
        #expect(page.phase == .recovering(done: end, total: end))
        // Once while the journal is opened, once while it is replayed: a sign of movement for every
        // batch, far apart only if one batch takes as long as the watchdog waits.
        let moves = page.phaseProgress - before
        #expect(moves >= UInt64(count / 16_384 + 2 * (count / 4_096)))
    }

    // MARK: - The ledger at the start

    private static func ledger(
        _ folder: String, decisions: [UInt64], lines: UInt64
    ) throws -> LedgerWriter {
        let writer = try LedgerWriter.open(directory: folder).writer
        let wanted = Set(decisions)
        for n in 1...lines {
            let body =
                wanted.contains(n)
                ? "{\"decision\":\"1:\(n).0\",\"kind\":\"alarmRaised\"}"
                : "{\"kind\":\"alertDelivered\",\"n\":\(n)}"
            _ = try writer.append(body: Array(body.utf8), written: WallInstant(nanoseconds: 0))
            if n % 4_096 == 0 { _ = writer.commit(now: .zero) }
        }
        #expect(writer.commit(now: .zero).durableThrough == lines)
        return writer
    }

    @Test(arguments: [[1], [1, 40], [29_000], [1, 29_999], []] as [[UInt64]])
    func `the newest decision is found however far back it is`(_ decisions: [UInt64]) throws {
        let folder = TemporaryFolder()
        _ = try Self.ledger(folder.file("ledger"), decisions: decisions, lines: 30_000)
        let last = LedgerCatchUp.lastDecision(folder: folder.file("ledger"), newest: 30_000)
        #expect(last?.position.n == decisions.max())
    }

    @Test func `late decisions are in the ledger, and not in memory`() throws {
        let folder = TemporaryFolder()
        let writer = try LedgerWriter.open(directory: folder.file("ledger")).writer
        var moves = 0
        let catchUp = LedgerCatchUp(writer: writer) { moves += 1 }
        for n in 1...5_000 {
            catchUp.append(Array("{\"decision\":\"1:\(n).0\"}".utf8), now: .zero)
            #expect(catchUp.waiting.count <= 1_024)
        }
        catchUp.commit(now: .zero)
        #expect(catchUp.waiting.isEmpty && catchUp.appendedCount == 5_000)
        #expect(writer.head.n == 5_000 && moves == 5)
    }

    @Test(.enabled(if: unsafe getenv("MIDWATCH_MEASURE") != nil))
    func `measure a start with a gigabyte of ledger`() throws {
        let folder = TemporaryFolder()
        let path = folder.file("ledger")
        let writer = try LedgerWriter.open(directory: path).writer
        let filler = String(repeating: "x", count: 700)
        let lines: UInt64 = 1_150_000
        for n in 1...lines {
            // One decision at the very start, then outcomes only: the worst there is.
            let body = n == 1 ? "{\"decision\":\"1:1.0\"}" : "{\"n\":\(n),\"text\":\"\(filler)\"}"
            _ = try writer.append(body: Array(body.utf8), written: WallInstant(nanoseconds: 0))
            if n % 8_192 == 0 { _ = writer.commit(now: .zero) }
        }
        _ = writer.commit(now: .zero)
        func seconds(_ body: () throws -> Void) rethrows -> Double {
            let began = EngineClock.running()
            try body()
            return Double(EngineClock.running() - began) / 1e9
        }
        let worst = seconds {
            #expect(LedgerCatchUp.lastDecision(folder: path, newest: lines)?.position.n == 1)
        }
        let reader = try seconds {
            let line = try LedgerReader(directory: path, fromLine: lines / 2).next()
            #expect(line?.n == lines / 2)
        }
        print("FIGURE ledger of \(lines) lines: last decision \(worst) s, one line \(reader) s")
    }
}
