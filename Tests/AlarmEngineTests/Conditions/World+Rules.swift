// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

extension World {
    /// A world whose first configuration also has rules.
    convenience init(
        _ declarations: [SensorDeclaration], rules: [RuleDeclaration],
        areas: [AreaDeclaration] = [], books: [RuleBook] = []
    ) {
        let book = RuleBook(
            revision: Self.revision(9), declarations: declarations, rules: rules,
            areas: areas)
        self.init([], books: books + [book])
        self.configure(book.revision)
        for path in book.declaredPaths { self.register(path) }
    }

    /// Lets time pass up to `second` and sends a reading then.
    func send(
        _ path: String, _ value: Double, at second: Double, sourceTime: Double? = nil,
        quality: Quality = .good
    ) {
        self.advance(to: second)
        var facts = Facts()
        facts.sourceTime = sourceTime
        facts.quality = quality
        self.read(path, value, facts)
    }

    func command(_ command: OperatorCommand) {
        self.feed(
            Slot(kind: .command, arrival: Self.instant(self.now)), payload: command.payload)
    }

    func path(of sensor: SensorIndex) -> String { self.engine.paths[Int(sensor.rawValue)] }

    /// Replays the journal from the start, and from a checkpoint at each tenth of it.
    func verifyReplay() {
        var whole = self.emptyEngine()
        #expect(ReplayTests.replay(self.journal, into: &whole) == self.bodies)
        #expect(engineFingerprint(whole) == self.picture)
        for tenth in 1..<10 {
            let cut = self.journal.count * tenth / 10
            var first = self.emptyEngine()
            var bodies = ReplayTests.replay(self.journal[..<cut], into: &first)
            guard let last = self.journal[..<cut].last else { continue }
            let bytes = first.checkpoint(
                after: Position(epoch: self.epoch, n: last.n))
            var second = self.emptyEngine()
            do {
                _ = try second.restore(bytes)
            } catch {
                Issue.record("restore: \(error)")
                continue
            }
            for entry in self.journal[..<cut] { second.rebuildWindow(entry.slot, n: entry.n) }
            bodies += ReplayTests.replay(self.journal[cut...], into: &second)
            #expect(bodies == self.bodies)
            #expect(engineFingerprint(second) == self.picture)
        }
    }
}
