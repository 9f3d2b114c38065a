// SPDX-License-Identifier: Apache-2.0

import JSONText
import Journal
import MidwatchModel
import OperatorViews
import Synchronization

/// Ledger records as operators see them, read from the files.
///
/// Blocks as long as the disk does: `FileReadThread` alone calls it. A stream asks for what follows
/// its last record, so readers that stand there are kept; otherwise each question would begin at the
/// first line of a file of 64 MiB.
final class EventReader: Sendable {
    /// Readers that are kept.
    private static let readersMax = 8

    private let folder: String
    private let kept = Mutex<[LedgerWithGaps]>([])

    init(folder: String) { self.folder = folder }

    /// Records behind `after` up to `newest`, at most `limit`.
    ///
    /// Lines that cannot be read are one event of the kind `ledgerGap`, numbered as the last of
    /// them: who resumes behind it goes on with what can be read.
    func events(after: UInt64, through newest: UInt64, limit: Int) -> [EventView] {
        self.kept.withLock { kept in
            let index = kept.firstIndex { $0.nextN == after + 1 }
            let reader =
                index.map { kept.remove(at: $0) }
                ?? LedgerWithGaps(folder: self.folder, after: after)
            var events: [EventView] = []
            while events.count < limit, let item = reader.next(through: newest) {
                events.append(Self.view(item))
            }
            kept.append(reader)
            if kept.count > Self.readersMax { kept.removeFirst() }
            return events
        }
    }

    private static func view(_ item: LedgerWithGaps.Item) -> EventView {
        switch item {
        case .gap(let gap): return self.view(of: gap)
        case .line(let line):
            guard let body = try? JSONValue(parsing: line.body.span) else {
                return self.view(
                    of: LedgerWithGaps.Gap(lines: line.n...line.n, reason: "the body is not JSON"))
            }
            return EventView(
                n: line.n,
                written: WallInstant(rfc3339: line.written) ?? WallInstant(nanoseconds: 0),
                body: body)
        }
    }

    private static func view(of gap: LedgerWithGaps.Gap) -> EventView {
        EventView(
            n: gap.lines.upperBound, written: EngineClock.wall(),
            body: .object([
                ("kind", .string("ledgerGap")),
                ("from", .integer(Int64(clamping: gap.lines.lowerBound))),
                ("through", .integer(Int64(clamping: gap.lines.upperBound))),
                ("reason", .string(gap.reason)),
            ]))
    }
}
