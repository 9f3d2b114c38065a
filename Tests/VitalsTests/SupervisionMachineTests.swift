// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing
import Vitals

/// A daemon in virtual time, in front of a machine.
struct SupervisedWorld {
    typealias Moment = RestartLadder.Moment

    var machine: SupervisionMachine
    var observation = VitalsObservation(phase: .running)
    var second = 0.0
    /// Stages whose loop turns; each look sees one more beat.
    var beating = Set(Stage.allCases)
    var answersCanary = true
    /// Everything the machine wanted, with the second it wanted it.
    var log: [(second: Double, action: SupervisionAction)] = []

    init(_ policy: SupervisionPolicy = SupervisionPolicy(), ladder: RestartLadder? = nil) {
        self.machine = SupervisionMachine(
            policy: policy, ladder: ladder ?? RestartLadder(), firstNonce: 1_000, now: .at(0))
    }

    var now: Moment { .at(self.second) }

    mutating func send(_ event: SupervisionEvent) {
        for action in self.machine.handle(event, now: self.now) {
            self.log.append((self.second, action))
            if case .sendCanary(let nonce) = action, self.answersCanary {
                self.observation.evaluatedNonce = nonce
                self.observation.journaledNonce = nonce
            }
        }
    }

    /// Looks four times a second for `seconds`.
    mutating func run(_ seconds: Double, isDaemonThere: Bool = true) {
        for _ in 0..<Int(seconds * 4) {
            self.second += 0.25
            for stage in self.beating {
                self.observation.stages[stage.rawValue].beats += 1
            }
            self.send(.tick(isDaemonThere ? self.observation : nil))
        }
    }

    var raised: [String] { self.told(.raised) }
    var cleared: [String] { self.told(.cleared) }

    func told(_ occasion: ProblemReport.Occasion) -> [String] {
        self.log.compactMap { entry in
            guard case .report(let report) = entry.action, report.occasion == occasion else {
                return nil
            }
            return report.problem.word
        }
    }

    func second(of problem: Problem) -> Double? {
        self.log.first { entry in
            guard case .report(let report) = entry.action else { return false }
            return report.problem == problem && report.occasion == .raised
        }?.second
    }

    var kills: [Double] {
        self.log.compactMap { if case .kill = $0.action { $0.second } else { nil } }
    }

    var starts: [Double] {
        self.log.compactMap { $0.action == .start ? $0.second : nil }
    }
}

@Suite struct SupervisionMachineTests {
    @Test func `a healthy run is never restarted and never told`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(1_200)
        #expect(world.raised.isEmpty)
        #expect(world.kills.isEmpty)
        #expect(world.machine.isFeeding)
        #expect(world.machine.heartbeat(now: world.now.at) == .send)
    }

    @Test(arguments: Stage.allCases)
    func `a stage that stops is told at its deadline and restarted if it must be`(stage: Stage) {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(10)
        world.beating.remove(stage)
        let stoppedAt = world.second
        world.run(40)
        let deadlines = SupervisionPolicy.defaultDeadlines(stage)
        let deadline = stoppedAt + Double(deadlines.beat) / 1e9
        let told = world.second(of: .stageStuck(stage)) ?? .infinity
        #expect(told > deadline)
        #expect(told <= deadline + 0.5)
        switch stage.remedy {
        case .restart:
            #expect(world.kills.count == 1)
            let due = deadline + Double(deadlines.restartAfter) / 1e9
            #expect((world.kills.first ?? 0) >= due)
            #expect((world.kills.first ?? .infinity) <= due + 0.5)
            #expect(!world.machine.isFeeding)
        case .alert:
            #expect(world.kills.isEmpty)
            #expect(world.machine.isFeeding)
        }
        let isHeld = world.machine.heartbeat(now: world.now.at) != .send
        #expect(isHeld == (stage.isCritical || stage == .delivery))
    }

    @Test func `work without an attempt is stuck, work without success is not`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.observation.stages[Stage.historian.rawValue].backlog = 900
        world.observation.stages[Stage.delivery.rawValue].backlog = 12
        for _ in 0..<1_200 {
            world.observation.stages[Stage.delivery.rawValue].attempts += 1
            world.run(1)
        }
        // The archive is down for 20 minutes and tries nothing: told, not restarted. Delivery
        // tries without success: not told.
        #expect(world.raised == ["stageStuck.historian"])
        #expect(world.kills.isEmpty)
        world.observation.stages[Stage.engine.rawValue].backlog = 1
        world.run(6)
        #expect(world.raised.last == "stageStuck.engine")
        #expect(world.kills.count == 1)
    }

    @Test func `a process that stands still is one fault, told once`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(10)
        let all = world.beating
        world.beating = []
        world.answersCanary = false
        world.run(4)
        #expect(world.raised == ["daemonFrozen"])
        #expect(world.kills.count == 1)
        #expect(!world.machine.isFeeding)
        world.send(.daemonExited)
        world.send(.daemonFound)
        world.run(1)
        #expect(world.cleared.isEmpty)
        world.beating = all
        world.answersCanary = true
        world.run(1)
        #expect(world.cleared == ["daemonFrozen"])
    }

    @Test func `a problem is over only on proof of life`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(5)
        world.beating.remove(.engine)
        world.run(4)
        #expect(world.kills.count == 1)
        world.send(.daemonExited)
        #expect(
            world.raised == ["stageStuck.engine"], "a death the watchdog caused is no other alert")
        world.send(.daemonFound)
        world.run(2)
        #expect(world.cleared.isEmpty, "the new daemon's engine has not moved either")
        world.beating.insert(.engine)
        world.run(1)
        #expect(world.cleared == ["stageStuck.engine"])
        #expect(world.machine.isFeeding)
    }

    @Test func `three restarts, then it stays up and people are told`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(1)
        world.beating.remove(.engine)
        for _ in 0..<200 {
            world.run(4)
            if case .killing = world.machine.state {
                world.send(.daemonExited)
                world.send(.daemonFound)
            }
        }
        #expect(world.kills.count == 3)
        #expect(world.raised == ["stageStuck.engine", "ladderExhausted"])
        #expect(world.machine.isFeeding, "the machine stays up so that people can be told")
        #expect(world.machine.heartbeat(now: world.now.at) != .send)
        let stores = world.log.indices.filter { world.log[$0].action == .storeLadder }
        for place in stores {
            guard case .kill = world.log[place + 1].action else {
                Issue.record("the ladder is stored before the daemon is ended")
                continue
            }
        }
        world.beating.insert(.engine)
        world.run(1)
        #expect(world.cleared == ["stageStuck.engine", "ladderExhausted"])
    }

    @Test func `the ladder survives a restart of the watchdog`() throws {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.beating.remove(.engine)
        for _ in 0..<3 {
            world.run(8)
            world.send(.daemonExited)
            world.send(.daemonFound)
        }
        #expect(world.kills.count == 3)
        var next = SupervisedWorld(ladder: try RestartLadder(text: world.machine.ladder.text))
        next.second = world.second
        next.beating.remove(.engine)
        next.send(.daemonFound)
        next.run(60)
        #expect(next.kills.isEmpty)
        #expect(next.raised == ["stageStuck.engine", "ladderExhausted"])
    }

    @Test func `death is told at once, and a new daemon ends it`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(5)
        world.send(.daemonExited)
        #expect(world.raised == ["daemonDied"])
        #expect(world.machine.heartbeat(now: world.now.at) == .withhold(.noDaemon))
        #expect(!world.machine.isFeeding)
        world.run(2, isDaemonThere: false)
        world.send(.daemonFound)
        #expect(world.cleared == ["daemonDied"])
        #expect(world.kills.isEmpty)
        #expect(world.starts.isEmpty, "systemd starts")
    }

    @Test func `a daemon that does not come back is told, and takes one rung`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(5)
        world.send(.daemonExited)
        world.run(60, isDaemonThere: false)
        #expect(world.raised == ["daemonDied", "daemonAbsent"])
        #expect(world.machine.ladder.recentCount(world.now) == 1)
        #expect(!world.machine.isFeeding)
    }

    @Test func `an ordered stop is no death`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(5)
        world.observation.phase = .stopping
        world.run(2)
        world.send(.daemonExited)
        world.run(20, isDaemonThere: false)
        #expect(world.raised.isEmpty)
        #expect(world.machine.isFeeding, "maintenance does not reset the machine")
        #expect(world.machine.heartbeat(now: world.now.at) == .withhold(.noDaemon))
        world.run(20, isDaemonThere: false)
        #expect(world.raised == ["daemonStopped"])
    }

    @Test func `a recovery that moves is given time, one that does not is restarted`() {
        var world = SupervisedWorld()
        world.beating = []
        world.send(.daemonFound)
        for done in 1...60 {
            world.observation.phase = .recovering(done: UInt64(done), total: 60)
            world.run(20)
        }
        #expect(world.raised.isEmpty)
        #expect(
            world.machine.heartbeat(now: world.now.at)
                == .withhold(.notJudging(.recovering(done: 60, total: 60))))
        world.run(15)
        #expect(world.raised == ["recoveryStalled"])
        #expect(world.kills.count == 1)
    }

    @Test func `failed storage is told and never restarted for its disk`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(5)
        world.observation.phase = .storageFailed
        world.beating.subtract([.journal, .ledger])
        world.answersCanary = false
        let nonce = world.observation.journaledNonce
        for _ in 0..<600 {
            world.run(1)
            // The engine goes on evaluating; nothing becomes durable.
            world.observation.evaluatedNonce = nonce + UInt64(world.second) - 5
        }
        #expect(Set(world.raised) == ["storageFailed", "stageStuck.journal", "stageStuck.ledger"])
        #expect(world.kills.isEmpty)
        world.beating.remove(.engine)
        world.run(10)
        #expect(world.kills.count == 1, "a stuck engine is restarted all the same")
    }

    @Test func `a disk that never answers is told and no reason to restart`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(5)
        world.beating.subtract([.journal, .ledger])
        for stage in [Stage.journal, .ledger] {
            world.observation.stages[stage.rawValue].isCallingDisk = true
            world.observation.stages[stage.rawValue].backlog = 5
        }
        let began = world.second
        world.run(1_200)
        #expect(world.raised == ["diskStalled"])
        #expect((world.second(of: .diskStalled) ?? .infinity) - began <= 3.5)
        #expect(world.kills.isEmpty)
        #expect(!world.machine.isBlind)
        #expect(world.machine.heartbeat(now: world.now.at) == .send)
        // One of the two comes back: the disk still owes the other.
        world.beating.insert(.ledger)
        world.observation.stages[Stage.ledger.rawValue].isCallingDisk = false
        world.run(5)
        #expect(world.cleared.isEmpty)
        world.beating.insert(.journal)
        world.observation.stages[Stage.journal.rawValue].backlog = 0
        world.observation.stages[Stage.ledger.rawValue].backlog = 0
        world.run(5)
        #expect(world.cleared == ["diskStalled"])
        #expect(world.raised == ["diskStalled"])
        #expect(world.kills.isEmpty, "what waited for the disk has its time again")
    }

    @Test func `a ledger that waits behind the disk of the journal is not restarted`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(5)
        world.beating.remove(.journal)
        world.observation.stages[Stage.journal.rawValue].isCallingDisk = true
        world.observation.stages[Stage.ledger.rawValue].backlog = 5
        world.run(600)
        #expect(world.raised == ["diskStalled"])
        #expect(world.kills.isEmpty)
        // The disk answers: what waited has its time again.
        world.beating.insert(.journal)
        world.observation.stages[Stage.journal.rawValue].isCallingDisk = false
        world.run(4)
        #expect(world.kills.isEmpty)
        world.run(20)
        #expect(world.raised == ["diskStalled", "stageStuck.ledger"])
        #expect(world.kills.count == 1, "with a disk that answers it must try")
    }

    @Test(arguments: [Stage.journal, .ledger])
    func `a log that stands still outside a call to its disk is restarted`(_ stage: Stage) {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(5)
        world.observation.stages[stage.rawValue].isCallingDisk = true
        world.beating.remove(stage)
        world.run(60)
        #expect(world.kills.isEmpty)
        // The call returned, and the code behind it does not go on: 3 s to its beat, then 17 s.
        world.observation.stages[stage.rawValue].isCallingDisk = false
        world.run(19)
        #expect(world.raised == ["diskStalled", "stageStuck.\(stage.word)"])
        #expect(world.kills.isEmpty)
        world.run(2)
        #expect(world.kills.count == 1)
    }

    @Test func `a wedged engine is restarted, whatever the disk does`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(5)
        world.observation.stages[Stage.journal.rawValue].isCallingDisk = true
        world.beating.subtract([.journal, .engine])
        world.run(5)
        #expect(world.kills.count == 1)
    }

    @Test func `suspension is not judged, but not for ever`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.observation.phase = .suspended
        world.beating = []
        world.run(299)
        #expect(world.raised.isEmpty)
        world.run(3)
        #expect(world.raised == ["suspendedTooLong"])
        #expect(world.kills.isEmpty)
    }

    @Test func `a canary that is not evaluated is told, then restarted`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(10)
        world.answersCanary = false
        let last = world.second
        world.run(20)
        let told = world.second(of: .canaryNotEvaluated) ?? .infinity
        #expect(told - last <= 4.5)
        #expect(world.kills.count == 1)
        #expect((world.kills.first ?? 0) - told >= 6.5)
    }

    @Test func `a canary that is only not durable is told, not restarted`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(10)
        world.answersCanary = false
        let nonce = world.observation.evaluatedNonce
        for step in 1...60 {
            world.observation.evaluatedNonce = nonce + UInt64(step)
            world.run(1)
        }
        #expect(world.raised == ["canaryNotJournaled"])
        #expect(world.kills.isEmpty)
    }

    @Test func `an undelivered critical alert withholds the heartbeat and nothing else`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(10)
        world.observation.oldestUndeliveredCriticalSince = world.now.at
        world.run(19)
        #expect(world.raised.isEmpty)
        world.run(2)
        // The routes beside the machine are told within half a minute; the heartbeat goes on.
        #expect(world.raised == ["criticalUndelivered"])
        world.run(38)
        #expect(world.machine.heartbeat(now: world.now.at) == .send)
        world.run(2)
        #expect(world.raised == ["criticalUndelivered"])
        #expect(
            world.machine.heartbeat(now: world.now.at) == .withhold(.problem(.criticalUndelivered)))
        #expect(world.machine.isFeeding)
        #expect(world.kills.isEmpty)
        world.observation.oldestUndeliveredCriticalSince = nil
        world.run(1)
        #expect(world.machine.heartbeat(now: world.now.at) == .send)
    }

    @Test func `a watchdog that was late itself gives no verdict`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(10)
        // The whole machine stood still for an hour: nobody beat, nobody looked.
        world.second += 3_600
        world.send(.tick(world.observation))
        world.run(60)
        #expect(world.raised.isEmpty)
        #expect(world.kills.isEmpty)
        #expect(world.machine.lateTickCount == 1)
    }

    @Test func `a watchdog that is always late still finds a dead stage, and tells of itself`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(10)
        world.beating.remove(.engine)
        for _ in 0..<40 {
            world.second += 2
            world.send(.tick(world.observation))
            world.run(0.25)
        }
        #expect(world.raised.contains("watchdogLate"))
        #expect(world.raised.contains("stageStuck.engine"))
        #expect(world.kills.count == 1)
    }

    @Test func `a standing problem is told again`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(5)
        world.beating.remove(.historian)
        world.run(1_820)
        #expect(world.raised == ["stageStuck.historian"])
        #expect(world.told(.standing) == ["stageStuck.historian", "stageStuck.historian"])
    }

    @Test func `stages the daemon does not have are not judged`() {
        var world = SupervisedWorld()
        world.observation.stagesInUse = [.udp, .engine, .journal, .ledger]
        world.beating = world.observation.stagesInUse
        world.send(.daemonFound)
        world.run(200)
        #expect(world.raised.isEmpty)
    }

    @Test func `a killed process that does not end is told`() {
        var world = SupervisedWorld()
        world.send(.daemonFound)
        world.run(1)
        world.beating.remove(.engine)
        world.run(20)
        #expect(world.raised == ["stageStuck.engine", "daemonUnkillable"])
        #expect(world.kills.count == 1)
    }

    // MARK: The watchdog starts

    static var own: SupervisionPolicy {
        var policy = SupervisionPolicy()
        policy.supervisor = .own
        return policy
    }

    @Test func `the watchdog starts a daemon at its own start, which is no restart`() {
        var world = SupervisedWorld(Self.own)
        world.run(0.25, isDaemonThere: false)
        #expect(world.starts.count == 1)
        #expect(world.machine.ladder.rungs.isEmpty)
        world.send(.daemonFound)
        world.run(10)
        #expect(world.starts.count == 1)
    }

    @Test func `a daemon that is found running is not started again`() {
        var world = SupervisedWorld(Self.own)
        world.send(.daemonFound)
        world.run(10)
        #expect(world.starts.isEmpty)
    }

    @Test func `a crash loop is started three times in a quarter of an hour, dead as it is`() {
        var world = SupervisedWorld(Self.own)
        for _ in 0..<3_500 {
            let before = world.starts.count
            world.run(0.25, isDaemonThere: false)
            if world.starts.count > before {
                world.send(.daemonFound)
                world.send(.daemonExited)
            }
        }
        #expect(world.second < 900)
        #expect(world.starts.count == 1 + 3)
        #expect(world.raised.contains("ladderExhausted"))
        world.run(30, isDaemonThere: false)
        #expect(world.starts.count == 1 + 4, "the oldest restart left the window")
    }

    @Test func `a start that makes no page is repeated on the ladder`() {
        var world = SupervisedWorld(Self.own)
        world.run(120, isDaemonThere: false)
        #expect(world.starts.count == 4)
        #expect(world.raised.contains("daemonAbsent"))
        #expect(world.machine.ladder.totalCount == 3)
    }

    @Test func `a daemon stopped by order is not started again, and a stop that hangs is ended`() {
        var world = SupervisedWorld(Self.own)
        world.send(.daemonFound)
        world.run(5)
        world.observation.phase = .stopping
        world.run(61)
        #expect(world.raised == ["stopStalled"])
        #expect(world.kills.count == 1)
        world.send(.daemonExited)
        world.run(60, isDaemonThere: false)
        #expect(world.starts.isEmpty)
        #expect(world.machine.ladder.rungs.isEmpty)
        #expect(world.raised == ["stopStalled", "daemonStopped"])
    }

    /// State × event: what the machine turns into, in one table.
    @Test func `every state takes every event`() {
        typealias State = SupervisionMachine.State
        let events: [SupervisionEvent] = [.daemonFound, .daemonExited, .pageUnusable, .tick(nil)]
        let preparations: [(String, (inout SupervisedWorld) -> Void)] = [
            ("absent", { _ in }),
            ("attending", { $0.send(.daemonFound) }),
            (
                "killing",
                { world in
                    world.send(.daemonFound)
                    world.beating.remove(.engine)
                    world.run(4)
                }
            ),
        ]
        let expected: [String: [String]] = [
            "absent": ["attending", "absent died", "absent neverSeen", "absent neverSeen"],
            "attending": ["attending", "absent died", "attending", "attending"],
            "killing": ["attending", "absent killed", "killing", "killing"],
        ]
        func word(_ state: State) -> String {
            switch state {
            case .absent(_, let why): "absent \(why)"
            case .attending: "attending"
            case .killing: "killing"
            }
        }
        for (name, prepare) in preparations {
            let result = events.map { event in
                var world = SupervisedWorld()
                prepare(&world)
                world.second += 0.25
                world.send(event)
                return word(world.machine.state)
            }
            #expect(result == expected[name], "\(name)")
        }
    }
}
