// SPDX-License-Identifier: Apache-2.0

internal import CLinux
package import MidwatchModel
internal import NamedThread
package import ReadingRing
internal import Synchronization

/// The door of the watchdog's canary: a loopback socket of its own.
///
/// A datagram of 8 bytes, a nonce in network byte order, becomes one reading of the reserved
/// sensor with the nonce as int64 value. It enters in Midwatch's own admission class, so a full
/// ring does not stop it, and is not counted among the readings. Anything else is counted and
/// dropped.
package final class CanaryListener: Sendable {
    package enum Counter: Int, Sendable, CaseIterable {
        case accepted = 0
        case malformed = 1
        case ringFull = 2

        var word: String {
            switch self {
            case .accepted: "accepted"
            case .malformed: "malformed"
            case .ringFull: "ringFull"
            }
        }
    }

    /// Bytes of a canary datagram.
    package static let datagramBytes = 8
    private static let batch = 8
    /// Longer than a canary, so that a longer datagram is seen to be one.
    private static let receiveBytes = 64
    private static let waitMilliseconds: Int32 = 250

    private let socket: UDPSocket
    private let sensor: SensorIndex
    private let source: SourceIndex
    private let ring: ReadingRing
    private let clock: IngestClock
    private let counters = CounterBlock<Counter>()
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<NamedThread?>(nil)

    /// Binds to 127.0.0.1; port 0 takes a free one.
    ///
    /// `sensor` is the reserved sensor and `source` what its readings carry; both are registered.
    package init(
        port: UInt16, sensor: SensorIndex, source: SourceIndex, ring: ReadingRing,
        clock: IngestClock
    ) throws(SocketError) {
        self.socket = try UDPSocket(
            address: "127.0.0.1", port: port, batch: Self.batch,
            datagramBytesMax: Self.receiveBytes)
        self.sensor = sensor
        self.source = source
        self.ring = ring
        self.clock = clock
    }

    /// The port that is listened on.
    package var port: UInt16 { self.socket.port }

    /// Starts the thread; once.
    package func start() throws(SocketError) {
        do throws(ThreadRefusal) {
            let thread = try NamedThread("canary") { [self] in self.run() }
            self.thread.withLock { $0 = thread }
        } catch {
            throw .exhausted(what: "thread")
        }
    }

    /// Ends the thread and waits for it.
    package func stop() {
        self.isStopping.store(true, ordering: .relaxed)
        self.socket.wake()
        self.thread.withLock { $0.take() }?.join()
    }

    package subscript(_ counter: Counter) -> UInt64 { self.counters[counter] }

    /// One counter per outcome.
    package func metrics() -> [MetricSample] {
        Counter.allCases.map { counter in
            MetricSample(
                "midwatch_canary_datagrams_total", help: "Canary datagrams by outcome.",
                kind: .counter, labels: [(name: "outcome", value: counter.word)],
                value: Double(self.counters[counter]))
        }
    }

    private func run() {
        while !self.isStopping.load(ordering: .relaxed) {
            guard self.socket.wait(milliseconds: Self.waitMilliseconds) == .readable else {
                continue
            }
            let count = self.socket.receive()
            for index in 0..<max(0, count) {
                self.counters.add(unsafe self.take(self.socket.datagrams[index]))
            }
        }
    }

    private func take(_ datagram: clinux_udp_datagram) -> Counter {
        guard unsafe Int(datagram.length) == Self.datagramBytes else { return .malformed }
        var nonce: UInt64 = 0
        for index in 0..<Self.datagramBytes {
            nonce = unsafe nonce << 8 | UInt64(datagram.bytes[index])
        }
        var slot = Slot(kind: .reading, arrival: self.clock.now(), source: self.source)
        slot.sensor = self.sensor
        slot.valueKindRaw = ValueKind.int64.rawValue
        slot.valueBits = nonce
        slot.flags = .canary
        return self.ring.offer(slot, criticality: .own) == .ringFull ? .ringFull : .accepted
    }
}
