// SPDX-License-Identifier: Apache-2.0

internal import CLinux
package import Logging
package import MidwatchModel
internal import NamedThread
internal import ReadingRing
internal import Synchronization
package import TelemetryWire

/// One UDP socket with line protocol and the thread that owns it.
///
/// The thread receives in batches, decodes line by line and offers readings to the ring. UDP has
/// no way to say "later": what the ring refuses is shed, counted by class and sender, and recorded
/// (`lossObserved`). Datagrams that the kernel dropped, and a queue in the kernel that grew old
/// (`lagObserved`), are recorded likewise, each at most every 100 ms.
///
/// Invariants, per listener and per sender
/// 1. readings received = accepted + shed + rejected; lines received = decoded + rejected.
/// 2. Readings of one sensor enter the ring in the order in which they came.
package final class UDPListener: Sendable {
    package struct Configuration: Sendable {
        /// Source name of the listener, below which senders are named: `udp/plant`.
        package var name: String
        /// Numeric address; `::` takes IPv4 and IPv6.
        package var address: String
        /// 0 takes a free port.
        package var port: UInt16
        /// Unit of the source time of every line.
        package var timeUnit = SourceTimeUnit.nanoseconds
        /// How a line names its sensors.
        package var pathTemplate = SeriesPathTemplate.standard
        /// Whether senders send each reading by several ways: of equal copies (sensor, source time,
        /// value) one counts.
        package var isDualHomed = false
        /// What is asked of the kernel.
        ///
        /// 4 MiB hold 10,000 small datagrams: 25 ms at 400,000/s.
        package var receiveBufferBytes = 4 << 20
        /// Longer datagrams are counted and dropped.
        package var datagramBytesMax = SystemLimits.datagramBytesMax
        /// Senders that are sources of their own, 0 to 4,096; the rest share the listener's.
        package var senderCountMax = 1_024
        /// Series that are remembered between datagrams; more are learnt again and again.
        package var seriesCountMax = 65_536
        /// Pause after a well-filled batch, so that the next one is full; 0: never.
        ///
        /// Measured at 200,000 datagrams/s: 0.64 instead of 1.4 µs of processor time each.
        package var napNanoseconds: UInt64 = 250_000

        package init(name: String, address: String, port: UInt16) {
            self.name = name
            self.address = address
            self.port = port
        }
    }

    /// Datagrams of one receive call.
    package static let batchMax = 64
    /// A batch larger than this is followed by a nap: traffic is dense.
    static let napBatchMin = 8
    /// Longest wait without a beat.
    static let waitMilliseconds: Int32 = 250
    /// A stay in the kernel's queue beyond this is recorded as Midwatch's own lag.
    static let lagMinNanoseconds: UInt64 = 50_000_000

    package let configuration: Configuration
    /// Source of the listener.
    package let source: SourceIndex
    /// The last refused input.
    package let rejects = RejectLog()

    let socket: UDPSocket
    let senders: SenderTable
    let counters = CounterBlock<UDPCounter>()
    let lineErrors = CounterBlock<LineProtocolError>()
    let rejections = CounterBlock<ReadingRejection>()
    let services: IngestServices
    private let progress: StageProgress
    private let logger: Logger
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<NamedThread?>(nil)

    /// Binds the socket; readings flow after `start`.
    ///
    /// The source of the listener is registered by the caller. Throws what the system refused.
    package init(
        _ configuration: Configuration, source: SourceIndex, services: IngestServices,
        progress: StageProgress, logger: Logger
    ) throws(SocketError) {
        let socket = try UDPSocket(
            address: configuration.address, port: configuration.port, batch: Self.batchMax,
            datagramBytesMax: configuration.datagramBytesMax)
        let granted = socket.setReceiveBuffer(bytes: configuration.receiveBufferBytes)
        if granted < configuration.receiveBufferBytes {
            logger.warning(
                "receive buffer is smaller than asked for; raise net.core.rmem_max",
                metadata: [
                    "listener.name": "\(configuration.name)", "buffer.bytes": "\(granted)",
                    "buffer.wanted": "\(configuration.receiveBufferBytes)",
                ])
        }
        self.configuration = configuration
        self.source = source
        self.socket = socket
        self.senders = SenderTable(
            listener: source, name: configuration.name,
            senderCountMax: configuration.senderCountMax, sources: services.sources)
        self.services = services
        self.progress = progress
        self.logger = logger
        self.counters.set(.receiveBufferBytes, UInt64(granted))
    }

    /// The port that is listened on.
    package var port: UInt16 { self.socket.port }

    /// Starts the thread; once.
    package func start() throws(SocketError) {
        let name = self.configuration.name
        do throws(ThreadRefusal) {
            let thread = try NamedThread(name) { [self] in self.run() }
            self.thread.withLock { $0 = thread }
        } catch {
            throw .exhausted(what: "thread")
        }
        self.logger.info(
            "listening",
            metadata: ["listener.name": "\(name)", "listener.port": "\(self.port)"])
    }

    /// Ends the thread and waits for it; what it has received is in the ring then.
    package func stop() {
        self.isStopping.store(true, ordering: .relaxed)
        self.socket.wake()
        self.thread.withLock { $0.take() }?.join()
    }

    package subscript(_ counter: UDPCounter) -> UInt64 { self.counters[counter] }

    // MARK: - The thread

    private func run() {
        // Without this the kernel adds 50 µs to every nap.
        clinux_set_timer_slack(1_000)
        var intake = DatagramIntake(self)
        var lastCount = 0
        while !self.isStopping.load(ordering: .relaxed) {
            self.progress.beat()
            self.pause(after: lastCount, &intake)
            lastCount = self.turn(&intake)
        }
        intake.finish()
    }

    /// Waits for the next batch: in the kernel when it is quiet, by the clock when it is not.
    private func pause(after lastCount: Int, _ intake: inout DatagramIntake) {
        if lastCount > Self.napBatchMin {
            // A full batch means that more is waiting.
            let nap = self.configuration.napNanoseconds
            if lastCount < Self.batchMax, nap > 0 { clinux_nap(nap) }
            return
        }
        self.progress.setBacklog(0)
        if self.socket.wait(milliseconds: Self.waitMilliseconds) == .timeout {
            intake.idle(kernelDrops: self.socket.kernelDropCount)
        }
    }

    /// Receives and decodes one batch; returns how many datagrams it had.
    private func turn(_ intake: inout DatagramIntake) -> Int {
        let count = self.socket.receive()
        guard count > 0 else {
            if count < 0 { self.counters.add(.receiveErrors) }
            return 0
        }
        self.progress.setBacklog(UInt64(count))
        self.progress.attempt()
        unsafe intake.take(UnsafeBufferPointer(start: self.socket.datagrams, count: count))
        return count
    }
}
