// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import JSONText
import MidwatchModel
import Testing

@Suite struct CommandTests {
    private let path = "pump/bearing"

    private func world() -> World { World([.make(self.path, high: .at(100))]) }

    private func activation(_ world: World, _ kind: AlarmKind = .high) -> DecisionID {
        world.alarm(kind, self.path)?.activation ?? .none
    }

    @Test func `an acknowledgement names the activation and is answered with one decision`() {
        let world = self.world()
        world.read(self.path, 150)
        let before = world.decisions.count
        world.advance(to: 1)
        let n = world.acknowledge(self.path, .high, self.activation(world))
        let answers = world.decisions.dropFirst(before)
        #expect(answers.count == 1)
        #expect(answers.first?.kind == .alarmAcknowledged)
        #expect(answers.first?.cause == .operatorCommand)
        #expect(answers.first?.id == DecisionID(position: Position(epoch: 1, n: n), ordinal: 0))
        #expect(answers.first?.stateFrom == .unacknowledged)
        #expect(answers.first?.stateTo == .acknowledged)
        #expect(answers.first?.time == World.instant(1))
        #expect(world.state(.high, self.path) == .acknowledged)
    }

    @Test func `the acknowledgement of an older activation is refused with the current one`() {
        let world = self.world()
        world.read(self.path, 150)
        let old = self.activation(world)
        world.read(self.path, 50)
        world.read(self.path, 150)
        let current = self.activation(world)
        #expect(old != current)
        let n = world.acknowledge(self.path, .high, old)
        let refused = world.decisions(.commandRefused)
        #expect(refused.map(\.cause) == [.otherActivation])
        #expect(refused.map(\.activation) == [current])
        #expect(refused.map(\.id.position.n) == [n])
        #expect(world.state(.high, self.path) == .unacknowledged)
    }

    @Test func `an alarm returned before the acknowledgement came goes to normal`() {
        let world = self.world()
        world.read(self.path, 150)
        let activation = self.activation(world)
        world.read(self.path, 50)
        world.acknowledge(self.path, .high, activation)
        #expect(world.state(.high, self.path) == .normal)
        #expect(world.decisions(.alarmAcknowledged).map(\.stateFrom) == [.returnedUnacknowledged])
    }

    @Test func `a second acknowledgement finds nothing to acknowledge`() {
        let world = self.world()
        world.read(self.path, 150)
        world.acknowledge(self.path, .high, self.activation(world))
        world.acknowledge(self.path, .high, self.activation(world))
        #expect(world.decisions(.alarmAcknowledged).count == 1)
        #expect(world.decisions(.commandRefused).map(\.cause) == [.nothingToAcknowledge])
        #expect(world.state(.high, self.path) == .acknowledged)
    }

    @Test func `an alarm that was never raised has nothing to acknowledge`() {
        let world = self.world()
        world.acknowledge(self.path, .high, .none)
        #expect(world.decisions(.commandRefused).map(\.cause) == [.nothingToAcknowledge])
        #expect(world.state(.high, self.path) == .normal)
    }

    @Test func `a refusal leaves the times of the alarm as they are`() {
        let world = self.world()
        world.read(self.path, 150)
        let before = world.alarm(.high, self.path)?.lastTransition
        world.advance(to: 5)
        world.acknowledge(self.path, .high, DecisionID(position: .zero, ordinal: 9))
        #expect(world.alarm(.high, self.path)?.lastTransition == before)
        world.acknowledge(self.path, .high, self.activation(world))
        #expect(
            world.alarm(.high, self.path)?.lastTransition == WallInstant(nanoseconds: World.wall(5))
        )
    }

    @Test(arguments: [
        ("no/such/sensor", AlarmKind.high), ("pump/bearing", .lowLow), ("", .stale),
    ])
    func `an alarm that is not there is refused as unknown`(path: String, kind: AlarmKind) {
        let world = self.world()
        world.read(self.path, 150)
        world.acknowledge(path, kind, self.activation(world))
        #expect(world.decisions(.commandRefused).map(\.cause) == [.unknownAlarm])
        #expect(world.decisions(.commandRefused).first?.sensor == SensorIndex.none)
    }

    private static let malformed = [
        "", "{", "null", "[]", "{}", #"{"verb":"acknowledge"}"#,
        #"{"verb":"explode","path":"pump/bearing","alarm":"high","activation":"1:5.0"}"#,
        #"{"verb":"acknowledge","path":"pump/bearing","alarm":"","activation":"1:5.0"}"#,
        #"{"verb":"acknowledge","path":"pump/bearing","alarm":"high","activation":"1:5"}"#,
        #"{"verb":"acknowledge","path":"pump/bearing","alarm":"high","activation":"-1:5.0"}"#,
        #"{"verb":"acknowledge","path":7,"alarm":"high","activation":"1:5.0"}"#,
    ]

    @Test(arguments: Self.malformed)
    func `a malformed command is refused`(text: String) {
        let world = self.world()
        world.read(self.path, 150)
        let before = world.decisions.count
        let n = world.feed(
            Slot(kind: .command, arrival: World.instant(0)), payload: Array(text.utf8))
        let answers = world.decisions.dropFirst(before)
        #expect(answers.map(\.kind) == [.commandRefused])
        #expect(answers.map(\.cause) == [.malformedCommand])
        #expect(answers.map(\.id.position.n) == [n])
        #expect(world.bodies.last?.contains("\"command\"") == false)
    }

    @Test func `bytes that are no text are refused`() {
        let world = self.world()
        var random = Random(seed: 3)
        for _ in 0..<200 {
            let count = random.next(below: 300)
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            world.feed(Slot(kind: .command, arrival: World.instant(0)), payload: bytes)
        }
        #expect(world.decisions(.commandRefused).count == 200)
        #expect(world.decisions(.commandRefused).allSatisfy { $0.cause == .malformedCommand })
    }

    @Test func `a command survives its payload, whatever its texts hold`() {
        let command = OperatorCommand(
            verb: .acknowledge, path: "a/\"b\\", alarm: .unverifiable,
            activation: DecisionID(position: Position(epoch: 7, n: 1 << 60), ordinal: 3),
            user: "\u{1F6A8} night", origin: "tty\t1", comment: "line\nbreak \u{0} end")
        #expect(OperatorCommand(payload: command.payload) == command)
    }

    @Test func `every command gets one decision at the number of its head`() {
        let world = self.world()
        var random = Random(seed: 5)
        world.read(self.path, 150)
        var heads: [UInt64] = []
        for step in 0..<300 {
            world.advance(to: Double(step) / 10)
            if random.chance(30) { world.read(self.path, random.chance(50) ? 150 : 50) }
            let activation =
                random.chance(60)
                ? self.activation(world)
                : DecisionID(position: Position(epoch: 1, n: UInt64(step)), ordinal: 0)
            heads.append(
                world.acknowledge(
                    random.chance(90) ? self.path : "gone", random.pick(AlarmKind.allCases),
                    activation))
        }
        let answers = world.decisions.filter {
            $0.kind == .alarmAcknowledged || $0.kind == .commandRefused
        }
        #expect(answers.map(\.id.position.n) == heads)
        #expect(answers.allSatisfy { $0.id.ordinal == 0 })
    }

    @Test func `the ledger says who acknowledged what`() throws {
        let world = self.world()
        world.read(self.path, 150)
        let activation = self.activation(world)
        world.acknowledge(self.path, .high, activation)
        let json = try JSONValue(parsing: Array((world.bodies.last ?? "").utf8).span)
        #expect(json["kind"]?.string == "alarmAcknowledged")
        #expect(json["sensor"]?.string == self.path)
        #expect(json["activation"]?.string == activation.description)
        #expect(json["from"]?.string == "unacknowledged")
        #expect(json["to"]?.string == "acknowledged")
        #expect(json["command"]?["user"]?.string == "operator")
        #expect(json["command"]?["origin"]?.string == "console")
        #expect(json["command"]?["comment"]?.string == "seen")
        #expect(json["command"]?["activation"]?.string == activation.description)
    }
}
