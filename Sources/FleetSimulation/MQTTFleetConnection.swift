// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// One connection of a fleet: a socket that does not block, what waits to be written, the session.
final class MQTTFleetConnection {
    enum Phase: Equatable {
        case closed(retryAt: UInt64)
        /// `connect` is under way.
        case opening
        case open
    }

    /// What one write came to.
    enum Flush: Equatable { case done, blocked, lost }

    /// Messages of a plant that wait for room in the window at most.
    static let pendingMax = 4_096
    /// No new messages while this much waits to be written.
    static let outputBytesMax = 64 * 1_024

    let index: Int
    var session: MQTTClientSession
    var phase = Phase.closed(retryAt: 0)
    private(set) var socket: Int32 = -1
    var packets: MQTTServerPackets
    var output: [UInt8] = []
    private var outputOffset = 0
    /// Whether epoll watches for room to write.
    var watchesWritable = false
    var lastSentAt: UInt64 = 0
    /// PINGREQs without an answer; a server answers in order, so at 0 it has taken all before them.
    var unansweredPings = 0
    var pending: [(topic: String, payload: [UInt8])] = []
    var pendingHead = 0

    init(index: Int, session: MQTTClientSession) {
        self.index = index
        self.session = session
        self.packets = MQTTServerPackets(version: session.version)
    }

    /// The most the kernel keeps of what the server has not read: a measurement must not end with
    /// seconds of messages on their way.
    static let sendBufferBytes: Int32 = 128 * 1_024

    /// Whether new messages may be added to the output.
    var hasRoom: Bool {
        self.phase == .open && self.output.count - self.outputOffset < Self.outputBytesMax
    }

    var hasOutput: Bool { self.outputOffset < self.output.count }

    /// Begins to connect.
    func open(_ destination: FleetDestination) throws(FleetError) {
        self.socket = try FleetSocket.connected(to: destination, isStream: true, blocks: false)
        FleetSocket.set(self.socket, level: Int32(IPPROTO_TCP), option: TCP_NODELAY, to: 1)
        FleetSocket.set(
            self.socket, level: SOL_SOCKET, option: SO_SNDBUF, to: Self.sendBufferBytes)
        self.phase = .opening
        self.packets = MQTTServerPackets(version: self.session.version)
        self.output.removeAll(keepingCapacity: true)
        self.outputOffset = 0
    }

    /// Asks for a sign that everything before it was taken.
    func ping() {
        self.output += MQTTClientPackets.pingRequest
        self.unansweredPings += 1
    }

    /// Gives the connection up until `retryAt`.
    func close(retryAt: UInt64) {
        if self.socket >= 0 { Glibc.close(self.socket) }
        self.socket = -1
        self.phase = .closed(retryAt: retryAt)
        self.watchesWritable = false
        self.unansweredPings = 0
        self.session.lost()
    }

    /// The socket is writable for the first time: connected, or failed.
    func finishOpening() -> Bool {
        guard FleetSocket.pendingError(self.socket) == 0,
            !FleetSocket.isConnectedToItself(self.socket)
        else { return false }
        self.phase = .open
        self.session.connect(into: &self.output)
        return true
    }

    /// Writes what waits.
    func flush(now: UInt64) -> Flush {
        while self.outputOffset < self.output.count {
            let count = unsafe self.output.withUnsafeBytes { bytes in
                unsafe send(
                    self.socket, bytes.baseAddress.map { unsafe $0 + self.outputOffset },
                    bytes.count - self.outputOffset, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                self.outputOffset += count
                self.lastSentAt = now
            } else if errno == EAGAIN {
                if self.outputOffset > Self.outputBytesMax {
                    self.output.removeFirst(self.outputOffset)
                    self.outputOffset = 0
                }
                return .blocked
            } else if errno != EINTR {
                return .lost
            }
        }
        self.output.removeAll(keepingCapacity: true)
        self.outputOffset = 0
        return .done
    }

    /// Reads what is there; false if the connection has ended.
    func read(_ scratch: UnsafeMutableRawBufferPointer) -> Bool {
        while true {
            let count = unsafe recv(self.socket, scratch.baseAddress, scratch.count, 0)
            if count > 0 {
                unsafe self.packets.append(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
                if count < scratch.count { return true }
            } else if count < 0, errno == EINTR {
                continue
            } else {
                return count < 0 && errno == EAGAIN
            }
        }
    }

    // MARK: - Plant

    /// Queues one message; false if the queue is full.
    func enqueue(topic: String, payload: [UInt8]) -> Bool {
        guard self.pending.count - self.pendingHead < Self.pendingMax else { return false }
        self.pending.append((topic, payload))
        return true
    }

    /// The next queued message.
    func dequeue() -> (topic: String, payload: [UInt8])? {
        guard self.pendingHead < self.pending.count else {
            self.pending.removeAll(keepingCapacity: true)
            self.pendingHead = 0
            return nil
        }
        self.pendingHead += 1
        if self.pendingHead > Self.pendingMax {
            self.pending.removeFirst(self.pendingHead - 1)
            self.pendingHead = 1
        }
        return self.pending[self.pendingHead - 1]
    }
}
