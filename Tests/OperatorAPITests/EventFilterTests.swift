// SPDX-License-Identifier: Apache-2.0

import JSONText
import MidwatchModel
import OperatorConsole
import OperatorViews
import Synchronization
import Testing

@testable import OperatorAPI

/// Events that were asked for, and places in the ledger that are not there.
@Suite(.serialized, .timeLimit(.minutes(1))) struct EventFilterTests {
    private static func fill(_ backend: FakeBackend, _ count: Int) {
        backend.append(events: count)
        backend.state.withLock { state in
            for index in state.events.indices {
                let isRaise = index % 10 == 9
                state.events[index].body = .object([
                    ("kind", .string(isRaise ? "alarmRaised" : "alarmReturned")),
                    ("sensor", .string(index % 20 == 9 ? "tunnel/west/co" : "pump/3/flow")),
                    ("alarm", .string("high")), ("priority", .string("high")),
                    ("to", .string(isRaise ? "unacknowledged" : "normal")),
                ])
            }
        }
    }

    @Test func `pages of filtered events go on behind what was passed over`() async throws {
        try await withServer { server in
            Self.fill(server.backend, 1_000)
            try await onOwnThread {
                Result {
                    var query = EventQuery()
                    query.kinds = ["alarmRaised"]
                    var found: [UInt64] = []
                    var after: UInt64 = 0
                    while true {
                        let page = try server.client.events(
                            after: after, limit: 7, matching: query)
                        #expect(page.items.count <= 7)
                        found += page.items.map(\.n)
                        guard let next = page.next.flatMap({ UInt64($0) }) else { break }
                        #expect(next > after)
                        after = next
                    }
                    #expect(found == (1...100).map { $0 * 10 })
                    query.filter = "tunnel/#"
                    let west = try server.client.events(after: 0, limit: 1_000, matching: query)
                    #expect(west.items.map(\.n) == (0..<50).map { $0 * 20 + 10 })
                }
            }.get()
        }
    }

    @Test func `a stream shows what was asked for and remembers what it passed`() async throws {
        try await withServer { server in
            Self.fill(server.backend, 25)
            let seen = Mutex<[UInt64]>([])
            let last = try await onOwnThread {
                Result {
                    var query = EventQuery()
                    query.states = StateFilter(words: ["unacknowledged"]) ?? StateFilter()
                    var last: UInt64? = 0
                    try server.client.follow(from: &last, matching: query) { event in
                        seen.withLock { seen in
                            seen.append(event.n)
                            return seen.count < 2
                        }
                    }
                    return last
                }
            }.get()
            #expect(seen.withLock { $0 } == [10, 20])
            #expect(last == 20)
            let text = await server.curlUnix("-m 1", "/v1/stream?after=20&state=unacknowledged")
            #expect(text.contains("id: 25\n: passed"), "\(text)")
        }
    }

    @Test func `who comes back behind the end of the ledger is told and goes on`() async throws {
        try await withServer { server in
            Self.fill(server.backend, 3)
            let text = await server.curlUnix("-m 1 -H 'Last-Event-ID: 90'", "/v1/stream")
            let data = try #require(
                text.split(separator: "\n").first { $0.hasPrefix("data: ") }?.dropFirst(6))
            let event = try JSONValue(parsing: String(data))
            #expect(event["n"]?.double == 3)
            #expect(event.value(atPath: "body.kind")?.string == "ledgerGap")
            #expect(event.value(atPath: "body.from")?.double == 4)
            #expect(event.value(atPath: "body.through")?.double == 90)
            #expect(text.contains("id: 3\nevent: ledger"))
        }
    }

    @Test func `words that are no state or priority are refused`() async throws {
        try await withServer { server in
            for item in [
                "state=gone", "priority=urgent", "q=\(String(repeating: "x", count: 300))",
            ] {
                for list in ["sensors", "alarms", "events"] {
                    let text = await server.curlUnix("", "/v1/\(list)?\(item)")
                    let refused = try problem(in: text)
                    #expect(refused.kind == .badRequest, "\(list) \(item)")
                }
            }
        }
    }
}
