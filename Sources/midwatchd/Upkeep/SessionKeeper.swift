// SPDX-License-Identifier: Apache-2.0

import Ingest
import Journal
import Logging
import MidwatchModel
import ReadingRing
import StateFolder
import Synchronization

/// Keeps the MQTT sessions over restarts: pictures in files, the records behind them in the journal.
///
/// A picture is written when every record below its number is durable: one that rests on records
/// that a crash took would hold messages whose readings are lost. The files are `CheckpointFile`'s,
/// in a folder of their own; the last three stay.
final class SessionKeeper: Sendable {
    static let intervalNanoseconds: UInt64 = 10_000_000_000
    /// Records read again at most where there is no picture: as many as the redelivery window.
    static let rereadMax: UInt64 = 1 << 22

    struct Parts: Sendable {
        var folders: Folders
        var report: JournalReport
        var ring: ReadingRing
        var watermark: DurableWatermark
        var clock: EngineClock
    }

    private struct State {
        var pending: (bytes: [UInt8], before: UInt64)?
        var lastPicture = MonotonicInstant.zero
    }

    let table: SessionTable
    private let parts: Parts
    private let logger: Logger
    private let state = Mutex(State())

    /// Rebuilds the sessions; the ring must still be empty, for the first picture is made here.
    init(_ parts: Parts, logger: Logger) {
        self.parts = parts
        self.logger = logger
        let store = Self.recover(parts, logger)
        self.table = SessionTable(store, ring: parts.ring)
        self.takePicture(now: parts.clock.now())
        self.writeIfDurable()
    }

    // MARK: - Start

    private static func recover(_ parts: Parts, _ logger: Logger) -> SessionStore {
        var (replay, next) = self.newestPicture(parts, logger)
        var count: UInt64 = 0
        do throws(JournalError) {
            let oldest = try JournalReader.oldest(directory: parts.folders.journal)?.n ?? 0
            next = max(next, oldest)
            try JournalFeed(folder: parts.folders.journal).each(
                from: next, below: parts.report.nextN,
                onEvent: { event in
                    if case .damage(let damage) = event {
                        logger.error(
                            "sessions may lack records",
                            metadata: ["journal.damage": "\(damage)"])
                    }
                }
            ) { slot, n, _ in
                replay.feed(slot, n: n)
                count += 1
                return true
            }
        } catch {
            logger.error("sessions not rebuilt to their end", metadata: ["error": "\(error)"])
        }
        replay.restarted(engine: parts.clock.now(), wall: EngineClock.wall())
        logger.notice(
            "sessions rebuilt",
            metadata: [
                "mqtt.sessions": "\(replay.store.count)", "journal.replayed": "\(count)",
            ])
        return replay.store
    }

    /// The newest picture that fits this journal, and the number of the first record behind it.
    private static func newestPicture(
        _ parts: Parts, _ logger: Logger
    ) -> (SessionReplay, UInt64) {
        let folder = parts.folders.sessions
        func passOver(_ name: String, _ reason: String) {
            logger.error(
                "picture of the sessions passed over",
                metadata: ["sessions.name": "\(name)", "sessions.reason": "\(reason)"])
            CheckpointFile.setAside(name, folder: folder)
        }
        let files = CheckpointFile.each(folder: folder, settingAside: false) {
            passOver($0, "it is damaged, or cannot be read")
        }
        for file in files {
            let reason: String
            do throws(SessionStore.PictureError) {
                let (store, next) = try SessionStore.restore(file.body)
                if file.journal == parts.report.journal, next <= parts.report.nextN {
                    return (SessionReplay(store), next)
                }
                reason = "it is of another journal, or ahead of this one"
            } catch {
                reason = "\(error)"
            }
            passOver(file.name, reason)
        }
        let end = parts.report.nextN
        return (SessionReplay(), end > self.rereadMax ? end - self.rereadMax : 0)
    }

    // MARK: - Housekeeping

    /// On the disk's thread.
    func everySecond() {
        let now = self.parts.clock.now()
        self.table.sweep(now: now)
        let isDue = self.state.withLock {
            $0.pending == nil
                && now.nanosecondsSince($0.lastPicture) >= Self.intervalNanoseconds
        }
        if isDue { self.takePicture(now: now) }
        self.writeIfDurable()
    }

    private func takePicture(now: MonotonicInstant) {
        let picture = self.table.picture(engine: now, wall: EngineClock.wall())
        self.state.withLock {
            $0.pending = picture
            $0.lastPicture = now
        }
    }

    private func writeIfDurable() {
        let ready = self.state.withLock { state -> (bytes: [UInt8], before: UInt64)? in
            guard let pending = state.pending, self.parts.watermark.through >= pending.before
            else { return nil }
            state.pending = nil
            return pending
        }
        guard let ready else { return }
        do {
            try CheckpointFile.write(
                ready.bytes, position: Position(epoch: self.parts.report.epoch, n: ready.before),
                journal: self.parts.report.journal, folder: self.parts.folders.sessions)
        } catch {
            self.logger.error("sessions not written", metadata: ["error": "\(error)"])
        }
    }
}
