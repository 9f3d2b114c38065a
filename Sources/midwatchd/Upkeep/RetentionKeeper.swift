// SPDX-License-Identifier: Apache-2.0

import Journal
import Logging
import MidwatchConfiguration
import MidwatchModel
import ReadingRing
import Synchronization

/// Removes journal segments that are archived and old, and closes the door when the disk fills.
final class RetentionKeeper: Sendable {
    private static let intervalSeconds = 10

    private let retention: JournalRetention
    private let ring: ReadingRing
    private let watermark: DurableWatermark
    private let archivedThrough: @Sendable () -> Position
    private let clock: EngineClock
    private let logger: Logger
    private let state = Mutex<(turn: Int, verdict: RetentionVerdict?)>((0, nil))
    private let disk = Mutex<(space: DiskSpace, at: MonotonicInstant)?>(nil)
    private let folder: String

    init(
        folder: String, configuration: JournalConfiguration, ring: ReadingRing,
        watermark: DurableWatermark, archivedThrough: @escaping @Sendable () -> Position,
        clock: EngineClock, logger: Logger
    ) {
        self.retention = JournalRetention(directory: folder, policy: Self.policy(configuration))
        self.folder = folder
        self.ring = ring
        self.watermark = watermark
        self.archivedThrough = archivedThrough
        self.clock = clock
        self.logger = logger
    }

    /// What is kept: bytes that are configured stand for themselves, whatever share of the disk
    /// they are.
    static func policy(_ configuration: JournalConfiguration) -> RetentionPolicy {
        var policy = RetentionPolicy()
        if let bytes = configuration.retentionBytes {
            policy.bytesMax = UInt64(bytes)
            policy.diskPercentMax = 100
        }
        policy.keepNanoseconds = configuration.retentionNanoseconds
        return policy
    }

    /// The last verdict; nil before the first one.
    var verdict: RetentionVerdict? { self.state.withLock { $0.verdict } }

    /// The disk of the journal, and when it was looked at; nil before the first look.
    ///
    /// Any thread: it never asks the disk itself, which may hang.
    var space: (space: DiskSpace, at: MonotonicInstant)? { self.disk.withLock { $0 } }

    /// Thread of the disk.
    func everySecond() {
        if let space = try? LinuxDisk().space(self.folder) {
            let now = self.clock.now()
            self.disk.withLock { $0 = (space, now) }
        }
        let isTurn = self.state.withLock { state in
            state.turn += 1
            return state.turn % Self.intervalSeconds == 1
        }
        guard isTurn else { return }
        do {
            let verdict = try self.retention.run(
                durableThrough: self.watermark.through,
                archivedThrough: self.cursor(), now: self.clock.now())
            let before = self.state.withLock { state -> AdmissionMode? in
                defer { state.verdict = verdict }
                return state.verdict?.admission
            }
            self.apply(verdict.admission, before: before)
        } catch {
            self.logger.error("journal retention failed", metadata: ["error": "\(error)"])
        }
    }

    /// The archive's cursor as retention counts: the position behind the last record that is done.
    private func cursor() -> Position {
        let last = self.archivedThrough()
        return Position(epoch: last.epoch, n: last.n + 1)
    }

    private func apply(_ admission: AdmissionMode, before: AdmissionMode?) {
        let lowest = SensorCriticality.allCases.first { admission.admits($0) } ?? .own
        self.ring.admit(from: lowest)
        guard before != nil, before != admission else { return }
        self.logger.critical(
            "journal admission", metadata: ["journal.admission": "\(admission)"])
    }
}
