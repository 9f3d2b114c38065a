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
    private static func budget(bytes: String) throws -> UInt64 {
        let text = "node: {name: n}\njournal: {retention: {\(bytes)}}\n"
        let configuration = try #require(
            MidwatchConfiguration.parse(text: text, fileName: "test.yaml").configuration)
        var machine = RetentionMachine(policy: RetentionKeeper.policy(configuration.journal))
        return machine.judge(
            segments: [], durableThrough: 1, archivedThrough: 1, space: Self.disk, now: .zero
        ).budgetBytes
    }

    @Test func `bytes that are set hold above a fifth of the disk and below it`() throws {
        #expect(try Self.budget(bytes: "time: 7d") == 40_000_000_000)
        #expect(try Self.budget(bytes: "bytes: 120GB") == 120_000_000_000)
        #expect(try Self.budget(bytes: "bytes: 1GB") == 1_000_000_000)
        // Never more than there is.
        #expect(try Self.budget(bytes: "bytes: 500GB") == 190_000_000_000)
    }
}
