// SPDX-License-Identifier: Apache-2.0

import JSONText
import MidwatchModel
import OperatorAPI
import OperatorConsole
import OperatorViews
import Synchronization
import Testing

@Suite(.serialized, .timeLimit(.minutes(2))) struct LimitTests {
    private static let request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test func `a client that does not take its answer is cut off and counted`() async throws {
        try await withServer(FakeBackend(sensors: 1_000), writeTimeoutSeconds: 1) { server in
            let connection = try #require(RawConnection(path: server.socketPath))
            connection.send("GET /v1/sensors?limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await eventually { server.metrics[.writesStalled] == 1 })
            #expect(connection.receive(milliseconds: 100).hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func `more connections than allowed wait until one goes`() async throws {
        try await withServer { server in
            var connections: [RawConnection] = []
            for _ in 0..<OperatorAPILimits.connectionsMax {
                let connection = try #require(RawConnection(path: server.socketPath))
                connection.send(Self.request)
                #expect(connection.receive(milliseconds: 5_000).hasPrefix("HTTP/1.1 200"))
                connections.append(connection)
            }
            let late = try #require(RawConnection(path: server.socketPath))
            late.send(Self.request)
            #expect(late.receive(milliseconds: 200) == "")
            connections.removeLast()
            #expect(late.receive(milliseconds: 5_000).hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func `headers beyond the limit end the connection`() async throws {
        try await withServer { server in
            let connection = try #require(RawConnection(path: server.socketPath))
            let long = String(repeating: "x", count: OperatorAPILimits.headerListBytesMax)
            connection.send("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: \(long)\r\n\r\n")
            let answer = connection.receive(milliseconds: 5_000)
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400"))
            #expect(server.metrics[.status2xx] == 0)
        }
    }

    @Test func `the poller brings answers, sends acknowledgements, and tells of silence`()
        async throws
    {
        let kept = Mutex<DashboardPoller?>(nil)
        try await withServer { server in
            let poller = try #require(DashboardPoller(client: server.client))
            kept.withLock { $0 = poller }
            let seen = SeenAnswers()
            #expect(await eventually { seen.add(poller.takeAnswers()).snapshots > 0 })
            let alarm = AlarmView(
                alarmID: "plant/area/0001:stale", activation: "1:5.0", path: "plant/area/0001",
                kind: "stale", state: .unacknowledged, priority: .high)
            let action = OperatorAction.acknowledge([AlarmTarget(alarm)], comment: "c")
            #expect(poller.send(action))
            #expect(await eventually { seen.add(poller.takeAnswers()).acknowledged == 1 })
            server.backend.state.withLock { $0.refusal = Problem(.alreadyAcknowledged, detail: "") }
            #expect(poller.send(action))
            #expect(await eventually { seen.add(poller.takeAnswers()).refused == 1 })
            var need = DashboardNeed()
            need.windows = [.init(filter: "0001", after: nil, limit: 10)]
            poller.want(need)
            #expect(await eventually { seen.add(poller.takeAnswers()).sensors == 1 })
        }
        let poller = try #require(kept.withLock { $0 })
        let seen = SeenAnswers()
        #expect(await eventually { seen.add(poller.takeAnswers()).failed > 0 })
        poller.stop()
    }

    @Test func `a target is taken apart strictly`() throws {
        let target = try #require(RequestTarget("/v1/alarms/a%2Fb%3Ahigh/x?filter=a+b%20c&n="))
        #expect(target.segments == ["v1", "alarms", "a/b:high", "x"])
        #expect(target.query == ["filter": "a b c", "n": ""])
        for bad in ["", "x", "/%", "/%4", "/%zz", "/%ff", "/a?b=1&b=2", "/a?%=1"] {
            #expect(RequestTarget(bad) == nil, "\(bad)")
        }
        #expect(RequestTarget("/" + String(repeating: "a", count: 3_000)) == nil)
    }
}

/// What a poller answered so far, by kind.
private final class SeenAnswers: Sendable {
    struct Counts {
        var snapshots = 0
        var acknowledged = 0
        var refused = 0
        var failed = 0
        /// Sensors in the newest answer.
        var sensors = -1
    }

    private let counts = Mutex(Counts())

    func add(_ answers: [DashboardPoller.Answer]) -> Counts {
        self.counts.withLock { counts in
            for answer in answers {
                switch answer {
                case .seen(let seen):
                    counts.snapshots += 1
                    counts.sensors = seen.sensors.count
                case .done: counts.acknowledged += 1
                case .refused: counts.refused += 1
                case .failed: counts.failed += 1
                }
            }
            return counts
        }
    }
}
