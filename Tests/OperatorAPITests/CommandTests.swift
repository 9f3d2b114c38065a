// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import MidwatchModel
import OperatorConsole
import OperatorViews
import Synchronization
import Testing

@testable import OperatorAPI

/// What operators do with alarms and areas, from the client to the backend.
@Suite(.serialized, .timeLimit(.minutes(2))) struct CommandTests {
    private static let alarmID = "plant/area/0001:stale"

    @Test func `every action arrives as the client sent it`() async throws {
        try await withServer { server in
            try await onOwnThread {
                Result {
                    for action in AlarmAction.allCases {
                        let view = try server.client.act(
                            action, on: Self.alarmID, activation: "1:5.0", comment: "because",
                            seconds: 90, isOneShot: true)
                        #expect(view.action == action.rawValue)
                        #expect(view.position == "1:9")
                    }
                }
            }.get()
            let commands = server.backend.state.withLock { $0.commands }
            #expect(commands.map(\.action) == AlarmAction.allCases)
            for command in commands {
                #expect(command.alarmID == Self.alarmID)
                #expect(command.activation == (command.action.namesActivation ? "1:5.0" : ""))
                #expect(command.seconds == (command.action == .shelve ? 90 : 0))
                #expect(command.isOneShot == (command.action == .shelve))
                #expect(command.author.comment == "because")
                #expect(command.author.origin.hasPrefix("unix:pid=\(getpid())"))
                #expect(server.metrics.commandCount(command.action) == (1, 0))
            }
        }
    }

    @Test func `several alarms are acknowledged at once, and each is answered`() async throws {
        try await withServer { server in
            let page = try await onOwnThread {
                Result {
                    try server.client.acknowledge(
                        [("a:high", "1:1.0"), ("b:low", "1:2.0"), ("c:stale", "1:3.0")],
                        comment: "power is back")
                }
            }.get()
            #expect(page.items.map(\.alarmID) == ["a:high", "b:low", "c:stale"])
            #expect(page.items.map { $0.done?.activation } == ["1:1.0", "1:2.0", "1:3.0"])
            server.backend.state.withLock { $0.refusal = Problem(.notActive, detail: "no") }
            let refused = try await onOwnThread {
                Result { try server.client.acknowledge([("a:high", "1:1.0")], comment: "") }
            }.get()
            #expect(refused.items.first?.problem?.kind == .notActive)
            #expect(refused.items.first?.done == nil)
        }
    }

    @Test func `an area is put into a mode`() async throws {
        try await withServer { server in
            let view = try await onOwnThread {
                Result {
                    #expect(try server.client.areas().items.map(\.mode) == ["day"])
                    return try server.client.setMode(
                        area: "west", mode: "night", comment: "lamps")
                }
            }.get()
            #expect(view.mode == "night")
            let command = try #require(server.backend.state.withLock { $0.modeCommands.first })
            #expect(command.area == "west")
            #expect(command.mode == "night")
            #expect(command.author.comment == "lamps")
        }
    }

    @Test func `every refusal keeps its type, status and facts`() async throws {
        try await withServer { server in
            for kind in Problem.Kind.allCases {
                server.backend.state.withLock {
                    $0.refusal = Problem(
                        kind, detail: "why", instance: Self.alarmID, currentActivation: "1:8.0")
                }
                let error = await onOwnThread { () -> ClientError? in
                    do throws(ClientError) {
                        _ = try server.client.act(
                            .acknowledge, on: Self.alarmID, activation: "1:1.0")
                        return nil
                    } catch {
                        return error
                    }
                }
                guard case .problem(let problem) = error else {
                    Issue.record("\(kind) gave \(String(describing: error))")
                    continue
                }
                #expect(problem.kind == kind)
                #expect(problem.status == kind.status)
                #expect(problem.currentActivation == "1:8.0")
            }
            let count = server.metrics.commandCount(.acknowledge)
            #expect(count == (0, UInt64(Problem.Kind.allCases.count)))
        }
    }

    @Test func `commands that lack something are refused before the engine is asked`()
        async throws
    {
        let place = "/v1/alarms/a:high"
        let cases: [(path: String, body: String, kind: Problem.Kind)] = [
            ("\(place)/ack", "{}", .badRequest),
            ("\(place)/ack", #"{"activation":"1:1.0","comment":7}"#, .badRequest),
            ("\(place)/reset", #"{"comment":"x"}"#, .badRequest),
            ("\(place)/shelve", #"{"seconds":60}"#, .reasonMissing),
            ("\(place)/shelve", #"{"comment":"x"}"#, .shelvingTimeOutOfRange),
            ("\(place)/shelve", #"{"seconds":0,"comment":"x"}"#, .shelvingTimeOutOfRange),
            ("\(place)/shelve", #"{"seconds":60,"comment":"x","oneShot":1}"#, .badRequest),
            ("\(place)/out-of-service", "{}", .reasonMissing),
            ("\(place)/comment", #"{"activation":"1:1.0"}"#, .reasonMissing),
            ("/v1/alarms/ack", #"{"alarms":[]}"#, .badRequest),
            ("/v1/alarms/ack", #"{"alarms":[{"alarmID":"a:high"}]}"#, .badRequest),
            ("/v1/areas/west/mode", "{}", .badRequest),
        ]
        try await withServer { server in
            for (path, body, kind) in cases {
                let text = await server.curlUnix(
                    "-X POST -H 'Content-Type: application/json' -d '\(body)'", path)
                let problem = try problem(in: text)
                #expect(problem.kind == kind, "\(path) \(body)")
            }
            let long =
                "-X POST -H 'Content-Type: application/json' -d '{\"mode\":\"x\"}' "
                + "-H 'Idempotency-Key: \(String(repeating: "k", count: 65))'"
            let text = await server.curlUnix(long, "/v1/areas/west/mode")
            let refused = try problem(in: text)
            #expect(refused.kind == .badRequest)
            #expect(server.backend.state.withLock { $0.commands.isEmpty })
            #expect(server.backend.state.withLock { $0.modeCommands.isEmpty })
        }
    }

    @Test func `a key of the client arrives with the command`() async throws {
        try await withServer { server in
            let body = #"{"activation":"1:1.0"}"#
            _ = await server.curlUnix(
                "-X POST -H 'Content-Type: application/json' -H 'Idempotency-Key: k1' -d '\(body)'",
                "/v1/alarms/a:high/ack")
            let several =
                #"{"alarms":[{"alarmID":"a:high","activation":"1:1.0"},"#
                + #"{"alarmID":"b:high","activation":"1:1.0"}]}"#
            _ = await server.curlUnix(
                "-X POST -H 'Content-Type: application/json' -H 'Idempotency-Key: k2' "
                    + "-d '\(several)'", "/v1/alarms/ack")
            let keys = server.backend.state.withLock {
                Set($0.commands.map(\.author.idempotencyKey))
            }
            #expect(keys == ["k1", "k2/0", "k2/1"])
        }
    }
}
