// SPDX-License-Identifier: Apache-2.0

import Journal
import MidwatchConfiguration
import MidwatchModel
import Testing

@testable import midwatchd

@Suite struct RetentionPolicyTests {
    private static let disk = DiskSpace(
        capacity: 200_000_000_000, available: 190_000_000_000)

    /// Bytes that the journal may use on a disk of 200 GB.
    private static func budget(bytes: Int?) -> UInt64 {
        let configuration = JournalConfiguration(
            segmentBytes: 64 << 20, syncIntervalNanoseconds: 50_000_000, retentionBytes: bytes,
            retentionNanoseconds: 1, stagingBytes: 64 << 20)
        var machine = RetentionMachine(policy: RetentionKeeper.policy(configuration))
        return machine.judge(
            segments: [], durableThrough: 1, archivedThrough: 1, space: Self.disk, now: .zero
        ).budgetBytes
    }

    @Test func `bytes that are set hold above a fifth of the disk and below it`() {
        #expect(Self.budget(bytes: nil) == 40_000_000_000)
        #expect(Self.budget(bytes: 120_000_000_000) == 120_000_000_000)
        #expect(Self.budget(bytes: 1_000_000_000) == 1_000_000_000)
        // Never more than there is.
        #expect(Self.budget(bytes: 500_000_000_000) == 190_000_000_000)
    }
}
