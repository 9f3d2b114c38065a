// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import AlertDelivery
import CLinux
import Glibc
import JSONText
import MidwatchModel
import OperatorViews
import Testing

@testable import midwatchd

/// What an alert carries, against the published schema.
@Suite struct AlertBodyTests {
    // MARK: A plant

    private static func sensors(textBytes: Int? = nil) -> [SensorDeclaration] {
        func text(_ text: String) -> String {
            textBytes.map { String(repeating: "ü", count: $0 / 2) } ?? text
        }
        var co = SensorDeclaration(pattern: "air/west/3/co", deadlineNanoseconds: 5_000_000_000)
        co.title = text("CO, fan section 3")
        co.unit = "ppm"
        co.instrumentRange = -5...500
        co.highHigh = LimitSetting(
            setpoint: 100, deadband: 10, onDelayNanoseconds: 1_000_000_000, priority: .critical)
        co.highHigh?.handling.className = "safety"
        co.rationalization.consequence = text("People are harmed within minutes.")
        co.rationalization.operatorAction = text("Raise the fans; close the tunnel.")
        co.rationalization.firstChecks = Array(
            repeating: text("Does the visibility meter agree?"), count: textBytes == nil ? 2 : 40)
        co.rationalization.causes = Array(
            repeating: text("standing traffic"), count: textBytes == nil ? 1 : 40)
        co.rationalization.timeToRespondSeconds = 120
        co.rationalization.consequenceClass = .severe
        co.rationalization.verification = text("Camera 7 shows haze.")
        co.rationalization.runbook = "https://runbooks.example/co"
        co.rationalization.owner = text("control room")
        return [
            co, SensorDeclaration(pattern: "air/west/4/co", deadlineNanoseconds: 5_000_000_000),
        ]
    }

    private static func book(textBytes: Int? = nil) -> RuleBook {
        var fan = AssetDeclaration(area: "section 3", equipment: "fan 3")
        fan.title = "Jet fan 3"
        fan.sensors = ["air/west/3/#"]
        var exit = AssetDeclaration(area: "section 3", equipment: "exit 3")
        exit.title = "Emergency exit 3"
        exit.dependsOn = ["fan 3"]
        return RuleBook(
            revision: "abc", declarations: self.sensors(textBytes: textBytes),
            rules: [
                RuleDeclaration(
                    name: "disagree", sensors: ["air/west/3/co"],
                    condition: .discrepancy(
                        members: ["air/west/3/co", "air/west/4/co"], tolerance: 5, deadband: 1))
            ], assets: AssetTree([fan, exit]))
    }

    private static let raised = #"""
        {"decision":"1:70.0","kind":"alarmRaised","cause":"onDelayElapsed",\#
        "at":"2026-11-21T02:12:08.500000Z","engineTime":71000000000,"revision":"abc0123456789def",\#
        "sensor":"air/west/3/co","source":"gateways/g1","alarm":"highHigh","priority":"critical",\#
        "activation":"1:70.0","activationCount":3,"from":"normal","to":"unacknowledged",\#
        "freshness":"fresh","quality":"good","value":104.5,\#
        "lastArrival":"2026-11-21T02:12:08.400000Z","ageNanoseconds":100000000,\#
        "sourceTimeStatus":"accepted","sourceTime":"2026-11-21T02:12:08.390000Z",\#
        "setpoint":100,"worst":104.5}
        """#

    private static func wall(_ text: String) -> WallInstant {
        WallInstant(rfc3339: text) ?? WallInstant(nanoseconds: 0)
    }

    private static func context(relatedCount: Int = 1) -> AlertContext {
        var context = AlertContext()
        context.isOfTheMoment = true
        context.modes = ["archive unreachable"]
        context.detectionNanoseconds = 2_500_000
        var history = ReadingHistory()
        for second in 0..<20 {
            history.readings.append(
                ReadingHistory.Reading(
                    value: second == 4 ? .nan : 85 + Double(second),
                    quality: second == 4 ? .bad : .good,
                    arrival: MonotonicInstant(nanoseconds: UInt64(second + 50) * 1_000_000_000),
                    at: WallInstant(
                        nanoseconds: self.wall("2026-11-21T02:11:49.400000Z").nanoseconds
                            + Int64(second) * 1_000_000_000)))
        }
        history.lastGood = history.readings.last
        context.history = history
        context.redundant = [
            RedundantReading(
                path: "air/west/4/co", unit: "ppm", value: 98, freshness: .fresh, quality: .good,
                ageNanoseconds: 1_200_000_000)
        ]
        let first = AlarmActivity.Related(
            alarmID: "air/west/3/opacity:high", priority: .high, relation: "equipment",
            since: self.wall("2026-11-21T02:10:00Z"), isAcknowledged: false)
        context.picture.related = Array(repeating: first, count: relatedCount)
        context.picture.relatedCount = relatedCount
        context.picture.activeCount = relatedCount + 1
        context.picture.firstOut = first
        context.picture.activationsInDay = 3
        context.picture.stateSince = self.wall("2026-11-21T01:00:00Z")
        context.picture.activeSince = self.wall("2026-11-21T02:12:08.500000Z")
        return context
    }

    private static func alert(
        _ record: String, _ context: AlertContext, textBytes: Int? = nil
    ) throws -> Alert {
        var builder = AlertBuilder(node: "tunnel-west-1", site: "West Portal", version: "1")
        builder.clock = { String($0.rfc3339.dropFirst(11).prefix(8)) + "+00:00" }
        builder.links = { record in
            [AlertLink(rel: "acknowledge", href: "https://x/\(record.id)", text: "Acknowledge")]
        }
        let read = try #require(AlertRecord(Array(record.utf8)))
        let alert = builder.alert(
            of: read, ledgerN: 9, isRecorded: true, rules: self.book(textBytes: textBytes),
            context: context)
        return try #require(alert)
    }

    /// The whole message, as the transport makes it.
    private static func message(_ alert: Alert) throws -> JSONValue {
        let item = QueuedAlert(order: 1, alert: alert, takenAt: .zero)
        let bytes = AlertEnvelope.body(
            of: item, number: 1, now: WallInstant(nanoseconds: alert.occurredAt.nanoseconds + 1))
        return try JSONValue(parsing: bytes.span)
    }

    private static func body(_ record: String, _ context: AlertContext) throws -> JSONValue {
        let message = try self.message(self.alert(record, context))
        return try #require(message["data"])
    }

    // MARK: The schema

    private static let returned = Self.raised.replacing("alarmRaised", with: "alarmReturned")
        .replacing("onDelayElapsed", with: "offDelayElapsed")
        .replacing(#""to":"unacknowledged""#, with: #""to":"returnedUnacknowledged""#)

    private static let quietlyReturned = Self.returned
        .replacing("alarmReturned", with: "alarmReturnedSuppressed")
        .replacing(#""freshness""#, with: #""suppression":["shelved"],"freshness""#)

    private static let acknowledged: String =
        String(Self.raised.replacing("alarmRaised", with: "alarmAcknowledged").dropLast())
        + #","command":{"verb":"acknowledge","alarm":"air/west/3/co:highHigh","#
        + #""activation":"1:70.0","user":"anna","origin":"unix","comment":"on my way"}}"#

    private static let neverHeard = #"""
        {"decision":"1:3.0","kind":"alarmRaised","cause":"deadlinePassed",\#
        "at":"2026-11-21T02:12:08Z","engineTime":71,"revision":"abc","sensor":"air/west/4/co",\#
        "alarm":"stale","priority":"high","activation":"1:3.0","activationCount":1,\#
        "from":"normal","to":"unacknowledged","freshness":"stale","quality":"good"}
        """#

    private static let byRule = #"""
        {"unrecordedInput":true,"decision":"1:4.1","kind":"alarmRaised","cause":"conditionMet",\#
        "at":"2026-11-21T02:12:08Z","engineTime":71,"revision":"abc","sensor":"air/west/3/co",\#
        "alarm":"disagree","condition":"discrepancy","measured":7.5,"oddOne":"air/west/4/co",\#
        "priority":"medium","activation":"1:4.1","activationCount":1,"from":"normal",\#
        "to":"unacknowledged","suppression":["shelved"],"causedBy":"a/b:high",\#
        "until":"2026-11-21T03:00:00Z","freshness":"fresh","quality":"uncertain","value":null,\#
        "lastArrival":"2026-11-21T02:12:08Z","ageNanoseconds":0,"sourceTimeStatus":"implausible",\#
        "sourceTime":"1970-01-01T00:00:00Z"}
        """#

    @Test(arguments: [
        AlertBodyTests.raised, AlertBodyTests.returned, AlertBodyTests.acknowledged,
        AlertBodyTests.neverHeard, AlertBodyTests.byRule, AlertBodyTests.quietlyReturned,
    ])
    func `every body fits the published schema`(record: String) throws {
        for context in [Self.context(), .none] {
            let message = try Self.message(Self.alert(record, context))
            let faults = try SchemaCheck.faults(message)
            #expect(faults.isEmpty, "\(faults)")
        }
    }

    @Test func `the schema names no member that is never sent`() throws {
        var sent: Set<String> = []
        for record in [Self.raised, Self.acknowledged, Self.neverHeard, Self.byRule] {
            guard case .object(let members) = try Self.body(record, Self.context()) else {
                continue
            }
            sent.formUnion(members.map(\.name))
        }
        // The desk adds who is told and why.
        #expect(try SchemaCheck.alert().memberNames.subtracting(sent) == ["routing"])
    }

    @Test func `a body that does not fit is found`() throws {
        let text = String(decoding: try Self.alert(Self.raised, .none).body, as: UTF8.self)
        for (good, bad) in [
            (#""priority":"critical""#, #""priority":"urgent""#), (#""format":1"#, #""format":2"#),
            (#""aboutMonitor":false"#, #""aboutMonitor":0"#), (#""class":"#, #""klass":"#),
            (#""traceparent":"00"#, #""traceparent":"zz"#),
        ] {
            #expect(text.contains(good))
            let changed = text.replacing(good, with: bad)
            let message = try JSONValue(
                parsing:
                    #"{"type":"alarm.raised","timestamp":"2026-11-21T02:12:08Z","data":\#(changed)}"#
            )
            #expect(try !SchemaCheck.faults(message).isEmpty, "\(bad)")
        }
    }

    /// A measurement, not a gate: in release mode, alone on the machine.
    @Test(.enabled(if: unsafe getenv("MIDWATCH_MEASURE") != nil))
    func `cost of one body`() throws {
        let builder = AlertBuilder(node: "tunnel-west-1", site: "West Portal", version: "1")
        let (record, rules) = (Array(Self.raised.utf8), Self.book())
        let context = Self.context(relatedCount: 16)
        let count = 5_000
        var bytes = 0
        let begin = clinux_boottime_ns()
        for _ in 0..<count {
            let read = try #require(AlertRecord(record))
            bytes +=
                builder.alert(
                    of: read, ledgerN: 9, isRecorded: true, rules: rules, context: context)?.body
                .count
                ?? 0
        }
        let nanoseconds = (clinux_boottime_ns() - begin) / UInt64(count)
        print("BODY \(bytes / count) bytes in \(nanoseconds / 1_000) us")
        #expect(bytes > 0)
    }

    // MARK: What is in it

    @Test func `the headline says how urgent, how bad, since when and where`() throws {
        let body = try Self.body(Self.raised, Self.context())
        #expect(
            body["summary"]?.string
                == "CRITICAL: CO, fan section 3: 104.5 ppm, 4.5 ppm above the high-high limit of "
                + "100 ppm, since 02:12:07+00:00 (Jet fan 3, section 3, West Portal)")
    }

    @Test func `the answers say what happens, what is affected, what to check first`() throws {
        let answers = try #require(Self.body(Self.raised, Self.context())["answers"])
        let happening = try #require(answers["happening"]?.string)
        for part in [
            "It began at 02:12:07+00:00 and was raised at 02:12:08+00:00.",
            "Rule highHigh: at or above 100 ppm for 1 s, until it is back below 90 ppm.",
            "It went from 85 to 104 ppm in 19 s (19 readings, lowest 85, highest 104).",
            "It was raised 3 times in the last 24 hours.",
            "Also active nearby: air/west/3/opacity:high. "
                + "The first of them was air/west/3/opacity:high at 02:10:00+00:00.",
            "The monitor itself is impaired: archive unreachable.",
        ] {
            #expect(happening.contains(part), "\(part) in: \(happening)")
        }
        #expect(
            answers["affected"]?.string
                == "Jet fan 3 (fan 3), section 3, West Portal. Depending on it: Emergency exit 3 "
                + "(exit 3). If nothing is done: People are harmed within minutes.")
        let check = try #require(answers["checkFirst"]?.string)
        #expect(check.hasPrefix("1. Does the visibility meter agree? 2. "))
        #expect(check.contains("Then: Raise the fans; close the tunnel."))
        #expect(check.contains("Respond within 2 min, that is by 02:14:07+00:00."))
        #expect(
            check.contains("Measured besides: air/west/4/co says 98 ppm, which does not agree."))
        #expect(check.hasSuffix("Runbook: https://runbooks.example/co"))
    }

    @Test func `the class by which a site handles the alarm stands beside what it is about`() throws
    {
        let body = try Self.body(Self.raised, .none)
        #expect(body["handlingClass"]?.string == "safety")
        #expect(body["class"]?.string == "process")
        #expect(try Self.body(Self.neverHeard, .none)["handlingClass"] == nil)
    }

    @Test func `numbers of the moment are in the body`() throws {
        let body = try Self.body(Self.raised, Self.context())
        #expect(body["beyondBy"]?.double == 4.5)
        #expect(body["detectionSeconds"]?.double == 0.0025)
        #expect(body["transportSeconds"]?.double == 0.01)
        #expect(body["activationsIn24Hours"]?.integer == 3)
        #expect(body["timeInStateBeforeSeconds"]?.double == 4328.5)
        #expect(body.value(atPath: "readingsBefore.count")?.integer == 20)
        #expect(body.value(atPath: "readingsBefore.min")?.double == 85)
        #expect(body.value(atPath: "readingsBefore.max")?.double == 104)
        #expect(body.value(atPath: "readingsBefore.readings")?.array?.count == 20)
        #expect(body.value(atPath: "readingsBefore.readings")?.array?[4]["value"] == .null)
        #expect(body["dedupKey"]?.string == "West Portal:air/west/3/co:highHigh")
        #expect(body["links"]?.array?.map { $0["rel"]?.string } == ["acknowledge", "runbook"])
        #expect(body.value(atPath: "affected.dependents")?.array?[0]["through"]?.string == "fan 3")
        #expect(body["truncated"]?.array?.isEmpty == true)
        #expect(body["contextOfTheMoment"]?.bool == true)
    }

    @Test func `an alert made again is in the same trace, and says what it does not know`() throws {
        let first = try Self.body(Self.raised, Self.context())
        let again = try Self.body(Self.raised, .none)
        #expect(again["traceparent"] == first["traceparent"])
        #expect(again["alert"] == first["alert"])
        #expect(again["contextOfTheMoment"]?.bool == false)
        #expect(again["readingsBefore"] == nil)
        // Read back from the journal after a restart: what was not reached is said.
        var context = AlertContext.none
        context.history = ReadingHistory(notReached: "readings before 10:00 were not looked for")
        let message = try Self.message(try Self.alert(Self.raised, context))
        #expect(try SchemaCheck.faults(message).isEmpty)
        #expect(message.value(atPath: "data.readingsBefore.count")?.integer == 0)
        #expect(
            message.value(atPath: "data.readingsBefore.notReached")?.string
                == "readings before 10:00 were not looked for")
        // Another decision of the same activation: the same trace, another span.
        let other = try Self.body(
            Self.returned.replacing(#""decision":"1:70.0""#, with: #""decision":"1:90.0""#), .none)
        let (left, right) = try (
            #require(first["traceparent"]?.string), #require(other["traceparent"]?.string)
        )
        #expect(left.dropFirst(3).prefix(32) == right.dropFirst(3).prefix(32))
        #expect(left.dropFirst(36) != right.dropFirst(36))
    }

    @Test(arguments: [200, 2_000, 4_096])
    func `a body stays small, and says what is cut`(textBytes: Int) throws {
        let alert = try Self.alert(
            Self.raised, Self.context(relatedCount: 64), textBytes: textBytes)
        let message = try Self.message(alert)
        var json = JSONWriter()
        json.value(message)
        #expect(json.bytes.count < 20_000)
        #expect(try SchemaCheck.faults(message).isEmpty)
        let cut = message.value(atPath: "data.truncated")?.array?.compactMap(\.string) ?? []
        #expect(cut.contains("relatedActiveAlarms"))
        #expect(cut.contains("checkFirst"))
        #expect(cut.contains("consequence") == (textBytes > 1_000))
        #expect(cut.count == Set(cut).count)
    }

    @Test func `without texts in the configuration the alert still says what to check`() throws {
        let body = try Self.body(Self.neverHeard, .none)
        #expect(body["checkFirstIsGeneral"]?.bool == true)
        #expect(body["checkFirst"]?.array?.isEmpty == false)
        #expect(
            body["summary"]?.string
                == "HIGH: air/west/4/co: has never been heard, since 02:12:08+00:00 "
                + "(air/west/4, West Portal)")
        #expect(body.value(atPath: "answers.affected")?.string?.contains("is not written") == true)
    }

    @Test func `what speaks against the value is said`() throws {
        let happening = try Self.body(Self.byRule, .none).value(atPath: "answers.happening")?.string
        #expect(
            happening?.contains(
                "Mind: the quality of the value is uncertain; the sender's clock is not trusted")
                == true)
        #expect(happening?.contains("air/west/4/co disagrees by 7.5 ppm") == true)
    }
}
