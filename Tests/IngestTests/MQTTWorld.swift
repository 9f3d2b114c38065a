// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Logging
import MidwatchModel
import ReadingRing
import Synchronization
import TelemetryWire
import Testing

@testable import Ingest

/// An endpoint on loopback with a ring of its own and a journal that the test plays.
final class MQTTWorld: Sendable {
    let ring: ReadingRing
    let sensors: SensorRegistry
    let sources: SourceRegistry
    let watermark: DurableWatermark
    let endpoint: MQTTEndpoint
    let sessions: SessionTable
    private let portCell = Atomic<UInt16>(0)

    var port: UInt16 { self.portCell.load(ordering: .relaxed) }

    static let rules = [
        TopicRule(filter: "plain/#", path: "{1}", payload: .plain),
        TopicRule(
            filter: "json/+", path: "json/{1}",
            payload: JSONPayload(value: "data.value", time: "ts", timeFormat: .count(.seconds))
                .map { .json($0) } ?? .plain),
        TopicRule(
            filter: "lines/+", path: "site/{1}/{series}",
            payload: .lineProtocol(unit: .nanoseconds)),
        TopicRule(filter: "senml/+site/#", path: "senml/{site}/{name}", payload: .senML),
        TopicRule(
            filter: "each/+", path: "each/{1}/{name}",
            payload: JSONPayload(value: "*").map { .json($0) } ?? .plain),
        TopicRule(
            filter: "door/+", path: "door/{1}", payload: .plain,
            states: StateMap(["open": 1, "closed": 0])),
    ]

    init(
        capacity: Int = 4_096, undeclaredMax: Int = 1_000,
        sessions store: SessionStore = SessionStore(), firstSequence: UInt64 = 0,
        clock: IngestClock = .system,
        configure: (inout MQTTEndpoint.Configuration) -> Void = { _ in }
    ) throws {
        let ring = ReadingRing(capacity: capacity, firstSequence: firstSequence)
        self.ring = ring
        self.watermark = DurableWatermark(through: firstSequence)
        self.sensors = SensorRegistry(
            restored: [], undeclaredMax: undeclaredMax, ring: ring, clock: clock,
            classify: { sensor in
                sensor.path.hasPrefix("midwatch/")
                    ? SensorClass(isDeclared: true, criticality: .own)
                    : SensorClass(isDeclared: false, criticality: .normal)
            })
        self.sources = SourceRegistry(restored: [], ring: ring, clock: clock)
        guard case .known(let source) = self.sources.resolve("mqtt/test", origin: .configured)
        else { throw SocketError.exhausted(what: "test source") }
        var configuration = MQTTEndpoint.Configuration(
            name: "mqtt/test", address: "127.0.0.1", port: 0, rules: Self.rules)
        configure(&configuration)
        self.sessions = SessionTable(store, ring: ring)
        self.endpoint = try MQTTEndpoint(
            configuration, source: source,
            services: IngestServices(
                ring: ring, sensors: self.sensors, sources: self.sources, clock: clock),
            watermark: self.watermark, sessions: self.sessions,
            progress: (0..<configuration.loopCount).map { _ in .standalone() },
            logger: .quiet)
    }

    /// Starts, runs `body`, stops, and checks that every reading is accounted for.
    func run(_ body: (MQTTWorld) throws -> Void) async throws {
        self.portCell.store(try await self.endpoint.start(), ordering: .relaxed)
        do {
            try body(self)
        } catch {
            await self.endpoint.stop()
            throw error
        }
        await self.endpoint.stop()
        #expect(
            self[.readingsReceived] == self[.readingsAccepted] + self[.readingsRejected])
        #expect(self[.connectionsOpened] == self[.connectionsClosed])
    }

    subscript(_ counter: MQTTCounter) -> UInt64 { self.endpoint.statistics.counters[counter] }

    func client(_ version: MQTTVersion = .v311) throws -> MQTTTestClient {
        try MQTTTestClient(port: self.port, version: version)
    }

    /// A client that is connected.
    func connected(_ identifier: String, _ version: MQTTVersion = .v311) throws -> MQTTTestClient {
        let client = try self.client(version)
        try #require(client.connect(as: identifier) == 0)
        return client
    }

    /// Everything that is in the ring is durable.
    func commit() {
        if self.ring.head > self.watermark.through { self.watermark.advance(to: self.ring.head) }
    }

    var readings: [Slot] { TestRing.peek(self.ring).filter { $0.kind == .reading } }

    /// Evidence about a client, in order.
    func evidence(of client: String) -> [SourceEvidence?] {
        TestRing.peek(self.ring).filter {
            $0.kind == .sourceEvidence
                && self.sources.name(of: $0.source) == "mqtt/test/\(client)"
        }.map { SourceEvidence(rawValue: UInt8($0.valueBits)) }
    }
}
