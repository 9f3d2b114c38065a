// SPDX-License-Identifier: Apache-2.0

import CLinux
import Ingest
import Logging
import MidwatchModel
import ReadingRing

extension IngestClock {
    /// Stands still at one second.
    static var fixed: IngestClock {
        IngestClock(
            now: { MonotonicInstant(nanoseconds: 1_000_000_000) },
            wall: { WallInstant(nanoseconds: 1_700_000_000_000_000_000) })
    }

    /// The clocks of the machine.
    static var system: IngestClock {
        IngestClock(
            now: { MonotonicInstant(nanoseconds: clinux_boottime_ns()) },
            wall: { WallInstant(nanoseconds: clinux_realtime_ns()) })
    }
}

extension Logger {
    /// Says nothing.
    static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

/// What tests do at the readers' end of a ring.
enum TestRing {
    /// Fills the ring to the last slot with padding.
    static func fill(_ ring: ReadingRing) {
        let slot = Slot(kind: .padding, arrival: .zero)
        while ring.offer(slot, criticality: .own) != .ringFull {}
    }

    /// Reads and frees everything that is published.
    @discardableResult
    static func drain(_ ring: ReadingRing) -> [Slot] {
        var slots: [Slot] = []
        var engine = ring.reader(.engine)
        while true {
            let count = engine.available(max: 1_024)
            if count == 0 { break }
            for offset in 0..<count { slots.append(engine.slot(offset)) }
            engine.release(count)
        }
        var journal = ring.reader(.journal)
        journal.release(Int(engine.next - journal.next))
        return slots
    }

    /// Reads everything without freeing it and puts control records together.
    static func controlRecords(in ring: ReadingRing) -> [ControlAssembler.Record] {
        self.controlRecords(of: self.peek(ring))
    }

    /// The control records among slots.
    static func controlRecords(of slots: [Slot]) -> [ControlAssembler.Record] {
        var assembler = ControlAssembler()
        return slots.compactMap { slot in
            slot.kind == .reading ? nil : assembler.push(slot, n: slot.link - 1)
        }
    }

    /// Everything that is published and not yet freed.
    static func peek(_ ring: ReadingRing) -> [Slot] {
        let engine = ring.reader(.engine)
        return (0..<engine.available(max: ring.capacity)).map { engine.slot($0) }
    }
}
