// SPDX-License-Identifier: Apache-2.0

import JSONText
import OperatorAPI
import OperatorConsole
import OperatorViews
import Synchronization
import Testing

/// Dead letters and what is ordered about them.
@Suite(.serialized, .timeLimit(.minutes(1))) struct DeliveryOrderTests {
    @Test func `dead letters are listed without bodies and shown with them`() async throws {
        try await withServer { server in
            let client = server.client
            let (list, one, none) = await onOwnThread {
                (
                    try? client.deadLetters(.init(limit: 10, endpoint: "room one")),
                    try? client.deadLetters(.init(limit: 10, alert: "alert_1_5_0")),
                    try? client.deadLetters(.init(limit: 10, alert: "alert_9"))
                )
            }
            #expect(list?.items.map(\.alert) == ["alert_1_5_0"])
            #expect(list?.items.first?.body == .null)
            #expect(one?.items.first?.body["message"]?.string == "silent")
            #expect(one?.items.first?.lastStatus == 422)
            #expect(none?.items.isEmpty == true)
        }
    }

    @Test func `dead letters come in pages, and a client puts as many together as it is asked for`()
        async throws
    {
        try await withServer { server in
            let client = server.client
            let (all, some, rest) = await onOwnThread {
                (
                    try? client.allDeadLetters(.init(limit: 10_000, endpoint: "many")),
                    try? client.allDeadLetters(.init(limit: 1_200, endpoint: "many")),
                    try? client.allDeadLetters(
                        .init(limit: 10_000, endpoint: "many", after: "1199"))
                )
            }
            #expect(all?.items.map(\.alert) == (0..<2_500).map { "alert_1_\($0)_0" })
            #expect(all?.next == nil)
            #expect(some?.items.count == 1_200 && some?.next == "1199")
            #expect(rest?.items.count == 1_300 && rest?.items.first?.alert == "alert_1_1200_0")
            let page = await server.curlUnix(
                "-o /dev/null -w '%{http_code}'",
                "/v1/alerts/dead-letters?endpoint=many&after=nowhere")
            #expect(page == "400")
        }
    }

    @Test func `orders reach delivery with who gave them`() async throws {
        try await withServer { server in
            let client = server.client
            let views = await onOwnThread {
                [
                    try? client.order("resend", alert: "alert_1_5_0", endpoint: "room one"),
                    try? client.order("drop", alert: "alert_1_5_0", endpoint: "room one"),
                    try? client.enable(endpoint: "room one"),
                ]
            }
            #expect(views.map { $0?.outcome } == ["resent", "dropped", "enabled"])
            let orders = server.backend.state.withLock { $0.orders }
            #expect(orders.map(\.verb) == [.resend, .drop, .enable])
            #expect(orders.map(\.alert) == ["alert_1_5_0", "alert_1_5_0", ""])
            #expect(orders.allSatisfy { $0.endpoint == "room one" && !$0.user.isEmpty })
            #expect(orders.allSatisfy { $0.origin.hasPrefix("unix:") })
        }
    }

    @Test func `what cannot be done says why, and nothing else is taken`() async throws {
        try await withServer { server in
            let place = "/v1/alerts/dead-letters/alert_1_5_0"
            for (method, path, status) in [
                ("POST", place + "/closed/resend", "422"), ("POST", place + "/other/drop", "404"),
                ("POST", "/v1/alerts/endpoints/other/enable", "404"),
                ("GET", place + "/closed/resend", "405"),
                ("POST", place + "/closed/burn", "404"), ("POST", place + "/closed/enable", "404"),
                ("POST", "/v1/alerts/dead-letters", "405"), ("GET", "/v1/alerts/nothing", "404"),
                ("GET", "/v1/alerts/dead-letters?nonsense=1", "400"),
            ] {
                let answer = await server.curlUnix(
                    "-o /dev/null -w '%{http_code}' -X \(method)", path)
                #expect(answer == status, "\(method) \(path)")
            }
            // A listener without a token takes no orders.
            let remote = await server.curlTCP(
                "-o /dev/null -w '%{http_code}' -X POST", place + "/room%20one/drop")
            #expect(remote == "403")
            #expect(
                server.backend.state.withLock { $0.orders.map(\.endpoint) } == [
                    "closed", "other", "other",
                ])
        }
    }
}

/// Sensors that are asked for by their paths.
@Suite(.timeLimit(.minutes(1))) struct SensorPathTests {
    @Test func `more paths than one request holds are asked for in several`() async throws {
        try await withServer(FakeBackend(sensors: 300)) { server in
            let client = server.client
            let all = await onOwnThread { try? client.allSensors(SensorQuery(limit: 1_000)) } ?? []
            #expect(all.count == 300)
            let wanted = all.map(\.path).filter { $0.hasSuffix("7") || $0.hasSuffix("3") }
            let found = await onOwnThread {
                try? client.sensors(at: wanted + ["no/such, sensor%"])
            }
            #expect(found?.map(\.path).sorted() == wanted.sorted() && wanted.count > 50)
            #expect(await onOwnThread { try? client.sensors(at: []) }?.isEmpty == true)
        }
    }
}
