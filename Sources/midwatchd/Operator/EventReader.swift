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
    private let kept = Mutex<[LedgerReader]>([])

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
                ?? LedgerReader(directory: self.folder, fromLine: after + 1)
            var events: [EventView] = []
            while events.count < limit {
                // A disk that fails may answer the next time.
                guard let step = try? reader.step(through: newest), let event = Self.view(step)
                else { break }
                events.append(event)
            }
            kept.append(reader)
            if kept.count > Self.readersMax { kept.removeFirst() }
            return events
        }
    }

    /// One event; nil at the end.
    private static func view(_ step: LedgerStep) -> EventView? {
        switch step {
        case .end: return nil
        case .gap(let gap):
            return self.gap(gap.missing, gap.fault?.reason.rawValue ?? "the lines are not there")
        case .line(let line):
            guard let body = try? JSONValue(parsing: line.body.span) else {
                return self.gap(line.n..<line.n + 1, "the body is not JSON")
            }
            return EventView(
                n: line.n,
                written: WallInstant(rfc3339: line.written) ?? WallInstant(nanoseconds: 0),
                body: body)
        }
    }

    /// `missing` is empty if only a link between two lines is broken.
    private static func gap(_ missing: Range<UInt64>, _ reason: String) -> EventView {
        EventView.gap(
            missing, n: missing.upperBound - 1, written: EngineClock.wall(), reason: reason)
    }
}
