// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import MidwatchModel
import Testing

@testable import AlertDelivery

/// What we post, in the hands of the program it is meant for.
@Suite(.serialized) struct AlertmanagerTests {
    private func alert(_ sensor: String, _ sequence: UInt64, _ type: String) throws -> Alert {
        let template = try FormatTests.alert("raised")
        var body = String(decoding: template.body, as: UTF8.self)
            .replacing("tunnel/west/co", with: sensor)
        if type == "alarm.returned" {
            body = body.replacing(
                "\"to\":\"unacknowledged\"", with: "\"to\":\"returnedUnacknowledged\"")
        }
        return Alert(
            id: "alert_\(sensor.replacing("/", with: "_"))_\(sequence)",
            alarmKey: NameHash.of(sensor), alarmID: "\(sensor):high", sequence: sequence,
            priority: .high, type: type, occurredAt: realClock.wall(), ledgerN: 0,
            isRecorded: true, body: Array(body.utf8))
    }

    private func endpoint(_ manager: RealAlertmanager) throws -> EndpointConfiguration {
        var endpoint = try makeEndpoint("manager", "http://127.0.0.1:\(manager.port)")
        var options = AlertmanagerOptions()
        options.repeatNanoseconds = 300_000_000
        endpoint.format = .alertmanagerAPI(options)
        return endpoint
    }

    @Test(.timeLimit(.minutes(2)))
    func `it takes what we post, groups it, resolves it, and is reminded after a restart`()
        async throws
    {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        let manager = try await RealAlertmanager(folder: folder, receiver: sink.url("told"))
        let bench = try Bench(
            [try self.endpoint(manager)], outbox: folder.file("outbox.sqlite"))
        _ = await bench.delivery.start()
        let sensors = ["hall/a/co", "hall/b/co", "hall/c/co"]
        for sensor in sensors {
            #expect(bench.delivery.offer(try self.alert(sensor, 1, "alarm.raised")) == .accepted)
        }

        // Taken, each under the identity that we reckon with.
        #expect(await eventually { await manager.alerts().count == 3 }, "\(bench.log.all)")
        let shown = await manager.alerts()
        for sensor in sensors {
            let alert = try #require(shown[sensor])
            guard case .object(let labels)? = alert["labels"] else {
                Issue.record("no labels: \(alert)")
                continue
            }
            let pairs = labels.map { ($0.name, $0.value.string ?? "") }
                .sorted { $0.0 < $1.0 }.map { (name: $0.0, value: $0.1) }
            #expect(alert["fingerprint"]?.string == AlertmanagerText.fingerprint(pairs))
            #expect(alert.value(atPath: "status.state")?.string == "active")
        }

        // Grouped: one message about three alarms, of the shape of our own webhook format.
        #expect(await eventually { !sink.requests("told").isEmpty })
        let told = try JSONValue(
            parsing: String(decoding: sink.requests("told")[0].body, as: UTF8.self))
        #expect(told["alerts"]?.array?.count == 3)
        #expect(told["status"]?.string == "firing")
        let ours = try JSONValue(
            parsing: String(
                decoding: AlertFormat.alertmanagerWebhook.request(
                    try FormatTests.input(try FormatTests.alert("raised"))
                ).body, as: UTF8.self))
        #expect(Self.names(told) == Self.names(ours))
        #expect(
            Self.names(told.value(atPath: "alerts.0")) == Self.names(ours.value(atPath: "alerts.0"))
        )

        // Resolved by our word alone.
        #expect(
            bench.delivery.offer(try self.alert(sensors[0], 2, "alarm.returned")) == .accepted)
        #expect(await eventually { await manager.alerts().count == 2 })
        #expect(
            await eventually {
                sink.requests("told").contains { request in
                    let json = try? JSONValue(
                        parsing: String(decoding: request.body, as: UTF8.self))
                    return json?["alerts"]?.array?.contains {
                        $0["status"]?.string == "resolved"
                            && $0.value(atPath: "labels.sensor")?.string == sensors[0]
                    } ?? false
                }
            })

        // It forgets at a restart, and is told again of what stands and of nothing else.
        manager.stop()
        try await manager.start()
        #expect(await eventually { await Set(manager.alerts().keys) == Set(sensors.dropFirst()) })
        await bench.delivery.stop(withinNanoseconds: 1_000_000_000)

        // So it is by the next run of the daemon, which knows from its outbox what stands.
        manager.stop()
        try await manager.start()
        #expect(await manager.alerts().isEmpty)
        let next = try Bench([try self.endpoint(manager)], outbox: folder.file("outbox.sqlite"))
        _ = await next.delivery.start()
        #expect(await eventually { await Set(manager.alerts().keys) == Set(sensors.dropFirst()) })
        await next.delivery.stop(withinNanoseconds: 1_000_000_000)
        manager.stop()
        await sink.stop()
    }

    private static func names(_ json: JSONValue?) -> [String] {
        guard case .object(let members)? = json else { return [] }
        return members.map(\.name).sorted()
    }

    // MARK: The board

    private func raised(_ key: UInt64, _ priority: AlarmPriority = .high) -> Alert {
        makeAlert(key, 1, priority: priority)
    }

    @Test func `what stands is told in portions, once in each round`() {
        var board = StandingBoard(AlertmanagerOptions())
        for key in UInt64(1)...150 {
            #expect(board.delivered(self.raised(key), isEnd: false) == .stands(.high))
        }
        var counts: [Int] = []
        var told: [UInt64] = []
        for _ in 0..<5 {
            let portion = board.portion(now: seconds(0)) { $0 == 7 }
            counts.append(portion.count)
            told += portion.map(\.alert.alarmKey)
            if !portion.isEmpty { #expect(board.posted(isTaken: true) == []) }
        }
        #expect(counts == [64, 64, 21, 0, 0])
        #expect(told.sorted() == (UInt64(1)...150).filter { $0 != 7 })
        #expect(board.portion(now: seconds(59)) { _ in false }.isEmpty)
        #expect(board.portion(now: seconds(60)) { _ in false }.count == 64)
        // One portion at a time.
        #expect(board.portion(now: seconds(60)) { _ in false }.isEmpty)
    }

    @Test func `after a failure the rest waits for the next round`() {
        var board = StandingBoard(AlertmanagerOptions())
        for key in UInt64(1)...100 { _ = board.delivered(self.raised(key), isEnd: false) }
        #expect(board.portion(now: seconds(0)) { _ in false }.count == 64)
        #expect(board.posted(isTaken: false) == [])
        #expect(board.portion(now: seconds(59)) { _ in false }.isEmpty)
        #expect(board.portion(now: seconds(60)) { _ in false }.count == 64)
        #expect(board.failureCount == 1)
    }

    @Test func `what stands no more and was never told is ended, once it is sure`() {
        var board = StandingBoard(AlertmanagerOptions())
        for key in UInt64(1)...3 { _ = board.delivered(self.raised(key), isEnd: false) }
        board.compare(standing: [1, 2])
        // One look may be older than the message.
        #expect(board.portion(now: seconds(0)) { _ in false }.allSatisfy { !$0.isOver })
        #expect(board.posted(isTaken: true) == [])
        board.compare(standing: [1])
        // The end is told until it is taken.
        for (at, isTaken) in [(60.0, false), (120, true)] {
            let portion = board.portion(now: seconds(at)) { _ in false }
            #expect(portion.filter(\.isOver).map(\.alert.alarmKey) == [3])
            #expect(portion.filter(\.isOver).map(\.alert.type) == ["alarm.returned"])
            let ended = board.posted(isTaken: isTaken)
            #expect(ended.map(\.alarmKey) == (isTaken ? [3] : []))
        }
        #expect(board.count == 2)
        // Raised anew in between it stands.
        board.compare(standing: [1])
        _ = board.delivered(self.raised(2), isEnd: false)
        #expect(board.portion(now: seconds(180)) { _ in false }.count { $0.isOver } == 0)
    }

    @Test func `an end takes an alarm off, and its first priority stays in its labels`() {
        var board = StandingBoard(AlertmanagerOptions())
        #expect(board.delivered(self.raised(1, .low), isEnd: false) == .stands(.low))
        #expect(board.delivered(self.raised(1, .critical), isEnd: false) == .stands(.low))
        #expect(board.priority(of: 1) == .low)
        #expect(board.delivered(self.raised(1), isEnd: true) == .ended)
        #expect(board.delivered(self.raised(1), isEnd: true) == nil)
        #expect(board.portion(now: seconds(0)) { _ in false }.isEmpty)
        board.recall(self.raised(2), labelled: .medium)
        board.recall(self.raised(2), labelled: .low)
        #expect(board.priority(of: 2) == .medium)
    }
}
