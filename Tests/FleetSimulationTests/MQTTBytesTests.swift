// SPDX-License-Identifier: Apache-2.0

import FleetSimulation
import MidwatchModel
import Synchronization
import TelemetryWire
import Testing

/// The bytes of a fleet, read by the decoder of the server.
@Suite struct MQTTBytesTests {
    /// What one connection sent, packet by packet; nil if the decoder finds a fault.
    private struct Stream {
        var isClean = false
        var keepAlive: UInt16 = 0
        var sessionExpiry: UInt32 = 0
        var client = ""
        var publishes: [(topic: String, value: Double, identifier: UInt16, isDuplicate: Bool)] = []
        var disconnects = 0

        init?(_ bytes: [UInt8], version: MQTTVersion) {
            var framer = MQTTFramer()
            framer.requiresShortestLength = true
            var offset = 0
            while true {
                offset += framer.append(bytes.span, from: offset)
                switch framer.next() {
                case .fault: return nil
                case .needsBytes:
                    if offset == bytes.count { return }
                case .packet(let header):
                    let isGood = framer.withBytes { self.take(header, $0, version: version) }
                    guard isGood else { return nil }
                    framer.consume()
                }
            }
        }

        private mutating func take(
            _ header: MQTTFixedHeader, _ bytes: borrowing Span<UInt8>, version: MQTTVersion
        ) -> Bool {
            func text(_ range: ByteRange) -> String {
                String(decoding: range.range.map { bytes[$0] }, as: UTF8.self)
            }
            switch header.type {
            case .connect:
                guard let connect = try? MQTTConnect(header, bytes), connect.version == version
                else { return false }
                self.isClean = connect.cleanStart
                self.keepAlive = connect.keepAlive
                self.sessionExpiry = connect.properties.sessionExpiryInterval
                self.client = text(connect.clientIdentifier)
            case .publish:
                guard let publish = try? MQTTPublish(header, bytes, version: version),
                    let value = Double(text(publish.payload))
                else { return false }
                self.publishes.append(
                    (text(publish.topic), value, publish.packetIdentifier, publish.isDuplicate))
            case .disconnect:
                guard (try? MQTTDisconnect(header, bytes, version: version)) != nil else {
                    return false
                }
                self.disconnects += 1
            default: return false
            }
            return true
        }
    }

    @Test(arguments: [(MQTTClientVersion.v311, MQTTVersion.v311), (.v5, .v5)])
    func `the server reads what a fleet writes, over lost connections`(
        version: MQTTClientVersion, expected: MQTTVersion
    ) throws {
        var behaviour = LocalAcker.Behaviour()
        behaviour.closesAfter = 50
        behaviour.withholds = 3
        behaviour.keepsBytes = true
        let acker = try #require(LocalAcker(behaviour))
        defer { acker.stop() }
        var settings = MQTTFleetSender.Settings(
            destination: FleetDestination(port: acker.port), load: .pattern(sensorsPerClient: 2))
        settings.version = version
        settings.connections = 2
        settings.messagesMax = 400
        settings.reconnectNanoseconds = 5_000_000
        settings.drainNanoseconds = 20_000_000_000
        settings.keepAliveSeconds = 33
        let sender = try MQTTFleetSender(settings)
        try sender.start()
        #expect(sender.join().acknowledged == 400)
        #expect(eventually { acker.disconnectCount.load(ordering: .relaxed) == 2 })
        let streams = try acker.streams.map { try #require(Stream($0, version: expected)) }
        #expect(streams.count > 8)
        #expect(streams.count { $0.isClean } == 2)
        #expect(streams.reduce(0) { $0 + $1.disconnects } == 2)
        for stream in streams {
            #expect(stream.keepAlive == 33)
            #expect(["fleet-00000", "fleet-00001"].contains(stream.client))
            if version == .v5 { #expect((stream.sessionExpiry > 0) == !stream.isClean) }
            // Resends come first, marked; nothing after them is.
            let firstNew =
                stream.publishes.firstIndex { !$0.isDuplicate } ?? stream.publishes.endIndex
            #expect(stream.publishes[firstNew...].allSatisfy { !$0.isDuplicate })
            for publish in stream.publishes {
                let sequence = try #require(LoadPattern.sequence(ofValue: publish.value))
                let client = try #require(Int(stream.client.suffix(5)))
                #expect(
                    publish.topic == LoadPattern.path(client: client, sensor: Int(sequence % 2)))
            }
        }
    }
}
