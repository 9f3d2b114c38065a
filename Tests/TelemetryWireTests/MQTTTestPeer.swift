// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import TelemetryWire
import Testing

/// A shell around one machine that writes down what happens, in virtual time.
///
/// Accepts every CONNECT and takes every PUBLISH with the next journal number, unless told
/// otherwise.
struct MQTTTestPeer: ~Copyable {
    var machine: MQTTConnectionMachine
    var now = MonotonicInstant(nanoseconds: 1_000)
    /// What CONNECT is answered with.
    var verdict = MQTTReasonCode.success
    /// What PUBLISH is answered with; success takes it.
    var answer = MQTTReasonCode.success
    /// The last journal number given out.
    var number: UInt64 = 100
    var close: MQTTClose?
    /// One entry per PUBLISH: `topic=payload q1 #7 dup retain`.
    var publishes: [String] = []
    /// Identifiers whose release was handed out.
    var releases: [UInt16] = []
    /// What CONNECT is granted.
    var grant = MQTTSessionGrant()
    var isStalled = false
    private var unread: [UInt8] = []

    init(_ options: MQTTConnectionOptions = MQTTConnectionOptions()) {
        self.machine = MQTTConnectionMachine(options: options, now: self.now)
    }

    static func seconds(_ seconds: Double) -> UInt64 { UInt64(seconds * 1e9) }

    mutating func pass(_ seconds: Double) {
        self.now = self.now.advanced(byNanoseconds: Self.seconds(seconds))
    }

    /// What is outbound, taken away.
    mutating func written() -> String {
        let written = self.machine.outbound.hexText()
        self.machine.outboundWritten()
        return written
    }

    /// Sends bytes, in pieces of `piece` bytes, and gives back what was written.
    mutating func send(_ bytes: [UInt8], piece: Int = Int.max) -> String {
        self.unread += bytes
        while !self.unread.isEmpty {
            let size = min(piece, self.unread.count)
            let chunk = Array(self.unread[..<size])
            var taken = 0
            while taken < size {
                let count = self.machine.received(chunk.span, from: taken)
                taken += count
                self.run()
                if count == 0 { break }
            }
            self.unread.removeFirst(taken)
            if taken < size { break }
        }
        return self.written()
    }

    mutating func send(_ hexadecimal: String, piece: Int = Int.max) -> String {
        self.send(hex(hexadecimal), piece: piece)
    }

    /// Takes steps until the machine wants bytes.
    mutating func run() {
        self.isStalled = false
        while true {
            switch self.machine.next(now: self.now) {
            case .needsBytes: return
            case .stalled:
                self.isStalled = true
                return
            case .close(let close):
                self.close = close
                return
            case .connect(let connect): self.decide(connect)
            case .publish(let publish): self.take(publish)
            case .release(let identifier):
                self.releases.append(identifier)
                self.number += 1
                self.machine.releaseAccepted(through: self.number, now: self.now)
            }
        }
    }

    private mutating func decide(_ connect: MQTTConnect) {
        if self.verdict == .success {
            if connect.clientIdentifier.isEmpty { self.grant.assignedIdentifier = "given-1" }
            self.close = self.machine.connectAccepted(self.grant, now: self.now)
        } else {
            self.close = self.machine.connectRefused(self.verdict)
        }
    }

    private mutating func take(_ publish: MQTTPublish) {
        var entry = ""
        self.machine.withPublish(publish) { topic, payload in
            var topicBytes: [UInt8] = []
            for index in 0..<topic.count { topicBytes.append(topic[index]) }
            var payloadBytes: [UInt8] = []
            for index in 0..<payload.count { payloadBytes.append(payload[index]) }
            entry =
                String(decoding: topicBytes, as: UTF8.self) + "="
                + String(decoding: payloadBytes, as: UTF8.self)
        }
        if publish.qos != .atMostOnce {
            entry += " q\(publish.qos.rawValue) #\(publish.packetIdentifier)"
        }
        if publish.isDuplicate { entry += " dup" }
        if publish.isRetained { entry += " retain" }
        self.publishes.append(entry)
        if self.answer == .success {
            self.number += 1
            self.machine.publishAccepted(through: self.number, now: self.now)
        } else {
            self.machine.publishRefused(self.answer, now: self.now)
        }
    }

    /// Connects with the given version; the CONNACK is not checked here.
    mutating func connect(
        _ version: MQTTVersion, keepAlive: UInt16 = 30,
        _ configure: (inout MQTTConnectRequest) -> Void = { _ in }
    ) {
        var request = MQTTConnectRequest(version: version, clientIdentifier: "s1")
        request.keepAlive = keepAlive
        configure(&request)
        _ = self.send(connectBytes(request))
        #expect(self.close == nil)
    }
}

/// The bytes of a CONNECT.
func connectBytes(_ request: MQTTConnectRequest) -> [UInt8] {
    var buffer = WireBuffer()
    MQTTEncoder.connect(request, into: &buffer)
    return buffer.array()
}

/// The bytes of a PUBLISH to `a` with payload `1`.
func publishBytes(
    _ qos: QoS, _ identifier: UInt16 = 0, isDuplicate: Bool = false, payload: String = "1",
    version: MQTTVersion
) -> [UInt8] {
    var buffer = WireBuffer()
    MQTTEncoder.publish(
        topic: "a".utf8.span, payload: payload.utf8.span, qos: qos, packetIdentifier: identifier,
        isDuplicate: isDuplicate, version: version, into: &buffer)
    return buffer.array()
}
