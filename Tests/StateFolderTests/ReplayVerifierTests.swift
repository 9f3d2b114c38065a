// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Glibc
import Journal
import MidwatchModel
import StateFolder
import Testing

struct ReplayVerifierTests {
    /// Raises and returns the high alarm once: two decisions.
    private func swing(_ world: ReplayWorld) {
        for value in [5.0, 7, 8, 5, 4] { world.read(value) }
    }

    @Test
    func `decisions made from the journal are equal`() throws {
        let world = try ReplayWorld()
        self.swing(world)
        world.write(Array("{\"type\":\"delivery\"}".utf8))
        world.commit()
        let report = try world.verify()
        #expect(report.verdict == .equal)
        #expect(report.equalCount == UInt64(world.bodies.count - 1))
        #expect(report.equalCount >= 4)
        #expect(report.otherLineCount == 1)
        #expect(report.pendingCount == 0)
    }

    @Test
    func `a decision that reads otherwise is the first difference`() throws {
        let world = try ReplayWorld()
        world.spoil = { body in
            let text = String(decoding: body, as: UTF8.self)
            guard text.contains("alarmRaised") else { return body }
            return Array(text.split(separator: "high").joined(separator: "low").utf8)
        }
        self.swing(world)
        world.commit()
        let report = try world.verify()
        #expect(report.verdict == .different)
        let difference = try #require(report.difference)
        let recorded = try #require(difference.recorded)
        #expect(String(decoding: recorded.body, as: UTF8.self).contains("\"low\""))
        let replayed = try #require(difference.replayed)
        #expect(String(decoding: replayed, as: UTF8.self).contains("\"high\""))
    }

    @Test
    func `a decision missing from the ledger is a difference`() throws {
        let world = try ReplayWorld()
        world.spoil = { body in
            String(decoding: body, as: UTF8.self).contains("alarmRaised") ? [] : body
        }
        self.swing(world)
        world.commit()
        let report = try world.verify()
        #expect(report.verdict == .different)
        #expect(report.difference?.recorded == nil)
    }

    @Test
    func `a decision that replay does not make is a difference`() throws {
        let world = try ReplayWorld()
        self.swing(world)
        world.write(Array("{\"decision\":\"2:900.0\",\"kind\":\"alarmRaised\"}".utf8))
        world.commit()
        let report = try world.verify()
        #expect(report.verdict == .different)
        #expect(report.difference?.replayed == nil)
    }

    @Test
    func `decisions behind the ledger's end are pending`() throws {
        let world = try ReplayWorld()
        world.commit()
        world.spoil = { _ in [] }
        self.swing(world)
        world.commit()
        let report = try world.verify()
        #expect(report.verdict == .equal)
        #expect(report.pendingCount == 2)
    }

    @Test
    func `over a gap nothing is called equal`() throws {
        let world = try ReplayWorld()
        // More than staging holds, and the value goes over the limit where nothing is kept.
        for _ in 0..<JournalStaging.slotCountMin { world.read(5) }
        for _ in 0..<100 { world.read(9) }
        world.commit()
        self.swing(world)
        world.commit()
        let report = try world.verify()
        #expect(report.verdict == .notReproducible)
        #expect(report.difference == nil)
        #expect(report.notReproducibleCount > 0)
        #expect(report.doubtCount > 0)
    }

    @Test
    func `a checkpoint behind a gap gives the state back`() throws {
        let world = try ReplayWorld()
        for _ in 0..<JournalStaging.slotCountMin { world.read(5) }
        for _ in 0..<100 { world.read(9) }
        world.commit()
        world.read(9)
        world.commit()
        let lost = try world.verify().equalCount
        try world.checkpoint()
        self.swing(world)
        self.swing(world)
        world.commit()
        let report = try world.verify()
        #expect(report.verdict == .notReproducible)
        #expect(report.difference == nil)
        #expect(report.equalCount >= lost + 3)
    }

    @Test
    func `a missing configuration text makes replay impossible, not different`() throws {
        let world = try ReplayWorld()
        self.swing(world)
        world.commit()
        let revisions = Folders(stateDirectory: world.folder).revisions
        for name in FileBytes.list(revisions) { unsafe unlink("\(revisions)/\(name)") }
        let report = try world.verify()
        #expect(report.verdict == .notReproducible)
        #expect(report.doubts.contains(.missingRevision))
    }

    @Test
    func `an empty state directory is equal to nothing`() throws {
        let report = try ReplayVerifier(stateDirectory: "/nonexistent/state").run { _, _ in }
        #expect(report.verdict == .equal)
        #expect(report.recordCount == 0)
    }
}
