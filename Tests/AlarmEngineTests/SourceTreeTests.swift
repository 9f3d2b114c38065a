// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@Suite struct SourceTreeTests {
    private static let gateway = RuleBook.sourcePathPrefix + "gateway"

    /// Sensors that speak once a second through one gateway, spread over the second.
    private func plant(
        _ count: Int, _ change: (Int, inout SensorDeclaration) -> Void = { _, _ in }
    ) -> (World, SourceIndex) {
        let world = World(
            (0..<count).map { index in
                var declaration = SensorDeclaration.make(
                    "plant/\(index)", deadline: 3, high: .at(100, .medium), stale: .medium)
                change(index, &declaration)
                return declaration
            })
        let source = world.supervise("gateway")
        return (world, source)
    }

    private func speak(
        _ world: World, _ source: SourceIndex, _ range: Range<Int>, seconds: Int, count: Int
    ) {
        let begin = world.now
        for second in 0..<seconds {
            for index in range {
                world.advance(to: begin + Double(second) + Double(index) / Double(count + 1))
                world.read("plant/\(index)", 1, World.Facts(source: source))
            }
        }
        world.advance(to: begin + Double(seconds))
    }

    @Test func `500 sensors cut at once are two annunciations, and 3 alarms when 497 return`() {
        let (world, source) = self.plant(500) {
            $1.high = .at(100, .high)
            $1.stalePriority = .high
        }
        self.speak(world, source, 0..<500, seconds: 4, count: 500)
        #expect(world.annunciations().isEmpty)
        world.advance(to: 30)
        #expect(world.annunciations().count == 2)
        let loss = world.annunciations(.stale, of: Self.gateway)
        // As urgent as the most urgent alarm behind it.
        #expect(loss.map(\.priority) == [.high])
        for index in 0..<500 { #expect(world.freshness("plant/\(index)") == .stale) }
        #expect(world.alarm(.stale, "plant/499")?.suppression == .suppressedByDesign)
        #expect(world.alarm(.stale, "plant/499")?.causeSensor == world.indexes[Self.gateway])
        self.speak(world, source, 3..<500, seconds: 8, count: 500)
        let later = world.annunciations().dropFirst(2)
        // The sensor that spoke first has said so already and is among the silent.
        #expect(later.map(\.alarm) == Array(repeating: .stale, count: later.count))
        let speaking = Set(world.annunciations(.stale).map(\.sensor))
        #expect(speaking.count == 4)
        let raised = (0..<500).filter { world.state(.stale, "plant/\($0)") == .unacknowledged }
        #expect(raised == [0, 1, 2])
        #expect(world.state(.stale, Self.gateway) == .returnedUnacknowledged)
        for index in raised { #expect(world.alarm(.stale, "plant/\(index)")?.suppression == []) }
    }

    @Test(arguments: [
        SourceEvidence.closedAbnormally, .keepAliveTimeout, .willPublished,
    ])
    func `evidence of the transport makes all behind a source stale at once`(
        evidence: SourceEvidence
    ) {
        let (world, source) = self.plant(20)
        self.speak(world, source, 0..<20, seconds: 2, count: 20)
        world.evidence(evidence, of: source)
        world.advance(to: world.now + 0.01)
        #expect(world.annunciations().map(\.sensor) == [world.indexes[Self.gateway]])
        for index in 0..<20 { #expect(world.freshness("plant/\(index)") == .stale) }
        #expect(world.decisions(.alarmRaisedSuppressed, .stale).count == 20)
        #expect(world.decisions(.alarmRaisedSuppressed).allSatisfy { $0.cause == .sourceLost })
        world.evidence(.connected, of: source)
        world.advance(to: world.now + 2.9)
        #expect(world.annunciations().count == 1)
        world.advance(to: world.now + 0.1)
        #expect(world.annunciations().count == 21)
    }

    @Test func `silence that a lost source explained ends without the off-delay, and unsaid`() {
        let (world, source) = self.plant(20) {
            $1.silenceOffDelayNanoseconds = seconds(60)
        }
        self.speak(world, source, 0..<20, seconds: 2, count: 20)
        world.evidence(.closedAbnormally, of: source)
        world.advance(to: world.now + 5)
        #expect(world.freshness("plant/3") == .stale)
        self.speak(world, source, 0..<20, seconds: 8, count: 20)
        #expect(world.annunciations().map(\.sensor) == [world.indexes[Self.gateway]])
        #expect(world.decisions(.alarmReturnedSuppressed, .stale).count == 20)
        #expect(world.state(.stale, "plant/3") == .normal)
        // The source itself is back when it is heard.
        #expect(world.state(.stale, Self.gateway) == .returnedUnacknowledged)
    }

    @Test func `an orderly disconnect and a source without a sensor of its own suppress nothing`() {
        let (world, source) = self.plant(20)
        self.speak(world, source, 0..<20, seconds: 2, count: 20)
        world.evidence(.disconnected, of: source)
        world.advance(to: world.now + 0.01)
        #expect(world.freshness("plant/3") == .fresh)
        let bare = World((0..<5).map { .make("plant/\($0)", deadline: 3) })
        let other = bare.registerSource("gateway")
        self.speak(bare, other, 0..<5, seconds: 2, count: 5)
        bare.evidence(.closedAbnormally, of: other)
        bare.advance(to: 20)
        #expect(bare.annunciations(.stale).count == 5)
    }

    @Test func `a sensor that speaks gives no time to a silent one behind the same source`() {
        let (world, source) = self.plant(3) { index, declaration in
            declaration.deadlineNanoseconds = seconds(index == 0 ? 2 : 10)
            guard index == 0 else { return }
            declaration.supervision = .exception
            declaration.trustsSource = true
        }
        for index in 0..<3 { world.read("plant/\(index)", 1, World.Facts(source: source)) }
        for second in 1...3 {
            // The trusting one falls silent with its source, and comes back with it.
            world.advance(to: Double(second) * 3)
            world.read("plant/2", 1, World.Facts(source: source))
        }
        world.advance(to: 9.99)
        #expect(world.freshness("plant/1") == .fresh)
        world.advance(to: 10.01)
        #expect(world.freshness("plant/1") == .stale)
    }

    @Test func `critical and independent sensors never wait and carry the cause`() {
        let (world, source) = self.plant(10) { index, declaration in
            if index == 4 { declaration.high = .at(100, .critical) }
            if index == 7 { declaration.isIndependent = true }
        }
        self.speak(world, source, 0..<10, seconds: 2, count: 10)
        world.evidence(.closedAbnormally, of: source)
        world.advance(to: world.now + 0.01)
        let told = world.annunciations(.stale).dropFirst()
        #expect(Set(told.map(\.sensor)) == [world.indexes["plant/4"], world.indexes["plant/7"]])
        #expect(told.allSatisfy { $0.causeSensor == world.indexes[Self.gateway] })
    }

    @Test func `single sensors that fall silent wait for two seconds at most`() {
        let (world, source) = self.plant(20)
        self.speak(world, source, 0..<20, seconds: 2, count: 20)
        // Three of twenty: less than half. The gateway says nothing more of any of them.
        for second in 0..<12 {
            for index in 3..<20 {
                world.advance(to: 2 + Double(second) + Double(index) / 21)
                world.read("plant/\(index)", 1, World.Facts(source: source))
            }
        }
        #expect(world.annunciations(.stale).count == 3)
        #expect(world.freshness(Self.gateway) == .fresh)
        for decision in world.annunciations(.stale) {
            let deadline = decision.lastArrival.advanced(byNanoseconds: seconds(3))
            #expect(decision.time.nanosecondsSince(deadline) <= seconds(2))
        }
    }

    @Test(arguments: [1, 2])
    func `a source with one sensor or two keeps no alarm of their silence back`(count: Int) {
        let (world, source) = self.plant(count)
        self.speak(world, source, 0..<count, seconds: 4, count: count)
        world.advance(to: 60)
        let told = world.annunciations(.stale)
        #expect(told.map(\.sensor) == (0..<count).map { world.indexes["plant/\($0)"] })
        for decision in told {
            let deadline = decision.lastArrival.advanced(byNanoseconds: seconds(3))
            #expect(decision.time == deadline)
        }
        #expect(world.decisions(.alarmRaisedSuppressed).isEmpty)
        #expect(world.decisions(.alarmSuppressed).isEmpty)
        #expect(world.freshness(Self.gateway) == .fresh)
        for index in 0..<count {
            #expect(world.alarm(.stale, "plant/\(index)")?.suppression == [])
        }
        world.verifyReplay()
    }

    @Test func `two of three that fall silent are two alarms, and the third speaks for itself`() {
        let (world, source) = self.plant(3)
        self.speak(world, source, 0..<3, seconds: 4, count: 3)
        for second in 4..<10 {
            world.advance(to: Double(second) + 0.9)
            world.read("plant/2", 1, World.Facts(source: source))
        }
        #expect(world.annunciations(.stale).count == 2)
        #expect(world.state(.stale, Self.gateway) == .normal)
        world.advance(to: 60)
        // Long after the others: it speaks for itself.
        #expect(world.annunciations(.stale).count == 3)
        #expect(world.state(.stale, Self.gateway) == .normal)
    }

    @Test func `cannot verify is not said of sensors whose source is lost`() {
        let (world, source) = self.plant(10) { $1.high = .at(100, .high) }
        self.speak(world, source, 0..<10, seconds: 2, count: 10)
        world.evidence(.closedAbnormally, of: source)
        world.advance(to: 60)
        #expect(world.annunciations().count == 1)
        // A sensor that comes back with a value that cannot be used speaks for itself.
        world.read("plant/5", .nan, World.Facts(source: source))
        #expect(world.annunciations(.unverifiable).map(\.sensor) == [world.indexes["plant/5"]])
    }

    @Test func `the sensor that spoke first does not say a second time that it cannot be verified`()
    {
        let (world, source) = self.plant(10) { $1.high = .at(100, .high) }
        self.speak(world, source, 0..<10, seconds: 2, count: 10)
        world.advance(to: 60)
        #expect(world.annunciations().map(\.alarm) == [.stale, .stale])
    }

    @Test func `a lost listener explains the loss of the gateways behind it`() {
        let world = World((0..<8).map { .make("plant/\($0)", deadline: 3) })
        let listener = world.supervise("listener")
        let gateways = (0..<2).map { world.supervise("gateway-\($0)", behind: listener) }
        for index in 0..<8 {
            world.read("plant/\(index)", 1, World.Facts(source: gateways[index % 2]))
        }
        world.evidence(.closedAbnormally, of: listener)
        world.evidence(.closedAbnormally, of: gateways[0])
        world.advance(to: 0.01)
        #expect(world.annunciations().count == 1)
        let gateway = RuleBook.sourcePathPrefix + "gateway-0"
        #expect(world.decisions(.alarmRaisedSuppressed, .stale, of: gateway).count == 1)
        for index in 0..<8 { #expect(world.freshness("plant/\(index)") == .stale) }
    }

    @Test func `a sensor that stands for a source never falls silent by itself`() {
        let world = World([.make(Self.gateway, deadline: 1), .make("plant/0", deadline: 5)])
        let source = world.registerSource("gateway")
        world.advance(to: 4)
        #expect(world.freshness(Self.gateway) == .neverReceived)
        world.read("plant/0", 1, World.Facts(source: source))
        #expect(world.freshness(Self.gateway) == .fresh)
        world.evidence(.willPublished, of: source)
        world.advance(to: 4.1)
        #expect(world.annunciations().map(\.sensor) == [world.indexes[Self.gateway]])
    }

    // MARK: - Supervision modes

    @Test func `a sensor that reports by exception lives on evidence for it`() {
        let world = World([.make("door", deadline: 10, supervision: .exception)])
        // Proof of life without a value ever says nothing about a value.
        world.evidence(.alive, sensor: "door")
        world.advance(to: 10)
        #expect(world.freshness("door") == .stale)
        world.read("door", 1)
        for second in stride(from: 15.0, to: 60, by: 5) {
            world.advance(to: second)
            world.evidence(.alive, sensor: "door")
            #expect(world.freshness("door") == .fresh)
        }
        world.advance(to: 64.9)
        #expect(world.freshness("door") == .fresh)
        world.advance(to: 65)
        #expect(world.freshness("door") == .stale)
        world.evidence(.alive, sensor: "door")
        #expect(world.freshness("door") == .fresh)
    }

    @Test func `proof of life says nothing for a value that cannot be used`() {
        let world = World([.make("door", deadline: 10, supervision: .exception)])
        world.read("door", 1)
        world.pass(to: 1)
        world.read("door", .nan)
        world.advance(to: 8)
        world.evidence(.alive, sensor: "door")
        world.advance(to: 11.1)
        #expect(world.freshness("door") == .stale)
        world.evidence(.alive, sensor: "door")
        #expect(world.freshness("door") == .stale)
    }

    @Test(arguments: [(5, false), (6, true), (7, true)])
    func `a source is lost when half of its sensors fall silent together`(
        silent: Int, isLost: Bool
    ) {
        let (world, source) = self.plant(12)
        self.speak(world, source, 0..<12, seconds: 2, count: 12)
        self.speak(world, source, silent..<12, seconds: 2, count: 12)
        // The silent ones pass their deadline within a second, while nobody speaks.
        world.advance(to: world.now + 0.95)
        #expect(world.decisions(.alarmRaised, .stale, of: Self.gateway).isEmpty != isLost)
    }

    @Test func `evidence is nothing to a periodic sensor`() {
        let world = World([.make("level", deadline: 10)])
        world.read("level", 1)
        world.advance(to: 9)
        world.evidence(.alive, sensor: "level")
        world.advance(to: 10)
        #expect(world.freshness("level") == .stale)
    }

    @Test(arguments: [true, false])
    func `a live gateway counts only for sensors that trust it`(isTrusting: Bool) {
        var door = SensorDeclaration.make("door", deadline: 10, supervision: .exception)
        door.trustsSource = isTrusting
        let world = World([door, .make("level", deadline: 10)])
        let source = world.supervise("gateway")
        world.read("door", 1, World.Facts(source: source))
        for second in 1...30 {
            world.advance(to: Double(second))
            world.read("level", 1, World.Facts(source: source))
        }
        #expect(world.freshness("door") == (isTrusting ? .fresh : .stale))
        #expect(world.sensor("door")?.trustsSource == isTrusting)
        world.advance(to: 41)
        #expect(world.freshness("door") == .stale)
        world.read("level", 1, World.Facts(source: source))
        world.advance(to: 42)
        #expect(world.freshness("door") == (isTrusting ? .fresh : .stale))
    }

    @Test func `an event sensor is stale when its source is lost, and only then`() {
        let world = World([
            .make("alarm-button", deadline: 1, supervision: .event), .make("level", deadline: 1),
        ])
        let source = world.supervise("gateway")
        world.read("alarm-button", 0, World.Facts(source: source))
        world.advance(to: 1_000)
        #expect(world.freshness("alarm-button") == .fresh)
        world.evidence(.keepAliveTimeout, of: source)
        world.advance(to: 1_001)
        #expect(world.freshness("alarm-button") == .stale)
        world.evidence(.connected, of: source)
        world.advance(to: 1_002)
        #expect(world.freshness("alarm-button") == .fresh)
    }

    @Test func `the return of a source leaves nothing of the grace that a start gave`() {
        var door = SensorDeclaration.make("door", deadline: 10, supervision: .exception)
        door.trustsSource = true
        let world = World([door])
        let source = world.supervise("gateway")
        world.read("door", 1, World.Facts(source: source))
        world.advance(to: 2)
        world.start()
        world.evidence(.keepAliveTimeout, of: source)
        world.advance(to: 3)
        #expect(world.freshness("door") == .stale)
        world.evidence(.connected, of: source)
        world.advance(to: 4)
        #expect(world.freshness("door") == .unverified)
        world.advance(to: 12.9)
        #expect(world.freshness("door") == .unverified)
        // One deadline behind the sign of life, not that and a grace.
        world.advance(to: 13)
        #expect(world.freshness("door") == .stale)
        world.verifyReplay()
    }

    @Test func `a sensor whose source is back has one deadline when new rules give it one`() {
        let later = RuleBook(
            revision: World.revision(2),
            declarations: [.make("alarm-button", deadline: 5, supervision: .periodic)])
        let world = World(
            [.make("alarm-button", deadline: 60, supervision: .event)], books: [later])
        let source = world.supervise("gateway")
        world.read("alarm-button", 0, World.Facts(source: source))
        world.advance(to: 1)
        world.start()
        world.evidence(.keepAliveTimeout, of: source)
        world.advance(to: 2)
        world.evidence(.connected, of: source)
        world.advance(to: 3)
        #expect(world.freshness("alarm-button") == .unverified)
        world.configure(later.revision)
        world.advance(to: 7.9)
        #expect(world.freshness("alarm-button") == .unverified)
        world.advance(to: 8)
        #expect(world.freshness("alarm-button") == .stale)
        world.verifyReplay()
    }

    @Test(arguments: [false, true])
    func `what an event sensor said before a start is not verified by its source`(
        isLostBefore: Bool
    ) {
        let world = World([
            .make(
                "alarm-button", deadline: 60, high: .at(1, off: 5, .critical), supervision: .event)
        ])
        let source = world.supervise("gateway")
        world.read("alarm-button", 1, World.Facts(source: source))
        world.advance(to: 1)
        world.read("alarm-button", 0, World.Facts(source: source))
        if isLostBefore {
            world.evidence(.keepAliveTimeout, of: source)
            world.advance(to: 2)
        }
        world.start()
        if !isLostBefore {
            world.evidence(.keepAliveTimeout, of: source)
            world.advance(to: 3)
        }
        #expect(world.freshness("alarm-button") == .stale)
        world.evidence(.connected, of: source)
        world.advance(to: 100)
        #expect(world.freshness("alarm-button") == .unverified)
        #expect(world.state(.stale, "alarm-button")?.isRaised == false)
        #expect(world.state(.high, "alarm-button") == .unacknowledged)
        world.read("alarm-button", 0, World.Facts(source: source))
        world.advance(to: 106)
        #expect(world.freshness("alarm-button") == .fresh)
        #expect(world.state(.high, "alarm-button")?.isRaised == false)
        world.verifyReplay()
    }
}
