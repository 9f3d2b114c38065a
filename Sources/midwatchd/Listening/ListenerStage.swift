// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Synchronization

/// One stage of the vitals page that several listeners stand behind.
///
/// The stage beats when every one of them turned since its last beat, and attempts when every one
/// of them that has work tried: a listener that stands still is not hidden by the others. A stage
/// without a listener beats by itself, or the watchdog would restart the daemon for a listener that
/// a restart cannot open either.
final class ListenerStage: Sendable {
    private struct Part {
        var progress: StageProgress
        var beats: UInt64
        var attempts: UInt64
        var hasTurned = true
        var hasTried = true
    }

    private struct State {
        /// Counters by name, kept over tries: those of a listener that opens late are the same.
        var counters: [String: [StageProgress]] = [:]
        var parts: [Part] = []
    }

    private let page: StageProgress
    private let state = Mutex(State())

    init(page: StageProgress) { self.page = page }

    /// The counters of a listener's `count` loops.
    func counters(of name: String, count: Int = 1) -> [StageProgress] {
        self.state.withLock { state in
            if let known = state.counters[name], known.count == count { return known }
            let made = (0..<count).map { _ in StageProgress.standalone() }
            state.counters[name] = made
            return made
        }
    }

    /// The listener is open: from now on it must turn.
    func join(_ name: String) {
        self.state.withLock { state in
            for progress in state.counters[name] ?? [] {
                state.parts.append(
                    Part(
                        progress: progress, beats: progress.beatCount,
                        attempts: progress.attemptCount))
            }
        }
    }

    /// Passes on what all of them did since the last call.
    ///
    /// One thread, several times a second; it waits for nobody.
    func gather() {
        self.state.withLock { state in
            var backlog: UInt64 = 0
            var isTried = false
            for index in state.parts.indices {
                let progress = state.parts[index].progress
                let (beats, attempts) = (progress.beatCount, progress.attemptCount)
                let waiting = progress.backlog
                backlog += waiting
                if beats != state.parts[index].beats { state.parts[index].hasTurned = true }
                if attempts != state.parts[index].attempts {
                    state.parts[index].hasTried = true
                    isTried = true
                }
                if waiting == 0 { state.parts[index].hasTried = true }
                state.parts[index].beats = beats
                state.parts[index].attempts = attempts
            }
            self.page.setBacklog(backlog)
            if state.parts.allSatisfy(\.hasTurned) {
                self.page.beat()
                for index in state.parts.indices { state.parts[index].hasTurned = false }
            }
            if isTried, state.parts.allSatisfy(\.hasTried) {
                self.page.attempt()
                for index in state.parts.indices { state.parts[index].hasTried = false }
            }
        }
    }
}
