// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Rebuilds the sessions at a start: a picture, then the records of the journal behind it.
package struct SessionReplay: Sendable {
    package private(set) var store: SessionStore
    private var assembler = ControlAssembler()
    /// A receipt whose readings come now.
    private var receipt: Receipt?

    private struct Receipt {
        var change: SessionChange
        var at: MonotonicInstant
        var n: UInt64
        var readingCount: UInt64
        var seenCount: UInt64 = 0
    }

    package init(_ store: SessionStore = SessionStore()) { self.store = store }

    /// Takes one record of the journal; those that are not about sessions cost a comparison.
    package mutating func feed(_ slot: Slot, n: UInt64) {
        if self.receipt != nil { self.follow(slot, n: n) }
        guard slot.kindRaw != SlotKind.reading.rawValue else { return }
        switch slot.kind {
        case .sessionChange:
            guard let change = SessionChange(slot) else { return }
            if case .received = change {
                self.receipt = Receipt(
                    change: change, at: slot.arrival, n: n,
                    readingCount: UInt64(clamping: slot.sourceTime))
            } else {
                self.store.apply(change, n: n, at: slot.arrival)
            }
        case .sessionBegin, .continuation, .registerSensor, .registerSource, .command,
            .configuration:
            // The others too: their continuations are not a session's.
            if let record = self.assembler.push(slot, n: n),
                let change = SessionChange(record)
            {
                self.store.apply(change, n: record.n, at: record.head.arrival)
            }
        case .clockAnchor: self.store.anchored(engine: slot.arrival, wall: slot.sourceTime)
        case .start:
            self.tear()
            self.assembler = ControlAssembler()
            self.store.restarted(engine: slot.arrival, wall: slot.sourceTime)
        default: break
        }
    }

    /// Counts the readings of a message; the last one makes it received.
    private mutating func follow(_ slot: Slot, n: UInt64) {
        guard var receipt = self.receipt else { return }
        guard slot.kindRaw == SlotKind.reading.rawValue,
            n == receipt.n &+ receipt.seenCount &+ 1
        else {
            return self.tear()
        }
        receipt.seenCount += 1
        self.receipt = receipt
        if receipt.seenCount == receipt.readingCount {
            self.receipt = nil
            self.store.apply(receipt.change, n: n, at: receipt.at)
        }
    }

    /// Of a message without any of its readings nothing happened.
    private mutating func tear() {
        if let receipt = self.receipt, receipt.seenCount > 0 { self.store.torn(receipt.change) }
        self.receipt = nil
    }

    /// A run begins now.
    package mutating func restarted(engine: MonotonicInstant, wall: WallInstant) {
        self.tear()
        self.store.restarted(engine: engine, wall: wall.nanoseconds)
    }
}
