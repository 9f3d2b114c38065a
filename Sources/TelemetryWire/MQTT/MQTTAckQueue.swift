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
        /// PUBACK, PUBREC or PUBCOMP.
        var type: MQTTPacketType
        var code: MQTTReasonCode
        /// Its message is no longer in flight once it is written.
        var endsFlight: Bool
    }

    private static let vacant = Entry(
        number: 0, packetIdentifier: 0, type: .puback, code: .success, endsFlight: false)

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

    /// Everything appended from now on waits for `number` at least.
    mutating func raise(to number: UInt64) { self.numberMax = max(self.numberMax, number) }

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
