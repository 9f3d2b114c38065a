// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import Journal
internal import MidwatchModel
internal import OperatorViews

/// The last records of the ledger about an alarm or a sensor before a moment, from its files.
enum PastEvents {
    /// Lines behind the place of a moment that are looked at: what happened before it may have been
    /// written after it.
    private static let linesBehind: UInt64 = 4_096

    /// The newest last; whether the ledger was read from its beginning.
    ///
    /// Looks through the same number of records as the question to the daemon does, back from the
    /// moment. Damaged lines are passed: the rest still helps.
    static func about(
        _ name: String, before moment: WallInstant, ledger folder: String
    ) throws(LedgerError) -> NewestEvents.Found {
        guard let end = try LedgerAudit.anchoredEnd(directory: folder), end > 0 else {
            return NewestEvents.Found(events: [], isWhole: true)
        }
        let place = try LedgerEvents.firstLine(at: moment, end: end, folder)
        let last = min(end, place + self.linesBehind)
        var found: [EventView] = []
        for window in NewestEvents.windows {
            let first = last > window ? last - window : 1
            found = try self.events(about: name, before: moment, first...last, folder)
            if found.count == NewestEvents.eventsMax || first == 1 { break }
        }
        let isWhole = last <= NewestEvents.windows.last ?? 0
        return NewestEvents.Found(events: found, isWhole: isWhole)
    }

    private static func events(
        about name: String, before moment: WallInstant, _ lines: ClosedRange<UInt64>,
        _ folder: String
    ) throws(LedgerError) -> [EventView] {
        let reader = LedgerReader(directory: folder, fromLine: lines.lowerBound)
        var found: [EventView] = []
        while true {
            switch try reader.step(through: lines.upperBound) {
            case .end: return found
            case .gap: continue
            case .line(let line):
                guard let written = WallInstant(rfc3339: line.written),
                    let body = try? JSONValue(parsing: line.body.span)
                else { continue }
                let at = body["at"]?.string.flatMap { WallInstant(rfc3339: $0) } ?? written
                let event = EventView(n: line.n, written: written, body: body)
                guard at <= moment, NewestEvents.is(event, about: name) else { continue }
                found.append(event)
                if found.count > NewestEvents.eventsMax { found.removeFirst() }
            }
        }
    }
}
