// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import Journal
internal import MidwatchModel
internal import OperatorViews

/// One record of the ledger or of the access log, placed in time.
struct LedgerEvent {
    enum Log: String { case ledger, access }

    var log: Log
    var line: LedgerLine
    var json: JSONValue
    /// When it happened; where the record does not say, when it was written.
    var at: WallInstant

    /// Word of the record: `alarmRaised`, `alertDelivered`.
    var kind: String { self.json["kind"]?.string ?? "" }

    /// The line as it stands in the log, without its line feed.
    var text: String {
        "{\"n\":\(self.line.n),\"written\":\"\(self.line.written)\",\"body\":"
            + String(decoding: self.line.body, as: UTF8.self)
            + ",\"prev\":\"\(HexDigits.text(self.line.previous))\",\"hash\":\""
            + HexDigits.text(self.line.hash) + "\"}"
    }
}

/// The records of a span of time in one log, one after the other.
///
/// A record belongs to the span by when it happened. A decision that a crash kept from the ledger
/// is written after the next start, so that reading goes on for a while behind the end.
struct LedgerEvents {
    /// Reading goes on this long behind the end of the span.
    private static let lateNanoseconds: Int64 = 86_400_000_000_000

    let log: LedgerEvent.Log
    let from: WallInstant
    let to: WallInstant
    /// The last line of the log.
    private let end: UInt64
    private let reader: LedgerReader
    /// Lines that are missing or damaged, in words.
    private(set) var damage: [String] = []

    /// Begins close before the first line that was written at `from` or later.
    init(
        _ log: LedgerEvent.Log, folder: String, from: WallInstant, to: WallInstant
    ) throws(LedgerError) {
        self.log = log
        self.from = from
        self.to = to
        self.end = try LedgerAudit.anchoredEnd(directory: folder) ?? 0
        let first = self.end == 0 ? 1 : try Self.firstLine(at: from, end: self.end, folder)
        self.reader = LedgerReader(directory: folder, fromLine: first)
    }

    /// The next record of the span; nil at its end.
    mutating func next() throws(LedgerError) -> LedgerEvent? {
        while self.end > 0 {
            switch try self.reader.step(through: self.end) {
            case .end: return nil
            case .gap(let gap): self.note(gap)
            case .line(let line):
                guard let written = WallInstant(rfc3339: line.written),
                    let json = try? JSONValue(parsing: line.body.span)
                else { continue }
                if written.nanoseconds &- Self.lateNanoseconds > self.to.nanoseconds { return nil }
                let at = json["at"]?.string.flatMap { WallInstant(rfc3339: $0) } ?? written
                guard self.from <= at, at < self.to else { continue }
                return LedgerEvent(log: self.log, line: line, json: json, at: at)
            }
        }
        return nil
    }

    private mutating func note(_ gap: LedgerGap) {
        // Older files of the access log are gone by design.
        guard gap.fault != nil || self.log == .ledger, self.damage.count < 1_024 else { return }
        self.damage.append(
            "\(self.log.rawValue): records \(gap.missing.lowerBound) to "
                + "\(gap.missing.upperBound &- 1) are missing or damaged")
    }

    /// A number at or before the first line that was written at `instant` or later.
    static func firstLine(
        at instant: WallInstant, end: UInt64, _ folder: String
    ) throws(LedgerError) -> UInt64 {
        var low: UInt64 = 1
        var high = end
        while high > low, high - low > 1_024 {
            let middle = low + (high - low) / 2
            if let written = try self.written(middle, end: end, folder), written < instant {
                low = middle
            } else {
                high = middle
            }
        }
        return low
    }

    /// When line `n`, or the first one behind it, was written.
    private static func written(
        _ n: UInt64, end: UInt64, _ folder: String
    ) throws(LedgerError) -> WallInstant? {
        let reader = LedgerReader(directory: folder, fromLine: n)
        while true {
            switch try reader.step(through: end) {
            case .line(let line): return WallInstant(rfc3339: line.written)
            case .gap: continue
            case .end: return nil
            }
        }
    }
}

/// Ledger and access log of a span as one sequence in time order.
///
/// Each is nearly in order by itself: what happened late stands a little behind. `depth` records
/// are held and given out oldest first, which puts those in their place within bounded memory.
struct Timeline {
    static let depth = 8_192

    private var ledger: LedgerEvents
    private var access: LedgerEvents
    private var nextLedger: LedgerEvent?
    private var nextAccess: LedgerEvent?
    private var isBegun = false
    /// A heap, the earliest first.
    private var held: [LedgerEvent] = []

    init(
        ledgerFolder: String, accessFolder: String, from: WallInstant, to: WallInstant
    ) throws(LedgerError) {
        self.ledger = try LedgerEvents(.ledger, folder: ledgerFolder, from: from, to: to)
        self.access = try LedgerEvents(.access, folder: accessFolder, from: from, to: to)
    }

    var damage: [String] { self.ledger.damage + self.access.damage }

    mutating func next() throws(LedgerError) -> LedgerEvent? {
        if !self.isBegun {
            self.isBegun = true
            self.nextLedger = try self.ledger.next()
            self.nextAccess = try self.access.next()
        }
        while self.held.count < Self.depth, let event = try self.take() { self.push(event) }
        return self.pop()
    }

    private mutating func take() throws(LedgerError) -> LedgerEvent? {
        let event: LedgerEvent?
        switch (self.nextLedger, self.nextAccess) {
        case (let left?, let right?) where left.at <= right.at: event = left
        case (let left?, nil): event = left
        case (_, let right): event = right
        }
        guard let event else { return nil }
        switch event.log {
        case .ledger: self.nextLedger = try self.ledger.next()
        case .access: self.nextAccess = try self.access.next()
        }
        return event
    }

    // MARK: The heap

    private static func precedes(_ left: LedgerEvent, _ right: LedgerEvent) -> Bool {
        if left.at != right.at { return left.at < right.at }
        if left.log != right.log { return left.log == .ledger }
        return left.line.n < right.line.n
    }

    private mutating func push(_ event: LedgerEvent) {
        self.held.append(event)
        var child = self.held.count - 1
        while child > 0, Self.precedes(self.held[child], self.held[(child - 1) / 2]) {
            self.held.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private mutating func pop() -> LedgerEvent? {
        guard let last = self.held.popLast() else { return nil }
        guard let first = self.held.first else { return last }
        self.held[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < self.held.count && Self.precedes(self.held[child], self.held[least]) {
                least = child
            }
            if least == parent { return first }
            self.held.swapAt(parent, least)
            parent = least
        }
    }
}
