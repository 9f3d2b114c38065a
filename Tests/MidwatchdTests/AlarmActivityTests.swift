// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@testable import midwatchd

/// Which alarms are active beside another one, which was first, how often in a day.
@Suite struct AlarmActivityTests {
    private static let hour: Int64 = 3_600_000_000_000
    private static let start: Int64 = 1_800_000_000_000_000_000

    private func record(
        _ kind: String, _ alarm: String, n: Int, at: Int64 = start, activation: Int? = nil,
        to: String? = nil, priority: String = "high", more: String = ""
    ) throws -> AlertRecord {
        let (path, name) = (alarm.split(separator: ":")[0], alarm.split(separator: ":")[1])
        let isRaise = kind.hasPrefix("alarmRaised")
        let state = to ?? (isRaise ? "unacknowledged" : "normal")
        let body = #"""
            {"decision":"1:\#(n).0","kind":"\#(kind)","at":"\#(WallInstant(nanoseconds: at).rfc3339)",\#
            "sensor":"\#(path)","alarm":"\#(name)","priority":"\#(priority)",\#
            "activation":"1:\#(activation ?? n).0","from":"\#(isRaise ? "normal" : "unacknowledged")",\#
            "to":"\#(state)"\#(more)}
            """#
        return try #require(AlertRecord(Array(body.utf8)))
    }

    @Test func `active alarms of the same equipment, area or source are related`() throws {
        let activity = AlarmActivity()
        _ = activity.follow(
            try self.record("alarmRaised", "a/1:high", n: 1, priority: "low"),
            groups: ["fan", "hall", "g1"])
        _ = activity.follow(
            try self.record("alarmRaised", "b/1:high", n: 2, at: Self.start + 1),
            groups: ["", "hall", "g2"])
        _ = activity.follow(
            try self.record("alarmRaised", "c/1:high", n: 3, at: Self.start + 2),
            groups: ["", "yard", "g3"])
        let picture = activity.follow(
            try self.record("alarmRaised", "d/1:high", n: 4, at: Self.start + 3),
            groups: ["fan", "hall", "g3"])
        #expect(picture.related.map(\.alarmID) == ["b/1:high", "c/1:high", "a/1:high"])
        #expect(picture.related.map(\.relation) == ["area", "source", "equipment"])
        #expect(picture.relatedCount == 3)
        #expect(picture.activeCount == 4)
        #expect(picture.firstOut?.alarmID == "a/1:high")
    }

    @Test func `what returned or is suppressed is not related`() throws {
        let activity = AlarmActivity()
        for (n, kind, more) in [
            (1, "alarmRaised", ""), (2, "alarmRaisedSuppressed", #","suppression":["shelved"]"#),
        ] {
            _ = activity.follow(
                try self.record(kind, "a/\(n):high", n: n, more: more), groups: ["", "hall", ""])
        }
        _ = activity.follow(
            try self.record("alarmReturned", "a/1:high", n: 3, activation: 1),
            groups: ["", "hall", ""])
        let picture = activity.follow(
            try self.record("alarmRaised", "b:high", n: 4), groups: ["", "hall", ""])
        #expect(picture.related.isEmpty)
        #expect(picture.relatedCount == 0)
        #expect(picture.firstOut?.relation == "this")
        // It is annunciated after all.
        let shown = try self.record(
            "alarmUnsuppressed", "a/2:high", n: 5, activation: 2, to: "unacknowledged")
        let later = activity.follow(shown, groups: ["", "hall", ""])
        #expect(later.related.map(\.alarmID) == ["b:high"])
    }

    @Test func `activations are counted over the last 24 hours`() throws {
        let activity = AlarmActivity()
        var last = AlarmActivity.Picture()
        for n in 0..<30 {
            last = activity.follow(
                try self.record(
                    "alarmRaised", "a:high", n: n + 1, at: Self.start + Int64(n) * Self.hour),
                groups: ["", "", ""])
        }
        #expect(last.activationsInDay == 24)
        // Told again: the same activation.
        let again = activity.follow(
            try self.record(
                "alarmRaised", "a:high", n: 40, at: Self.start + 29 * Self.hour, activation: 30),
            groups: ["", "", ""])
        #expect(again.activationsInDay == 24)
        #expect(again.activeSince?.nanoseconds == Self.start + 29 * Self.hour)
        let later = activity.follow(
            try self.record("alarmRaised", "a:high", n: 41, at: Self.start + 60 * Self.hour),
            groups: ["", "", ""])
        #expect(later.activationsInDay == 1)
    }

    @Test func `the time before the start counts, in whatever order it is learned`() throws {
        let activity = AlarmActivity()
        _ = activity.follow(
            try self.record("alarmReturned", "a:high", n: 10, activation: 3), groups: ["", "x", ""])
        // The ledger is read while decisions leave.
        for n in [1, 2, 3] {
            activity.remember(
                try self.record("alarmRaised", "a:high", n: n), groups: ["", "x", ""])
        }
        let other = activity.follow(
            try self.record("alarmRaised", "b:high", n: 11), groups: ["", "x", ""])
        #expect(other.related.isEmpty, "its return is newer than its raise")
        let picture = activity.follow(
            try self.record("alarmRaised", "a:high", n: 12), groups: ["", "x", ""])
        #expect(picture.activationsInDay == 4)
        #expect(picture.related.map(\.alarmID) == ["b:high"])
    }

    @Test func `alarms that a new configuration removed are company for nobody`() throws {
        let activity = AlarmActivity()
        for n in [1, 2] {
            _ = activity.follow(
                try self.record("alarmRaised", "a/\(n):high", n: n), groups: ["", "x", ""])
        }
        activity.reset(active: ["a/2:high"])
        let picture = activity.follow(
            try self.record("alarmRaised", "b:high", n: 3), groups: ["", "x", ""])
        #expect(picture.related.map(\.alarmID) == ["a/2:high"])
        #expect(picture.activeCount == 2)
    }

    @Test func `a group too large to look through is counted all the same`() throws {
        let activity = AlarmActivity()
        for n in 1...500 {
            _ = activity.follow(
                try self.record("alarmRaised", "a/\(n):high", n: n, at: Self.start + Int64(n)),
                groups: ["", "x", ""])
        }
        let picture = activity.follow(
            try self.record("alarmRaised", "b:high", n: 501, at: Self.start + 501),
            groups: ["", "x", ""])
        #expect(picture.relatedCount == 500)
        #expect(picture.related.count < 100)
        #expect(picture.firstOut?.alarmID == "a/1:high")
    }
}
