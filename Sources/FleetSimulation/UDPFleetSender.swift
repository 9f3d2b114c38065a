// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Synchronization

/// What a UDP sender did.
package struct UDPFleetReport: Equatable, Sendable {
    package var readings: UInt64 = 0
    package var datagrams: UInt64 = 0
    /// Calls that the kernel refused: nobody listens, or no memory.
    package var sendErrors: UInt64 = 0
    package var lastError: Int32 = 0
    package var elapsedNanoseconds: UInt64 = 0
}

/// Sends line protocol over UDP from one thread: a load of fixed pattern, or a virtual plant.
///
/// The load patches digits into datagrams that were made once; with segmentation offload one call
/// hands up to 64 of them to the kernel.
package final class UDPFleetSender: Sendable {
    package enum Load: Sendable {
        /// `LoadPattern` over this many sensors, in turn.
        case pattern(sensors: Int)
        /// A virtual plant in real time; `rate` and `readingsMax` do not apply.
        case plant(VirtualPlant)
    }

    package struct Settings: Sendable {
        package var destination: FleetDestination
        package var load: Load
        package var linesPerDatagram = 20
        package var datagramBytesMax = ReadingText.datagramBytesDefault
        /// Readings a second; 0: as many as possible.
        package var rate: Double = 0
        /// Readings in all; 0: no limit.
        package var readingsMax: UInt64 = 0
        /// Ends after this long; 0: runs until `stop()`.
        package var durationNanoseconds: UInt64 = 0
        package var usesSegmentation = true
        /// Whether load lines carry the time of sending.
        package var sendsTime = true
        /// First sequence number of the load.
        package var firstSequence: UInt64 = 0

        package init(destination: FleetDestination, load: Load) {
            self.destination = destination
            self.load = load
        }
    }

    /// How often a paced sender looks at the clock: bursts are this long.
    private static let napNanoseconds: UInt64 = 500_000
    /// Bytes of one UDP payload at most, IPv4 and IPv6.
    private static let batchBytesMax = 65_000

    private let settings: Settings
    private let thread = FleetThread<UDPFleetReport>()
    private let readings = Atomic<UInt64>(0)

    /// Checks the settings; `start()` opens the socket.
    package init(_ settings: Settings) throws(FleetError) {
        if case .pattern(let sensors) = settings.load {
            guard (1...LoadPattern.sensorsMax).contains(sensors) else {
                throw .badSetting("sensors: 1-\(LoadPattern.sensorsMax)")
            }
        }
        let lineBytes = LoadPattern.line(sensor: 0, hasTime: settings.sendsTime).bytes.count
        guard settings.linesPerDatagram > 0, settings.datagramBytesMax >= lineBytes,
            settings.datagramBytesMax <= Self.batchBytesMax
        else { throw .badSetting("linesPerDatagram or datagramBytesMax") }
        self.settings = settings
    }

    /// Opens the socket and starts sending.
    package func start() throws(FleetError) {
        let socket = try FleetSocket.connected(
            to: self.settings.destination, isStream: false, blocks: true)
        FleetSocket.set(socket, level: SOL_SOCKET, option: SO_SNDBUF, to: 4 << 20)
        do throws(FleetError) {
            try self.thread.start(name: "fleet-udp") { _ in
                defer { close(socket) }
                switch self.settings.load {
                case .pattern(let sensors): return self.sendPattern(socket, sensors: sensors)
                case .plant(let plant): return self.sendPlant(socket, plant)
                }
            }
        } catch {
            close(socket)
            throw error
        }
    }

    /// Asks the sender to end; returns at once.
    package func stop() { self.thread.stop() }

    /// Waits until the sender has ended.
    package func join() -> UDPFleetReport { self.thread.join() ?? UDPFleetReport() }

    /// Readings sent so far.
    package var readingCount: UInt64 { self.readings.load(ordering: .relaxed) }

    // MARK: - Load

    private func sendPattern(_ socket: Int32, sensors: Int) -> UDPFleetReport {
        var batch = DatagramBatch(
            self.settings, sensors: sensors, batchBytesMax: Self.batchBytesMax)
        var report = UDPFleetReport()
        var sequence = self.settings.firstSequence
        let start = clinux_boottime_ns()
        let pacer = Pacer(rate: self.settings.rate, start: start)
        let limit = self.settings.readingsMax == 0 ? UInt64.max : self.settings.readingsMax
        while !self.thread.isStopping, report.readings < limit {
            let now = clinux_boottime_ns()
            if self.isOver(now &- start) { break }
            let allowed = min(pacer.due(at: now), limit)
            let lines = UInt64(batch.linesPerDatagram)
            let wanted = allowed > report.readings ? allowed - report.readings : 0
            // The end of a bounded run may leave a datagram that is not full.
            guard wanted >= min(lines, limit - report.readings), wanted > 0 else {
                self.nap()
                continue
            }
            let count = batch.fill(
                first: sequence, readings: wanted, time: UInt64(clamping: clinux_realtime_ns()))
            // Numbers that did not go are sent again: the sequence has no holes.
            let sent = min(self.send(socket, &batch, &report) * lines, count)
            report.readings += sent
            sequence += sent
            self.readings.store(report.readings, ordering: .relaxed)
        }
        report.elapsedNanoseconds = clinux_boottime_ns() &- start
        return report
    }

    /// Sends what `batch` holds and gives the number of datagrams that went.
    private func send(
        _ socket: Int32, _ batch: inout DatagramBatch, _ report: inout UDPFleetReport
    ) -> UInt64 {
        var sent: UInt32 = 0
        let datagrams = UInt32(batch.datagramCount)
        let segment = UInt16(clamping: batch.datagramBytes)
        let code: Int32 = unsafe batch.bytes.withUnsafeBytes { bytes in
            if self.settings.usesSegmentation {
                let code = unsafe clinux_fleet_gso_send(
                    socket, bytes.baseAddress, batch.filledBytes, segment)
                sent = code == 0 ? datagrams : 0
                return code
            }
            return unsafe clinux_udp_many_send(
                socket, bytes.baseAddress, batch.filledBytes, segment, &sent)
        }
        report.datagrams += UInt64(sent)
        if code != 0 {
            report.sendErrors += 1
            report.lastError = code
            // Nobody listens: do not spin on refusals.
            self.nap()
        }
        return UInt64(sent)
    }

    // MARK: - Plant

    private func sendPlant(_ socket: Int32, _ plant: VirtualPlant) -> UDPFleetReport {
        var plant = plant
        var report = UDPFleetReport()
        let start = clinux_boottime_ns()
        while !self.thread.isStopping {
            let elapsed = clinux_boottime_ns() &- start
            if self.isOver(elapsed) { break }
            let due = plant.due(until: elapsed)
            guard !due.isEmpty else {
                self.nap()
                continue
            }
            let datagrams = ReadingText.datagrams(
                due, sensors: plant.sensors, linesMax: self.settings.linesPerDatagram,
                bytesMax: self.settings.datagramBytesMax)
            for datagram in datagrams {
                let count = unsafe datagram.withUnsafeBytes {
                    unsafe Glibc.send(
                        socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                if count == datagram.count {
                    report.datagrams += 1
                    report.readings += UInt64(datagram.count { $0 == UInt8(ascii: "\n") })
                } else {
                    report.sendErrors += 1
                    report.lastError = errno
                }
            }
            self.readings.store(report.readings, ordering: .relaxed)
        }
        report.elapsedNanoseconds = clinux_boottime_ns() &- start
        return report
    }

    // MARK: - Helpers

    private func isOver(_ elapsed: UInt64) -> Bool {
        self.settings.durationNanoseconds > 0 && elapsed >= self.settings.durationNanoseconds
    }

    private func nap() {
        var wait = timespec(tv_sec: 0, tv_nsec: Int(Self.napNanoseconds))
        unsafe nanosleep(&wait, nil)
    }
}

/// Datagrams of equal size in one buffer: made once, digits patched.
struct DatagramBatch {
    private(set) var bytes: [UInt8]
    let datagramBytes: Int
    private(set) var datagramCount = 0
    private(set) var filledBytes = 0
    private let lineBytes: Int
    let linesPerDatagram: Int
    private let datagramsMax: Int
    private let valueOffset: Int
    private let timeOffset: Int?
    private let nameOffset: Int
    private let sensors: UInt64

    init(_ settings: UDPFleetSender.Settings, sensors: Int, batchBytesMax: Int) {
        let line = LoadPattern.line(sensor: 0, hasTime: settings.sendsTime)
        self.lineBytes = line.bytes.count
        self.valueOffset = line.value
        self.timeOffset = line.time
        self.nameOffset = Array("load,s=s".utf8).count
        self.sensors = UInt64(sensors)
        self.linesPerDatagram = min(
            settings.linesPerDatagram, settings.datagramBytesMax / line.bytes.count)
        self.datagramBytes = self.linesPerDatagram * line.bytes.count
        self.datagramsMax = max(
            1, min(Int(CLINUX_UDP_SEND_MAX), batchBytesMax / self.datagramBytes))
        self.bytes = []
        self.bytes.reserveCapacity(self.datagramsMax * self.datagramBytes)
        for _ in 0..<(self.datagramsMax * self.linesPerDatagram) { self.bytes += line.bytes }
    }

    /// Fills in up to `readings` readings and gives their number; whole datagrams, except where
    /// fewer than one datagram's readings are wanted.
    mutating func fill(first: UInt64, readings: UInt64, time: UInt64) -> UInt64 {
        let most = UInt64(self.datagramsMax * self.linesPerDatagram)
        let perDatagram = UInt64(self.linesPerDatagram)
        var count = min(readings, most)
        if count > perDatagram { count -= count % perDatagram }
        let (nameOffset, sensors) = (self.nameOffset, self.sensors)
        let (valueOffset, timeOffset, lineBytes) =
            (self.valueOffset, self.timeOffset, self.lineBytes)
        var span = self.bytes.mutableSpan
        var line = 0
        var sensor = first % sensors
        for index in 0..<count {
            Digits.put(sensor, count: 6, into: &span, at: line + nameOffset)
            Digits.put(
                LoadPattern.valueBase &+ first &+ index, count: LoadPattern.valueDigits,
                into: &span, at: line + valueOffset)
            if let timeOffset {
                Digits.put(
                    time, count: LoadPattern.timeDigits, into: &span, at: line + timeOffset)
            }
            line += lineBytes
            sensor = sensor &+ 1 == sensors ? 0 : sensor &+ 1
        }
        self.filledBytes = line
        self.datagramCount = (Int(count) + self.linesPerDatagram - 1) / self.linesPerDatagram
        return count
    }
}
