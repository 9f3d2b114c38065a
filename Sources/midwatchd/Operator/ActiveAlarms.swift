// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Synchronization

/// The alarms that are not normal or are kept out of view, by their numbers.
///
/// Screens ask for them every second and there are few, while a plant has hundreds of thousands of
/// alarms. The table is walked again only after the engine decided something.
final class ActiveAlarms: Sendable {
    private struct State {
        /// The turn of decisions that `indexes` were read behind; nil before the first walk.
        var turn: UInt64?
        var indexes: [Int] = []
    }

    private let live: LiveState
    private let state = Mutex(State())

    init(_ live: LiveState) { self.live = live }

    /// Ascending; any thread.
    func indexes() -> [Int] {
        // Before the walk: what is decided meanwhile makes the next one.
        let turn = self.live.decisionTurns
        let known = self.state.withLock { $0.turn == turn ? $0.indexes : nil }
        if let known { return known }
        let found = (0..<self.live.alarms.count).filter { index in
            guard let alarm = self.live.alarms.read(index), !alarm.isRetired else { return false }
            return alarm.state != .normal || !alarm.suppression.isEmpty
        }
        self.state.withLock { state in
            guard state.turn.map({ $0 < turn }) != false else { return }
            state.turn = turn
            state.indexes = found
        }
        return found
    }
}
