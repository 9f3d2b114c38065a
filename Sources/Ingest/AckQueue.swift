// SPDX-License-Identifier: Apache-2.0

/// Acknowledgements of one connection that wait for the journal, in order of arrival.
///
/// An entry is due when the watermark has passed its last reading and every earlier entry has left
/// [MQTT-4.6.0-2]. Grows by doubling up to the bound that the connection's in-flight limit sets, so
/// an idle connection holds nothing.
struct AckQueue: ~Copyable, Sendable {
    struct Entry: Equatable, Sendable, BitwiseCopyable {
        /// The watermark at which it may leave: number of the last reading plus one, 0 for none.
        var dueAt: UInt64
        var packetIdentifier: UInt16
        /// MQTT 5 reason code; 3.1.1 has none.
        var reasonCode: UInt8
    }

    private var entries: [Entry] = []
    private var first = 0
    private(set) var count = 0

    var isEmpty: Bool { self.count == 0 }

    /// The entry that leaves next.
    var next: Entry? { self.count > 0 ? self.entries[self.first] : nil }

    /// Adds an acknowledgement behind all others.
    mutating func append(_ entry: Entry) {
        if self.count == self.entries.count { self.grow() }
        // Capacities are powers of two.
        self.entries[(self.first &+ self.count) & (self.entries.count &- 1)] = entry
        self.count &+= 1
    }

    /// Takes the next acknowledgement if it is due at this watermark.
    mutating func popDue(through: UInt64) -> Entry? {
        guard self.count > 0 else { return nil }
        let entry = self.entries[self.first]
        guard entry.dueAt <= through else { return nil }
        self.first = (self.first &+ 1) & (self.entries.count &- 1)
        self.count &-= 1
        return entry
    }

    private mutating func grow() {
        let empty = Entry(dueAt: 0, packetIdentifier: 0, reasonCode: 0)
        var larger = [Entry](repeating: empty, count: max(8, self.entries.count * 2))
        for offset in 0..<self.count {
            larger[offset] = self.entries[(self.first &+ offset) & (self.entries.count &- 1)]
        }
        self.entries = larger
        self.first = 0
    }
}
