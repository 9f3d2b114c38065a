// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Synchronization
import Testing

@testable import midwatchd

@Suite struct StartStepsTests {
    private final class Calls: Sendable {
        private let names = Mutex<[String]>([])
        var all: [String] { self.names.withLock { $0 } }
        func add(_ name: String) { self.names.withLock { $0.append(name) } }
    }

    private static func instant(_ seconds: UInt64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: seconds * 1_000_000_000)
    }

    @Test func `a step that fails keeps no other back, is said, and is tried again`() async {
        let calls = Calls()
        let isFull = Mutex(true)
        let troubles = StartTroubles(logger: Quiet.logger)
        var steps = StartSteps(
            [
                StartSteps.Step("one") {
                    calls.add("one")
                    if isFull.withLock({ $0 }) { throw RegistrationError.ringFull("a/b") }
                },
                StartSteps.Step("two") { calls.add("two") },
            ], troubles: troubles, logger: Quiet.logger)
        await steps.tryDue(Self.instant(100))
        #expect(calls.all == ["one", "two"])
        #expect(!steps.areDone)
        #expect(
            troubles.words == ["one not registered: a/b cannot be registered: the ring stays full"])
        #expect(troubles.ruleCount == 1)
        await steps.tryDue(Self.instant(100))
        #expect(calls.all.count == 2, "not at once")
        await steps.tryDue(Self.instant(101))
        #expect(calls.all == ["one", "two", "one"])
        isFull.withLock { $0 = false }
        await steps.tryDue(Self.instant(110))
        #expect(steps.areDone && troubles.words.isEmpty && troubles.ruleCount == 0)
        await steps.tryDue(Self.instant(120))
        #expect(calls.all.count == 4, "done once")
    }
}
