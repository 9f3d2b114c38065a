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
        package var at: MonotonicInstant
        package var source: SourceIndex
        /// Word of the counter that counted it.
        package var cause: String
        /// The first bytes of it, at most `RejectLog.excerptBytesMax`.
        package var excerpt: [UInt8]
    }

    /// Entries kept.
    package static let entryCountMax = 64
    /// Bytes kept of one piece of input.
    package static let excerptBytesMax = 64
    /// Entries one socket may write per turn of its loop.
    package static let perTurnMax = 4

    private struct State {
        var entries: [Entry] = []
        var next = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Remembers one piece of refused input.
    package func append(
        at: MonotonicInstant, source: SourceIndex, cause: String, input: borrowing Span<UInt8>
    ) {
        var excerpt: [UInt8] = []
        for index in 0..<min(input.count, Self.excerptBytesMax) { excerpt.append(input[index]) }
        let entry = Entry(at: at, source: source, cause: cause, excerpt: excerpt)
        self.state.withLock { state in
            if state.entries.count < Self.entryCountMax {
                state.entries.append(entry)
            } else {
                state.entries[state.next] = entry
            }
            state.next = (state.next + 1) % Self.entryCountMax
        }
    }

    /// What is remembered, oldest first.
    package var entries: [Entry] {
        self.state.withLock { state in
            guard state.entries.count == Self.entryCountMax else { return state.entries }
            return Array(state.entries[state.next...] + state.entries[..<state.next])
        }
    }
}
