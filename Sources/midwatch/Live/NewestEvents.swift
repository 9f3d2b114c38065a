// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import OperatorConsole
internal import OperatorViews

/// The last records of the ledger about an alarm or a sensor.
///
/// The ledger is read forwards: first a little of its end, then more, as far as is bounded.
enum NewestEvents {
    /// What was found.
    struct Found {
        /// The newest last.
        var events: [EventView]
        /// The ledger was looked through from its beginning: there are no others.
        var isWhole: Bool
    }

    static let eventsMax = 10
    /// Records from the end that are looked through, one after the other until enough is found.
    static let windows: [UInt64] = [1_000, 10_000, 100_000]

    /// Asks the daemon.
    static func about(
        _ name: String, client: OperatorClient
    ) throws(ClientError) -> Found {
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
        return Found(events: found, isWhole: newest <= self.windows.last ?? 0)
    }

    /// The filter of the API also fits parts of names.
    static func `is`(_ event: EventView, about name: String) -> Bool {
        let line = EventLine(event)
        // The way of its alerts is told by `midwatch alerts log`.
        guard event.body["kind"]?.string?.hasPrefix("alert") != true else { return false }
        return line.subject == name || line.subject.hasPrefix("\(name):")
    }
}
