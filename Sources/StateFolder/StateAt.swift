// SPDX-License-Identifier: Apache-2.0

package import AlarmEngine
internal import Journal
package import MidwatchModel

/// The engine as it was at a moment, made again of a checkpoint and the journal.
package struct StateAt: ~Copyable {
    package var engine: AlarmEngine
    /// Engine time of the moment; that of the last record if the journal ends before it.
    package let instant: MonotonicInstant
    /// The last record that was applied.
    package let position: Position
    /// Behind the last record there is no other: Midwatch did not run on, or is not further yet.
    package let isAtEnd: Bool
    /// Where it began; nil: at the first record.
    package let checkpoint: Position?
    package let doubts: ReplayDoubts

    /// Whether it is known that the daemon's state was this one.
    package var isReproducible: Bool { self.doubts.count == 0 }

    /// Replays up to `wall`, by the anchors in the journal.
    ///
    /// - Parameters:
    ///   - wall: The moment.
    ///   - stateDirectory: The daemon's.
    ///   - onProgress: Records read so far and the number of the last one.
    /// - Returns: nil if the journal has no record from that moment or before it.
    /// - Throws: `JournalError` if the journal cannot be read.
    package static func at(
        _ wall: WallInstant, stateDirectory: String,
        onProgress: (_ records: UInt64, _ n: UInt64) -> Void
    ) throws -> StateAt? {
        let files = ReplayFiles(stateDirectory: stateDirectory)
        guard var start = try files.begin(before: wall) else { return nil }
        // A checkpoint from behind that moment is the beginning of nothing.
        if start.checkpoint != nil, start.engine.wall(of: start.engine.now) > wall { return nil }
        var doubts = ReplayDoubts(nextN: start.nextN, start.doubt)
        var position = start.checkpoint ?? .zero
        var count: UInt64 = 0
        var isBehind = false
        try JournalFeed(folder: files.journalFolder).each(
            from: start.nextN, below: UInt64.max
        ) { event in
            switch event {
            case .progress(let n): onProgress(count, n - 1)
            case .damage(let damage): doubts.add(.damage("\(damage)"))
            }
        } _: { slot, n, epoch in
            if let at = slot.recordedAt, start.engine.wall(of: at) > wall {
                isBehind = true
                return false
            }
            start.engine.apply(slot, n: n)
            start.engine.takeDecisions { _ in }
            doubts.follow(n, start.engine)
            position = Position(epoch: epoch, n: n)
            count += 1
            return true
        }
        // The first record of all sets the calendar; it may be behind that moment itself.
        guard position != .zero, start.engine.wall(of: start.engine.now) <= wall else {
            return nil
        }
        let moment = isBehind ? start.engine.instant(of: wall) : nil
        return StateAt(
            instant: max(moment ?? .zero, start.engine.now), position: position,
            isAtEnd: !isBehind, checkpoint: start.checkpoint, doubts: doubts, start)
    }

    private init(
        instant: MonotonicInstant, position: Position, isAtEnd: Bool, checkpoint: Position?,
        doubts: ReplayDoubts, _ start: consuming ReplayStart
    ) {
        self.engine = start.engine
        self.instant = instant
        self.position = position
        self.isAtEnd = isAtEnd
        self.checkpoint = checkpoint
        self.doubts = doubts
    }
}
