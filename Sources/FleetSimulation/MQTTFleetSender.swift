// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// What an MQTT fleet did.
package struct MQTTFleetReport: Equatable, Sendable {
    /// New messages handed to the kernel or its buffer; resends not counted.
    package var sent: UInt64 = 0
    /// Messages the server acknowledged with success.
    package var acknowledged: UInt64 = 0
    /// Messages the server acknowledged with a reason of 0x80 or more.
    package var refused: UInt64 = 0
    /// Messages sent again after a reconnect, with DUP.
    package var resent: UInt64 = 0
    /// Acknowledgements for nothing that waits.
    package var strayAcknowledgements: UInt64 = 0
    /// Plant readings given up because the window stayed full.
    package var dropped: UInt64 = 0
    package var connects: UInt64 = 0
    package var connectFailures: UInt64 = 0
    /// Connections that ended although nobody here ended them.
    package var connectionsLost: UInt64 = 0
    /// Messages still unacknowledged at the end.
    package var unacknowledged: UInt64 = 0
    /// QoS 0: connections whose server did not say in time that it took everything.
    package var connectionsUnconfirmed: UInt64 = 0
    /// Until the last acknowledgement, with QoS 0 until the server had taken everything.
    package var elapsedNanoseconds: UInt64 = 0
    /// Publish to PUBACK.
    package var latency = FleetLatency()
    /// Empty unless `Settings.recordsAcknowledged`.
    package var record = AcknowledgedRecord(clients: 0)
}

/// Counts that others may read while the fleet runs; its thread writes them once a tick.
final class MQTTFleetLive: Sendable {
    let sent = Atomic<UInt64>(0)
    let acknowledged = Atomic<UInt64>(0)
    let connectFailures = Atomic<UInt64>(0)

    func publish(_ report: MQTTFleetReport) {
        self.sent.store(report.sent, ordering: .relaxed)
        self.acknowledged.store(report.acknowledged, ordering: .relaxed)
        self.connectFailures.store(report.connectFailures, ordering: .relaxed)
    }
}

/// Publishes over many MQTT connections from one thread.
///
/// After a lost connection it connects again, without end, and sends what was not acknowledged
/// once more with DUP and the same packet identifiers: what a field gateway does, and what a crash
/// test needs.
package final class MQTTFleetSender: Sendable {
    package enum Load: Sendable {
        /// `LoadPattern` over this many sensors for each connection, in turn.
        case pattern(sensorsPerClient: Int)
        /// A virtual plant in real time; sensor `i` uses connection `i % connections`.
        case plant(VirtualPlant, PlantPayload)
    }

    /// What a plant's messages carry; the topic is the path.
    package enum PlantPayload: Sendable {
        case number
        /// `ReadingText.json`: value and time in nanoseconds.
        case json
    }

    package struct Settings: Sendable {
        package var destination: FleetDestination
        package var load: Load
        package var connections = 1
        package var version = MQTTClientVersion.v5
        /// QoS 1 if true, QoS 0 if not.
        package var isAcknowledged = true
        /// QoS 2, with `isAcknowledged` only; latency then counts up to PUBCOMP.
        package var isExactlyOnce = false
        /// Unacknowledged messages of one connection at most; the server may ask for fewer.
        package var window = 20
        /// Messages a second of all connections; 0: as many as possible.
        package var rate: Double = 0
        /// New messages in all; 0: no limit.
        package var messagesMax: UInt64 = 0
        /// Sends new messages for this long; 0: until `stop()`.
        package var durationNanoseconds: UInt64 = 0
        /// How long the end waits for acknowledgements.
        package var drainNanoseconds: UInt64 = 5_000_000_000
        /// How long a lost connection waits before the next attempt.
        package var reconnectNanoseconds: UInt64 = 50_000_000
        package var keepAliveSeconds: UInt16 = 60
        package var clientPrefix = "fleet-"
        /// First sequence number of each client.
        package var firstSequence: UInt64 = 0
        package var recordsAcknowledged = false

        package init(destination: FleetDestination, load: Load) {
            self.destination = destination
            self.load = load
        }
    }

    /// Connections of one sender at most.
    package static let connectionsMax = 10_000
    /// Unacknowledged messages of one connection at most: packet identifiers never meet again.
    package static let windowMax = 16_384
    /// Sensors of one connection at most.
    package static let sensorsPerClientMax = 1_000

    private let settings: Settings
    private let thread = FleetThread<MQTTFleetReport>()
    private let live = MQTTFleetLive()

    /// Checks the settings; `start()` connects.
    package init(_ settings: Settings) throws(FleetError) {
        guard (1...Self.connectionsMax).contains(settings.connections) else {
            throw .badSetting("connections: 1-\(Self.connectionsMax)")
        }
        guard (1...Self.windowMax).contains(settings.window) else {
            throw .badSetting("window: 1-\(Self.windowMax)")
        }
        if case .pattern(let sensors) = settings.load,
            !(1...Self.sensorsPerClientMax).contains(sensors)
        {
            throw .badSetting("sensorsPerClient: 1-\(Self.sensorsPerClientMax)")
        }
        guard settings.clientPrefix.utf8.count <= 200 else {
            throw .badSetting("clientPrefix: at most 200 bytes")
        }
        self.settings = settings
    }

    /// Starts the thread; connections that fail are tried again.
    package func start() throws(FleetError) {
        let settings = self.settings
        let loop = try MQTTFleetLoop.Resources()
        do throws(FleetError) {
            try self.thread.start(name: "fleet-mqtt") { thread in
                let loop = MQTTFleetLoop(settings, loop, isStopping: { thread.isStopping })
                return loop.run(self.live)
            }
        } catch {
            loop.close()
            throw error
        }
    }

    /// Asks the sender to end, after its drain; returns at once.
    package func stop() { self.thread.stop() }

    /// Waits until the sender has ended.
    package func join() -> MQTTFleetReport { self.thread.join() ?? MQTTFleetReport() }

    /// New messages sent so far.
    package var sentCount: UInt64 { self.live.sent.load(ordering: .relaxed) }

    /// Attempts to connect that failed so far.
    package var connectFailureCount: UInt64 { self.live.connectFailures.load(ordering: .relaxed) }

    /// Messages acknowledged so far.
    package var acknowledgedCount: UInt64 { self.live.acknowledged.load(ordering: .relaxed) }
}
