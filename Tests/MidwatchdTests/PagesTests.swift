// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import JSONText
import MidwatchConfiguration
import MidwatchModel
import OperatorAPI
import OperatorViews
import ReadingRing
import Testing

@testable import midwatchd

/// Pages by the short way are those that a look at everything would give.
@Suite struct PagesTests {
    /// A plant of 60 sensors, some beyond their limits, shown by a desk.
    private struct Plant {
        let live: LiveState
        let desk: OperatorDesk

        init() throws {
            var area = AreaDeclaration(name: "west", sensors: ["t/+/co"], modes: ["a", "b"])
            area.sensor = nil
            var declaration = SensorDeclaration(pattern: "t/#", deadlineNanoseconds: 1_000_000_000)
            declaration.high = LimitSetting(setpoint: 50)
            declaration.title = "Gas in the Tunnel"
            let book = RuleBook(
                revision: "", declarations: [declaration], areas: [area])
            let live = LiveState(rules: book)
            var engine = AlarmEngine(rules: book, book: { _ in nil })
            var n: UInt64 = 0
            func feed(_ head: Slot, _ payload: [UInt8]) {
                for slot in ControlRecord.slots(head: head, payload: payload) {
                    engine.apply(slot, n: n)
                    n += 1
                }
            }
            for number in 0..<60 {
                var head = Slot(kind: .registerSensor, arrival: .zero)
                head.sensor = SensorIndex(rawValue: UInt32(number))
                // Numbers and paths are in different orders.
                let path =
                    "\(number % 5 == 0 ? "u" : "t")/\(number * 37 % 60)/"
                    + (number % 2 == 0 ? "co" : "Temperature")
                feed(head, Array(path.utf8))
            }
            for number in 0..<60 where number % 3 != 0 {
                let reading = Slot(
                    reading: Double(number), of: SensorIndex(rawValue: UInt32(number)),
                    from: SourceIndex(rawValue: 1),
                    arrival: MonotonicInstant(nanoseconds: UInt64(number) + 1))
                engine.apply(reading, n: n)
                n += 1
            }
            engine.takeDecisions { _ in }
            live.publishNames(engine)
            for index in 0..<engine.sensorCount {
                live.sensors.write(engine.liveSensor(index), at: index)
            }
            for index in 0..<engine.alarmCount {
                live.alarms.write(engine.liveAlarm(index), at: index)
            }
            self.live = live
            let status = StatusView(
                node: "n", version: "v", health: .healthy, startedAt: WallInstant(nanoseconds: 0),
                time: WallInstant(nanoseconds: 0))
            self.desk = OperatorDesk(
                OperatorDesk.Parts(
                    ring: ReadingRing(capacity: 1_024, firstSequence: 1), live: live,
                    active: ActiveAlarms(live),
                    clock: EngineClock(continuingAt: .zero),
                    events: EventReader(folder: "/nowhere"), files: FileReadThread(),
                    archive: ArchiveDesk(.sqlite, path: "/nowhere/archive.sqlite"),
                    reloader: NoReloads(), questions: EngineQuestions(),
                    report: { status }, health: { HealthView(level: .healthy) }, metrics: { [] },
                    newestEvent: { 0 }, rejects: { _ in [] }, deliveries: NoDeliveries(),
                    isStarted: { true }))
        }

        private var viewer: Viewer { Viewer(self.desk.parts) }

        /// The answer by a look at every sensor.
        func all(_ query: SensorQuery) -> [String] {
            var query = query
            self.desk.resolve(&query.area)
            let viewer = self.viewer
            return query.select(from: viewer.paths.indices.compactMap { viewer.sensor($0) })
                .map(\.path)
        }

        func all(_ query: AlarmQuery) -> [String] {
            var query = query
            self.desk.resolve(&query.area)
            let viewer = self.viewer
            return query.select(
                from: (0..<self.live.alarms.count).compactMap { viewer.alarm($0) }
            ).map(\.alarmID)
        }
    }

    private static let filters = ["", "co", "TEMP", "tunnel", "t/+/co", "#", "t/7", "nothing"]
    private static let areas: [AreaFilter?] = [
        nil, AreaFilter("west"), AreaFilter("u"), AreaFilter("t/7"), AreaFilter("no"),
    ]

    @Test func `a filter fits the same paths among sensors, alarms and events`() async throws {
        let plant = try Plant()
        var found = 0
        for filter in Self.filters
        where filter.isEmpty || filter.contains(where: { "+#/".contains($0) }) {
            for area in Self.areas {
                var sensorQuery = SensorQuery(limit: 1_000)
                (sensorQuery.filter, sensorQuery.area) = (filter, area)
                let paths = Set(
                    await plant.desk.sensors(matching: sensorQuery).map(\.path))
                var alarmQuery = AlarmQuery(limit: 10_000)
                (alarmQuery.filter, alarmQuery.area) = (filter, area)
                alarmQuery.includesNormal = true
                let alarms = await plant.desk.alarms(matching: alarmQuery)
                #expect(Set(alarms.map(\.path)) == paths, "\(filter) \(area?.name ?? "")")
                var eventQuery = EventQuery()
                eventQuery.filter = filter
                if let area { eventQuery.area = await plant.desk.area(named: area.name) }
                let everything = await plant.desk.sensors(matching: SensorQuery(limit: 1_000))
                for sensor in everything {
                    let raised = EventView(
                        n: 1, written: WallInstant(nanoseconds: 0),
                        body: .object([
                            ("kind", .string("alarmRaised")), ("sensor", .string(sensor.path)),
                            ("alarm", .string("high")),
                        ]))
                    let told = EventView(
                        n: 2, written: WallInstant(nanoseconds: 0),
                        body: .object([
                            ("kind", .string("alertDelivered")),
                            ("alarmID", .string("\(sensor.path):high")),
                        ]))
                    #expect(eventQuery.matches(raised) == paths.contains(sensor.path))
                    #expect(eventQuery.matches(told) == paths.contains(sensor.path))
                }
                found += paths.count
            }
        }
        #expect(found > 100)
    }

    @Test func `sensors that are named are found by their names, and nothing else is`() async throws
    {
        let plant = try Plant()
        let everything = plant.all(SensorQuery(limit: 1_000))
        var query = SensorQuery(limit: 1_000)
        query.paths = Set(everything[3...6] + ["t/none", "a", "zzz"])
        #expect(await plant.desk.sensors(matching: query).map(\.path) == Array(everything[3...6]))
        #expect(plant.all(query) == Array(everything[3...6]))
        query.after = everything[4]
        #expect(await plant.desk.sensors(matching: query).map(\.path) == Array(everything[5...6]))
        query.after = nil
        query.order = .worst
        #expect(await plant.desk.sensors(matching: query).map(\.path) == plant.all(query))
        query.order = .path
        query.filter = "nothing"
        #expect(await plant.desk.sensors(matching: query).isEmpty)
    }

    @Test func `alarms that are not normal are looked up again behind a decision`() async throws {
        let plant = try Plant()
        let active = ActiveAlarms(plant.live)
        func walked() -> [Int] {
            (0..<plant.live.alarms.count).filter { index in
                guard let alarm = plant.live.alarms.read(index), !alarm.isRetired else {
                    return false
                }
                return alarm.state != .normal || !alarm.suppression.isEmpty
            }
        }
        let before = walked()
        #expect(!before.isEmpty && before.count < plant.live.alarms.count)
        #expect(active.indexes() == before)
        let rows = (0..<plant.live.alarms.count).filter { !before.contains($0) }.prefix(3)
        for (number, row) in rows.enumerated() {
            var alarm = try #require(plant.live.alarms.read(row))
            switch number {
            case 0: alarm.state = .unacknowledged
            case 1: alarm.suppression = .shelved
            default:
                alarm.state = .acknowledged
                alarm.isRetired = true
            }
            plant.live.alarms.write(alarm, at: row)
        }
        // The engine says behind its publication that it decided.
        #expect(active.indexes() == before)
        plant.live.publishDecisions()
        #expect(active.indexes() == walked())
        #expect(active.indexes().count == before.count + 2)
    }

    @Test func `sensors`() async throws {
        let plant = try Plant()
        var found = 0
        for order in SensorQuery.Order.allCases {
            for filter in Self.filters {
                for area in Self.areas {
                    for after in [nil, "t/3/co", "zzz"] {
                        var query = SensorQuery(limit: 7)
                        query.order = order
                        query.filter = filter
                        query.area = area
                        query.after = order == .path ? after : nil
                        let page = await plant.desk.sensors(matching: query).map(\.path)
                        #expect(page == plant.all(query), "\(query)")
                        found += page.count
                    }
                }
            }
        }
        for freshness in Freshness.allCases {
            var query = SensorQuery(limit: 100)
            query.freshness = freshness
            #expect(await plant.desk.sensors(matching: query).map(\.path) == plant.all(query))
        }
        var query = SensorQuery(limit: 100)
        query.states = try #require(StateFilter(words: ["unacknowledged"]))
        query.priorities = [.medium, .high, .critical, .low]
        let alarmed = await plant.desk.sensors(matching: query).map(\.path)
        #expect(alarmed == plant.all(query) && !alarmed.isEmpty)
        #expect(found > 100)
    }

    @Test func `alarms`() async throws {
        let plant = try Plant()
        var found = 0
        for order in AlarmQuery.Order.allCases {
            for filter in Self.filters + [":high"] {
                for area in Self.areas {
                    for (normal, after) in [(false, nil), (true, nil), (true, "t/3/co:high")] {
                        var query = AlarmQuery(limit: 9)
                        query.order = order
                        query.filter = filter
                        query.area = area
                        query.includesNormal = normal
                        query.after = order == .id ? after : nil
                        let page = await plant.desk.alarms(matching: query).map(\.alarmID)
                        let all = plant.all(query)
                        // Alarms of one urgency and one moment may stand in any order.
                        #expect(order == .id ? page == all : page.count == all.count, "\(query)")
                        found += page.count
                    }
                }
            }
        }
        #expect(found > 100)
        var query = AlarmQuery(limit: 1_000)
        query.includesNormal = true
        query.order = .id
        for alarmID in plant.all(query) {
            #expect(await plant.desk.alarm(id: alarmID)?.alarmID == alarmID)
        }
        #expect(await plant.desk.alarm(id: "t/3/co:nothing") == nil)
        #expect(await plant.desk.alarm(id: "t/nowhere:high") == nil)
    }

    @Test func `pages by path follow each other and hold every sensor once`() async throws {
        let plant = try Plant()
        var query = SensorQuery(limit: 7)
        var seen: [String] = []
        while true {
            let page = await plant.desk.sensors(matching: query).map(\.path)
            seen += page
            guard let last = page.last else { break }
            query.after = last
        }
        #expect(seen.count == 60)
        #expect(seen == seen.sorted())
        #expect(Set(seen).count == 60)
    }
}

/// Of a desk that shows pages and nothing else.
private struct NoReloads: ConfigurationBackend {
    func reload(_ request: ReloadRequest) async throws(Problem) -> ReloadView {
        throw Problem(.refused, detail: "no reloads here")
    }

    func configuration(after: Int, limit: Int) async throws(Problem) -> ConfigurationView {
        throw Problem(.refused, detail: "no configuration here")
    }
}

private struct NoDeliveries: DeliveryOrders {
    func deadLetters(
        matching query: DeadLetterQuery
    ) async throws(Problem) -> PageView<DeadLetterView> { PageView(items: []) }

    func perform(_ order: DeliveryOrder) async -> DeliveryOrderOutcome { .unknown }
}
