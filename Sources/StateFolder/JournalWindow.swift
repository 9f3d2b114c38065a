// SPDX-License-Identifier: Apache-2.0

package import Journal
package import MidwatchModel

/// The records of a span of calendar time, from the journal, with names and wall times.
///
/// The journal has no index by time: the beginning is looked for by halving, with the clock anchors
/// among the records as signposts. It only reads, and may run beside the daemon.
package struct JournalWindow {
    /// One record, placed in calendar time.
    package struct Item {
        package var slot: Slot
        package var position: Position
        /// When it arrived, by the last clock anchor before it.
        package var arrival: WallInstant
    }

    /// Records that are read for a signpost before a place counts as empty.
    private static let probeRecordsMax = 1_048_576
    /// Begin this much earlier, so that a clock that was set back hides nothing.
    private static let leadNanoseconds: Int64 = 10_000_000_000
    /// Go on this far behind the end before the rest counts as later.
    private static let trailNanoseconds: Int64 = 60_000_000_000

    package let folder: String
    package let journal: JournalID?
    /// Paths by sensor index; grows with the registrations that are read.
    package private(set) var sensors: [String]
    package private(set) var sources: [String]
    /// What could not be read, in words.
    package private(set) var damage: [String] = []

    private var assembler = ControlAssembler()
    private var anchor: (engine: MonotonicInstant, wall: Int64)?

    /// Learns the names of the journal in `folder`.
    package init(folder: String) throws(JournalError) {
        let names = try JournalNames.read(directory: folder)
        self.folder = folder
        self.journal = names.journal
        self.sensors = names.sensors
        self.sources = names.sources.map(\.name)
        // What was registered since the file was written.
        guard let oldest = try JournalReader.oldest(directory: folder) else { return }
        try JournalFeed(folder: folder).each(
            from: max(oldest.n, names.through), below: UInt64.max, onEvent: { _ in }
        ) { slot, n, _ in
            self.learn(slot, n)
            return true
        }
        self.assembler = ControlAssembler()
    }

    /// When the oldest record that is kept arrived; nil for an empty journal.
    package func oldestArrival() throws(JournalError) -> WallInstant? {
        guard let oldest = try JournalReader.oldest(directory: self.folder) else { return nil }
        return try self.signpost(from: oldest.n)
    }

    /// Feeds the records that arrived in `from ..< to` to `body` while that returns true.
    ///
    /// `startingAt` is a number below which nothing is wanted.
    package mutating func each(
        from: WallInstant, to: WallInstant, startingAt first: UInt64 = 0,
        _ body: (Item) -> Bool
    ) throws(JournalError) {
        let lead = WallInstant(
            nanoseconds: from.nanoseconds.subtractingReportingOverflow(Self.leadNanoseconds)
                .partialValue)
        guard let begin = try self.number(at: lead, notBelow: first) else { return }
        self.anchor = nil
        self.assembler = ControlAssembler()
        var damage: [String] = []
        // Records in front of the first signpost wait for it: there are few of them.
        var waiting: [(slot: Slot, position: Position)] = []
        try JournalFeed(folder: self.folder).each(
            from: begin, below: UInt64.max
        ) { event in
            if case .damage(let found) = event, damage.count < 1_024 { damage.append("\(found)") }
        } _: { slot, n, epoch in
            let position = Position(epoch: epoch, n: n)
            self.learn(slot, n)
            guard let anchor = self.anchor else {
                if waiting.count < Self.probeRecordsMax { waiting.append((slot, position)) }
                return true
            }
            for item in waiting {
                guard Self.give(item.slot, item.position, anchor, from, to, body) else {
                    return false
                }
            }
            if !waiting.isEmpty { waiting = [] }
            if anchor.wall > to.nanoseconds, anchor.wall - to.nanoseconds > Self.trailNanoseconds {
                return false
            }
            return Self.give(slot, position, anchor, from, to, body)
        }
        self.damage += damage
    }

    private static func give(
        _ slot: Slot, _ position: Position, _ anchor: (engine: MonotonicInstant, wall: Int64),
        _ from: WallInstant, _ to: WallInstant, _ body: (Item) -> Bool
    ) -> Bool {
        // The arrival of a continuation is payload.
        guard slot.kind != .continuation else { return true }
        let arrival = self.wall(of: slot.arrival, anchor)
        guard from <= arrival, arrival < to else { return true }
        return body(Item(slot: slot, position: position, arrival: arrival))
    }

    private static func wall(
        of instant: MonotonicInstant, _ anchor: (engine: MonotonicInstant, wall: Int64)
    ) -> WallInstant {
        let delta = Int64(bitPattern: instant.nanoseconds &- anchor.engine.nanoseconds)
        return WallInstant(nanoseconds: anchor.wall &+ delta)
    }

    /// Takes names and signposts.
    private mutating func learn(_ slot: Slot, _ n: UInt64) {
        guard slot.kindRaw != SlotKind.reading.rawValue else { return }
        switch slot.kind {
        case .clockAnchor, .start:
            if slot.sourceTime != Slot.noSourceTime {
                self.anchor = (slot.arrival, slot.sourceTime)
            }
        default: break
        }
        guard let record = self.assembler.push(slot, n: n) else { return }
        let text = String(decoding: record.payload, as: UTF8.self)
        switch record.head.kind {
        case .registerSensor:
            Self.set(text, at: Int(record.head.sensor.rawValue), in: &self.sensors)
        case .registerSource:
            Self.set(text, at: Int(record.head.source.rawValue), in: &self.sources)
        default: break
        }
    }

    private static func set(_ text: String, at index: Int, in names: inout [String]) {
        guard index < SystemLimits.sensorCountMax else { return }
        while names.count <= index { names.append("") }
        names[index] = text
    }

    // MARK: Looking for a time

    /// The smallest number at and behind which everything arrived at `instant` or later, nearly;
    /// nil for an empty journal.
    private func number(
        at instant: WallInstant, notBelow first: UInt64
    ) throws(JournalError) -> UInt64? {
        guard let oldest = try JournalReader.oldest(directory: self.folder) else { return nil }
        var low = max(oldest.n, first)
        guard let begin = try self.signpost(from: low), begin < instant else { return low }
        var step: UInt64 = 65_536
        while let found = try self.signpost(from: low + step), found < instant {
            low += step
            step *= 2
        }
        var high = low + step
        while high - low > 16_384 {
            let middle = low + (high - low) / 2
            if let found = try self.signpost(from: middle), found < instant {
                low = middle
            } else {
                high = middle
            }
        }
        return low
    }

    /// Wall time of the first clock anchor or start at or behind number `n`; nil behind the end.
    private func signpost(from n: UInt64) throws(JournalError) -> WallInstant? {
        var found: WallInstant?
        var count = 0
        try JournalFeed(folder: self.folder).each(
            from: n, below: UInt64.max, onEvent: { _ in }
        ) { slot, _, _ in
            if slot.kind == .clockAnchor || slot.kind == .start,
                slot.sourceTime != Slot.noSourceTime
            {
                found = WallInstant(nanoseconds: slot.sourceTime)
            }
            count += 1
            return found == nil && count < Self.probeRecordsMax
        }
        return found
    }
}
