// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import NIOCore
internal import TelemetryWire

/// The shell around one `MQTTConnectionMachine`: bytes in, bytes out, and when not to read.
///
/// A connection is not read while a message of it finds no room in the ring, while too many of its
/// acknowledgements wait (3.1.1), or while it does not take what is written to it. Its keep alive
/// stands still then, and what was received in the meantime arrived when the pause began:
/// the kernel says how many bytes that is.
///
/// Confined to its event loop.
final class MQTTConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Why a connection is not read.
    struct Pause: OptionSet {
        let rawValue: UInt8

        static let ringFull = Pause(rawValue: 1 << 0)
        static let inflight = Pause(rawValue: 1 << 1)
        static let outbound = Pause(rawValue: 1 << 2)
        static let stopping = Pause(rawValue: 1 << 3)
        /// The gate has not judged the CONNECT yet.
        static let verdict = Pause(rawValue: 1 << 4)
        /// The client sent faster than it may.
        static let rate = Pause(rawValue: 1 << 5)
    }

    /// Bytes that may pile up while the connection is not read: what the kernel had when the peer
    /// closed is handed over at once, whether it is asked for or not.
    static let heldBytesMax = 8 * MQTTEndpoint.receiveBufferBytes
    /// Socket reads whose acknowledgements are timed apart.
    static let markCountMax = 64
    /// How long a peer may refuse what is written to it.
    static let outboundPauseMaxNanoseconds: UInt64 = 60_000_000_000

    let identifier: UInt64
    let address: String
    let loop: MQTTLoop

    var machine: MQTTConnectionMachine
    var context: ChannelHandlerContext?
    /// The client, once it was accepted.
    var client: (identifier: String, source: SourceIndex, isOwnSource: Bool)?
    /// A CONNECT that was authenticated and waits: for room in the ring, or for the journal.
    var pendingConnect: MQTTConnect?
    var access: MQTTConnectionAccess
    /// The pending CONNECT goes on when this number is durable.
    var connectAwaits: UInt64?
    /// Number of the recorded session; 0: it ends with the connection.
    var session: UInt64 = 0
    /// Received and not yet taken by the machine.
    private var held: ByteBuffer?
    private(set) var pause: Pause = []
    private var pausedAt = MonotonicInstant.zero
    private(set) var receivedBytes: UInt64 = 0
    /// Bytes of the stream that the machine has taken.
    private var takenBytes: UInt64 = 0
    private var arrivals = ArrivalMarks()
    var readAt = MonotonicInstant.zero
    private var isAwaitingDurable = false
    /// Messages taken since the last socket read, and those of them that await an acknowledgement.
    private var takenCount: UInt64 = 0
    private var unacknowledged = (count: UInt64(0), last: UInt64(0))
    private var marks: LatencyMarks
    private var isTransportClosed = false
    private(set) var isEnded = false
    private var isBusy = false

    init(identifier: UInt64, address: String, loop: MQTTLoop) {
        self.identifier = identifier
        self.address = address
        self.loop = loop
        self.access = MQTTConnectionAccess(loop.endpoint.gate)
        let configuration = loop.endpoint.configuration
        var options = MQTTConnectionOptions()
        options.connectTimeoutNanoseconds = configuration.connectTimeoutNanoseconds
        options.packetBytesMax = configuration.packetBytesMax
        options.connectBytesMax = min(options.connectBytesMax, configuration.packetBytesMax)
        options.receiveMaximum = UInt16(clamping: configuration.inflightCountMax)
        options.unannouncedInflightMax = UInt16(
            clamping: configuration.unannouncedInflightCountMax)
        options.maximumQoS = configuration.maximumQoS
        options.topicAliasMaximum = configuration.topicAliasMaximum
        options.flowCountMax = SessionLimits.flowCountMax
        options.sendsReasonStrings = configuration.sendsReasonStrings
        options.keepAliveMax = configuration.keepAliveSecondsMax
        self.marks = LatencyMarks(capacity: Self.markCountMax)
        self.machine = MQTTConnectionMachine(
            options: options, now: loop.endpoint.services.clock.now())
    }

    var now: MonotonicInstant { self.loop.endpoint.services.clock.now() }
    var statistics: MQTTStatistics { self.loop.endpoint.statistics }

    // MARK: - From the channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var chunk = self.unwrapInboundIn(data)
        guard !self.isEnded else { return }
        self.readAt = self.now
        self.receivedBytes &+= UInt64(chunk.readableBytes)
        self.statistics.counters.add(.bytesReceived, UInt64(chunk.readableBytes))
        self.loop.noteAttempt()
        if var held = self.held {
            self.held = nil
            held.writeBuffer(&chunk)
            self.held = held
        } else {
            self.held = chunk
        }
        if (self.held?.readableBytes ?? 0) > Self.heldBytesMax {
            self.statistics.counters.add(.heldBytesLost, UInt64(self.held?.readableBytes ?? 0))
            self.end(self.machine.transportClosed())
            return
        }
        self.work()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.isTransportClosed = true
        // Nothing can be written any more: waiting for it would be waiting for ever.
        self.pause.remove(.outbound)
        self.work()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The transport failed: what was received stands, nothing more will come.
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            self.unpause(.outbound)
        } else {
            self.pause(for: .outbound)
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: - From the loop

    /// Every record below `through` is durable; returns whether acknowledgements still wait.
    func durable(below through: UInt64) -> Bool {
        if through > 0 {
            self.marks.settle(
                through: through - 1, now: self.now,
                in: self.loop.endpoint.services.latencies[.publishToAcknowledged])
            switch self.machine.durable(through: through - 1, now: self.now) {
            case .nothing: break
            case .write: self.write()
            case .writeAndContinue:
                self.write()
                self.unpause(.inflight)
            }
        }
        if let number = self.connectAwaits, through > number, !self.isEnded {
            self.connectAwaits = nil
            self.work()
        }
        self.isAwaitingDurable = self.isWaitingForJournal
        return self.isAwaitingDurable
    }

    private var isWaitingForJournal: Bool {
        !self.isEnded
            && (self.machine.waitingAcknowledgementCount > 0 || self.connectAwaits != nil)
    }

    /// The ring may have room again for the packet that is held.
    func roomMayBe() {
        guard self.pause.contains(.ringFull) else { return }
        // With the same message again; it stops again if there is still no room.
        self.pause.remove(.ringFull)
        self.work()
        if self.pause.isEmpty { self.resumeReading() }
    }

    /// A look at the timers.
    func woke(now: MonotonicInstant) {
        guard !self.isEnded else { return }
        if self.pause.contains(.outbound),
            now.nanosecondsSince(self.pausedAt) > Self.outboundPauseMaxNanoseconds
        {
            self.end(self.machine.transportClosed())
            return
        }
        switch self.machine.woke(now: now) {
        case .wake: break
        case .close(let close): self.end(close)
        }
    }

    /// Another connection has the same client identifier.
    func evict() {
        guard !self.isEnded else { return }
        self.statistics.counters.add(.takeovers)
        self.end(self.machine.takenOver())
    }

    /// The endpoint stops: no more messages, acknowledgements may still leave.
    func readNoMore() { self.pause(for: .stopping) }

    /// The endpoint stops: this is the end.
    func sayGoodbye() {
        guard !self.isEnded else { return }
        self.end(self.machine.serverStopping())
    }

    // MARK: - Work

    /// Processes what was received, as far as it goes.
    private func work() {
        guard !self.isBusy, !self.isEnded else { return }
        self.isBusy = true
        self.loop.intake.forgetIfReclassified()
        if self.pause.isEmpty { self.process() }
        while self.pause.isEmpty, !self.isEnded, self.feed() { self.process() }
        self.isBusy = false
        self.write()
        self.recordLatencies()
        if self.isWaitingForJournal, !self.isAwaitingDurable {
            self.isAwaitingDurable = true
            self.loop.awaitDurable(self)
        }
        // What was received before the peer closed is still taken, then it is over.
        if self.isTransportClosed, self.pause.isEmpty, !self.isEnded {
            self.end(self.machine.transportClosed())
        }
    }

    /// What one socket read brought counts with its arrival.
    private func recordLatencies() {
        guard self.takenCount > 0 else { return }
        let arrival = self.arrival
        self.loop.endpoint.services.latencies[.arrivalToRing].record(
            from: arrival, to: self.now, count: self.takenCount)
        self.takenCount = 0
        guard self.unacknowledged.count > 0 else { return }
        self.marks.add(
            through: self.unacknowledged.last, at: arrival, count: self.unacknowledged.count)
        self.unacknowledged.count = 0
    }

    /// Hands bytes to the machine; false when there are none.
    private func feed() -> Bool {
        guard var chunk = self.held else { return false }
        // The machine copies: the chunk must not be shared meanwhile.
        self.held = nil
        var span = chunk.readableBytesUInt8Span
        if let count = self.arrivals.count(from: self.takenBytes) {
            // What piled up during a pause goes alone: it has its own arrival.
            span = span.extracting(first: Int(clamping: count))
        }
        let count = self.machine.received(span)
        self.takenBytes &+= UInt64(count)
        self.arrivals.forget(before: self.takenBytes)
        chunk.moveReaderIndex(forwardBy: count)
        if chunk.readableBytes > 0 { self.held = chunk }
        return count > 0
    }

    /// When what the machine has now arrived.
    var arrival: MonotonicInstant {
        self.arrivals.arrival(before: self.takenBytes) ?? self.readAt
    }

    private func process() {
        if let connect = self.pendingConnect,
            !self.authenticate(connect) || !self.admit(connect)
        {
            return
        }
        while true {
            switch self.machine.next(now: self.readAt) {
            case .needsBytes: return
            case .connect(let connect):
                if !self.authenticate(connect) || !self.admit(connect) { return }
            case .publish(let publish):
                if !self.mayPublishNow() || !self.take(publish) { return }
            case .release(let identifier):
                if !self.release(identifier) { return }
            case .stalled:
                self.statistics.counters.add(.inflightPauses)
                self.pause(for: .inflight)
                return
            case .close(let close):
                self.end(close)
                return
            }
        }
    }

    /// One message is in the ring up to `last`: for the latencies of this read.
    func noteTaken(_ publish: MQTTPublish, through last: UInt64) {
        self.takenCount &+= 1
        if publish.packetIdentifier != 0 {
            self.unacknowledged = (self.unacknowledged.count &+ 1, last)
        }
    }

    // MARK: - Reading and not reading

    /// Stops reading for a cause.
    func pause(for cause: Pause) {
        guard !self.isEnded, !self.pause.contains(cause) else { return }
        if self.pause.isEmpty { self.stopReading() }
        self.pause.insert(cause)
    }

    func unpause(_ cause: Pause) {
        guard self.pause.contains(cause) else { return }
        self.pause.remove(cause)
        guard self.pause.isEmpty else { return }
        self.resumeReading()
    }

    private func stopReading() {
        // A retry that fails again goes on with the same pause.
        if self.isReadingStopped { return }
        self.isReadingStopped = true
        self.pausedAt = self.readAt
        // Everything held so far came with the read that led here.
        self.arrivals.note(before: self.receivedBytes, at: self.readAt)
        self.machine.readingPaused(now: self.now)
        self.setAutoRead(false)
    }

    private var isReadingStopped = false

    private func resumeReading() {
        guard self.isReadingStopped, !self.isEnded else { return }
        self.isReadingStopped = false
        self.machine.readingResumed(now: self.now)
        self.askBacklog()
    }

    /// Learns how much piled up in the kernel during the pause, then reads on.
    private func askBacklog() {
        guard let provider = self.context?.channel as? any SocketOptionProvider,
            !self.isTransportClosed
        else {
            self.goOn(receivedInAll: nil)
            return
        }
        let info: EventLoopFuture<TCPInfo> = provider.unsafeGetSocketOption(
            level: SocketOptionLevel(TCPInfo.level), name: SocketOptionName(TCPInfo.name))
        info.assumeIsolated().whenComplete { result in
            self.goOn(receivedInAll: (try? result.get())?.receivedBytes)
        }
    }

    private func goOn(receivedInAll: UInt64?) {
        guard !self.isReadingStopped, !self.isEnded else { return }
        if let receivedInAll {
            self.arrivals.note(
                before: self.streamBytes(ofTransport: receivedInAll), at: self.pausedAt)
        }
        self.work()
        if !self.isReadingStopped { self.setAutoRead(true) }
    }

    private func setAutoRead(_ isOn: Bool) {
        // An error means that the channel is closed, which is told otherwise.
        self.context?.channel.setOption(.autoRead, value: isOn).whenFailure { _ in }
    }

    // MARK: - Writing and ending

    /// Sends what the machine has written, in one piece.
    func write() {
        guard !self.machine.outbound.isEmpty else { return }
        if let context = self.context, context.channel.isActive {
            var buffer = context.channel.allocator.buffer(capacity: self.machine.outbound.count)
            self.machine.outbound.withBytes { bytes in
                unsafe bytes.withUnsafeBytes { _ = unsafe buffer.writeBytes($0) }
            }
            context.writeAndFlush(self.wrapOutboundOut(buffer), promise: nil)
        }
        self.machine.outboundWritten()
    }

    /// Ends the connection, once: last words, evidence, place.
    func end(_ close: MQTTClose) {
        guard !self.isEnded else { return }
        self.isEnded = true
        self.write()
        self.held = nil
        self.pendingConnect = nil
        self.count(close)
        self.leave(close)
        self.loop.remove(self)
        self.context?.close(promise: nil)
    }
}

/// The beginning of what TCP_INFO returns (struct tcp_info of linux/tcp.h).
private struct TCPInfo: Sendable, BitwiseCopyable {
    static let level: CInt = 6  // IPPROTO_TCP
    static let name: CInt = 11  // TCP_INFO

    private var before: [16 of UInt64]
    /// Payload bytes the kernel has received in all.
    var receivedBytes: UInt64
}
