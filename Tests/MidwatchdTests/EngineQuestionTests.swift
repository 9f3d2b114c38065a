// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@testable import midwatchd

/// Questions about the engine's state: bounded, answered one at a time, never lost.
@Suite(.timeLimit(.minutes(1))) struct EngineQuestionTests {
    private func engine() -> AlarmEngine {
        let declaration = SensorDeclaration(pattern: "pump", deadlineNanoseconds: 1_000)
        let rules = RuleBook(revision: "", declarations: [declaration])
        var engine = AlarmEngine(rules: rules, book: { _ in nil })
        var head = Slot(kind: .registerSensor, arrival: .zero)
        head.sensor = SensorIndex(rawValue: 0)
        for slot in ControlRecord.slots(head: head, payload: Array("pump".utf8)) {
            engine.apply(slot, n: 1)
        }
        return engine
    }

    @Test func `a question is answered by the engine's thread, one in a turn`() async {
        let questions = EngineQuestions()
        #expect(!questions.isAsked)
        async let first = questions.explain(path: "pump", alarm: nil) {}
        async let second = questions.explain(path: "nobody", alarm: "high") {}
        let engine = self.engine()
        var turns = 0
        while turns < 2 {
            guard questions.isAsked else {
                await Task.yield()
                continue
            }
            questions.answerOne(engine, now: .zero)
            turns += 1
        }
        #expect(!questions.isAsked)
        guard case .explained(let explanation) = await first else {
            Issue.record("not explained")
            return
        }
        #expect(explanation.path == "pump" && explanation.alarms.count == 2)
        guard case .unknown = await second else {
            Issue.record("nobody was found")
            return
        }
        #expect(questions.refusedCount == 0)
    }

    @Test func `an engine that has no time lets nobody wait for ever, and no more than may`() async
    {
        let questions = EngineQuestions()
        let answers = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<EngineQuestions.waitingMax + 4 {
                group.addTask {
                    let answer = await questions.explain(path: "pump", alarm: nil) {}
                    if case .tooMany = answer { return true }
                    if case .timedOut = answer { return false }
                    Issue.record("answered by nobody")
                    return false
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(answers == 4)
        #expect(questions.refusedCount == UInt64(EngineQuestions.waitingMax + 4))
        #expect(!questions.isAsked)
    }
}
