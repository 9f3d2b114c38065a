// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import OperatorConsole
import OperatorViews
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
