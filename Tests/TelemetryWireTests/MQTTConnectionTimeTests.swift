// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import TelemetryWire
import Testing

@Suite struct MQTTConnectionTimeTests {
    @Test func `CONNECT must come in time`() {
        var peer = MQTTTestPeer()
        let wakeAt = peer.machine.wakeAt
        #expect(wakeAt == peer.now.advanced(byNanoseconds: 5_000_000_000))
        peer.pass(4.999)
        // Half a CONNECT is none.
        _ = peer.send("100e 0004")
        #expect(peer.machine.woke(now: peer.now) == .wake(at: wakeAt))
        peer.pass(0.001)
        guard case .close(let close) = peer.machine.woke(now: peer.now) else {
            Issue.record("the time is over")
            return
        }
        #expect(close.cause == .connectTimeout && !close.willIsDue)
        #expect(peer.written() == "")
        #expect(peer.machine.woke(now: peer.now) == .wake(at: .distantFuture))
    }

    /// The clause is [MQTT-3.1.2-22].
    @Test(arguments: MQTTVersion.allCases)
    func `silence of one and a half keep alives ends the connection`(version: MQTTVersion) {
        var peer = MQTTTestPeer()
        peer.connect(version, keepAlive: 10)
        peer.pass(14)
        _ = peer.send("c000")
        #expect(peer.machine.wakeAt == peer.now.advanced(byNanoseconds: 15_000_000_000))
        peer.pass(14.999)
        // Half a packet does not count, and what we write does not either.
        #expect(peer.send("c0") == "")
        _ = peer.machine.durable(through: 500, now: peer.now)
        guard case .wake = peer.machine.woke(now: peer.now) else {
            Issue.record("a millisecond is left")
            return
        }
        peer.pass(0.001)
        guard case .close(let close) = peer.machine.woke(now: peer.now) else {
            Issue.record("the client is silent")
            return
        }
        #expect(close.cause == .keepAliveTimeout)
        #expect(peer.written() == (version == .v5 ? "e0018d" : ""))
    }

    @Test func `keep alive 0 switches the supervision off`() {
        var peer = MQTTTestPeer()
        peer.connect(.v311, keepAlive: 0)
        peer.pass(1_000_000)
        #expect(peer.machine.wakeAt == .distantFuture)
        #expect(peer.machine.woke(now: peer.now) == .wake(at: .distantFuture))
    }

    @Test func `the server keep alive replaces a longer one and none in 5`() {
        var options = MQTTConnectionOptions()
        options.keepAliveMax = 60
        for (asked, expected): (UInt16, UInt64) in [(120, 90), (0, 90), (20, 30), (60, 90)] {
            var peer = MQTTTestPeer(options)
            var request = MQTTConnectRequest(version: .v5, clientIdentifier: "s1")
            request.keepAlive = asked
            // [MQTT-3.1.2-21]
            let isTold = peer.send(connectBytes(request)).hasSuffix("13003c")
            #expect(isTold == (asked == 0 || asked > 60))
            #expect(
                peer.machine.wakeAt
                    == peer.now.advanced(byNanoseconds: expected * 1_000_000_000))
        }
    }

    @Test func `silence does not count while we do not read`() {
        var peer = MQTTTestPeer()
        peer.connect(.v5, keepAlive: 10)
        peer.pass(10)
        peer.machine.readingPaused(now: peer.now)
        peer.pass(100)
        #expect(peer.machine.wakeAt == .distantFuture)
        #expect(peer.machine.woke(now: peer.now) == .wake(at: .distantFuture))
        peer.machine.readingPaused(now: peer.now)
        peer.pass(100)
        peer.machine.readingResumed(now: peer.now)
        // Five of fifteen seconds are left.
        #expect(peer.machine.wakeAt == peer.now.advanced(byNanoseconds: 5_000_000_000))
        peer.machine.readingResumed(now: peer.now.advanced(byNanoseconds: 1))
        #expect(peer.machine.wakeAt == peer.now.advanced(byNanoseconds: 5_000_000_000))
        peer.pass(5)
        guard case .close = peer.machine.woke(now: peer.now) else {
            Issue.record("the client is silent")
            return
        }
    }

    @Test func `silence does not count while we hold a message`() {
        var machine = MQTTConnectionMachine(options: MQTTConnectionOptions(), now: .zero)
        _ = machine.received(hex(MQTTVectors.connectV311).span)
        _ = machine.next(now: .zero)
        #expect(machine.wakeAt == .distantFuture, "the verdict is ours to give")
        _ = machine.connectAccepted(now: .zero)
        _ = machine.received(publishBytes(.atMostOnce, version: .v311).span)
        _ = machine.next(now: .zero)
        let later = MonotonicInstant(nanoseconds: 1_000_000_000_000)
        #expect(machine.woke(now: later) == .wake(at: .distantFuture))
        machine.publishAccepted(through: 1, now: later)
        #expect(machine.wakeAt == later.advanced(byNanoseconds: 45_000_000_000))
    }

    @Test func `silence counts from the moment a stalled connection has room again`() {
        var options = MQTTConnectionOptions()
        options.unannouncedInflightMax = 1
        var peer = MQTTTestPeer(options)
        peer.connect(.v311)
        _ = peer.send(publishBytes(.atLeastOnce, 1, version: .v311))
        #expect(peer.isStalled == true)
        peer.pass(1_000)
        #expect(peer.machine.durable(through: 101, now: peer.now) == .writeAndContinue)
        #expect(peer.machine.wakeAt == peer.now.advanced(byNanoseconds: 45_000_000_000))
    }

    // MARK: Ends and the will

    private func peerWithWill(_ version: MQTTVersion) -> MQTTTestPeer {
        var peer = MQTTTestPeer()
        var request = MQTTConnectRequest(version: version, clientIdentifier: "s1")
        request.will = MQTTConnectRequest.Will(
            topic: "state", payload: [0x30], qos: .atLeastOnce, isRetained: true,
            properties: [.number(.willDelayInterval, 30)])
        _ = peer.send(connectBytes(request))
        return peer
    }

    @Test(arguments: MQTTVersion.allCases)
    func `DISCONNECT takes the will back`(version: MQTTVersion) {
        var peer = self.peerWithWill(version)
        #expect(peer.machine.will?.topic == bytes("state"))
        #expect(peer.send("e000 c000") == "")
        // [MQTT-3.14.4-3]
        #expect(peer.close?.cause == .disconnected)
        #expect(peer.close?.willIsDue == false)
        #expect(peer.machine.will == nil)
        #expect(peer.machine.transportClosed().willIsDue == false)
    }

    @Test(arguments: MQTTVersion.allCases)
    func `every other end makes the will due, once`(version: MQTTVersion) {
        // [MQTT-3.1.2-8]
        for (cause, end): (MQTTCloseCause, (inout MQTTTestPeer) -> MQTTClose?) in [
            (.transportClosed, { $0.machine.transportClosed() }),
            (.takenOver, { $0.machine.takenOver() }),
            (.serverStopping, { $0.machine.serverStopping() }),
            (
                .fault,
                {
                    _ = $0.send("0000")
                    return $0.close
                }
            ),
            (
                .keepAliveTimeout,
                {
                    $0.pass(90)
                    guard case .close(let close) = $0.machine.woke(now: $0.now) else { return nil }
                    return close
                }
            ),
        ] {
            var peer = self.peerWithWill(version)
            let close = end(&peer)
            #expect(close?.cause == cause)
            #expect(close?.willIsDue == true)
            let will = peer.machine.will
            #expect(will?.topic == bytes("state") && will?.payload == [0x30])
            #expect(will?.qos == .atLeastOnce && will?.isRetained == true)
            #expect(peer.machine.transportClosed().willIsDue == false)
        }
    }

    @Test func `DISCONNECT with will, and with an error, makes the will due`() {
        for code in ["04", "80", "93"] {
            var peer = self.peerWithWill(.v5)
            #expect(peer.send("e001 \(code)") == "")
            #expect(peer.close?.cause == .disconnectedWithWill)
            #expect(peer.close?.willIsDue == true)
        }
    }

    @Test func `the server says why it ends a connection of 5`() {
        for (code, end): (String, (inout MQTTTestPeer) -> MQTTClose) in [
            ("8e", { $0.machine.takenOver() }), ("8b", { $0.machine.serverStopping() }),
        ] {
            var peer = MQTTTestPeer()
            peer.connect(.v5)
            _ = end(&peer)
            #expect(peer.written() == "e001" + code)
            var old = MQTTTestPeer()
            old.connect(.v311)
            _ = end(&old)
            #expect(old.written() == "")
        }
    }

    @Test func `an answer after the end is too late and harmless`() {
        var machine = MQTTConnectionMachine(options: MQTTConnectionOptions(), now: .zero)
        _ = machine.received(hex(MQTTVectors.connectV311).span)
        _ = machine.next(now: .zero)
        _ = machine.connectAccepted(now: .zero)
        _ = machine.received(publishBytes(.atLeastOnce, 1, version: .v311).span)
        _ = machine.next(now: .zero)
        machine.outboundWritten()
        _ = machine.transportClosed()
        machine.publishAccepted(through: 1, now: .zero)
        machine.publishRefused(.quotaExceeded, now: .zero)
        #expect(machine.durable(through: 9, now: .zero) == .nothing)
        #expect(machine.outbound.isEmpty == true)
    }

    @Test func `after the end every event is ignored`() {
        var peer = MQTTTestPeer()
        peer.connect(.v5)
        _ = peer.send(publishBytes(.atLeastOnce, 1, version: .v5))
        _ = peer.machine.transportClosed()
        #expect(peer.written() == "")
        #expect(peer.machine.durable(through: 1_000, now: peer.now) == .nothing)
        #expect(peer.send("c000") == "")
        #expect(peer.machine.next(now: peer.now) == .needsBytes)
        #expect(peer.machine.wakeAt == .distantFuture)
        #expect(peer.machine.connectAccepted(now: peer.now) == nil)
        peer.machine.readingPaused(now: peer.now)
        peer.machine.readingResumed(now: peer.now)
        #expect(peer.machine.isClosed == true)
    }
}
