// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Synchronization

/// Which listeners are open, and which are down and tried again.
///
/// A listener that cannot open its socket does not keep the monitor from starting: what it can
/// hear it watches, and what it cannot is said.
final class ListenerBoard: Sendable {
    /// A listener that cannot open its socket, and why.
    struct Down: Equatable, Sendable {
        var name: String
        var reason: String
    }

    private struct Entry {
        var name: String
        var isOpen = false
        /// Of the last try; empty before the first.
        var reason = ""
        var pace = RetryPace()
    }

    let names: [String]
    private let entries: Mutex<[Entry]>

    init(names: [String]) {
        self.names = names
        self.entries = Mutex(names.map { Entry(name: $0) })
    }

    /// Listeners that should be tried now.
    func due(_ now: MonotonicInstant) -> [Int] {
        self.entries.withLock { entries in
            entries.indices.filter { !entries[$0].isOpen && entries[$0].pace.isDue(now) }
        }
    }

    /// The listener is open; returns how many tries had failed.
    func opened(_ index: Int) -> UInt64 {
        self.entries.withLock { entries in
            entries[index].isOpen = true
            return entries[index].pace.failureCount
        }
    }

    /// A try failed; returns how many failed by now.
    func failed(_ index: Int, reason: String, at now: MonotonicInstant) -> UInt64 {
        self.entries.withLock { entries in
            entries[index].reason = reason
            entries[index].pace.failed(at: now)
            return entries[index].pace.failureCount
        }
    }

    /// Whether each listener is down: tried, and not open.
    var flags: [Bool] {
        self.entries.withLock { $0.map { !$0.isOpen && $0.pace.failureCount > 0 } }
    }

    var down: [Down] {
        self.entries.withLock { entries in
            entries.filter { !$0.isOpen && $0.pace.failureCount > 0 }
                .map { Down(name: $0.name, reason: $0.reason) }
        }
    }
}
