// SPDX-License-Identifier: Apache-2.0

import JSONText
import Journal
import Logging
import MidwatchModel
import Synchronization

/// Who came, read, failed to log in, and what was tried to deliver.
///
/// The log has the ledger's format, a chain of its own, and a bound: the oldest files go. Accesses
/// are counted per address and written once a minute; attempts are written one by one. Its head
/// stands in the ledger, so that a log that was cut off or written anew is found out.
final class AccessLog: Sendable {
    /// Files of 1 MiB that are kept.
    static let fileCountMax = 64
    private static let waitingCountMax = 8_192
    /// Records that are not waited for: fewer are written together, within a quarter of a second, so
    /// that the syncs of journal and ledger, which alerts wait for, seldom stand behind one of these.
    private static let batchCount = 512
    private static let gatherNanoseconds: UInt64 = 250_000_000
    private static let summaryNanoseconds: UInt64 = 60_000_000_000
    private static let anchorNanoseconds: UInt64 = 86_400_000_000_000
    /// A stop waits this long for the disk.
    private static let stopNanoseconds: UInt64 = 3_000_000_000

    private let writer: LedgerWriter
    private let clock: EngineClock
    private let logger: Logger
    private let ledger = Mutex<LedgerLoop?>(nil)
    private let waiting = Mutex<[[UInt8]]>([])
    private let tally = Mutex(AccessTally())
    private let lost = Atomic<UInt64>(0)
    private let written = Atomic<UInt64>(0)
    private let failing = Atomic<Bool>(false)
    private let wake = WakeWord()
    private let ended = WakeWord()
    private let stop = StopFlag()

    /// How its writer is opened.
    static let options = LedgerOptions(fileBytes: 1 << 20, fileCountMax: AccessLog.fileCountMax)

    init(writer: LedgerWriter, clock: EngineClock, logger: Logger) {
        self.writer = writer
        self.clock = clock
        self.logger = logger
    }

    /// The ledger that the head is anchored in.
    func attach(_ ledger: LedgerLoop) { self.ledger.withLock { $0 = ledger } }

    /// Records that found no place here.
    var lostCount: UInt64 { self.lost.load(ordering: .relaxed) }

    /// Records made durable since the start.
    var writtenCount: UInt64 { self.written.load(ordering: .relaxed) }

    /// Whether the disk does not take the last records.
    var isFailing: Bool { self.failing.load(ordering: .relaxed) }

    /// Counts an access.
    ///
    /// Any thread, event loops included: one short lock, no disk.
    func count(_ event: AccessEvent) { self.tally.withLock { $0.add(event) } }

    /// Takes a record of its own.
    ///
    /// Any thread; returns at once.
    func note(_ body: [UInt8]) {
        let (isTaken, isMany) = self.waiting.withLock { waiting in
            guard waiting.count < Self.waitingCountMax else { return (false, true) }
            waiting.append(body)
            return (true, waiting.count >= Self.batchCount)
        }
        if !isTaken { self.lost.wrappingAdd(1, ordering: .relaxed) }
        if isMany { self.wake.wake() }
    }

    func start() { LoopThread.detach("access-log") { self.run() } }

    /// Writes what waits and anchors the head in the ledger, which must still run.
    ///
    /// Returns after `stopNanoseconds` at the latest: a disk that hangs keeps its thread, not the
    /// stop.
    func finish() {
        self.stop.set()
        self.wake.wake()
        self.ended.sleep(nanoseconds: Self.stopNanoseconds)
    }

    // MARK: The thread

    private func run() {
        var summaryAt = self.clock.now().advanced(byNanoseconds: Self.summaryNanoseconds)
        var anchorAt = summaryAt
        while true {
            let isStopping = self.stop.isSet
            let now = self.clock.now()
            var bodies = self.waiting.withLock { waiting in
                let taken = waiting
                waiting = []
                return taken
            }
            if isStopping || now >= summaryAt {
                summaryAt = now.advanced(byNanoseconds: Self.summaryNanoseconds)
                bodies += self.summaries()
            }
            self.write(bodies, now: now)
            if isStopping || now >= anchorAt {
                anchorAt = now.advanced(byNanoseconds: Self.anchorNanoseconds)
                self.anchor()
            }
            if isStopping { return self.ended.wake() }
            let next = min(summaryAt.nanosecondsSince(now), Self.gatherNanoseconds)
            self.wake.sleep(nanoseconds: max(next, 1_000_000))
        }
    }

    private func write(_ bodies: [[UInt8]], now: MonotonicInstant) {
        for body in bodies {
            do throws(LedgerError) {
                _ = try self.writer.append(body: body, written: EngineClock.wall())
            } catch {
                self.lost.wrappingAdd(1, ordering: .relaxed)
            }
        }
        guard self.writer.pendingCount > 0 else { return }
        let outcome = self.writer.commit(now: now)
        self.written.wrappingAdd(UInt64(outcome.lineCount), ordering: .relaxed)
        let isFailing = self.writer.pendingCount > 0
        guard self.failing.exchange(isFailing, ordering: .relaxed) != isFailing else { return }
        self.logger.log(
            level: isFailing ? .error : .notice,
            isFailing ? "access log not written" : "access log written again",
            metadata: ["error": "\(outcome.error.map { "\($0)" } ?? "none")"])
    }

    private func summaries() -> [[UInt8]] {
        let rows = self.tally.withLock { $0.take() }
        return rows.map { row, count in
            var json = JSONWriter()
            json.object { json in
                json.field("kind", "accessSummary")
                json.field("access", row.kind.rawValue)
                json.field("listener", row.listener)
                json.field("address", row.address)
                json.field("user", row.user)
                json.field("count", count.total)
                json.objectField("details") { json in
                    for (detail, count) in count.details.sorted(by: { $0.key < $1.key }) {
                        json.field(detail, count)
                    }
                }
            }
            return json.bytes
        }
    }

    /// Puts number and hash of the last durable record into the ledger.
    private func anchor() {
        let head = self.writer.head
        guard head.n > 0 else { return }
        var json = JSONWriter()
        json.object { json in
            json.field("kind", "accessLogAnchored")
            json.field("record", head.n)
            json.field("hash", HexDigits.text(head.hash))
            json.field("lost", self.lostCount)
        }
        self.ledger.withLock { $0 }?.note(json.bytes)
    }
}
