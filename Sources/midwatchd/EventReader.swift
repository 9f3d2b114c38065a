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
    private let readers = Mutex<[LedgerReader]>([])

    init(folder: String) { self.folder = folder }

    /// Records behind `after` up to `newest`, at most `limit`.
    func events(after: UInt64, through newest: UInt64, limit: Int) -> [EventView] {
        let reader = self.take(from: after + 1)
        var events: [EventView] = []
        while events.count < limit, let line = try? reader.next(through: newest) {
            guard let body = try? JSONValue(parsing: line.body.span) else { continue }
            events.append(
                EventView(
                    n: line.n,
                    written: WallInstant(rfc3339: line.written) ?? WallInstant(nanoseconds: 0),
                    body: body))
        }
        self.keep(reader)
        return events
    }

    private func take(from n: UInt64) -> LedgerReader {
        let kept = self.readers.withLock { readers -> LedgerReader? in
            guard let index = readers.firstIndex(where: { $0.nextN == n }) else { return nil }
            return readers.remove(at: index)
        }
        return kept ?? LedgerReader(directory: self.folder, fromLine: n)
    }

    private func keep(_ reader: LedgerReader) {
        self.readers.withLock { readers in
            readers.append(reader)
            if readers.count > Self.readersMax { readers.removeFirst() }
        }
    }
}
