// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import JSONText
import Journal
import Logging
import MidwatchModel
import StateFolder
import Synchronization
import Testing

@testable import AlertDelivery
@testable import midwatchd

/// Decisions become alerts with targets, and a restart goes on where the ledger ends.
@Suite struct RoutingDeskTests {
    /// What was offered, and the ledger beside it.
    private final class World: AlertTaker {
        let folder: TemporaryFolder
        let desk: RoutingDesk
        let alerts = Mutex<[Alert]>([])
        let notes = Mutex<[[UInt8]]>([])
        let writer: LedgerWriter
        let effects: Mutex<Effects?> = Mutex(nil)
        /// Alerts that it takes until it is full.
        let room = Mutex<Int>(.max)
        let wantsLedger = Mutex<Bool>(false)
        let lost = Mutex<Set<UInt64>>([])
        let rebuilt = Mutex<[UInt64]>([])
        let cursor: UInt64?
        private let sequence = Mutex<UInt64>(0)

        init(
            _ folder: TemporaryFolder, epoch: UInt32, cursor: UInt64? = nil,
            rules: RuleBook = RuleBook(revision: "", declarations: []),
            change: (inout AlertPolicy) -> Void = { _ in }
        ) throws {
            self.folder = folder
            self.cursor = cursor
            var policy = AlertPolicy()
            var escalation = EscalationDeclaration(name: "shift")
            escalation.levels = [
                EscalationLevel(
                    endpoints: ["pager"], after: PriorityTimes(critical: 900_000_000_000))
            ]
            policy.escalations = [escalation]
            var route = RouteDeclaration(name: "all")
            route.endpoints = ["room"]
            route.escalation = "shift"
            policy.routes = [route]
            policy.flood.alertsPerMinute = 3
            policy.flood.digestNanoseconds = 1_000_000_000
            change(&policy)
            let live = LiveState(rules: rules)
            let builder = AlertBuilder(node: "n", site: "s", version: "v")
            self.desk = RoutingDesk(
                RoutingDesk.Parts(
                    policy: policy, endpoints: ["room", "pager"], builder: builder, live: live,
                    clock: EngineClock(continuingAt: MonotonicInstant(nanoseconds: 1)),
                    epoch: epoch, picturePath: folder.file("routing.picture"),
                    links: AcknowledgeLinks(
                        secret: [UInt8](repeating: 1, count: AcknowledgeLinks.secretBytes),
                        baseURL: "https://m", validNanoseconds: 1_000_000_000_000)),
                logger: Quiet.logger)
            self.writer = try LedgerWriter.open(directory: folder.file("ledger")).writer
            let effects = Effects(
                builder: builder, live: live, delivery: self, routing: self.desk,
                logger: Quiet.logger)
            let writer = self.writer
            effects.attach(
                Effects.Ledger(
                    folder: folder.file("ledger"), newest: { writer.head.n },
                    settled: { writer.head.n }))
            self.effects.withLock { $0 = effects }
            self.desk.attach(
                RoutingDesk.Attached(
                    note: { [weak self] body in self?.notes.withLock { $0.append(body) } },
                    record: { [weak self] body in
                        self?.notes.withLock { $0.append(body) }
                        return self != nil
                    },
                    modes: { [] }, offer: { [weak self] in _ = self?.offer($0) }))
        }

        /// Lets go of what holds it.
        func end() { self.effects.withLock { $0 = nil } }

        func start() async -> UInt64? { self.cursor }
        func ledgerRead(through n: UInt64) -> OfferAnswer { .accepted }

        func offer(_ alert: Alert) -> OfferAnswer {
            let hasRoom = self.room.withLock { room in
                room -= room > 0 ? 1 : 0
                return room > 0
            }
            guard hasRoom else { return .inboxFull }
            self.alerts.withLock { $0.append(alert) }
            return .accepted
        }

        func takeWantsLedger() -> Bool {
            self.wantsLedger.withLock { wants in
                defer { wants = false }
                return wants
            }
        }

        func takeLostAlarms() -> Set<UInt64> { self.lost.withLock { $0 } }

        func rebuilt(through n: UInt64) -> OfferAnswer {
            guard self.room.withLock({ $0 > 0 }) else { return .inboxFull }
            self.rebuilt.withLock { $0.append(n) }
            return .accepted
        }

        func begin() async {
            let newest = self.writer.head.n
            let effects = self.effects.withLock { $0 }
            await effects?.start(
                ledgerFolder: self.folder.file("ledger"), newest: newest, waiting: [])
        }

        /// One decision: into the ledger, then out.
        func decide(
            _ n: UInt64, _ kind: String, _ state: AlarmState, activation: UInt64? = nil,
            sensor: UInt64? = nil
        ) throws {
            var decision = Decision(.alarmRaised, time: MonotonicInstant(nanoseconds: n))
            decision.id = DecisionID(position: Position(epoch: 1, n: n), ordinal: 0)
            let activation = activation ?? (kind == "alarmRaised" ? n : 1)
            let sensor = sensor ?? activation
            let body = Array(
                #"""
                {"decision":"1:\#(n).0","kind":"\#(kind)","at":"2026-01-01T00:00:00Z",\#
                "engineTime":\#(n),"sensor":"a/b\#(sensor)","alarm":"high",\#
                "priority":"high","activation":"1:\#(activation).0","to":"\#(state.word)",\#
                "freshness":"fresh","quality":"good"}
                """#.utf8)
            let number = try self.writer.append(body: body, written: WallInstant(nanoseconds: 0))
            _ = self.writer.commit(now: .zero)
            let sequence = self.sequence.withLock { sequence in
                sequence += 1
                return sequence - 1
            }
            let effects = self.effects.withLock { $0 }
            effects?.release(
                PendingEffect(
                    sequence: sequence, decision: decision, body: body, queuedAt: .zero),
                isRecorded: true, ledgerN: number)
            effects?.ledgerWritten(through: number)
        }

        /// A decision about the alarm of a test of high priority.
        func decideDrill(_ n: UInt64, _ kind: String, activation: UInt64) throws {
            var decision = Decision(.alarmRaised, time: MonotonicInstant(nanoseconds: n))
            decision.id = DecisionID(position: Position(epoch: 1, n: n), ordinal: 0)
            let state = kind == "alarmRaised" ? "unacknowledged" : "normal"
            let body = Array(
                #"""
                {"decision":"1:\#(n).0","kind":"\#(kind)","at":"2026-01-01T00:00:00Z",\#
                "engineTime":\#(n),"sensor":"midwatch/n/drill/high","alarm":"high",\#
                "priority":"high","activation":"1:\#(activation).0","from":"normal",\#
                "to":"\#(state)","freshness":"fresh","quality":"good","value":1}
                """#.utf8)
            let number = try self.writer.append(body: body, written: WallInstant(nanoseconds: 0))
            _ = self.writer.commit(now: .zero)
            let sequence = self.sequence.withLock { sequence in
                sequence += 1
                return sequence - 1
            }
            let effects = self.effects.withLock { $0 }
            effects?.release(
                PendingEffect(
                    sequence: sequence, decision: decision, body: body, queuedAt: .zero),
                isRecorded: true, ledgerN: number)
        }

        /// Begins a test; its id.
        @discardableResult
        func beginTest(_ wanted: String) async throws -> String {
            let json = try JSONValue(parsing: wanted)
            let answer = try await self.desk.beginTest(json, author: "jo", origin: "test")
            let begun = try JSONValue(parsing: answer.span)
            return begun["id"]?.string ?? ""
        }

        func testText(_ id: String) throws -> JSONValue {
            let bytes = try self.desk.testText(id)
            return try JSONValue(parsing: bytes.span)
        }

        func drillLevel(_ priority: AlarmPriority) -> Double? {
            self.desk.drillLevels()[.drill(priority)]
        }

        func delivered(_ alert: String, at endpoint: String) throws {
            let body = #"{"kind":"alertDelivered","alert":"\#(alert)","endpoint":"\#(endpoint)"}"#
            _ = try self.writer.append(
                body: Array(body.utf8), written: WallInstant(nanoseconds: 0))
            _ = self.writer.commit(now: .zero)
        }

        var ids: [String] { self.alerts.withLock { $0.map(\.id) } }
        func kinds() throws -> [String] {
            try self.notes.withLock { notes in
                try notes.compactMap { try JSONValue(parsing: $0.span)["kind"]?.string }
            }
        }
    }

    @Test func `an alert goes to its route, with the route and a link in it`() async throws {
        let world = try World(TemporaryFolder(), epoch: 1)
        defer { world.end() }
        await world.begin()
        try world.decide(1, "alarmRaised", .unacknowledged)
        let alert = try #require(world.alerts.withLock { $0.first })
        #expect(alert.targets == ["room"])
        #expect(alert.ledgerN == 1)
        #expect(alert.isWellFormed)
        let body = try JSONValue(parsing: alert.body.span)
        #expect(body.value(atPath: "routing.route")?.string == "all")
        #expect(body.value(atPath: "routing.level")?.integer == 0)
        let link = try #require(body.value(atPath: "links.0.href")?.string)
        #expect(link.hasPrefix("https://m/ack/"))
        let links = try #require(world.desk.parts.links)
        let claim = try links.claim(
            String(link.dropFirst("https://m/ack/".count)), now: EngineClock.wall())
        #expect(claim.activation == "1:1.0")
        #expect(world.desk.withRouter { $0.state(of: claim) } == .open)
        try world.decide(2, "alarmAcknowledged", .acknowledged)
        #expect(world.desk.withRouter { $0.state(of: claim) } == .acknowledged)
        let answer = try #require(world.alerts.withLock { $0.last })
        #expect(answer.targets == ["room"])
        #expect(
            try JSONValue(parsing: answer.body.span).value(atPath: "links.0.href") == nil,
            "it needs no answer any more")
    }

    @Test func `effects that leave before the ledger is read wait, and keep their order`()
        async throws
    {
        let world = try World(TemporaryFolder(), epoch: 1)
        defer { world.end() }
        try world.decide(1, "alarmRaised", .unacknowledged)
        try world.decide(2, "alarmAcknowledged", .acknowledged)
        #expect(world.ids.isEmpty)
        await world.begin()
        #expect(world.ids.filter { $0 == "alert_1_1_0" }.count >= 1)
        let firsts = world.ids.reduce(into: [String]()) { seen, id in
            if !seen.contains(id) { seen.append(id) }
        }
        #expect(firsts == ["alert_1_1_0", "alert_1_2_0"])
    }

    @Test func `a restart offers what has no outcome, with or without a picture`() async throws {
        for keepsPicture in [false, true] {
            let folder = TemporaryFolder()
            do {
                let world = try World(folder, epoch: 1)
                defer { world.end() }
                await world.begin()
                try world.decide(1, "alarmRaised", .unacknowledged)
                try world.decide(2, "alarmRaised", .unacknowledged)
                try world.delivered("alert_1_1_0", at: "room")
                if keepsPicture {
                    world.desk.withRouter {
                        $0.delivered(alert: "alert_1_1_0", endpoint: "room", now: .zero)
                    }
                    try RoutingPicture(n: 3, records: world.desk.withRouter { $0.picture() })
                        .write(folder.file("routing.picture"))
                }
            }
            let world = try World(folder, epoch: 2, cursor: 3)
            defer { world.end() }
            await world.begin()
            #expect(world.ids == ["alert_1_2_0"], "picture: \(keepsPicture)")
            #expect(world.desk.withRouter { $0.caseCount } == 2)
        }
    }

    @Test func `what a lost outbox held is offered again, and nothing that was confirmed`()
        async throws
    {
        let world = try World(TemporaryFolder(), epoch: 1) { $0.flood.alertsPerMinute = 100 }
        defer { world.end() }
        await world.begin()
        try world.decide(1, "alarmRaised", .unacknowledged)
        try world.decide(2, "alarmRaised", .unacknowledged)
        try world.decide(3, "alarmRaised", .unacknowledged)
        // Of the first the router knows the outcome, of the second only the ledger.
        try world.delivered("alert_1_1_0", at: "room")
        world.desk.withRouter { $0.delivered(alert: "alert_1_1_0", endpoint: "room", now: .zero) }
        try world.delivered("alert_1_2_0", at: "room")
        let effects = world.effects.withLock { $0 }
        world.alerts.withLock { $0 = [] }
        effects?.catchUp()
        #expect(world.ids.isEmpty, "nothing was lost")
        world.wantsLedger.withLock { $0 = true }
        world.room.withLock { $0 = 0 }
        effects?.catchUp()
        #expect(world.ids.isEmpty && world.rebuilt.withLock { $0.isEmpty }, "there is no room")
        world.room.withLock { $0 = .max }
        // What happens meanwhile does not wait for it.
        try world.decide(6, "alarmRaised", .unacknowledged)
        effects?.catchUp()
        #expect(world.ids.sorted() == ["alert_1_3_0", "alert_1_6_0"])
        #expect(world.rebuilt.withLock { $0 } == [5])
        effects?.catchUp()
        #expect(world.ids.count == 2 && world.rebuilt.withLock { $0.count } == 1)
    }

    @Test func `a return that waited long in a lost outbox is told, in its order`() async throws {
        let world = try World(TemporaryFolder(), epoch: 1) { policy in
            policy.flood.alertsPerMinute = 10_000
        }
        defer { world.end() }
        await world.begin()
        // Three alarms were told to the room; the returns of two of them wait for it.
        for n in UInt64(1)...3 {
            try world.decide(n, "alarmRaised", .unacknowledged)
            try world.delivered("alert_1_\(n)_0", at: "room")
            world.desk.withRouter {
                $0.delivered(alert: "alert_1_\(n)_0", endpoint: "room", now: .zero)
            }
        }
        for n in UInt64(1)...3 {
            try world.decide(n + 10, "alarmReturned", .normal, activation: n)
        }
        try world.delivered("alert_1_13_0", at: "room")
        // The first is raised again, and that is not told yet either.
        try world.decide(20, "alarmRaised", .unacknowledged, activation: 20, sensor: 1)
        for n in 0..<Effects.repeatMax { try world.delivered("other_\(n)", at: "room") }
        let effects = world.effects.withLock { $0 }
        world.alerts.withLock { $0 = [] }
        world.lost.withLock { $0 = [AlertMembers.key("a/b1:high")] }
        world.wantsLedger.withLock { $0 = true }
        effects?.catchUp()
        #expect(world.ids == ["alert_1_11_0", "alert_1_20_0"])
        let again = world.alerts.withLock { $0 }
        #expect(again.map(\.targets) == [["room"], ["room"]])
    }

    @Test func `what is due waits for room in delivery, and is not lost`() async throws {
        let world = try World(TemporaryFolder(), epoch: 1) { policy in
            policy.flood.alertsPerMinute = .max
            policy.escalations[0].undeliveredNanoseconds = 1
        }
        defer { world.end() }
        await world.begin()
        for n in UInt64(1)...20 { try world.decide(n, "alarmRaised", .unacknowledged) }
        world.alerts.withLock { $0 = [] }
        let effects = try #require(world.effects.withLock { $0 })
        // Every place that alerts wait in is taken.
        world.room.withLock { $0 = 0 }
        let filler = Alert(
            id: "alert_9", alarmKey: 9, alarmID: "a/b:high", sequence: 1, priority: .low,
            type: "alarm.raised", occurredAt: WallInstant(nanoseconds: 0), ledgerN: 0,
            isRecorded: true, body: Array("{}".utf8))
        while effects.leftCount == 0 { effects.offerNow(filler) }
        effects.everySecond()
        #expect(effects.leftCount == 1, "of what is due nothing is dropped")
        world.room.withLock { $0 = .max }
        effects.everySecond()
        effects.everySecond()
        let escalated = Set(world.ids.filter { $0.hasSuffix("_r1s1") })
        #expect(escalated == Set((1...20).map { "alert_1_\($0)_0_r1s1" }))
    }

    @Test func `a picture that is damaged or ahead of the ledger is not used`() throws {
        let folder = TemporaryFolder()
        let path = folder.file("routing.picture")
        let picture = RoutingPicture(n: 7, records: [Array("{\"kind\":\"x\"}".utf8)])
        try picture.write(path)
        #expect(RoutingPicture.read(path, newest: 7) == picture)
        #expect(RoutingPicture.read(path, newest: 6) == nil)
        try RoutingPicture(n: 7, records: []).write(path)
        #expect(RoutingPicture.read(path, newest: 7)?.records.isEmpty == true)
        #expect(RoutingPicture.read(folder.file("none"), newest: 7) == nil)
    }

    @Test func `a digest names its members in the ledger and its top in the message`()
        async throws
    {
        let world = try World(TemporaryFolder(), epoch: 1)
        defer { world.end() }
        await world.begin()
        for n in 1...8 { try world.decide(UInt64(n), "alarmRaised", .unacknowledged) }
        #expect(world.ids.count == 3)
        let ended = eventually {
            world.desk.tick { _ = world.offer($0) }
            return world.alerts.withLock { $0.contains { $0.type == "alarm.digest" } }
        }
        #expect(ended)
        let digest = try #require(
            world.alerts.withLock { $0.first { $0.type == "alarm.digest" } })
        #expect(digest.isWellFormed)
        #expect(digest.targets == ["room"])
        let body = try JSONValue(parsing: digest.body.span)
        #expect(body["count"]?.integer == 5)
        #expect(body.value(atPath: "first_out.id")?.string == "alert_1_4_0")
        #expect(body["top"]?.array?.count == 5)
        #expect(try world.kinds() == ["alertDigest"])
        let note = try #require(
            world.notes.withLock { notes in notes.first }.flatMap {
                RoutingRecord(body: $0)
            })
        #expect(
            note
                == .digest(
                    id: digest.id, endpoint: "room",
                    members: (4...8).map { "alert_1_\($0)_0" }))
    }

    @Test func `every message of the desk keeps to the published schema`() async throws {
        let world = try World(TemporaryFolder(), epoch: 1)
        defer { world.end() }
        await world.begin()
        try world.decide(1, "alarmRaised", .unacknowledged)
        // What the endpoint gave up goes to the next level at once.
        let alert = try #require(world.alerts.withLock { $0.first })
        world.desk.take(
            .deadLettered(
                DeadLetter(
                    alert: alert, endpoint: "room", reason: .refused, attemptCount: 1,
                    lastStatus: 400, lastAnswer: [], deadAt: WallInstant(nanoseconds: 0))))
        world.desk.tick { _ = world.offer($0) }
        try world.decide(2, "alarmAcknowledged", .acknowledged)
        try world.decide(3, "alarmReturned", .normal)
        for n in 4...9 { try world.decide(UInt64(n), "alarmRaised", .unacknowledged) }
        try await world.beginTest(#"{"route":"all"}"#)
        try world.decideDrill(10, "alarmRaised", activation: 10)
        try world.decideDrill(11, "alarmReturned", activation: 10)
        #expect(
            eventually {
                world.desk.tick { _ = world.offer($0) }
                return world.alerts.withLock { $0.contains { $0.type == "alarm.digest" } }
            })
        var seen: Set<String> = []
        for alert in world.alerts.withLock({ $0 }) {
            #expect(alert.isWellFormed)
            let bytes = AlertEnvelope.body(
                of: QueuedAlert(order: 1, alert: alert, takenAt: .zero), number: 1,
                now: EngineClock.wall())
            let message = try JSONValue(parsing: bytes.span)
            let faults = try SchemaCheck.faults(message)
            #expect(faults.isEmpty, "\(alert.id): \(faults)")
            let isDrill = message.value(atPath: "data.drill")?.bool == true
            let reason = message.value(atPath: "data.routing.reason")?.string ?? alert.type
            seen.insert(isDrill ? "drill \(alert.type)" : reason)
        }
        #expect(
            seen == [
                "raised", "undelivered", "acknowledged", "returned", "alarm.digest",
                "drill alarm.raised", "drill alarm.returned",
            ])
    }

    @Test func `who is told later is told what was known when it was raised`() async throws {
        let world = try World(TemporaryFolder(), epoch: 1)
        defer { world.end() }
        await world.begin()
        var context = AlertContext.none
        context.isOfTheMoment = true
        var history = ReadingHistory()
        history.readings = [
            ReadingHistory.Reading(
                value: 7, quality: .good, arrival: MonotonicInstant(nanoseconds: 1),
                at: WallInstant(nanoseconds: 1))
        ]
        context.history = history
        let body = Array(
            #"""
            {"decision":"1:1.0","kind":"alarmRaised","at":"2026-01-01T00:00:00Z","engineTime":1,\#
            "sensor":"a/b","alarm":"high","priority":"critical","activation":"1:1.0",\#
            "to":"unacknowledged","freshness":"fresh","quality":"good"}
            """#.utf8)
        world.desk.take(body, made: nil, context: context) { _ = world.offer($0) }
        let first = try #require(world.alerts.withLock { $0.first })
        world.desk.take(
            .deadLettered(
                DeadLetter(
                    alert: first, endpoint: "room", reason: .refused, attemptCount: 1,
                    lastStatus: 400, lastAnswer: [], deadAt: WallInstant(nanoseconds: 0))))
        world.desk.tick { _ = world.offer($0) }
        let later = try #require(world.alerts.withLock { $0.last })
        #expect(later.targets == ["pager"])
        let json = try JSONValue(parsing: later.body.span)
        #expect(json.value(atPath: "readingsBefore.readings.0.value")?.double == 7)
        #expect(json["contextOfTheMoment"]?.bool == true)
        // The id of this message, not that of the first one.
        #expect(json["alert"]?.string == later.id && later.id != first.id)
    }

    @Test func `the contexts of old alarms are forgotten, the newest are not`() {
        var kept = KeptContexts()
        var context = AlertContext.none
        context.isOfTheMoment = true
        for n in 0...KeptContexts.countMax { kept.keep(context, of: "a\(n)", .high) }
        kept.keep(context, of: "low", .medium)
        #expect(!kept.context(of: "a0").isOfTheMoment)
        #expect(!kept.context(of: "low").isOfTheMoment)
        #expect(kept.context(of: "a1").isOfTheMoment)
        #expect(kept.context(of: "a\(KeptContexts.countMax)").isOfTheMoment)
    }

    @Test func `a route matches by class and by asset of the tree`() throws {
        var fan = AssetDeclaration(area: "west", equipment: "fan 3")
        fan.site = "portal"
        fan.sensors = ["air/+/co"]
        var sensor = SensorDeclaration(pattern: "air/3/co", deadlineNanoseconds: 1_000_000_000)
        sensor.high = LimitSetting(setpoint: 1, priority: .high)
        sensor.high?.handling.className = "safety"
        let world = try World(
            TemporaryFolder(), epoch: 1,
            rules: RuleBook(revision: "", declarations: [sensor], assets: AssetTree([fan])))
        defer { world.end() }
        func subject(_ alarmID: String) -> AlertSubject {
            let alarm = alarmID.split(separator: ":").last.map(String.init) ?? ""
            return world.desk.subject(
                alarmID: alarmID, priority: .high, condition: AlarmKind(word: alarm))
        }
        func fits(_ alarmID: String, _ set: (inout AlertMatcher) -> Void) -> Bool {
            var matcher = AlertMatcher()
            set(&matcher)
            return matcher.matches(subject(alarmID))
        }
        #expect(fits("air/3/co:high") { $0.classes = ["safety"] })
        #expect(fits("air/3/co:high") { $0.classes = ["process"] })
        #expect(!fits("air/3/co:stale") { $0.classes = ["safety"] })
        #expect(fits("air/3/co:stale") { $0.classes = ["instrument"] })
        #expect(fits("midwatch/n/ring/fill:high") { $0.classes = ["system"] })
        for asset in ["fan 3", "west", "portal", "air/3", "air"] {
            #expect(fits("air/3/co:high") { $0.assets = [asset] }, "\(asset)")
        }
        #expect(!fits("air/3/flow:high") { $0.assets = ["fan 3"] })
        #expect(subject("air/3/co:high").label("asset") == "fan 3")
        #expect(subject("air/3/flow:high").label("asset") == "air/3")
        #expect(subject("air/3/co:high").label("equipment") == "fan 3")
    }

    @Test func `silences are refused without a filter, a time or a reason`() async throws {
        let world = try World(TemporaryFolder(), epoch: 4)
        defer { world.end() }
        await world.begin()
        func add(_ text: String) async throws -> JSONValue {
            let bytes = try await world.desk.addSilence(
                JSONValue(parsing: text), author: "jo", origin: "test")
            return try JSONValue(parsing: bytes.span)
        }
        for wrong in [
            #"{"match":{},"seconds":60,"reason":"x"}"#,
            #"{"match":{"sensors":["a/#/b"]},"seconds":60,"reason":"x"}"#,
            #"{"match":{"sensor":["a"]},"seconds":60,"reason":"x"}"#,
            #"{"match":{"assets":["a"]},"seconds":0,"reason":"x"}"#,
            #"{"match":{"assets":["a"]},"seconds":9999999,"reason":"x"}"#,
            #"{"match":{"assets":["a"]},"seconds":60,"reason":""}"#,
        ] {
            await #expect(throws: (any Error).self, "\(wrong)") { try await add(wrong) }
        }
        let added = try await add(#"{"match":{"sensors":["a/#"]},"seconds":60,"reason":"x"}"#)
        #expect(added["id"]?.string == "silence-4-1")
        #expect(added["recorded"]?.bool == true)
        try world.decide(1, "alarmRaised", .unacknowledged)
        #expect(world.ids.isEmpty)
        #expect(try world.kinds() == ["silenceAdded", "alertWithheld"])
        _ = try await world.desk.removeSilence("silence-4-1", author: "jo", origin: "test")
        world.desk.tick { _ = world.offer($0) }
        #expect(world.ids == ["alert_1_1_0"])
        #expect(
            try world.kinds()
                == ["silenceAdded", "alertWithheld", "silenceRemoved", "alertRouted"])
    }

    @Test func `a test is raised by the engine, says that it is one and ends`() async throws {
        let world = try World(TemporaryFolder(), epoch: 4)
        defer { world.end() }
        await world.begin()
        let id = try await world.beginTest(#"{"route":"all"}"#)
        #expect(id == "drill_4_1")
        // Nothing leaves before the engine has decided.
        #expect(world.ids.isEmpty)
        #expect(try world.kinds() == ["alertDrill"], "the ledger has it first")
        #expect(try world.testText(id)["raised"]?.bool == false)
        #expect(world.drillLevel(.high) == 1 && world.drillLevel(.critical) == 0)
        await #expect(throws: (any Error).self) { try await world.beginTest(#"{"route":"all"}"#) }
        try world.decideDrill(1, "alarmRaised", activation: 1)
        #expect(world.ids == [id])
        #expect(try world.testText(id)["decision"]?.string == "1:1.0")
        try world.decideDrill(2, "alarmReturned", activation: 1)
        #expect(world.drillLevel(.high) == 0)
        let alerts = world.alerts.withLock { $0 }
        #expect(alerts.map(\.id) == [id, id + "_end"])
        #expect(alerts.map(\.targets) == [["room", "pager"], ["room", "pager"]])
        for alert in alerts {
            let body = try JSONValue(parsing: alert.body.span)
            #expect(body["drill"]?.bool == true)
            #expect(body["alarmID"]?.string == "midwatch/n/drill/high:high")
            for name in ["message", "summary", "answers.happening", "answers.checkFirst"] {
                #expect(body.value(atPath: name)?.string?.hasPrefix("DRILL: ") == true, "\(name)")
            }
            #expect(body["message"]?.string?.contains("test of route all") == true)
        }
        let next = try await world.beginTest(#"{"route":"all"}"#)
        #expect(next != id && next.hasPrefix("drill_4_"))
    }

    private static func deaf(_ endpoint: String) -> EndpointHindrance? {
        EndpointHindrance(reason: "\(endpoint) is deaf", remedy: "shout", isLasting: true)
    }

    @Test func `a test is followed to its end at every endpoint`() async throws {
        let world = try World(TemporaryFolder(), epoch: 4)
        defer { world.end() }
        await world.begin()
        world.desk.attach(RoutingDesk.DrillParts(hindrance: Self.deaf))
        let id = try await world.beginTest(#"{"route":"all"}"#)
        try world.decideDrill(1, "alarmRaised", activation: 1)
        var report = AttemptReport(
            alertID: id, alarmID: "", endpoint: "room", attempt: 1, status: 204, failure: nil,
            answer: [], latencyNanoseconds: 5_000_000, at: WallInstant(nanoseconds: 0))
        world.desk.take(.delivered(report, supersededIDs: []))
        report.endpoint = "pager"
        report.status = 500
        world.desk.take(.attemptFailed(report, retryAt: WallInstant(nanoseconds: 0)))
        let text = try world.testText(id)
        #expect(text["open"]?.array == [.string("pager")])
        #expect(text["attempts"]?.array?.count == 2)
        // What stands in the way is said of those that did not take it, and of no other.
        let hindrances = text["hindrances"]?.array ?? []
        #expect(hindrances.map { $0["endpoint"]?.string } == ["pager"])
        #expect(hindrances.first?["reason"]?.string == "pager is deaf")
        await #expect(throws: (any Error).self) {
            try await world.beginTest(#"{"endpoint":"nobody"}"#)
        }
    }

    @Test func `a test keeps no alarm back and is kept back by none`() async throws {
        let world = try World(TemporaryFolder(), epoch: 1) { policy in
            var inhibition = InhibitionDeclaration(name: "any")
            inhibition.source.priorities = [.high]
            inhibition.target.priorities = [.high]
            policy.inhibitions = [inhibition]
        }
        defer { world.end() }
        await world.begin()
        _ = try await world.desk.addSilence(
            JSONValue(
                parsing: #"{"match":{"sensors":["midwatch/#"]},"seconds":60,"reason":"quiet"}"#),
            author: "jo", origin: "test")
        // More than the flood lets through singly.
        for n in 1...5 as ClosedRange<UInt64> {
            try await world.beginTest(#"{"endpoint":"room"}"#)
            try world.decideDrill(10 * n, "alarmRaised", activation: 10 * n)
            if n < 5 { try world.decideDrill(10 * n + 1, "alarmReturned", activation: 10 * n) }
        }
        #expect(world.ids.count == 9)
        try world.decide(60, "alarmRaised", .unacknowledged)
        let last = try #require(world.alerts.withLock { $0.last })
        #expect(last.id == "alert_1_60_0")
        let body = try JSONValue(parsing: last.body.span)
        #expect(body["activeAlarmCount"]?.integer == 1, "no other alert counts a test")
        #expect(body["relatedActiveAlarmCount"]?.integer == 0)
        #expect(world.desk.withRouter { $0.caseCount } == 1)
    }

    @Test func `after a restart only who was told of a test is told that it is over`()
        async throws
    {
        let folder = TemporaryFolder()
        do {
            let first = try World(folder, epoch: 1)
            await first.begin()
            try await first.beginTest(#"{"endpoint":"pager"}"#)
            // The ledger has what the desk noted, and the decision.
            for note in first.notes.withLock({ $0 }) {
                _ = try first.writer.append(body: note, written: WallInstant(nanoseconds: 0))
            }
            try first.decideDrill(1, "alarmRaised", activation: 1)
            #expect(first.ids == ["drill_1_1"])
            first.end()
        }

        let second = try World(folder, epoch: 2, cursor: 0)
        defer { second.end() }
        await second.begin()
        #expect(second.ids.isEmpty, "a test is not sent again")
        #expect(second.drillLevel(.high) == 0)
        try second.decideDrill(2, "alarmReturned", activation: 1)
        #expect(second.ids == ["drill_1_1_end"])
        let over = try #require(second.alerts.withLock { $0.first })
        #expect(over.targets == ["pager"])
        // Nobody asked for this one.
        try second.decideDrill(3, "alarmRaised", activation: 3)
        #expect(second.ids.count == 1)
    }

    @Test func `a test that the engine does not raise, or keeps back, has failed`() async throws {
        let begun = MonotonicInstant(nanoseconds: 5)
        let late = begun.advanced(byNanoseconds: RoutingDesk.drillRaiseNanoseconds)
        var drill = Drill(open: ["room"], askedAt: begun)
        #expect(drill.problem(at: begun) == nil)
        #expect(drill.problem(at: late)?.contains("did not raise the alarm within 10 s") == true)
        drill.decision = "1:1.0"
        #expect(drill.problem(at: late) == nil)
        var order = DrillOrder(
            id: "drill_1_1", endpoints: [], about: "", author: "", priority: .low, askedAt: begun)
        #expect(order.isAsked(at: begun) && !order.isAsked(at: late), "it ends by itself")
        order.raisedAt = begun
        #expect(
            !order.isAsked(at: begun.advanced(byNanoseconds: RoutingDesk.drillStandNanoseconds)))

        let world = try World(TemporaryFolder(), epoch: 1)
        defer { world.end() }
        await world.begin()
        let id = try await world.beginTest(#"{"route":"all"}"#)
        try world.decideDrill(1, "alarmRaisedSuppressed", activation: 1)
        #expect(world.ids.isEmpty)
        #expect(try world.testText(id)["problem"]?.string == "the engine kept the alarm back")
    }

    @Test func `the secret of the links is made once`() throws {
        let folder = TemporaryFolder()
        let path = folder.file("links.secret")
        let secret = try LinkSecret.load(path)
        #expect(secret.count == AcknowledgeLinks.secretBytes)
        #expect(try LinkSecret.load(path) == secret)
        #expect(Set(secret).count > 8)
    }
}
