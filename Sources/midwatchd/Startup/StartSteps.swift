// SPDX-License-Identifier: Apache-2.0

import Logging
import MidwatchModel

/// Steps of a start that may fail for now or for good: each is tried, those that fail again later.
///
/// None ends the monitor: what is not done is said, in the status and by an alarm, until it is.
struct StartSteps {
    struct Step {
        let name: String
        fileprivate let body: @Sendable () async throws -> Void
        fileprivate var pace = RetryPace()

        init(_ name: String, _ body: @escaping @Sendable () async throws -> Void) {
            self.name = name
            self.body = body
        }
    }

    private var left: [Step]
    private let troubles: StartTroubles
    private let logger: Logger

    init(_ steps: [Step], troubles: StartTroubles, logger: Logger) {
        self.left = steps
        self.troubles = troubles
        self.logger = logger
    }

    var areDone: Bool { self.left.isEmpty }

    /// Tries those that are due, in order.
    mutating func tryDue(_ now: MonotonicInstant) async {
        var left: [Step] = []
        for var step in self.left {
            guard step.pace.isDue(now) else {
                left.append(step)
                continue
            }
            do {
                try await step.body()
                if step.pace.failureCount > 0 {
                    self.logger.notice(
                        "registered after all", metadata: ["start.step": "\(step.name)"])
                }
                self.troubles.stand(nil, about: step.name)
            } catch {
                if step.pace.failureCount == 0 {
                    self.logger.critical(
                        "not registered, tried again",
                        metadata: ["start.step": "\(step.name)", "error": "\(error)"])
                }
                self.troubles.stand("\(step.name) not registered: \(error)", about: step.name)
                step.pace.failed(at: now)
                left.append(step)
            }
        }
        self.left = left
    }
}
