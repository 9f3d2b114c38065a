// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Synchronization

/// Questions about the engine's state, answered by its own thread between two batches.
///
/// A question is no input: it leaves the journal alone and changes nothing. The engine takes one at
/// a time, so that operators who ask hold up readings by one answer at most; how many may wait is
/// bounded, and so is how long an asker does.
final class EngineQuestions: Sendable {
    /// Askers that may wait at once.
    static let waitingMax = 16
    /// How long an asker waits.
    static let answerNanosecondsMax: UInt64 = 2_000_000_000

    /// What became of a question.
    enum Answer: Sendable {
        case explained(Explanation)
        case unknown
        case tooMany
        case timedOut
    }

    private struct Question: Sendable {
        var number: UInt64
        var path: String
        var alarm: String?
        var asker: CheckedContinuation<Answer, Never>
    }

    private struct State {
        var waiting: [Question] = []
        var asked: UInt64 = 0
    }

    private let state = Mutex(State())
    /// Kept beside the list, so that a turn of the engine without a question takes no lock.
    private let hasWaiting = Atomic<Bool>(false)
    private let refused = Atomic<UInt64>(0)

    /// Questions that were not answered: too many at once, or too late.
    var refusedCount: UInt64 { self.refused.load(ordering: .relaxed) }

    /// Asks why the sensor at `path`, or one of its alarms, is as it is.
    ///
    /// Any thread; `wake` makes the engine's thread look.
    func explain(
        path: String, alarm: String?, wake: @escaping @Sendable () -> Void
    ) async -> Answer {
        let answer = await withCheckedContinuation { (asker: CheckedContinuation<Answer, Never>) in
            let number = self.state.withLock { state -> UInt64? in
                guard state.waiting.count < Self.waitingMax else { return nil }
                state.asked += 1
                state.waiting.append(
                    Question(number: state.asked, path: path, alarm: alarm, asker: asker))
                self.hasWaiting.store(true, ordering: .releasing)
                return state.asked
            }
            guard let number else { return asker.resume(returning: .tooMany) }
            wake()
            Task {
                try? await Task.sleep(nanoseconds: Self.answerNanosecondsMax)
                self.take { $0.number == number }?.asker.resume(returning: .timedOut)
            }
        }
        switch answer {
        case .explained, .unknown: break
        case .tooMany, .timedOut: self.refused.wrappingAdd(1, ordering: .relaxed)
        }
        return answer
    }

    /// Whether `answerOne` has something to do.
    var isAsked: Bool { self.hasWaiting.load(ordering: .acquiring) }

    /// Answers the oldest question.
    ///
    /// Engine thread.
    func answerOne(_ engine: borrowing AlarmEngine, now: MonotonicInstant) {
        guard let question = self.take({ _ in true }) else { return }
        let explanation = engine.explain(path: question.path, alarm: question.alarm, at: now)
        question.asker.resume(returning: explanation.map(Answer.explained) ?? .unknown)
    }

    private func take(_ isWanted: (Question) -> Bool) -> Question? {
        self.state.withLock { state in
            defer { self.hasWaiting.store(!state.waiting.isEmpty, ordering: .releasing) }
            guard let place = state.waiting.firstIndex(where: isWanted) else { return nil }
            return state.waiting.remove(at: place)
        }
    }
}
