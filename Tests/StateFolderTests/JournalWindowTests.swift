// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import StateFolder
import Testing

/// Records of a span of calendar time, without the daemon.
@Suite struct JournalWindowTests {
    private static let wall: Int64 = 1_700_000_000_000_000_000

    /// A hundred readings, one a second, with a clock anchor every ten.
    private static func world() throws -> ReplayWorld {
        let world = try ReplayWorld()
        for second in 1...100 as ClosedRange<Int64> {
            world.read(Double(second))
            guard second % 10 == 0 else { continue }
            var anchor = Slot(kind: .clockAnchor, arrival: world.now)
            anchor.sourceTime = self.wall + second * 1_000_000_000
            world.feed([anchor])
            world.commit()
        }
        var register = Slot(kind: .registerSensor, arrival: world.now)
        register.sensor = SensorIndex(rawValue: 1)
        world.feed(ControlRecord.slots(head: register, payload: Array("late/sensor".utf8)))
        world.commit()
        return world
    }

    private static func at(_ second: Int64) -> WallInstant {
        WallInstant(nanoseconds: self.wall + second * 1_000_000_000)
    }

    private static func values(_ folder: String, _ from: Int64, _ to: Int64) throws -> [Double] {
        var window = try JournalWindow(
            folder: Folders(stateDirectory: folder).journal)
        var values: [Double] = []
        try window.each(from: self.at(from), to: self.at(to)) { item in
            if item.slot.kind == .reading {
                values.append(item.slot.number)
                if item.arrival != self.at(Int64(item.slot.number)) { values.append(-1) }
            }
            return true
        }
        return values
    }

    @Test(arguments: [(30, 40), (0, 1_000), (-500, 5), (95, 1_000), (200, 300), (-20, -10)])
    func `exactly the readings of the span come, with their times`(from: Int64, to: Int64) throws {
        let world = try Self.world()
        let expected = (1...100).filter { (from..<to).contains($0) }.map(Double.init)
        #expect(try Self.values(world.folder, from, to) == expected)
    }

    @Test func `names are known, those registered last as well`() throws {
        let world = try Self.world()
        let window = try JournalWindow(folder: Folders(stateDirectory: world.folder).journal)
        #expect(window.sensors == ["pump/pressure", "late/sensor"])
        #expect(window.journal != nil)
        #expect(window.damage.isEmpty)
        #expect(try window.oldestArrival() == Self.at(0))
    }

    @Test func `a reader may begin behind a number and may stop`() throws {
        let world = try Self.world()
        var window = try JournalWindow(folder: Folders(stateDirectory: world.folder).journal)
        var numbers: [UInt64] = []
        try window.each(from: Self.at(0), to: Self.at(1_000), startingAt: 60) { item in
            numbers.append(item.position.n)
            return numbers.count < 5
        }
        #expect(numbers.count == 5)
        #expect(numbers.allSatisfy { $0 >= 60 })
    }

    @Test func `local time has the offset of the machine's zone`() {
        let text = LocalTime.text(WallInstant(nanoseconds: Self.wall + 123_456_789), digits: 3)
        #expect(text.utf8.count == 29)
        #expect(text.dropFirst(19).prefix(4) == ".123")
        #expect(LocalTime.clock(Self.at(0)).utf8.count == 14)
        #expect(LocalTime.text(Self.at(0)).hasPrefix("2023-11-1"))
    }

    @Test func `without a journal there is nothing`() throws {
        let world = try ReplayWorld()
        var window = try JournalWindow(folder: world.folder + "/nothing")
        #expect(window.sensors.isEmpty)
        try window.each(from: Self.at(0), to: Self.at(10)) { _ in
            Issue.record("a record out of nothing")
            return false
        }
    }
}
