// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing
import Vitals

@Suite struct ServiceNoticesTests {
    /// A daemon in virtual time and what it tells systemd.
    private struct World {
        var notices: ServiceNotices
        var observation: VitalsObservation
        var second = 0.0
        var beating = Set(Stage.allCases)
        var isWatchdogThere = false
        var told: [(second: Double, notice: ServiceNotices.Notice)] = []

        init(_ phase: VitalsPhase, watchdogMicroseconds: UInt64? = 30_000_000) {
            self.notices = ServiceNotices(
                watchdogMicroseconds: watchdogMicroseconds, now: Self.instant(0))
            self.observation = VitalsObservation(phase: phase)
        }

        static func instant(_ second: Double) -> MonotonicInstant {
            MonotonicInstant(nanoseconds: 1_000_000_000_000 + UInt64(second * 1e9))
        }

        /// Looks four times a second; `each` changes the page before a look.
        mutating func run(_ seconds: Double, each: (inout VitalsObservation) -> Void = { _ in }) {
            for _ in 0..<Int(seconds * 4) {
                self.second += 0.25
                each(&self.observation)
                for stage in self.beating { self.observation.stages[stage.rawValue].beats += 1 }
                self.look()
            }
        }

        mutating func look() {
            let now = Self.instant(self.second)
            let beatAt = self.isWatchdogThere ? now : MonotonicInstant.zero
            for notice in self.notices.look(self.observation, watchdogBeatAt: beatAt, now: now) {
                self.told.append((self.second, notice))
            }
        }

        var feeds: [Double] { self.told.filter { $0.notice == .alive }.map(\.second) }
        var extensions: [Double] {
            self.told.filter {
                $0.notice == .extendTimeout(nanoseconds: ServiceNotices.extensionNanoseconds)
            }.map(\.second)
        }
    }

    @Test func `a running daemon is never silent for a third of what systemd waits`() {
        var world = World(.running)
        world.run(600)
        let pauses = zip(world.feeds, world.feeds.dropFirst()).map { $1 - $0 }
        #expect(pauses.count > 100)
        #expect(pauses.allSatisfy { $0 <= 10 })
        #expect(world.feeds.first.map { $0 <= 1 } ?? false)
    }

    @Test(arguments: Stage.allCases)
    func `without a watchdog a critical stage that stands still is not hidden`(_ stage: Stage) {
        var world = World(.running)
        world.run(20)
        world.beating.remove(stage)
        world.run(60)
        let late = world.feeds.filter { $0 > 20 + 11 }
        #expect(late.isEmpty == stage.isCritical)
        world.beating.insert(stage)
        world.run(6)
        #expect(world.feeds.contains { $0 > 80 }, "it moves again and says so")
    }

    @Test func `a stage that waits for its disk is no reason to end the daemon`() {
        var world = World(.running)
        world.beating.remove(.journal)
        world.observation.stages[Stage.journal.rawValue].isCallingDisk = true
        world.run(60)
        #expect(world.feeds.contains { $0 > 50 })
        world.observation.stages[Stage.journal.rawValue].isCallingDisk = false
        world.run(60)
        #expect(!world.feeds.contains { $0 > 61 })
    }

    @Test func `a stage that this daemon has not is not missed`() {
        var world = World(.running)
        world.observation.stagesInUse.remove(.mqtt)
        world.beating.remove(.mqtt)
        world.run(60)
        #expect(world.feeds.contains { $0 > 50 })
    }

    @Test func `a watchdog that attends decides and counts, systemd waits`() {
        var world = World(.running)
        world.isWatchdogThere = true
        world.beating.remove(.engine)
        world.run(60)
        #expect(world.feeds.contains { $0 > 50 })
        world.isWatchdogThere = false
        world.run(60)
        #expect(!world.feeds.contains { $0 > 61 }, "nobody else is left")
    }

    @Test func `a start asks for time as long as it moves and no longer`() {
        var world = World(.recovering(done: 0, total: 0))
        world.run(300) { $0.phaseProgress += 1 }
        let pauses = zip(world.extensions, world.extensions.dropFirst()).map { $1 - $0 }
        #expect(world.extensions.count > 30)
        #expect(pauses.allSatisfy { $0 >= 5 && $0 < 30 })
        world.run(300)
        #expect(world.extensions.filter { $0 > 306 }.isEmpty, "it stands still")
        #expect(world.feeds.isEmpty)
    }

    @Test func `a sign of movement between two requests is not forgotten`() {
        var world = World(.starting)
        world.run(1)
        #expect(world.extensions == [0.25])
        world.observation.phaseProgress += 1
        world.run(20)
        #expect(world.extensions == [0.25, 5.25])
    }

    @Test func `a process that stood still forgives its stages the time`() {
        var world = World(.running)
        world.run(10)
        world.second += 100
        world.look()
        #expect(world.feeds.last == world.second)
    }

    @Test func `a stop is fed to its end`() {
        var world = World(.running)
        world.run(5)
        world.beating = []
        world.observation.phase = .stopping
        world.run(40)
        #expect(world.feeds.contains { $0 > 35 })
    }

    @Test func `who asks for no sign of life gets none`() {
        var world = World(.running, watchdogMicroseconds: nil)
        world.run(60)
        #expect(world.told.isEmpty)
    }
}
