// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Ingest
import Journal
import MidwatchConfiguration
import MidwatchModel
import ReadingRing
import Testing
import Vitals

@testable import midwatchd

/// A limit at the start keeps out what is beyond it and nothing else.
@Suite struct StartLimitTests {
    private static func ingest(
        _ folder: TemporaryFolder, sourceCount: Int, ring: ReadingRing
    ) throws -> SensorIngest {
        let parsed = MidwatchConfiguration.parse(
            text: """
                node: {name: n}
                ingest:
                  udp:
                    - {name: field, bind: "127.0.0.1:0"}
                """, fileName: "test.yaml"
        ).configuration
        let configuration = try #require(parsed)
        var report = try Journal.open(
            directory: folder.file("journal"),
            options: JournalOptions(segmentBytes: 1 << 20, stagingBytes: 1 << 20)
        ).report
        report.sources = (0..<sourceCount).map {
            RegisteredSource(name: "s\($0)", behind: .own)
        }
        let clock = EngineClock(continuingAt: MonotonicInstant(nanoseconds: 1))
        return SensorIngest(
            configuration, report: report, rules: RuleBook(revision: "", declarations: []),
            ring: ring, clock: clock, watermark: DurableWatermark(through: 1),
            sessions: SessionTable(ring: ring),
            vitals: try VitalsPage.create(
                path: folder.file("vitals"), wall: WallInstant(nanoseconds: 1)),
            latencies: StageLatencies(), onAccess: { _ in }, accessReport: { _ in },
            logger: Quiet.logger)
    }

    @Test func `a listener whose source finds no place is down, and the start goes on`()
        async throws
    {
        let folder = TemporaryFolder()
        let ring = ReadingRing(capacity: 1_024, firstSequence: 1)
        let full = try Self.ingest(
            folder, sourceCount: SystemLimits.sourceCountMax, ring: ring)
        try await full.start()
        #expect(full.board.down.map(\.name).contains("udp/field"))
        #expect(
            full.board.down.first?.reason.contains("cannot be registered: sourceLimit") == true,
            "\(full.board.down)")
        await full.stop()
    }

    @Test func `one name that is refused keeps no other out`() async throws {
        let folder = TemporaryFolder()
        let ring = ReadingRing(capacity: 1_024, firstSequence: 1)
        let ingest = try Self.ingest(folder, sourceCount: 1, ring: ring)
        // Not declared, and kept for Midwatch's own sensors.
        let paths = ["midwatch/n/forged", "midwatch/n/forged2", "plant/a"]
        let error = await #expect(throws: RegistrationError.self) {
            try await ingest.register(paths)
        }
        #expect(error?.reason.hasSuffix("and 1 others") == true)
        let plant = try #require(SensorID("plant/a"))
        #expect(ingest.sensors.resolve(plant, from: .own) != .ringFull(.normal))
        let before = ring.head
        _ = ingest.sensors.resolve(plant, from: .own)
        #expect(ring.head == before, "it was registered already")
        await ingest.stop()
    }
}
