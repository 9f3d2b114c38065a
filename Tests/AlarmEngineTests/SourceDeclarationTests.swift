// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

/// The source tree as the configuration draws it.
@Suite struct SourceDeclarationTests {
    private static func tree(_ pairs: [(String, String)]) -> SourceTree {
        SourceTree(
            [SourceDeclaration(name: "mqtt/gw", isListener: true)]
                + pairs.map { SourceDeclaration(name: $0.0, behind: $0.1) })
    }

    private static func book(
        _ number: UInt8, sensors: Int, behind: String, _ pairs: [(String, String)]
    ) -> RuleBook {
        let tree = Self.tree(pairs)
        let plant = (0..<sensors).map { index in
            var declaration = SensorDeclaration.make(
                "plant/\(index)", deadline: 3, high: .at(100, .medium), stale: .medium)
            declaration.behind = behind
            return declaration
        }
        let sources = tree.sources.map { source in
            var declaration = SensorDeclaration.make(
                RuleBook.sourcePathPrefix + source.name, supervision: .event)
            declaration.isIndependent = true
            return declaration
        }
        return RuleBook(
            revision: World.revision(number), declarations: sources + plant, sources: tree)
    }

    /// A world under revision 2, that knows the others, with its sources registered first or last.
    private static func world(_ books: [RuleBook], sourcesFirst: Bool = true) -> World {
        let world = World([], books: books)
        world.configure(books[0].revision)
        if sourcesFirst { Self.registerSources(of: books[0], in: world) }
        for path in books[0].declaredPaths { world.register(path) }
        if !sourcesFirst { Self.registerSources(of: books[0], in: world) }
        return world
    }

    private static func registerSources(of book: RuleBook, in world: World) {
        for source in book.sourceTree.sources { world.registerSource(source.name) }
    }

    private static func gateway(_ name: String) -> String { RuleBook.sourcePathPrefix + name }

    private static func speak(_ world: World, _ range: Range<Int>, seconds: Int) {
        let source = world.registerSource("mqtt/gw")
        let begin = world.now
        for second in 0..<seconds {
            for index in range {
                world.advance(to: begin + Double(second) + Double(index) / 100)
                world.read("plant/\(index)", 1, World.Facts(source: source))
            }
        }
        world.advance(to: begin + Double(seconds))
    }

    @Test(arguments: [true, false])
    func `a cut bus is one alarm, and its sensors are suppressed by cause`(sourcesFirst: Bool) {
        let book = Self.book(2, sensors: 20, behind: "bus", [("bus", "mqtt/gw")])
        let world = Self.world([book], sourcesFirst: sourcesFirst)
        world.register("other")
        Self.speak(world, 0..<20, seconds: 3)
        // The listener is heard all the time, the sensors of the bus are not.
        let source = world.registerSource("mqtt/gw")
        for second in 0..<20 {
            world.advance(to: world.now + 1)
            world.read("other", Double(second), World.Facts(source: source))
        }
        let told = world.annunciations(.stale)
        #expect(told.count == 2)
        #expect(told.last?.sensor == world.indexes[Self.gateway("bus")])
        #expect(world.state(.stale, Self.gateway("mqtt/gw")) == .normal)
        for index in 0..<20 { #expect(world.freshness("plant/\(index)") == .stale) }
        #expect(
            world.alarm(.stale, "plant/19")?.causeSensor == world.indexes[Self.gateway("bus")])
        Self.speak(world, 0..<20, seconds: 3)
        #expect(world.state(.stale, Self.gateway("bus")) == .returnedUnacknowledged)
        world.verifyReplay()
    }

    @Test func `sensors that never spoke are behind their source from the start`() {
        let book = Self.book(2, sensors: 20, behind: "bus", [("bus", "mqtt/gw")])
        let world = Self.world([book])
        world.advance(to: 10)
        #expect(world.annunciations(.stale).count == 2)
        for index in 0..<20 { #expect(world.freshness("plant/\(index)") == .stale) }
    }

    @Test func `a source behind a lost one is explained by it`() {
        let book = Self.book(
            2, sensors: 5, behind: "bus",
            [("switch", "mqtt/gw"), ("mqtt/gw/c", "switch"), ("bus", "mqtt/gw/c")])
        let world = Self.world([book])
        Self.speak(world, 0..<5, seconds: 2)
        // The switch stands between the client and the listener.
        world.evidence(.closedAbnormally, of: world.registerSource("switch"))
        world.advance(to: world.now + 0.01)
        #expect(
            world.annunciations().map(\.sensor) == [world.indexes[Self.gateway("switch")]])
        #expect(
            world.decisions(.alarmRaisedSuppressed, .stale).count == 5)
    }

    @Test func `a client that appears by itself is behind its listener, declared or not`() {
        let book = Self.book(2, sensors: 0, behind: "", [])
        let world = Self.world([book])
        // Its registration says nothing of the listener.
        let client = world.registerSource("mqtt/gw/c9")
        for index in 0..<4 {
            world.register("x/\(index)")
            world.read("x/\(index)", 1, World.Facts(source: client))
        }
        world.evidence(.closedAbnormally, of: world.registerSource("mqtt/gw"))
        world.advance(to: world.now + 0.01)
        for index in 0..<4 { #expect(world.freshness("x/\(index)") == .stale) }
    }

    @Test func `a source that is declared no more lets its sensors speak for themselves`() {
        let before = Self.book(2, sensors: 6, behind: "bus", [("bus", "mqtt/gw")])
        let after = Self.book(3, sensors: 6, behind: "", [])
        let world = Self.world([before, after])
        Self.speak(world, 0..<6, seconds: 2)
        world.evidence(.closedAbnormally, of: world.registerSource("bus"))
        world.advance(to: world.now + 0.5)
        #expect(world.annunciations().count == 1)
        world.configure(after.revision)
        #expect(world.decisions(.alarmReturned, .stale).count == 1)
        world.advance(to: world.now + 4)
        #expect(world.annunciations(.stale).count == 7)
        world.verifyReplay()
    }

    @Test func `a tree that is drawn anew counts its sensors anew`() {
        let before = Self.book(2, sensors: 6, behind: "bus", [("bus", "mqtt/gw")])
        let after = Self.book(
            3, sensors: 6, behind: "bus", [("bus", "switch"), ("switch", "mqtt/gw")])
        let world = Self.world([before, after])
        Self.speak(world, 0..<6, seconds: 2)
        world.configure(after.revision)
        world.register(Self.gateway("switch"))
        let link = world.registerSource("switch")
        world.evidence(.closedAbnormally, of: link)
        world.advance(to: world.now + 0.01)
        #expect(
            world.annunciations().map(\.sensor) == [world.indexes[Self.gateway("switch")]])
        for index in 0..<6 { #expect(world.freshness("plant/\(index)") == .stale) }
        world.verifyReplay()
    }

    @Test func `a listener that is trusted vouches for the sensors behind it`() {
        var listener = SourceDeclaration(name: "udp/f", isListener: true)
        listener.isTrusted = true
        let tree = SourceTree([listener])
        let declarations = ["a", "b"].map {
            SensorDeclaration.make(
                $0, deadline: 3, supervision: $0 == "a" ? .exception : .periodic)
        }
        let book = RuleBook(
            revision: World.revision(2), declarations: declarations, sources: tree)
        let world = World([], books: [book])
        world.configure(book.revision)
        let source = world.registerSource("udp/f/10.0.0.1", behind: world.registerSource("udp/f"))
        for path in ["a", "b", "c"] { world.register(path) }
        world.read("a", 1, World.Facts(source: source))
        world.read("b", 1, World.Facts(source: source))
        for second in 1...10 {
            world.advance(to: Double(second))
            world.read("c", 1, World.Facts(source: source))
        }
        #expect(world.freshness("a") == .fresh)
        #expect(world.freshness("b") == .stale)
    }
}
