// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import OperatorAPI
import OperatorViews
import ReadingRing

extension OperatorDesk {
    func explain(path: String, alarm: String?) async throws(Problem) -> Explanation {
        let ring = self.parts.ring
        let answer = await self.parts.questions.explain(path: path, alarm: alarm) {
            ring.wake(.engine)
        }
        switch answer {
        case .explained(let explanation): return explanation
        case .unknown:
            throw Problem(
                .notFound,
                detail: alarm.map { "no alarm is called \(path):\($0)" }
                    ?? "no sensor is registered at \(path)")
        case .tooMany:
            throw Problem(
                .notReady, detail: "\(EngineQuestions.waitingMax) questions wait already")
        case .timedOut: throw Problem(.timedOut, detail: "the engine has other work to do")
        }
    }
}
