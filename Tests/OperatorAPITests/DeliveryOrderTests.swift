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
                    try? client.deadLetters(limit: 10, alert: nil, endpoint: "room one"),
                    try? client.deadLetters(limit: 10, alert: "alert_1_5_0", endpoint: nil),
                    try? client.deadLetters(limit: 10, alert: "alert_9", endpoint: nil)
                )
            }
            #expect(list?.items.map(\.alert) == ["alert_1_5_0"])
            #expect(list?.items.first?.body == .null)
            #expect(one?.items.first?.body["message"]?.string == "silent")
            #expect(one?.items.first?.lastStatus == 422)
            #expect(none?.items.isEmpty == true)
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
