// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import JSONText
import Journal
import MidwatchModel

/// Decisions that the crash before this start kept from the ledger: appended while they are made
/// again, so that no more of them are in memory than wait for the disk.
///
/// A full disk must not keep the monitor from starting, so nothing here throws.
final class LedgerCatchUp {
    /// One record that the disk has not taken yet.
    struct Entry: Sendable {
        /// 0 if the writer has no room for it either.
        var n: UInt64
        var body: [UInt8]
    }

    /// Records of one commit.
    private static let batchMax = 1_024
    /// Records that are kept for delivery while the disk takes none.
    static let waitingMax = 65_536

    private let writer: LedgerWriter
    private let moved: () -> Void
    /// In order: what is not durable.
    private(set) var waiting: [Entry] = []
    private(set) var appendedCount: UInt64 = 0
    /// Decisions that the ledger will not have: the writer had no room.
    private(set) var refusedCount: UInt64 = 0

    /// `moved` is called when a commit is done.
    init(writer: LedgerWriter, moved: @escaping () -> Void = {}) {
        self.writer = writer
        self.moved = moved
    }

    /// Appends one decision's record.
    func append(_ body: [UInt8], now: MonotonicInstant) {
        let n = try? self.writer.append(body: body, written: EngineClock.wall())
        if n == nil { self.refusedCount += 1 } else { self.appendedCount += 1 }
        if self.waiting.count < Self.waitingMax {
            self.waiting.append(Entry(n: n ?? 0, body: body))
        }
        if self.writer.pendingCount % Self.batchMax == 0 { self.commit(now: now) }
    }

    /// Makes durable what can be; the rest stays with the writer and in `waiting`.
    func commit(now: MonotonicInstant) {
        guard self.writer.pendingCount > 0 else { return }
        let through = self.writer.commit(now: now).durableThrough
        self.waiting.removeAll { $0.n > 0 && $0.n <= through }
        self.moved()
    }

    // MARK: - What the ledger has

    /// Lines that are looked through at a time, from the end backwards.
    private static let firstBlock: UInt64 = 4_096
    private static let furtherBlock: UInt64 = 65_536

    /// The newest decision on recorded input that the ledger holds.
    ///
    /// Every line is read once, and of many only those behind that decision; damage is passed.
    /// `moved` is told the number of a line now and then.
    static func lastDecision(
        folder: String, newest: UInt64, moved: (_ n: UInt64) -> Void = { _ in }
    ) -> DecisionID? {
        var end = newest
        var size = Self.firstBlock
        while end > 0 {
            let first = end > size ? end - size + 1 : 1
            let reader = LedgerReader(directory: folder, fromLine: first)
            var last: DecisionID?
            read: while true {
                switch try? reader.step(through: end) {
                case .line(let line):
                    if line.n % 1_024 == 0 { moved(line.n) }
                    guard let id = Self.decision(line) else { continue }
                    last = last.map { max($0, id) } ?? id
                case .gap: continue
                case .end, nil: break read
                }
            }
            if last != nil { return last }
            end = first - 1
            size = Self.furtherBlock
        }
        return nil
    }

    private static func decision(_ line: LedgerLine) -> DecisionID? {
        guard let body = try? JSONValue(parsing: line.body.span), body["unrecordedInput"] == nil
        else { return nil }
        return body["decision"]?.string.flatMap { DecisionID($0) }
    }
}
