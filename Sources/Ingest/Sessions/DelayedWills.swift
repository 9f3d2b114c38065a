// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import Synchronization
internal import TelemetryWire

/// A will whose connection ended and whose time has not come.
struct DelayedWill: Sendable {
    var client: String
    var will: MQTTWill
    var source: SourceIndex
    var isOwnSource: Bool
    var dueAt: MonotonicInstant

    var byteCount: Int { self.will.topic.count + self.will.payload.count }
}

/// Wills that wait: for their delay, or for room in the ring; shared by the loops of an endpoint.
///
/// One for each client. Bounded: a will for which there is no room does not wait. In memory alone: a
/// crash loses them. The client does not speak after it either, and its sensors turn stale.
final class DelayedWills: Sendable {
    static let countMax = 4_096
    static let bytesMax = 16 << 20

    private struct State {
        var wills: [String: DelayedWill] = [:]
        var byteCount = 0
    }

    private let state = Mutex(State())

    /// Keeps a will, in the place of an older one of its client; false if there is no room.
    func keep(_ will: DelayedWill) -> Bool {
        self.state.withLock { state in
            let old = state.wills[will.client]
            let bytes = state.byteCount - (old?.byteCount ?? 0) + will.byteCount
            guard bytes <= Self.bytesMax, old != nil || state.wills.count < Self.countMax else {
                return false
            }
            state.byteCount = bytes
            state.wills[will.client] = will
            return true
        }
    }

    /// Takes the will of a client out.
    func take(_ client: String) -> DelayedWill? {
        self.state.withLock { state in
            guard let will = state.wills.removeValue(forKey: client) else { return nil }
            state.byteCount -= will.byteCount
            return will
        }
    }

    /// Takes out what is due, oldest first.
    func takeDue(now: MonotonicInstant) -> [DelayedWill] {
        self.state.withLock { state in
            guard !state.wills.isEmpty else { return [] }
            let due = state.wills.values.filter { $0.dueAt <= now }
                .sorted { $0.dueAt < $1.dueAt }
            for will in due {
                state.wills[will.client] = nil
                state.byteCount -= will.byteCount
            }
            return due
        }
    }
}
