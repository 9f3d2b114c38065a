// SPDX-License-Identifier: Apache-2.0

import TelemetryWire
import Testing

/// Packets and the end of `stream`, fed in pieces of the given sizes, over and over.
private func frames(
    _ stream: [UInt8], pieces: [Int], packetBytesMax: Int = 4_096, shortest: Bool = false
) -> [String] {
    var framer = MQTTFramer(packetBytesMax: packetBytesMax)
    framer.requiresShortestLength = shortest
    var result: [String] = []
    var offset = 0
    var turn = 0
    while offset < stream.count {
        let size = max(1, pieces[turn % pieces.count])
        turn += 1
        let piece = Array(stream[offset..<min(stream.count, offset + size)])
        var taken = 0
        while taken < piece.count {
            taken += framer.append(piece.span, from: taken)
            frames: while true {
                switch framer.next() {
                case .needsBytes: break frames
                case .fault(let fault): return result + ["\(fault)"]
                case .packet(let header):
                    let body = framer.withBytes { bytes in
                        header.body.range.map { bytes[$0] }
                    }
                    result.append("\(header.type) \(header.flags) \(hex(body))")
                    #expect(framer.next() == .packet(header), "the same until it is consumed")
                    framer.consume()
                }
            }
        }
        offset += piece.count
    }
    return result + ["left \(framer.waitingBytes)"]
}

@Suite struct MQTTFramerTests {
    @Test(arguments: [
        ("c000 d000", ["pingreq 0 ", "pingresp 0 ", "left 0"]),
        ("c0", ["left 1"]), ("", ["left 0"]),
        ("30030001 61 c000", ["publish 0 000161", "pingreq 0 ", "left 0"]),
        ("6202 0001", ["pubrel 2 0001", "left 0"]),
        ("308000", ["publish 0 ", "left 0"]),
        ("3080808000 c000", ["publish 0 ", "pingreq 0 ", "left 0"]),
        ("3080808080", ["malformedLength"]), ("30ffffffff01", ["malformedLength"]),
        ("0000", ["reservedPacketType"]), ("30 ff7f", ["packetTooLarge"]),
        ("30ffffff7f", ["packetTooLarge"]),
        ("30 fd1f", ["left 3"]), ("30 fe1f", ["packetTooLarge"]),
    ])
    func `a stream is cut into packets`(stream: String, expected: [String]) {
        let input = hex(stream)
        #expect(frames(input, pieces: [input.count]) == expected)
        #expect(frames(input, pieces: [1]) == expected)
    }

    /// [MQTT-1.5.5-1]; in 3.1.1 clients exist that pad the length to a fixed width.
    @Test func `padded lengths are refused where 5 is spoken`() {
        #expect(frames(hex("308000"), pieces: [9], shortest: true) == ["malformedLength"])
        #expect(frames(hex("3000"), pieces: [9], shortest: true) == ["publish 0 ", "left 0"])
    }

    @Test func `any split of a random stream gives the same packets`() {
        var generator = SeededGenerator(seed: 99)
        for _ in 0..<200 {
            var stream: [UInt8] = []
            var buffer = WireBuffer()
            for _ in 0..<generator.below(12) {
                let payload = (0..<generator.pick([0, 1, 5, 120, 127, 128, 129, 1_000])).map { _ in
                    UInt8.random(in: 0...255, using: &generator)
                }
                MQTTEncoder.publish(
                    topic: "a/b".utf8.span, payload: payload.span, version: .v5, into: &buffer)
                stream += buffer.array()
                buffer.removeAll()
            }
            if generator.below(4) == 0 { stream += [UInt8.random(in: 0...255, using: &generator)] }
            let whole = frames(stream, pieces: [max(1, stream.count)], packetBytesMax: 1_100)
            #expect(frames(stream, pieces: [1], packetBytesMax: 1_100) == whole)
            for _ in 0..<5 {
                let pieces = (0..<7).map { _ in 1 + generator.below(300) }
                #expect(frames(stream, pieces: pieces, packetBytesMax: 1_100) == whole)
            }
        }
    }

    @Test func `the buffer takes no more than one packet and shrinks when idle`() {
        var framer = MQTTFramer(packetBytesMax: 100_000)
        let large = [0x30, 0x9C, 0x8D, 0x06] + [UInt8](repeating: 7, count: 99_996)
        let taken = framer.append((large + [0xC0, 0x00]).span)
        #expect(taken == 100_000)
        guard case .packet(let header) = framer.next() else {
            Issue.record("the packet is whole")
            return
        }
        #expect(header.packetBytes == 100_000)
        // A packet is out and the buffer is full: nothing more is taken, nothing moves.
        let takenWhileOut = framer.append([0xC0, 0x00].span)
        #expect(takenWhileOut == 0)
        framer.consume()
        #expect(framer.waitingBytes == 0)
        let takenAfter = framer.append([0xC0, 0x00].span)
        #expect(takenAfter == 2)
        guard case .packet(let ping) = framer.next() else {
            Issue.record("the ping is whole")
            return
        }
        #expect(ping.type == .pingreq)
    }
}
