// SPDX-License-Identifier: Apache-2.0

internal import AlarmEngine
internal import MidwatchModel

extension Slot {
    /// When the record entered the journal, engine time; nil for one that does not say.
    ///
    /// Behind the head of a control record come its bytes, where others have their arrival.
    var recordedAt: MonotonicInstant? {
        switch self.kind {
        case .continuation, .padding, .empty, nil: nil
        default: self.arrival
        }
    }
}

/// Why a replay's state may not be the one that the daemon had, found record by record.
package struct ReplayDoubts: Equatable, Sendable {
    /// The first reasons, at most `ReplayReport.doubtsMax`; `count` counts all.
    package private(set) var first: [ReplayReport.Doubt] = []
    package private(set) var count = 0
    private var nextN: UInt64
    private var missingRevisions: UInt64 = 0

    init(nextN: UInt64, _ doubt: ReplayReport.Doubt?) {
        self.nextN = nextN
        if let doubt { self.add(doubt) }
    }

    mutating func add(_ doubt: ReplayReport.Doubt) {
        self.count += 1
        if self.first.count < ReplayReport.doubtsMax { self.first.append(doubt) }
    }

    /// Record `n` was applied.
    mutating func follow(_ n: UInt64, _ engine: borrowing AlarmEngine) {
        if n != self.nextN { self.add(.gap(after: self.nextN - 1, before: n)) }
        self.nextN = n + 1
        if engine.counts.missingRevisions > self.missingRevisions {
            self.missingRevisions = engine.counts.missingRevisions
            self.add(.missingRevision)
        }
    }
}
