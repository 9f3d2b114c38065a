// SPDX-License-Identifier: Apache-2.0

import CLinux
import FleetSimulation
import Glibc
import MidwatchModel
import Synchronization
import Testing

@Suite(.serialized) struct MQTTFleetSenderTests {
    private static func settings(_ port: UInt16) -> MQTTFleetSender.Settings {
        var settings = MQTTFleetSender.Settings(
            destination: FleetDestination(port: port), load: .pattern(sensorsPerClient: 3))
        settings.connections = 4
        settings.recordsAcknowledged = true
        settings.reconnectNanoseconds = 5_000_000
        return settings
    }

    /// Sequence numbers that the server acknowledged, per client, in any order.
    private static func acknowledged(_ acker: LocalAcker, client: Int) -> Set<UInt64> {
        let name = "fleet-0000\(client)"
        return Set(
            acker.publishes.filter { $0.client == name && $0.wasAcknowledged }.compactMap {
                Double($0.payload).flatMap(LoadPattern.sequence(ofValue:))
            })
    }

    @Test(arguments: MQTTClientVersion.allCases)
    func `every message arrives once and is recorded when acknowledged`(
        version: MQTTClientVersion
    ) throws {
        let acker = try #require(LocalAcker())
        defer { acker.stop() }
        var settings = Self.settings(acker.port)
        settings.version = version
        settings.messagesMax = 2_000
        let sender = try MQTTFleetSender(settings)
        try sender.start()
        let report = sender.join()
        #expect(report.sent == 2_000)
        #expect(report.acknowledged == 2_000)
        #expect(report.unacknowledged == 0)
        #expect(report.resent == 0)
        #expect(report.connects == 4)
        #expect(report.latency.count == 2_000)
        #expect(report.latency.quantile(0.5) > 0)
        #expect(report.latency.quantile(0.5) <= report.latency.quantile(0.999))
        #expect(report.record.count == 2_000)
        #expect(sender.sentCount == 2_000)
        #expect(sender.acknowledgedCount == 2_000)
        #expect(acker.publishes.count == 2_000)
        #expect(eventually { acker.disconnectCount.load(ordering: .relaxed) == 4 })
        for publish in acker.publishes {
            let value = try #require(Double(publish.payload))
            let sequence = try #require(LoadPattern.sequence(ofValue: value))
            let client = try #require(Int(publish.client.suffix(5)))
            #expect(publish.topic == LoadPattern.path(client: client, sensor: Int(sequence % 3)))
            #expect(!publish.isDuplicate)
            #expect(publish.identifier > 0)
        }
        for client in 0..<4 {
            #expect(
                Set(report.record.acknowledged(client: client).flatMap { $0 })
                    == Self.acknowledged(acker, client: client))
        }
    }

    @Test(arguments: MQTTClientVersion.allCases)
    func `what a lost connection left is sent again with DUP and the same identifier`(
        version: MQTTClientVersion
    ) throws {
        var behaviour = LocalAcker.Behaviour()
        behaviour.closesAfter = 97
        behaviour.withholds = 9
        let acker = try #require(LocalAcker(behaviour))
        defer { acker.stop() }
        var settings = Self.settings(acker.port)
        settings.version = version
        settings.messagesMax = 2_000
        settings.drainNanoseconds = 20_000_000_000
        let sender = try MQTTFleetSender(settings)
        try sender.start()
        let report = sender.join()
        #expect(report.acknowledged == 2_000)
        #expect(report.connectionsLost > 10)
        #expect(report.resent > 50)
        #expect(report.unacknowledged == 0)
        #expect(acker.resumedCount.load(ordering: .relaxed) >= report.connectionsLost - 4)
        // The same client and value must always have had the same identifier, and be marked from
        // the second time on.
        var first: [String: UInt16] = [:]
        var duplicates = 0
        for publish in acker.publishes {
            let key = publish.client + publish.payload
            if let identifier = first[key] {
                #expect(publish.isDuplicate)
                #expect(publish.identifier == identifier)
                duplicates += 1
            } else {
                first[key] = publish.identifier
            }
        }
        #expect(first.count == 2_000)
        #expect(duplicates > 50)
        for client in 0..<4 {
            #expect(
                Set(report.record.acknowledged(client: client).flatMap { $0 })
                    == Self.acknowledged(acker, client: client))
        }
    }

    @Test func `a server that comes late, dies and comes back gets everything`() throws {
        let first = try #require(LocalAcker())
        let port = first.port
        first.stop()
        var settings = Self.settings(port)
        settings.rate = 4_000
        settings.messagesMax = 3_000
        let sender = try MQTTFleetSender(settings)
        try sender.start()
        #expect(eventually { sender.connectFailureCount > 0 })
        var acked = Set<String>()
        for round in 0..<3 {
            let acker = try #require(LocalAcker(port: port))
            let goal = UInt64(round + 1) * 700
            #expect(eventually { sender.acknowledgedCount >= min(goal, 3_000) })
            if round == 2 { #expect(eventually { sender.acknowledgedCount == 3_000 }) }
            acker.stop()
            acked.formUnion(
                acker.publishes.filter(\.wasAcknowledged).map { $0.client + $0.payload })
        }
        let report = sender.join()
        #expect(report.connectFailures > 0)
        #expect(report.sent == 3_000)
        #expect(report.acknowledged == 3_000)
        #expect(report.record.count == 3_000)
        #expect(acked.count == 3_000)
    }

    @Test func `the server's Receive Maximum is obeyed`() throws {
        var behaviour = LocalAcker.Behaviour()
        behaviour.receiveMaximum = 3
        behaviour.acknowledges = false
        let acker = try #require(LocalAcker(behaviour))
        defer { acker.stop() }
        var settings = Self.settings(acker.port)
        settings.window = 50
        settings.drainNanoseconds = 10_000_000
        let sender = try MQTTFleetSender(settings)
        try sender.start()
        #expect(eventually { acker.publishCount.load(ordering: .relaxed) == 12 })
        sender.stop()
        let report = sender.join()
        #expect(acker.inFlightMax.load(ordering: .relaxed) == 3)
        #expect(report.sent == 12)
        #expect(report.unacknowledged == 12)
        #expect(report.record.count == 0)
    }

    @Test func `refused messages are counted and not recorded`() throws {
        var behaviour = LocalAcker.Behaviour()
        behaviour.reason = 0x97
        let acker = try #require(LocalAcker(behaviour))
        defer { acker.stop() }
        var settings = Self.settings(acker.port)
        settings.messagesMax = 100
        let sender = try MQTTFleetSender(settings)
        try sender.start()
        let report = sender.join()
        #expect(report.refused == 100)
        #expect(report.acknowledged == 0)
        #expect(report.record.count == 0)
    }

    @Test func `QoS 0 is sent without identifiers and as fast as the socket takes it`() throws {
        let acker = try #require(LocalAcker())
        defer { acker.stop() }
        var settings = Self.settings(acker.port)
        settings.isAcknowledged = false
        settings.messagesMax = 5_000
        let sender = try MQTTFleetSender(settings)
        try sender.start()
        let report = sender.join()
        #expect(report.sent == 5_000)
        #expect(eventually { acker.publishCount.load(ordering: .relaxed) == 5_000 })
        #expect(acker.publishes.allSatisfy { $0.identifier == 0 && !$0.isDuplicate })
        #expect(Set(acker.publishes.map { $0.client + $0.payload }).count == 5_000)
    }

    @Test func `a plant is published with its paths as topics`() throws {
        let acker = try #require(LocalAcker())
        defer { acker.stop() }
        let sensors = (0..<10).map {
            VirtualSensor(
                path: "p/s\($0)", periodNanoseconds: 10_000_000, waveform: Waveform(offset: 5))
        }
        let plant = VirtualPlant(
            seed: 1, sensors: sensors, wallStart: WallInstant(nanoseconds: 1_000))
        var settings = Self.settings(acker.port)
        settings.load = .plant(plant, .json)
        settings.durationNanoseconds = 300_000_000
        let sender = try MQTTFleetSender(settings)
        try sender.start()
        let report = sender.join()
        #expect(report.acknowledged > 200)
        #expect(report.acknowledged == report.sent)
        #expect(report.dropped == 0)
        let publishes = acker.publishes
        #expect(Set(publishes.map(\.topic)) == Set(sensors.map(\.path)))
        #expect(publishes.allSatisfy { $0.payload.hasPrefix("{\"value\":5.0,\"time\":") })
    }

    @Test func `a paced fleet keeps its rate and shares it among its connections`() throws {
        let acker = try #require(LocalAcker())
        defer { acker.stop() }
        var settings = Self.settings(acker.port)
        settings.rate = 8_000
        settings.durationNanoseconds = 500_000_000
        let sender = try MQTTFleetSender(settings)
        try sender.start()
        let report = sender.join()
        #expect((2_500...4_001).contains(report.sent))
        #expect(report.acknowledged == report.sent)
        for client in 0..<4 {
            let count = acker.publishes.count { $0.client == "fleet-0000\(client)" }
            #expect(count > Int(report.sent) / 5)
        }
    }

    @Test func `an idle connection is kept alive as the server asks`() throws {
        var behaviour = LocalAcker.Behaviour()
        behaviour.keepAliveSeconds = 1
        let acker = try #require(LocalAcker(behaviour))
        defer { acker.stop() }
        var settings = Self.settings(acker.port)
        settings.rate = 0.001
        let sender = try MQTTFleetSender(settings)
        try sender.start()
        #expect(eventually { acker.pingCount.load(ordering: .relaxed) >= 4 })
        sender.stop()
        #expect(sender.join().connectionsLost == 0)
    }

    @Test func `the record joins ranges and writes itself`() throws {
        var record = AcknowledgedRecord(clients: 2)
        for sequence in [0, 1, 2, 5, 4, 3, 9] as [UInt64] {
            record.add(client: 1, sequence: sequence)
        }
        #expect(record.acknowledged(client: 1) == [0...5, 9...9])
        #expect(record.acknowledged(client: 0) == [])
        #expect(record.count == 7)
        #expect(record.text == "1 0 5\n1 9 9\n")
        let path = "/tmp/midwatch-acknowledged-\(getpid())"
        try record.write(to: path)
        defer { unsafe unlink(path) }
        let file = unsafe open(path, O_RDONLY)
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 100)
        let count = unsafe read(file, &bytes, 100)
        #expect(String(decoding: bytes[..<max(0, count)], as: UTF8.self) == record.text)
    }

    @Test func `settings out of range are refused`() {
        var settings = Self.settings(1)
        settings.window = 0
        #expect(throws: FleetError.self) { _ = try MQTTFleetSender(settings) }
        settings.window = 1
        settings.connections = 20_000
        #expect(throws: FleetError.self) { _ = try MQTTFleetSender(settings) }
    }
}
