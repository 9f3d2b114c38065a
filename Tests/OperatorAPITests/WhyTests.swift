// SPDX-License-Identifier: Apache-2.0

import JSONText
import MidwatchModel
import OperatorConsole
import OperatorViews
import Synchronization
import Testing

@testable import OperatorAPI

/// `GET /v1/why`.
@Suite(.serialized, .timeLimit(.minutes(1))) struct WhyTests {
    @Test func `a sensor and one alarm are explained over the socket`() async throws {
        try await withServer { server in
            try await onOwnThread {
                Result {
                    let sensor = try server.client.explain("plant/a")
                    #expect(sensor.path == "plant/a")
                    #expect(sensor.alarms.map(\.alarmID) == ["plant/a:high"])
                    #expect(sensor.nextChange?.kind == .onDelay)
                    #expect(throws: ClientError.self) { try server.client.explain("nobody") }
                }
            }.get()
            let one = await server.curlUnix("-m 1", "/v1/why?alarm=plant/a:low")
            #expect(one.contains("\"alarmID\":\"plant/a:low\""))
        }
    }

    @Test(arguments: [
        ("", "400"), ("?sensor=a", "200"), ("?sensor=a&seconds=0", "400"),
        ("?sensor=a&seconds=604801", "400"), ("?sensor=a&seconds=x", "400"),
        ("?sensor=a&seconds=60&limit=1", "400"), ("?sensor=nobody&seconds=60", "404"),
        ("?sensor=a&seconds=604800", "200"),
    ])
    func `the past of a sensor is asked for by path and time`(
        query: String, status: String
    ) async throws {
        try await withServer { server in
            let code = await server.curlUnix(
                "-m 1 -o /dev/null -w '%{http_code}'", "/v1/history\(query)")
            #expect(code.hasSuffix(status), "\(query)")
        }
    }

    @Test func `the open sheets of the dashboard get what they show`() async throws {
        try await withServer { server in
            server.backend.state.withLock { state in
                let body = { (json: String) in (try? JSONValue(parsing: json)) ?? .null }
                state.events = [
                    #"{"kind":"alarmRaised","sensor":"plant/area/0001","alarm":"stale"}"#,
                    #"{"kind":"alertDelivered","alarmID":"plant/area/0001:stale","endpoint":"p"}"#,
                    #"{"kind":"alarmRaised","sensor":"plant/area/0002","alarm":"stale"}"#,
                ].enumerated().map { number, json in
                    EventView(
                        n: UInt64(number + 1), written: WallInstant(nanoseconds: 0),
                        body: body(json))
                }
            }
            server.backend.signal.advance(to: 3)
            let (alarm, sensor) = try await onOwnThread {
                Result {
                    var round = DashboardRound(client: server.client)
                    var need = DashboardNeed()
                    need.wantsEvents = true
                    need.alarmID = "plant/area/0001:stale"
                    let first = try round.ask(need)
                    need.alarmID = nil
                    need.sensorPath = "plant/area/0001"
                    need.historySeconds = 600
                    return (first.alarmDetail, try round.ask(need).sensorDetail)
                }
            }.get()
            #expect(alarm?.events.map(\.n) == [1, 2])
            #expect(alarm?.explanation?.alarms.map(\.alarmID) == ["plant/area/0001:stale"])
            #expect(sensor?.history?.minutes.first?.highest == 3)
            #expect(sensor?.explanation?.path == "plant/area/0001")
            #expect(sensor?.events.map(\.n) == [1, 2])
        }
    }

    @Test func `behind a filter the most urgent alarms are asked for as well`() async throws {
        try await withServer { server in
            let (narrow, whole) = try await onOwnThread {
                Result {
                    var round = DashboardRound(client: server.client)
                    var need = DashboardNeed()
                    need.alarmFilter = "nothing/fits"
                    let narrow = try round.ask(need)
                    need.alarmFilter = ""
                    return (narrow, try round.ask(need))
                }
            }.get()
            #expect(narrow.alarms == [])
            #expect(narrow.urgent?.map(\.alarmID) == ["plant/area/0001:stale"])
            #expect(whole.alarms?.count == 1 && whole.urgent == nil)
        }
    }

    @Test func `the list of sensors is read once, and again when it may be another`() async throws {
        try await withServer(FakeBackend(sensors: 1_500)) { server in
            let backend = server.backend
            try await onOwnThread {
                Result {
                    var round = DashboardRound(client: server.client)
                    /// The directory that a change leads to, and the pages that were read for it.
                    func ask(
                        _ change: (inout FakeBackend.State) -> Void = { _ in }
                    ) throws -> (found: SensorDirectory?, pages: Int) {
                        let before = backend.state.withLock { state in
                            change(&state)
                            return state.pagesFetched
                        }
                        var need = DashboardNeed()
                        need.wantsDirectory = true
                        var found: SensorDirectory?
                        repeat { found = try round.ask(need).directory } while round.hasMore
                        return (found, backend.state.withLock { $0.pagesFetched } - before)
                    }
                    let first = try ask()
                    #expect(first.found?.entries.count == 1_500 && first.pages == 2)
                    let again = try ask()
                    #expect(again.found == nil && again.pages == 0, "nothing is read in vain")
                    let same = try ask { $0.revision = "b" }
                    #expect(same.pages == 2, "other rules may have other titles")
                    #expect(same.found == nil, "the same names are not given out again")
                    let titled = try ask { state in
                        state.revision = "c"
                        state.sensors[7].title = "fan 7"
                    }
                    #expect(titled.found?.entries[7].title == "fan 7")
                    #expect(titled.found?.version == 2)
                    let fewer = try ask { $0.sensors.removeLast() }
                    #expect(fewer.found?.entries.count == 1_499)
                }
            }.get()
        }
    }

    @Test(arguments: [
        ("", "400"), ("?sensor=a&alarm=a:high", "400"), ("?alarm=high", "400"),
        ("?alarm=:high", "400"), ("?alarm=a:", "400"), ("?sensor=", "400"),
        ("?sensor=nobody", "404"), ("?sensor=\(String(repeating: "a", count: 1_000))", "400"),
        ("?sensor=a%3Ab", "200"), ("?alarm=a%3Ab%3Ahigh", "200"),
    ])
    func `what is no question is refused`(query: String, status: String) async throws {
        try await withServer { server in
            let code = await server.curlUnix(
                "-m 1 -o /dev/null -w '%{http_code}'", "/v1/why\(query)")
            #expect(code.hasSuffix(status), "\(query)")
        }
    }
}
