// SPDX-License-Identifier: Apache-2.0

import MidwatchModel

/// First byte and extent of one control packet, as offsets into the framer's bytes.
package struct MQTTFixedHeader: Equatable, Sendable, BitwiseCopyable {
    package var type: MQTTPacketType
    /// The low four bits of the first byte.
    package var flags: UInt8
    /// What follows the remaining length.
    package var body: ByteRange
    package var packetBytes: Int
}

/// Cuts a byte stream into control packets.
///
/// Fed in any split, the stream gives the same packets. The remaining length is checked against
/// the maximum packet size before the packet is buffered. One packet is out at a time: its bytes
/// keep their place until `consume`.
///
/// Invariants
/// 1. consumed ≤ framed ≤ received ≤ `packetBytesMax`.
/// 2. framed == consumed, except between `next` returning a packet and `consume`.
/// 3. Memory grows by doubling to at most `packetBytesMax` and shrinks when emptied.
///
/// Source: MQTT 5.0, 2.1.1 to 2.1.4.
package struct MQTTFramer: ~Copyable, Sendable {
    package enum Step: Equatable, Sendable {
        case needsBytes
        case packet(MQTTFixedHeader)
        /// The stream cannot be followed further.
        case fault(MQTTFault)
    }

    /// Memory of a connection before its first packet, and again after a large one.
    static let idleBytes = 512
    /// Larger buffers are given back once they are empty.
    static let keptBytesMax = 16_384

    private var buffer: WireBuffer
    private var consumed = 0
    private var framed = 0
    /// Bytes of the largest packet taken, fixed header included.
    package private(set) var packetBytesMax: Int
    /// Whether remaining lengths must be in their shortest form (5.0; in 3.1.1 some clients pad).
    package var requiresShortestLength = false

    /// - Parameter packetBytesMax: At least 16, at most 268,435,460.
    package init(packetBytesMax: Int = SystemLimits.mqttPacketBytesMax) {
        precondition(packetBytesMax >= 16, "the smallest CONNECT has 14 bytes")
        precondition(packetBytesMax <= 268_435_460, "no packet is larger than MQTT allows")
        self.packetBytesMax = packetBytesMax
        self.buffer = WireBuffer(capacity: min(Self.idleBytes, packetBytesMax))
    }

    /// Received and not consumed yet.
    package var waitingBytes: Int { self.buffer.count - self.consumed }

    /// Lends all bytes that ranges of the current packet point into.
    @inline(__always)
    package borrowing func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (borrowing Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try self.buffer.withBytes(body)
    }

    /// Sets the maximum, after CONNECT was accepted; never below what is already buffered.
    package mutating func setPacketBytesMax(_ maximum: Int) {
        precondition(maximum >= 16 && maximum <= 268_435_460, "packet size outside MQTT")
        self.packetBytesMax = max(maximum, self.buffer.count)
    }

    /// Copies bytes from `offset` on into the buffer, as many as fit.
    ///
    /// - Returns: How many were taken. Fewer than offered means: take the packets out, then offer
    ///   the rest. 0 while a packet is out and the buffer is full.
    package mutating func append(_ bytes: borrowing Span<UInt8>, from offset: Int = 0) -> Int {
        precondition(offset >= 0 && offset <= bytes.count, "offset outside the bytes")
        if self.framed == self.consumed, self.consumed > 0 {
            self.buffer.removeFirst(self.consumed)
            self.consumed = 0
            self.framed = 0
        }
        let taken = min(bytes.count - offset, self.packetBytesMax - self.buffer.count)
        guard taken > 0 else { return 0 }
        self.buffer.append(bytes, in: ByteRange(offset, offset + taken))
        self.checkInvariants()
        return taken
    }

    /// The next packet, the same one again until `consume`.
    package mutating func next() -> Step {
        let start = self.consumed
        let available = self.buffer.count - start
        guard available >= 2 else { return .needsBytes }
        guard let type = MQTTPacketType(rawValue: self.buffer[start] >> 4) else {
            return .fault(.reservedPacketType)
        }
        var remaining = 0
        var lengthBytes = 0
        while true {
            guard lengthBytes < 4 else { return .fault(.malformedLength) }
            guard available > 1 + lengthBytes else { return .needsBytes }
            let byte = self.buffer[start + 1 + lengthBytes]
            remaining |= Int(byte & 0x7F) << (7 * lengthBytes)
            lengthBytes += 1
            if byte & 0x80 == 0 {
                if byte == 0, lengthBytes > 1, self.requiresShortestLength {
                    return .fault(.malformedLength)
                }
                break
            }
        }
        let total = 1 + lengthBytes + remaining
        guard total <= self.packetBytesMax else { return .fault(.packetTooLarge) }
        guard available >= total else { return .needsBytes }
        self.framed = start + total
        return .packet(
            MQTTFixedHeader(
                type: type, flags: self.buffer[start] & 0x0F,
                body: ByteRange(start + 1 + lengthBytes, start + total), packetBytes: total))
    }

    /// Lets go of the packet that `next` returned.
    package mutating func consume() {
        precondition(self.framed > self.consumed, "consume without a packet")
        self.consumed = self.framed
        if self.consumed == self.buffer.count {
            self.buffer.removeAll()
            self.consumed = 0
            self.framed = 0
            if self.buffer.capacity > Self.keptBytesMax { self.buffer.shrink(to: Self.idleBytes) }
        }
        self.checkInvariants()
    }

    private func checkInvariants() {
        assert(self.consumed <= self.framed, "framed runs behind consumed")
        assert(self.framed <= self.buffer.count, "framed runs ahead of received")
        assert(self.buffer.count <= self.packetBytesMax, "more buffered than one packet")
    }
}
