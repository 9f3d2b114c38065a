// SPDX-License-Identifier: Apache-2.0

package import Logging
package import MidwatchModel
internal import NIOCore
internal import NIOPosix
internal import Synchronization
package import TelemetryWire

/// A TCP endpoint to which MQTT clients publish readings.
///
/// MQTT 3.1.1 and 5.0, QoS 0, 1 and 2. An acknowledgement leaves only after the journal has the
/// readings of the message, and what changed in its session, on stable storage; nothing is ever
/// shed: when the ring is full the connection is not read until there is room, and the sender waits.
///
/// Threads: a few event loops of its own (`loopCount`); everything of a connection belongs to the
/// loop it was accepted on. Loops meet in `ConnectionRegistry` and in the counters only.
package final class MQTTEndpoint: Sendable {
    package struct Configuration: Sendable {
        /// Source name of the listener, below which clients are named: `mqtt/plant`.
        package var name: String
        /// Numeric address; `::` takes IPv4 and IPv6.
        package var address: String
        /// 0 takes a free port.
        package var port: UInt16
        /// Tried in order; the first whose filter matches a topic applies.
        package var rules: [TopicRule]
        package var loopCount = 1
        package var connectionCountMax = 10_000
        package var addressConnectionCountMax = 4_096
        /// Clients that are sources of their own; the rest share the listener's.
        package var clientSourceCountMax = 4_096
        /// Topics and series that one loop remembers.
        package var topicCountMax = 65_536
        package var packetBytesMax = SystemLimits.mqttPacketBytesMax
        /// Unacknowledged messages of one connection: told to MQTT 5 clients as receive maximum.
        package var inflightCountMax = 20
        /// The same of 3.1.1 clients, which cannot be told and are not read while they have so many.
        package var unannouncedInflightCountMax = 256
        /// From accept to CONNECT.
        package var connectTimeoutNanoseconds: UInt64 = 10_000_000_000
        /// A message with the retain flag is history and refreshes nothing.
        ///
        /// What a bridge repeats after a reconnect cannot be told from what a device sends now.
        /// Devices that set the flag on every message need this off; `RetainedWatch` finds them.
        package var takesRetainedAsHistorical = true
        /// Whether clients send each reading by several ways: of equal copies (sensor, source time,
        /// value) one counts.
        package var isDualHomed = false
        /// Longest keep alive in seconds, 0 for any; MQTT 5 clients that ask for more are told.
        ///
        /// 3.1.1 clients cannot be told. A peer that is gone is found out within this time whatever
        /// its client asked for (`TCPProbing`).
        package var keepAliveSecondsMax: UInt16 = 0
        /// Who comes in, and what one of them may use up.
        package var security = MQTTSecurity(limits: .open)
        /// Longest life of a session without a connection, in seconds; 0: none outlives it.
        ///
        /// MQTT 5 clients that ask for more are told; 3.1.1 clients that keep their session get
        /// this much.
        package var sessionExpirySecondsMax: UInt32 = 86_400
        package var maximumQoS = QoS.exactlyOnce
        /// Topic aliases a client may set.
        package var topicAliasMaximum: UInt16 = 10
        /// Whether refusals tell MQTT 5 clients the reason in words.
        package var sendsReasonStrings = true

        package init(name: String, address: String, port: UInt16, rules: [TopicRule]) {
            self.name = name
            self.address = address
            self.port = port
            self.rules = rules
        }
    }

    /// Why the endpoint does not start.
    package enum StartError: Error, Sendable {
        case rules(TopicRule.Problem)
        case tls(TLSMaterial.Problem)
        /// The system has no thread to give.
        case noThread
        /// The system refused; the text is the library's.
        case bind(reason: String)
    }

    /// Connections that wait to be accepted.
    private static let backlog: Int32 = 1_024
    /// Kernel buffer of a connection; the kernel doubles it for its own overhead.
    ///
    /// It bounds what a connection that is not read piles up, and so how late its readings are:
    /// left to the kernel it grows to 6 MiB, at 1,000 flooding connections to minutes of readings.
    static let receiveBufferBytes = 128 << 10
    /// Bytes of one socket read, one read a turn: the loop is fair to whoever else is ready.
    private static let readBytesMax = 16 << 10
    /// Longest wait for outstanding acknowledgements when stopping.
    package static let stopGraceNanoseconds: UInt64 = 5_000_000_000

    package let configuration: Configuration
    /// Source of the listener.
    package let source: SourceIndex
    package let statistics = MQTTStatistics()

    let services: IngestServices
    let watermark: DurableWatermark
    let connections: ConnectionRegistry
    let clients: ClientSources
    let gate: MQTTGate
    let sessions: SessionTable
    let wills = DelayedWills()
    let retained = RetainedFindings()
    let logger: Logger
    private let router: TopicRouter
    private let startedAt: MonotonicInstant
    private let progress: [StageProgress]
    private let running = Mutex<Running?>(nil)

    private struct Running: Sendable {
        var group: MultiThreadedEventLoopGroup
        var channel: any Channel
        var loops: [MQTTLoop]
    }

    /// Checks the configuration; connections come after `start`.
    ///
    /// The source of the listener is registered by the caller; `progress` has one entry per loop.
    package init(
        _ configuration: Configuration, source: SourceIndex, services: IngestServices,
        watermark: DurableWatermark, sessions: SessionTable, progress: [StageProgress],
        logger: Logger
    ) throws(StartError) {
        precondition(configuration.loopCount > 0, "an endpoint has an event loop")
        precondition(progress.count == configuration.loopCount, "one progress entry per loop")
        do throws(TopicRule.Problem) {
            self.router = try TopicRouter(configuration.rules)
        } catch {
            throw .rules(error)
        }
        do throws(TLSMaterial.Problem) {
            self.gate = try MQTTGate(
                configuration.security, name: configuration.name, clock: services.clock,
                logger: logger)
        } catch {
            throw .tls(error)
        }
        self.configuration = configuration
        self.source = source
        self.services = services
        self.watermark = watermark
        self.connections = ConnectionRegistry(
            connectionCountMax: configuration.connectionCountMax,
            addressConnectionCountMax: configuration.addressConnectionCountMax)
        self.clients = ClientSources(
            listener: source, name: configuration.name,
            countMax: configuration.clientSourceCountMax, sources: services.sources)
        self.sessions = sessions
        self.startedAt = services.clock.now()
        self.progress = progress
        self.logger = logger
    }

    /// Binds and accepts; returns the port.
    package func start() async throws(StartError) -> UInt16 {
        guard self.gate.start() else { throw .noThread }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: self.configuration.loopCount)
        var loops: [MQTTLoop] = []
        for (eventLoop, progress) in zip(group.makeIterator(), self.progress) {
            let loop = MQTTLoop(
                eventLoop: eventLoop, endpoint: self, router: self.router, progress: progress)
            eventLoop.execute { loop.start() }
            loops.append(loop)
        }
        let byLoop = loops
        let gate = self.gate
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Of the listening socket: what it accepts inherits it.
            .serverChannelOption(
                .socketOption(.so_rcvbuf), value: .init(Self.receiveBufferBytes)
            )
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .probing(TCPProbing(keepAliveSecondsMax: self.configuration.keepAliveSecondsMax))
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: 512, initial: 512, maximum: Self.readBytesMax)
            )
            .childChannelInitializer { channel in
                guard let loop = byLoop.first(where: { $0.eventLoop === channel.eventLoop }) else {
                    preconditionFailure("a channel of a foreign event loop")
                }
                return channel.eventLoop.makeCompletedFuture {
                    try gate.accept(channel)
                    try loop.accept(channel)
                }
            }
        do {
            let channel = try await bootstrap.bind(
                host: self.configuration.address, port: Int(self.configuration.port)
            ).get()
            self.running.withLock { $0 = Running(group: group, channel: channel, loops: loops) }
            let port = UInt16(clamping: channel.localAddress?.port ?? 0)
            self.logger.info(
                "listening",
                metadata: [
                    "listener.name": "\(self.configuration.name)", "listener.port": "\(port)",
                ])
            return port
        } catch {
            for loop in loops { loop.eventLoop.execute { loop.stop() } }
            try? await group.shutdownGracefully()
            self.gate.stop()
            throw .bind(reason: String(describing: error))
        }
    }

    /// Stops in order: accepts no more, lets due acknowledgements leave, says goodbye, closes.
    ///
    /// Takes at most `stopGraceNanoseconds` and a little; the journal must still be committing.
    package func stop() async {
        guard let running = self.running.withLock({ $0.take() }) else { return }
        try? await running.channel.close().get()
        self.gate.stop()
        for loop in running.loops {
            let drained = loop.eventLoop.makePromise(of: Void.self)
            loop.eventLoop.execute { loop.drain(drained) }
            try? await drained.futureResult.get()
        }
        try? await running.group.shutdownGracefully()
    }

    /// The identifier of a client that came without one: no client ever gets it again
    /// [MQTT-3.1.3-6], engine time goes on over restarts.
    func assignedIdentifier(_ connection: UInt64) -> String {
        "midwatch-" + String(self.startedAt.nanoseconds, radix: 36) + "-\(connection)"
    }

    /// Counters and gauges of the endpoint.
    package func metrics() -> [MetricSample] {
        self.statistics.metrics(listener: self.configuration.name) + self.gate.metrics() + [
            MetricSample(
                "midwatch_mqtt_connections", help: "Open connections.", kind: .gauge,
                labels: [(name: "listener", value: self.configuration.name)],
                value: Double(self.connections.count)),
            MetricSample(
                "midwatch_mqtt_sensors_only_retained",
                help: "Sensors whose readings all have the retain flag: history, never live.",
                kind: .gauge, labels: [(name: "listener", value: self.configuration.name)],
                value: Double(self.retained.summary?.count ?? 0)),
        ]
    }
}
