// SPDX-License-Identifier: Apache-2.0

/// The texts that a sensor sends instead of numbers, and what they are worth.
///
/// Texts are compared byte by byte. A text that is not in the map is a reading of quality bad: a
/// door that reports a state nobody declared must not go on showing the last one.
package struct StateMap: Equatable, Sendable {
    /// States of one map.
    package static let stateCountMax = 64
    /// Bytes of one text.
    package static let textBytesMax = 128

    private struct State: Equatable, Sendable {
        var text: ByteRange
        var value: Int64
    }

    private let texts: [UInt8]
    private let states: [State]

    /// Maps each text to its value; nil with no or too many states, or an empty or too long text.
    package init?(_ values: [String: Int64]) {
        guard !values.isEmpty, values.count <= Self.stateCountMax else { return nil }
        var texts: [UInt8] = []
        var states: [State] = []
        for (text, value) in values.sorted(by: { $0.key < $1.key }) {
            let start = texts.count
            texts += text.utf8
            let range = ByteRange(start, texts.count)
            guard !range.isEmpty, range.count <= Self.textBytesMax else { return nil }
            states.append(State(text: range, value: value))
        }
        self.texts = texts
        self.states = states
    }

    /// The value of what stands in `range`; nil if it is no declared state.
    package func value(of bytes: borrowing Span<UInt8>, in range: ByteRange) -> Int64? {
        for index in self.states.indices {
            let text = self.states[index].text
            guard text.count == range.count else { continue }
            var offset = 0
            while offset < text.count,
                self.texts[text.lowerBound &+ offset] == bytes[range.lowerBound &+ offset]
            {
                offset &+= 1
            }
            if offset == text.count { return self.states[index].value }
        }
        return nil
    }
}
