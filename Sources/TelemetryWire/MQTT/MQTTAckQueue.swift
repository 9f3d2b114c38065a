// SPDX-License-Identifier: Apache-2.0

/// Acknowledgements that wait for the journal, in order of arrival.
///
/// A ring of 16-byte entries that doubles up to the receive maximum; the machine asks for room
/// before it appends.
struct MQTTAckQueue: ~Copyable, Sendable {
    struct Entry: Equatable, Sendable, BitwiseCopyable {
        /// The acknowledgement leaves when this journal number is durable.
        var number: UInt64
        var packetIdentifier: UInt16
        /// PUBACK or PUBREC.
        var type: MQTTPacketType
        var code: MQTTReasonCode
    }

    private static let vacant = Entry(
        number: 0, packetIdentifier: 0, type: .puback, code: .success)

    /// Empty until the first entry: most connections of a fleet send QoS 0.
    private var entries: [Entry] = []
    private var head = 0
    private(set) var count = 0
    /// Number of the youngest entry ever appended.
    private(set) var numberMax: UInt64 = 0

    /// Appends; numbers do not decrease, because the ring hands them out in order.
    mutating func append(_ entry: Entry) {
        precondition(entry.number >= self.numberMax, "journal numbers of one connection go up")
        if self.count == self.entries.count { self.grow() }
        self.entries[(self.head + self.count) & (self.entries.count - 1)] = entry
        self.count += 1
        self.numberMax = entry.number
    }

    /// Takes the oldest entry out if its number is at most `number`.
    mutating func popFirst(through number: UInt64) -> Entry? {
        guard self.count > 0, self.entries[self.head].number <= number else { return nil }
        let entry = self.entries[self.head]
        self.head = (self.head + 1) & (self.entries.count - 1)
        self.count -= 1
        return entry
    }

    private mutating func grow() {
        let larger = max(16, self.entries.count * 2)
        var moved = [Entry](repeating: Self.vacant, count: larger)
        for index in 0..<self.count {
            moved[index] = self.entries[(self.head + index) & (self.entries.count - 1)]
        }
        self.entries = moved
        self.head = 0
    }
}

/// A set of packet identifiers: 8 KiB, taken when the first one is inserted.
struct PacketIdentifierSet: Sendable {
    private var words: [UInt64] = []
    private(set) var count = 0

    func contains(_ identifier: UInt16) -> Bool {
        if self.count == 0 { return false }
        return self.words[Int(identifier >> 6)] & 1 << UInt64(identifier & 63) != 0
    }

    mutating func insert(_ identifier: UInt16) {
        if self.words.isEmpty { self.words = [UInt64](repeating: 0, count: 1_024) }
        if self.contains(identifier) { return }
        self.words[Int(identifier >> 6)] |= 1 << UInt64(identifier & 63)
        self.count += 1
    }

    mutating func remove(_ identifier: UInt16) {
        guard self.contains(identifier) else { return }
        self.words[Int(identifier >> 6)] &= ~(1 << UInt64(identifier & 63))
        self.count -= 1
    }
}
