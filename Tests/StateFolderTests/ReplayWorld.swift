// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Glibc
import Journal
import MidwatchModel
import StateFolder

/// A state directory as a daemon leaves it: journal, ledger, revisions, checkpoints.
final class ReplayWorld {
    static let configuration = """
        node:
          name: test
        sensors:
          - path: pump/pressure
            supervision: event
            limits:
              high:
                setpoint: 6
        """

    let folder: String
    private let revision: String
    private let ledger: LedgerWriter
    private var journal: OpenJournal
    private var engine: AlarmEngine?
    private var nextN: UInt64
    private var clock: UInt64 = 1_000_000_000
    /// What the next ledger bodies become; the tests' way to spoil them.
    var spoil: (([UInt8]) -> [UInt8])?
    /// Bodies the ledger got.
    private(set) var bodies: [[UInt8]] = []

    init() throws {
        var template = Array("/tmp/midwatch-replay-XXXXXX".utf8CString)
        let isMade = unsafe template.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return false }
            return unsafe mkdtemp(base) != nil
        }
        precondition(isMade, "no temporary folder")
        self.folder = String(
            decoding: template.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        let folders = Folders(stateDirectory: self.folder)
        for path in [folders.journal, folders.ledger, folders.checkpoints, folders.revisions] {
            try FileBytes.makeFolder(path)
        }
        let revisions = Revisions(folder: folders.revisions)
        self.revision = try revisions.keep(Array(Self.configuration.utf8))
        self.journal = try Journal.open(
            directory: folders.journal,
            options: JournalOptions(
                segmentBytes: JournalOptions.segmentBytesMin,
                stagingBytes: JournalStaging.slotCountMin * Slot.byteCount))
        self.nextN = self.journal.report.nextN
        self.ledger = try LedgerWriter.open(directory: folders.ledger).writer
        self.engine = AlarmEngine(rules: RuleBook(revision: "", declarations: [])) {
            revisions.rules(of: $0)
        }
        self.begin()
    }

    deinit { Self.remove(self.folder) }

    /// A run starts: anchor, start, revision, one sensor.
    private func begin() {
        var anchor = Slot(kind: .clockAnchor, arrival: self.now)
        anchor.sourceTime = 1_700_000_000_000_000_000
        var start = Slot(kind: .start, arrival: self.now)
        start.aux = UInt64(self.journal.report.epoch)
        let hash = self.revision.utf8.map { $0 }
        let bytes = stride(from: 0, to: hash.count, by: 2).compactMap {
            UInt8(String(decoding: hash[$0..<($0 + 2)], as: UTF8.self), radix: 16)
        }
        var register = Slot(kind: .registerSensor, arrival: self.now)
        register.sensor = SensorIndex(rawValue: 0)
        self.feed([anchor, start])
        self.feed(
            ControlRecord.slots(head: Slot(kind: .configuration, arrival: self.now), payload: bytes)
        )
        self.feed(ControlRecord.slots(head: register, payload: Array("pump/pressure".utf8)))
        self.commit()
    }

    var now: MonotonicInstant { MonotonicInstant(nanoseconds: self.clock) }

    /// One reading a second later.
    func read(_ value: Double) {
        self.clock += 1_000_000_000
        self.feed([
            Slot(reading: value, of: SensorIndex(rawValue: 0), from: .own, arrival: self.now)
        ])
    }

    /// Evaluates slots and hands them to the journal, which may skip them.
    func feed(_ slots: [Slot]) {
        for (offset, slot) in slots.enumerated() {
            self.engine?.apply(slot, n: self.nextN + UInt64(offset))
            var taken: [Decision] = []
            self.engine?.takeDecisions { taken.append($0) }
            for decision in taken {
                guard let body = self.engine?.ledgerBody(of: decision) else { continue }
                self.write(self.spoil?(body) ?? body)
            }
        }
        unsafe slots.withUnsafeBufferPointer { buffer in
            unsafe _ = self.journal.staging.append(buffer, firstN: self.nextN, now: self.now)
        }
        self.nextN += UInt64(slots.count)
    }

    /// A ledger line; empty bodies are left out.
    func write(_ body: [UInt8]) {
        guard !body.isEmpty else { return }
        _ = try? self.ledger.append(body: body, written: WallInstant(nanoseconds: 0))
        self.bodies.append(body)
    }

    /// Makes everything durable.
    func commit() {
        while self.journal.staging.status.stagedCount > 0 {
            _ = self.journal.committer.commit(now: self.now)
        }
        _ = self.ledger.commit(now: self.now)
    }

    func checkpoint() throws {
        let position = Position(epoch: self.journal.report.epoch, n: self.nextN - 1)
        guard let bytes = self.engine?.checkpoint(after: position) else { return }
        try CheckpointFile.write(
            bytes, position: position, journal: self.journal.report.journal,
            folder: Folders(stateDirectory: self.folder).checkpoints)
    }

    func verify() throws -> ReplayReport {
        try ReplayVerifier(stateDirectory: self.folder).run { _, _ in }
    }

    private static func remove(_ path: String) {
        for name in FileBytes.list(path) { self.remove("\(path)/\(name)") }
        if unsafe rmdir(path) != 0 { unsafe unlink(path) }
    }
}
