// SPDX-License-Identifier: Apache-2.0

import CLinux
import FleetSimulation
import Glibc
import Synchronization

/// Waits until `condition` holds, at most `seconds`; false if it never did.
func eventually(seconds: UInt64 = 20, _ condition: () -> Bool) -> Bool {
    let end = clinux_boottime_ns() + seconds * 1_000_000_000
    while clinux_boottime_ns() < end {
        if condition() { return true }
        usleep(500)
    }
    return condition()
}

/// A socket on a free port of 127.0.0.1.
struct LocalSocket {
    var descriptor: Int32
    var port: UInt16

    init?(isStream: Bool, port: UInt16 = 0) {
        let kind = Int32((isStream ? SOCK_STREAM : SOCK_DGRAM).rawValue)
        self.descriptor = socket(AF_INET, kind | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard self.descriptor >= 0 else { return nil }
        var size: Int32 = 8 << 20
        let bytes = socklen_t(MemoryLayout<Int32>.size)
        unsafe setsockopt(self.descriptor, SOL_SOCKET, SO_RCVBUF, &size, bytes)
        var on: Int32 = 1
        unsafe setsockopt(self.descriptor, SOL_SOCKET, SO_REUSEADDR, &on, bytes)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = self.descriptor
        let isBound = unsafe withUnsafeMutablePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe bind(descriptor, address, length) == 0
                    && (!isStream || listen(descriptor, 1_024) == 0)
                    && getsockname(descriptor, address, &length) == 0
            }
        }
        guard isBound else {
            close(descriptor)
            return nil
        }
        self.port = UInt16(bigEndian: address.sin_port)
    }
}

/// The smallest MQTT server that acknowledges, and counts what it saw.
///
/// One thread, one epoll instance. It answers CONNECT and PUBLISH with QoS 1, nothing else.
/// `@unchecked Sendable`: the thread's state is its own; shared counts are atomics or in the mutex.
@safe
final class LocalAcker: @unchecked Sendable {
    struct Publish: Equatable, Sendable {
        var client: String
        var topic: String
        var payload: String
        var identifier: UInt16
        var isDuplicate: Bool
        var wasAcknowledged: Bool
    }

    struct Behaviour: Sendable {
        /// Closes each connection when it has seen this many publishes on it; 0: never.
        var closesAfter = 0
        /// Publishes of the last ones before the close that stay unacknowledged; a sender that has
        /// no more to send comes to the close, too.
        var withholds = 0
        /// False: no publish is ever acknowledged.
        var acknowledges = true
        /// Receive Maximum and server keep-alive of a v5 CONNACK; nil: none.
        var receiveMaximum: UInt16?
        var keepAliveSeconds: UInt16?
        /// Reason code of v5 PUBACKs.
        var reason: UInt8 = 0
        /// Keeps every publish for the test to look at.
        var records = true
        /// Keeps the bytes of each connection as they came.
        var keepsBytes = false
    }

    private struct Connection {
        var input: [UInt8] = []
        var number = 0
        var client = ""
        var version: UInt8 = 4
        var isClean = true
        var seen = 0
        /// Publishes that are read and not acknowledged.
        var unacknowledged = 0
    }

    private let listener: LocalSocket
    private let behaviour: Behaviour
    private let isStopping = Atomic<Bool>(false)
    private let hasEnded = Atomic<Bool>(false)
    let publishCount = Atomic<UInt64>(0)
    let connectCount = Atomic<UInt64>(0)
    let resumedCount = Atomic<UInt64>(0)
    let pingCount = Atomic<UInt64>(0)
    let disconnectCount = Atomic<UInt64>(0)
    /// Most publishes that lay between two acknowledgements of one connection.
    let inFlightMax = Atomic<Int>(0)
    private let log = Mutex<[Publish]>([])
    private let bytes = Mutex<[[UInt8]]>([])
    private var connections: [Int32: Connection] = [:]

    var port: UInt16 { self.listener.port }
    var publishes: [Publish] { self.log.withLock { $0 } }
    /// Everything each connection sent, in the order of accepting.
    var streams: [[UInt8]] { self.bytes.withLock { $0 } }

    init?(_ behaviour: Behaviour = Behaviour(), port: UInt16 = 0) {
        guard let listener = LocalSocket(isStream: true, port: port) else { return nil }
        self.listener = listener
        self.behaviour = behaviour
        let raw = unsafe Unmanaged.passRetained(self).toOpaque()
        var thread: pthread_t = 0
        let code = unsafe pthread_create(
            &thread, nil,
            { raw in
                guard let raw = unsafe raw else { return nil }
                let server = unsafe Unmanaged<LocalAcker>.fromOpaque(raw).takeRetainedValue()
                server.run()
                return nil
            }, raw)
        guard code == 0 else { return nil }
        pthread_detach(thread)
    }

    /// Ends the server and closes every socket; returns when that is done.
    func stop() {
        self.isStopping.store(true, ordering: .relaxed)
        _ = eventually { self.hasEnded.load(ordering: .acquiring) }
    }

    private func run() {
        let epoll = clinux_fleet_epoll()
        clinux_fleet_watch(epoll, self.listener.descriptor, UInt64.max, 1, 0)
        var events = [clinux_fleet_event](repeating: clinux_fleet_event(), count: 256)
        var scratch = [UInt8](repeating: 0, count: 64 * 1_024)
        while !self.isStopping.load(ordering: .relaxed) {
            let count = unsafe clinux_fleet_wait(epoll, 10_000_000, &events, 256)
            if count == 0 { self.closeWithholding() }
            for event in events.prefix(Int(count)) {
                if event.tag == UInt64.max {
                    let socket = accept(self.listener.descriptor, nil, nil)
                    guard socket >= 0 else { continue }
                    var on: Int32 = 1
                    unsafe setsockopt(
                        socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on,
                        socklen_t(MemoryLayout<Int32>.size))
                    var connection = Connection()
                    connection.number = self.bytes.withLock { streams in
                        streams.append([])
                        return streams.count - 1
                    }
                    self.connections[socket] = connection
                    clinux_fleet_watch(epoll, socket, UInt64(socket), 1, 0)
                } else {
                    self.serve(Int32(event.tag), &scratch)
                }
            }
        }
        for socket in self.connections.keys { close(socket) }
        close(self.listener.descriptor)
        close(epoll)
        self.hasEnded.store(true, ordering: .releasing)
    }

    /// Nobody sends: what was withheld before a close that does not come is never acknowledged.
    private func closeWithholding() {
        guard self.behaviour.closesAfter > 0 else { return }
        for (socket, connection) in self.connections where connection.unacknowledged > 0 {
            self.connections[socket] = nil
            close(socket)
        }
    }

    private func serve(_ socket: Int32, _ scratch: inout [UInt8]) {
        let count = unsafe recv(socket, &scratch, scratch.count, 0)
        guard count > 0, var connection = self.connections.removeValue(forKey: socket) else {
            self.connections[socket] = nil
            close(socket)
            return
        }
        connection.input += scratch[..<count]
        if self.behaviour.keepsBytes {
            let received = scratch[..<count]
            self.bytes.withLock { [number = connection.number] in $0[number] += received }
        }
        var output: [UInt8] = []
        let stays = self.consume(&connection, &output)
        var offset = 0
        while offset < output.count {
            let sent = unsafe output.withUnsafeBytes {
                unsafe send(
                    socket, $0.baseAddress.map { unsafe $0 + offset }, $0.count - offset,
                    Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { break }
            offset += sent
        }
        if stays {
            self.connections[socket] = connection
        } else {
            close(socket)
        }
    }

    /// Handles whole packets; false if the connection must be closed.
    private func consume(_ connection: inout Connection, _ output: inout [UInt8]) -> Bool {
        var offset = 0
        defer { connection.input.removeFirst(offset) }
        while true {
            var length = 0
            var shift = 0
            var index = offset + 1
            while true {
                guard index < connection.input.count else { return true }
                let byte = connection.input[index]
                length |= Int(byte & 0x7F) << shift
                shift += 7
                index += 1
                if byte & 0x80 == 0 { break }
            }
            guard connection.input.count >= index + length else { return true }
            let first = connection.input[offset]
            let body = connection.input[index..<(index + length)]
            offset = index + length
            switch first >> 4 {
            case 1: output += self.connected(&connection, Array(body))
            case 3:
                guard self.published(first, Array(body), &connection, &output) else {
                    return false
                }
            case 12:
                self.pingCount.wrappingAdd(1, ordering: .relaxed)
                output += [0xD0, 0]
            case 14: self.disconnectCount.wrappingAdd(1, ordering: .relaxed)
            default: return false
            }
        }
    }

    private func connected(_ connection: inout Connection, _ body: [UInt8]) -> [UInt8] {
        self.connectCount.wrappingAdd(1, ordering: .relaxed)
        connection.version = body[6]
        connection.isClean = body[7] & 2 != 0
        if !connection.isClean { self.resumedCount.wrappingAdd(1, ordering: .relaxed) }
        var index = 10
        if connection.version == 5 { index += 1 + Int(body[10]) }
        let length = Int(body[index]) << 8 + Int(body[index + 1])
        connection.client = String(
            decoding: body[(index + 2)..<(index + 2 + length)], as: UTF8.self)
        guard connection.version == 5 else { return [0x20, 2, 0, 0] }
        // A string property in front, so that the client must skip it.
        var properties: [UInt8] = [0x1F, 0, 2, 0x68, 0x69]
        if let maximum = self.behaviour.receiveMaximum {
            properties += [0x21, UInt8(maximum >> 8), UInt8(truncatingIfNeeded: maximum)]
        }
        if let seconds = self.behaviour.keepAliveSeconds {
            properties += [0x13, UInt8(seconds >> 8), UInt8(truncatingIfNeeded: seconds)]
        }
        return [0x20, UInt8(3 + properties.count), 0, 0, UInt8(properties.count)] + properties
    }

    private func published(
        _ first: UInt8, _ body: [UInt8], _ connection: inout Connection, _ output: inout [UInt8]
    ) -> Bool {
        self.publishCount.wrappingAdd(1, ordering: .relaxed)
        connection.seen += 1
        let isAcknowledged = first & 6 != 0
        let topicEnd = 2 + Int(body[0]) << 8 + Int(body[1])
        var index = topicEnd
        var identifier: UInt16 = 0
        if isAcknowledged {
            identifier = UInt16(body[index]) << 8 | UInt16(body[index + 1])
            index += 2
        }
        if connection.version == 5 { index += 1 + Int(body[index]) }
        let closesAfter = self.behaviour.closesAfter
        let isLate = closesAfter > 0 && connection.seen > closesAfter - self.behaviour.withholds
        let isWithheld = isLate || !self.behaviour.acknowledges
        if isAcknowledged, !isWithheld {
            let bytes = [UInt8(identifier >> 8), UInt8(truncatingIfNeeded: identifier)]
            if connection.version == 5, self.behaviour.reason != 0 {
                output += [0x40, 3] + bytes + [self.behaviour.reason]
            } else {
                output += [0x40, 2] + bytes
            }
        } else {
            connection.unacknowledged += 1
            if connection.unacknowledged > self.inFlightMax.load(ordering: .relaxed) {
                self.inFlightMax.store(connection.unacknowledged, ordering: .relaxed)
            }
        }
        if self.behaviour.records {
            let publish = Publish(
                client: connection.client,
                topic: String(decoding: body[2..<topicEnd], as: UTF8.self),
                payload: String(decoding: body[index...], as: UTF8.self), identifier: identifier,
                isDuplicate: first & 8 != 0, wasAcknowledged: isAcknowledged && !isWithheld)
            self.log.withLock { $0.append(publish) }
        }
        return closesAfter == 0 || connection.seen < closesAfter
    }
}
