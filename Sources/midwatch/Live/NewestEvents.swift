// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import OperatorConsole
internal import OperatorViews

/// The last records of the ledger about an alarm or a sensor.
///
/// The ledger is read forwards: first a little of its end, then more, as far as is bounded.
enum NewestEvents {
    private static let eventsMax = 10
    /// Records from the end that are looked through, one after the other until enough is found.
    private static let windows: [UInt64] = [1_000, 10_000, 100_000]

    /// The newest last; whether the ledger was read from its beginning.
    static func about(
        _ name: String, client: OperatorClient
    ) throws(ClientError) -> (events: [EventView], isWhole: Bool) {
        let newest = try client.newestEvent()
        var query = EventQuery()
        query.filter = name
        var found: [EventView] = []
        for window in self.windows {
            found = []
            var after = newest > window ? newest - window : 0
            while true {
                let page = try client.events(
                    after: after, limit: OperatorClient.pageItemsMax, matching: query)
                found = Array(
                    (found + page.items.filter { self.is($0, about: name) })
                        .suffix(self.eventsMax))
                guard let next = page.next.flatMap({ UInt64($0) }), next > after else { break }
                after = next
            }
            if found.count == self.eventsMax || newest <= window { break }
        }
        return (found, newest <= (self.windows.last ?? 0))
    }

    /// The filter of the API also fits parts of names.
    private static func `is`(_ event: EventView, about name: String) -> Bool {
        let line = EventLine(event)
        // The way of its alerts is told by `midwatch alerts log`.
        guard event.body["kind"]?.string?.hasPrefix("alert") != true else { return false }
        return line.subject == name || line.subject.hasPrefix("\(name):")
    }
}
