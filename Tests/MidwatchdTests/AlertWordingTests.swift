// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import AlertDelivery
import JSONText
import MidwatchModel
import Testing

@testable import midwatchd

/// What alerts say of alarms that are told again, of rules, and of sources.
@Suite struct AlertWordingTests {
    private func alert(
        _ kind: String, cause: String, sensor: String, alarm: String, more: String = ""
    ) throws -> JSONValue? {
        let body = #"""
            {"decision":"1:7.0","kind":"\#(kind)","cause":"\#(cause)","sensor":"\#(sensor)",\#
            "alarm":"\#(alarm)","priority":"high","at":"2026-01-01T00:00:00Z",\#
            "value":70,"setpoint":60,"ageNanoseconds":5000000000\#(more)}
            """#
        let record = try #require(AlertRecord(Array(body.utf8)))
        let alert = AlertBuilder(node: "n", site: "s", version: "v").alert(
            of: record, ledgerN: 1, isRecorded: true,
            rules: RuleBook(revision: "", declarations: []), context: .none)
        guard let alert else { return nil }
        return try JSONValue(parsing: alert.body.span)
    }

    @Test(arguments: [
        ("valueBeyondLimit", "a/b: 70, 10 above the high limit of 60"),
        ("reAlarm", "a/b: 70, 10 above the high limit of 60; acknowledged before and still there"),
        ("shelvingElapsed", "a/b: 70, 10 above the high limit of 60; its shelving has ended"),
        ("sourceNotLost", "a/b: 70, 10 above the high limit of 60; its source is not lost"),
        (
            "suppressionRule",
            "a/b: 70, 10 above the high limit of 60; nothing suppresses it any more"
        ),
    ])
    func `an alarm that is told again says why`(cause: String, message: String) throws {
        let alert = try self.alert("alarmRaised", cause: cause, sensor: "a/b", alarm: "high")
        #expect(alert?["message"]?.string == message)
        #expect(alert?["aboutMonitor"]?.bool == false)
    }

    @Test func `a lost source is named, and is not Midwatch itself`() throws {
        let sensor = RuleBook.sourcePathPrefix + "mqtt/gateway"
        let lost = try self.alert(
            "alarmRaised", cause: "sourceLost", sensor: sensor, alarm: "stale")
        #expect(
            lost?["message"]?.string
                == "source mqtt/gateway: lost; nothing is heard of the sensors behind it")
        #expect(lost?["aboutMonitor"]?.bool == false)
        let back = try self.alert(
            "alarmReturned", cause: "readingArrived", sensor: sensor, alarm: "stale")
        #expect(back?["message"]?.string == "source mqtt/gateway: heard again")
        let own = try self.alert(
            "alarmRaised", cause: "valueBeyondLimit", sensor: "midwatch/n/ring/fill", alarm: "high")
        #expect(own?["aboutMonitor"]?.bool == true)
    }

    @Test func `what a rule says of a source's clock is no loss, and counts who is behind it`()
        throws
    {
        func alert(_ kind: String) throws -> JSONValue? {
            try self.alert(
                kind, cause: "conditionMet", sensor: RuleBook.sourcePathPrefix + "mqtt/gateway",
                alarm: "clock-off",
                more: #","condition":"clockSkew","measured":12.5,"sensorsBehind":500"#)
        }
        let raised = try alert("alarmRaised")
        #expect(
            raised?["message"]?.string
                == "source mqtt/gateway: clock-off: its clock is off by 12.5 s")
        #expect(
            raised?["answers"]?["affected"]?.string?.hasPrefix(
                "All 500 sensors behind the source mqtt/gateway: the source times of their "
                    + "readings are doubtful.") == true)
        #expect(raised?["aboutMonitor"]?.bool == false)
        #expect(
            try alert("alarmReturned")?["message"]?.string
                == "source mqtt/gateway: returned to normal")
    }

    @Test func `a rule's alarm has its name in the id and says what was found`() throws {
        let alert = try self.alert(
            "alarmRaised", cause: "conditionMet", sensor: "a/b", alarm: "co-rising",
            more: #","condition":"rateOfChange","measured":0.75"#)
        #expect(alert?["alarmID"]?.string == "a/b:co-rising")
        #expect(alert?["message"]?.string == "a/b: co-rising: changes by 0.75 per second")
    }

    @Test func `a rule that errs is named by the alarm that cannot verify`() throws {
        func message(_ cause: String) throws -> String? {
            try self.alert(
                "alarmRaised", cause: "notVerifiable", sensor: "a/b", alarm: "unverifiable",
                more: #","causedBy":"\#(cause)""#)?["message"]?.string
        }
        #expect(
            try message("a/b:ratio")
                == "a/b: the rule ratio has no result and verifies nothing, last value 70")
        for other in ["a/b:stale", "midwatch/source/bus:stale"] {
            #expect(
                try message(other) == "a/b: the value cannot be verified, last value 70")
        }
    }

    @Test func `an alarm whose rule was removed did not return to normal`() throws {
        let alert = try self.alert(
            "alarmReturned", cause: "ruleRemoved", sensor: "a/b", alarm: "high",
            more: #","to":"normal""#)
        let message = try #require(alert?["message"]?.string)
        #expect(
            message == "a/b: the high alarm has no rule any more in the configuration and is "
                + "not judged, last value 70")
        #expect(alert?["summary"]?.string?.hasPrefix("ENDED: ") == true)
    }

    @Test func `an exclusive limit that gave way did not return to normal`() throws {
        let alert = try self.alert(
            "alarmReturned", cause: "moreSevereLimit", sensor: "a/b", alarm: "high",
            more: #","to":"normal","causedBy":"a/b:highHigh""#)
        let message = try #require(alert?["message"]?.string)
        #expect(
            message == "a/b: a more severe alarm takes the place of the high one, value 70")
        #expect(alert?["summary"]?.string?.hasPrefix("REPLACED: ") == true)
    }

    @Test(arguments: [
        "alarmRaisedSuppressed", "alarmSuppressed", "alarmUnsuppressed", "alarmShelved",
        "alarmUnshelved", "alarmOutOfService", "alarmInService", "alarmCommented",
        "alarmReset",
    ])
    func `what people are not to be told makes no alert`(kind: String) throws {
        #expect(try self.alert(kind, cause: "sourceLost", sensor: "a/b", alarm: "high") == nil)
    }
}
