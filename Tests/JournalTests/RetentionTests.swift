// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import Journal

@Suite struct RetentionTests {
    static let hour: UInt64 = 3_600_000_000_000
    static let size: UInt64 = 1_000

    /// `count` segments of 100 records; the last one is being written.
    static func segments(_ count: Int) -> [RetainedSegment] {
        (0..<count).map { index in
            RetainedSegment(
                number: UInt32(index + 1), byteCount: self.size, firstN: UInt64(index) * 100 + 1,
                endN: index == count - 1 ? nil : UInt64(index + 1) * 100 + 1,
                lastArrival: MonotonicInstant(nanoseconds: UInt64(index) * self.hour))
        }
    }

    static func policy(bytesMax: UInt64) -> RetentionPolicy {
        var policy = RetentionPolicy()
        policy.bytesMax = bytesMax
        policy.keepNanoseconds = 10 * self.hour
        return policy
    }

    static let space = DiskSpace(capacity: 1_000_000_000, available: 500_000_000)

    static func judge(
        _ machine: inout RetentionMachine, _ count: Int, archived: UInt64, hours: UInt64,
        space: DiskSpace = Self.space, durable: UInt64? = nil
    ) -> RetentionVerdict {
        machine.judge(
            segments: self.segments(count), durableThrough: durable ?? UInt64(count - 1) * 100 + 1,
            archivedThrough: archived, space: space,
            now: MonotonicInstant(nanoseconds: hours * self.hour))
    }

    @Test func `nothing goes while there is room and time`() {
        var machine = RetentionMachine(policy: Self.policy(bytesMax: 100_000))
        let verdict = Self.judge(&machine, 10, archived: 901, hours: 9)
        #expect(verdict.removals.isEmpty && verdict.admission == .open)
        #expect(verdict.replayFrom == 1 && verdict.usedBytes == 10_000)
    }

    @Test func `archived segments past their time go, after the hour they are held`() {
        var machine = RetentionMachine(policy: Self.policy(bytesMax: 100_000))
        #expect(Self.judge(&machine, 10, archived: 301, hours: 12).removals.isEmpty, "held")
        let verdict = Self.judge(&machine, 10, archived: 301, hours: 13)
        #expect(verdict.removals == [1, 2, 3], "segment 4 is not archived")
        #expect(verdict.removedEarlyCount == 0 && verdict.replayFrom == 301)
    }

    @Test func `bytes come before time, and what goes early is reported`() {
        var machine = RetentionMachine(policy: Self.policy(bytesMax: 8_000))
        _ = Self.judge(&machine, 10, archived: 901, hours: 0)
        let verdict = Self.judge(&machine, 10, archived: 901, hours: 2)
        #expect(verdict.removals == [1, 2, 3], "so that one more segment fits")
        #expect(verdict.removedEarlyCount == 3 && verdict.replayFrom == 301)
        #expect(verdict.usedBytes == 7_000 && verdict.budgetBytes == 8_000)
    }

    @Test func `an unarchived segment never goes, whatever the budget`() {
        var machine = RetentionMachine(policy: Self.policy(bytesMax: 2_000))
        _ = Self.judge(&machine, 10, archived: 0, hours: 0)
        let verdict = Self.judge(&machine, 10, archived: 0, hours: 1_000)
        #expect(verdict.removals.isEmpty && verdict.admission == .stopCritical)
        #expect(verdict.timeToFullNanoseconds == nil || verdict.timeToFullNanoseconds == 0)
    }

    @Test func `the two newest segments stay`() {
        var machine = RetentionMachine(policy: Self.policy(bytesMax: 1))
        _ = Self.judge(&machine, 4, archived: 10_000, hours: 0)
        #expect(Self.judge(&machine, 4, archived: 10_000, hours: 100).removals == [1, 2])
    }

    @Test func `admission stops low first, keeps 5 percent for critical, and returns lower`() {
        let cases: [(UInt64, AdmissionMode)] = [
            (20_000, .open), (11_112, .open), (11_000, .stopLow), (10_500, .stopNormal),
            (10_000, .stopCritical),
        ]
        for (budget, expected) in cases {
            var machine = RetentionMachine(policy: Self.policy(bytesMax: budget))
            // Ten full segments: the newest one counts by its records.
            let verdict = Self.judge(
                &machine, 10, archived: 0, hours: 1, durable: 901 + Self.size / 64 + 1)
            #expect(verdict.admission == expected, "budget \(budget)")
        }
        #expect(AdmissionMode.stopLow.admits(.normal) && !AdmissionMode.stopLow.admits(.low))
        #expect(AdmissionMode.stopNormal.admits(.critical))
        #expect(!AdmissionMode.stopNormal.admits(.normal))
        #expect(!AdmissionMode.stopCritical.admits(.critical))
        #expect(AdmissionMode.stopCritical.admits(.own))
        // 90 % stops low; it comes back below 88 %.
        var machine = RetentionMachine(policy: Self.policy(bytesMax: 10_000))
        let full: UInt64 = 801 + Self.size / 64 + 1
        #expect(Self.judge(&machine, 9, archived: 0, hours: 1, durable: full).admission == .stopLow)
        var lower = Self.segments(9)
        lower[0].byteCount = 890
        func again() -> AdmissionMode {
            machine.judge(
                segments: lower, durableThrough: full, archivedThrough: 0, space: Self.space,
                now: .zero
            ).admission
        }
        #expect(again() == .stopLow, "89 %")
        lower[0].byteCount = 700
        #expect(again() == .open, "87 %")
    }

    @Test func `a disk that others fill makes the budget smaller`() {
        var machine = RetentionMachine(policy: Self.policy(bytesMax: 100_000))
        let verdict = Self.judge(
            &machine, 10, archived: 0, hours: 1,
            space: DiskSpace(capacity: 1_000_000, available: 500), durable: 1_000)
        #expect(verdict.budgetBytes == 10_500 && verdict.admission >= .stopLow)
        let small = DiskSpace(capacity: 40_000, available: 40_000)
        #expect(Self.judge(&machine, 3, archived: 0, hours: 1, space: small).budgetBytes == 8_000)
    }

    @Test func `time to full follows the rate`() {
        var machine = RetentionMachine(policy: Self.policy(bytesMax: 20_000))
        let segments = Self.segments(10)
        var verdict = RetentionVerdict()
        for second in 0..<UInt64(5) {
            // 10 records a second are 640 bytes a second; 10,000 bytes are left.
            verdict = machine.judge(
                segments: segments, durableThrough: 901 + second * 10, archivedThrough: 0,
                space: Self.space,
                now: MonotonicInstant(nanoseconds: 1 + second * 1_000_000_000))
        }
        let seconds = Double(verdict.timeToFullNanoseconds ?? 0) / 1e9
        #expect(abs(seconds - 10_000 / 640) < 0.1)
    }

    @Test func `the doer removes archived segments and the journal goes on`() throws {
        var world = try JournalWorld()
        while world.open.committer.segmentNumber ?? 0 < 6 {
            world.append(readings: 300)
            world.commit()
        }
        var policy = RetentionPolicy()
        policy.bytesMax = 3 * JournalWorld.segmentBytes
        let retention = JournalRetention(
            directory: JournalWorld.directory, policy: policy, disk: world.disk)
        let all = Position(epoch: 1, n: world.nextN)
        var verdict = try retention.run(
            durableThrough: world.durableThrough, archivedThrough: all, now: .zero)
        #expect(verdict.removals.isEmpty)
        verdict = try retention.run(
            durableThrough: world.durableThrough, archivedThrough: all,
            now: MonotonicInstant(nanoseconds: Self.hour))
        #expect(verdict.removals == [1, 2, 3, 4] && retention.removedCount == 4)
        world.append(readings: 300)
        world.commit()
        #expect(throws: JournalError.self) {
            _ = try JournalReader(
                directory: JournalWorld.directory, from: .zero, disk: world.disk)
        }
        try world.reopen(losingPower: true)
        #expect(world.open.report.damage.isEmpty && world.open.report.linksFrom == 0)
        let first = try #require(verdict.replayFrom)
        let (records, damage) = try world.readAll(from: first)
        #expect(damage.isEmpty && records.map(\.n) == Array(first..<world.nextN))
    }
}
