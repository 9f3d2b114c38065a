// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import AlarmEngine

/// Which sensors are behind which source, and what that costs and changes.
@Suite struct SourceMembersTests {
    @Test func `sensors that come and go are found behind their source, in their order`() {
        var random = Random(seed: 11)
        var members = SourceMembers()
        // What each sensor speaks through, and what each source is behind: 1 ← 2 ← 3, 1 ← 4.
        var places = [Int](repeating: 0, count: 40)
        let above = [0, 0, 1, 2, 1]
        for place in 2...4 { members.put(place, behind: above[place]) }
        func isBehind(_ sensor: Int, _ place: Int, steps: Int) -> Bool {
            var source = places[sensor]
            for _ in 0..<steps {
                if source == place { return true }
                source = above[source]
                if source == 0 { return false }
            }
            return false
        }
        for _ in 0..<2_000 {
            let sensor = random.next(below: places.count)
            let place = random.next(below: above.count)
            members.remove(sensor, from: places[sensor])
            members.add(sensor, to: place)
            places[sensor] = place
        }
        for place in 1...4 {
            for depth in 1...3 {
                let wanted = places.indices.filter { isBehind($0, place, steps: depth) }
                #expect(members.sensors(behind: place, depth: depth) == wanted.map { UInt32($0) })
            }
        }
        members.forgetSources()
        let own = places.indices.filter { places[$0] == 1 }.map { UInt32($0) }
        #expect(members.sensors(behind: 1, depth: 8) == own)
    }

    @Test func `a circle of sources comes to an end, and names no sensor twice`() {
        var members = SourceMembers()
        members.put(1, behind: 2)
        members.put(2, behind: 1)
        members.add(5, to: 1)
        members.add(3, to: 2)
        #expect(members.sensors(behind: 1, depth: 8) == [3, 5])
        // A source that no journal can name has no list, and takes no memory.
        members.add(7, to: Int(UInt32.max))
        members.remove(7, from: Int(UInt32.max))
        #expect(members.sensors(behind: Int(UInt32.max), depth: 8) == [])
        #expect(members.sensors(behind: 9, depth: 8) == [])
    }

    @Test func `one gateway of many takes its own sensors with it, and no other`() {
        let (gateways, each) = (20, 6)
        func path(_ gateway: Int, _ sensor: Int) -> String { "plant/\(gateway)/\(sensor)" }
        let world = World(
            (0..<gateways).flatMap { gateway in
                (0..<each).map { .make(path(gateway, $0), deadline: 30, stale: .medium) }
            })
        let bus = world.supervise("bus")
        let sources = (0..<gateways).map { world.supervise("bus/\($0)", behind: bus) }
        func speak(_ gateway: Int) {
            for sensor in 0..<each {
                world.read(path(gateway, sensor), 1, World.Facts(source: sources[gateway]))
            }
        }
        for gateway in 0..<gateways { speak(gateway) }
        // One sensor went from the seventh gateway to the eighth.
        world.read(path(7, 0), 1, World.Facts(source: sources[8]))
        world.evidence(.closedAbnormally, of: sources[7])
        world.advance(to: 0.01)
        func stale() -> [String] {
            (0..<gateways).flatMap { gateway in
                (0..<each).map { path(gateway, $0) }.filter { world.freshness($0) == .stale }
            }
        }
        #expect(stale() == (1..<each).map { path(7, $0) })
        #expect(world.annunciations().count == 1)
        world.advance(to: 1)
        speak(7)
        world.advance(to: 2)
        #expect(stale() == [])
        world.evidence(.willPublished, of: bus)
        world.advance(to: 2.01)
        #expect(stale().count == gateways * each)
        world.verifyReplay()
    }

    @Test func `a source that comes after its sensors gets them, and each at once`() {
        var declarations = (0..<9).map { SensorDeclaration.make("plant/\($0)", deadline: 5) }
        for index in 0..<9 { declarations[index].behind = index < 6 ? "gateway/\(index % 3)" : "" }
        let world = World(declarations)
        for number in [2, 0] { _ = world.supervise("gateway/\(number)") }
        world.advance(to: 1)
        world.evidence(.closedAbnormally, of: SourceIndex(rawValue: 1))
        world.advance(to: 1.01)
        let stale = (0..<9).filter { world.freshness("plant/\($0)") == .stale }
        #expect(stale == [2, 5])
        world.verifyReplay()
    }
}
