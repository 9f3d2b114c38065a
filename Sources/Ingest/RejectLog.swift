// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel
internal import Synchronization

/// The last things a socket refused, for people who look for the cause.
///
/// Fixed size: new entries replace the oldest. Callers limit how often they write (`perTurnMax`),
/// so that a flood of bad input costs no lock per line.
package final class RejectLog: Sendable {
    /// One refused piece of input.
    package struct Entry: Sendable, Equatable {
        /// Counts everything that was ever written to this log, from 1.
        package var number: UInt64 = 0
        package var at: MonotonicInstant
        package var source: SourceIndex
        /// Word of the counter that counted it.
        package var cause: String
        /// More about the cause; empty if there is nothing more to say.
        package var detail: String
        /// Bytes from the start of the message to the fault; nil if it has no place.
        package var offset: Int?
        /// First bytes of the topic, at most `RejectLog.topicBytesMax`; empty without one.
        package var topic: [UInt8]
        /// The first bytes of what was refused, at most `RejectLog.excerptBytesMax`.
        package var excerpt: [UInt8]
        /// Bytes of all of it.
        package var inputBytes: Int
    }

    /// Why a piece of input is refused, and where in its message.
    package struct Cause: Sendable, Equatable {
        package var word: String
        package var detail: String
        package var offset: Int?

        package init(_ word: String, detail: String = "", offset: Int? = nil) {
            self.word = word
            self.detail = detail
            self.offset = offset
        }
    }

    /// Entries kept of one socket: with their bytes 32 KiB at most.
    package static let entryCountMax = 64
    /// Bytes kept of one piece of input.
    package static let excerptBytesMax = 128
    /// Bytes kept of one topic.
    package static let topicBytesMax = 128
    /// Entries one socket may write per turn of its loop.
    package static let perTurnMax = 4

    private struct State {
        var entries: [Entry] = []
        var next = 0
        var total: UInt64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Remembers one piece of refused input.
    package func append(
        at: MonotonicInstant, source: SourceIndex, cause: Cause, topic: borrowing Span<UInt8>,
        input: borrowing Span<UInt8>
    ) {
        var entry = Entry(
            at: at, source: source, cause: cause.word, detail: cause.detail, offset: cause.offset,
            topic: Self.first(Self.topicBytesMax, of: topic),
            excerpt: Self.first(Self.excerptBytesMax, of: input), inputBytes: input.count)
        self.state.withLock { state in
            state.total += 1
            entry.number = state.total
            if state.entries.count < Self.entryCountMax {
                state.entries.append(entry)
            } else {
                state.entries[state.next] = entry
            }
            state.next = (state.next + 1) % Self.entryCountMax
        }
    }

    private static func first(_ max: Int, of bytes: borrowing Span<UInt8>) -> [UInt8] {
        var array: [UInt8] = []
        array.reserveCapacity(min(bytes.count, max))
        for index in 0..<min(bytes.count, max) { array.append(bytes[index]) }
        return array
    }

    /// What is remembered, oldest first.
    package var entries: [Entry] {
        self.state.withLock { state in
            guard state.entries.count == Self.entryCountMax else { return state.entries }
            return Array(state.entries[state.next...] + state.entries[..<state.next])
        }
    }

    /// Bytes as text that changes nothing on a terminal: what is not printable ASCII is escaped.
    ///
    /// `\n`, `\r`, `\t`, `\\`, and `\xHH` for the rest.
    package static func escaped(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\n"): text += "\\n".utf8
            case UInt8(ascii: "\r"): text += "\\r".utf8
            case UInt8(ascii: "\t"): text += "\\t".utf8
            case UInt8(ascii: "\\"): text += "\\\\".utf8
            case 0x20..<0x7F: text.append(byte)
            default:
                text += "\\x".utf8
                HexDigits.append(CollectionOfOne(byte), to: &text)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
