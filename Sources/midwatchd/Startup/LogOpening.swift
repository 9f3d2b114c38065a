// SPDX-License-Identifier: Apache-2.0

import Journal
import MidwatchModel

/// Opens journal and ledger so that a monitor runs whatever their disk does.
///
/// Only another process that holds them ends a start. What cannot be written is read and the run
/// goes on without records (mode `storageFailed`); what cannot be understood is kept aside under
/// another name and begun anew. Nothing old is removed.
struct LogOpening {
    let troubles: StartTroubles
    /// The highest epoch that is known to have been given out: by the page of the run before, by
    /// decisions in the ledger.
    let epochAbove: UInt32
    /// Tells runs apart that cannot make their epoch durable, one boot from another.
    let boot: UInt64

    /// Epochs passed by a new journal in the place of one that cannot be understood: what that one
    /// gave out is not all known.
    static let freshEpochsPassed: UInt32 = 1 << 10
    /// Epochs passed at least by a run that cannot make its own durable, and over how many the
    /// boots are spread: none of them is given out by a run that can.
    static let detachedEpochsPassed: UInt32 = 1 << 20

    /// Beyond this an epoch is not believed: the next ones must have room.
    private static let believableEpochMax: UInt32 = 1 << 31

    /// The highest epoch that the page of the run before and the ledger name.
    static func epochAbove(page: UInt32?, ledger: UInt32?) -> UInt32 {
        [page, ledger].compactMap { $0 }.filter { $0 < Self.believableEpochMax }.max() ?? 0
    }

    // MARK: - Journal

    func journal(
        folder: String, options: JournalOptions,
        progress: (_ done: UInt64, _ total: UInt64) -> Void
    ) throws(JournalError) -> OpenJournal {
        var options = options
        options.epochAbove = max(options.epochAbove, self.epochAbove)
        do throws(JournalError) {
            return try Journal.open(directory: folder, options: options, progress: progress)
        } catch {
            switch error {
            case .lockedByAnother: throw error
            case .disk: return try self.detached(folder, options, error, progress)
            case .identityDamaged, .unknownVersion, .damaged, .positionTooOld, .positionAhead:
                return try self.anew(folder, options, error, progress)
            }
        }
    }

    /// A new journal in the place of one that cannot be understood.
    private func anew(
        _ folder: String, _ options: JournalOptions, _ cause: JournalError,
        _ progress: (_ done: UInt64, _ total: UInt64) -> Void
    ) throws(JournalError) -> OpenJournal {
        var options = options
        options.epochAbove = max(options.epochAbove, Journal.highestEpoch(directory: folder))
        options.epochsPassed = Self.freshEpochsPassed
        options.verifyFrom = nil
        do {
            let aside = try Journal.setAside(directory: folder)
            let journal = try Journal.open(
                directory: folder, options: options, progress: progress)
            self.troubles.note(
                .damaged, "journal not readable, kept aside as \(aside), a new one begun",
                error: cause)
            return journal
        } catch {
            return try self.detached(folder, options, cause, progress)
        }
    }

    /// A run without a journal that is written.
    private func detached(
        _ folder: String, _ options: JournalOptions, _ cause: JournalError,
        _ progress: (_ done: UInt64, _ total: UInt64) -> Void
    ) throws(JournalError) -> OpenJournal {
        var options = options
        let spread = UInt32(truncatingIfNeeded: self.boot % UInt64(Self.detachedEpochsPassed))
        options.epochsPassed = Self.detachedEpochsPassed + spread
        self.troubles.note(
            .notWritten, "journal not written in this run: mend its disk, then restart midwatchd",
            error: cause)
        let disk = DetachedDisk(.readable)
        do throws(JournalError) {
            let journal = try Journal.open(
                directory: folder, options: options, disk: disk, progress: progress)
            disk.detach()
            return journal
        } catch {
            guard error != .lockedByAnother else { throw error }
            let nothing = DetachedDisk(.nothing)
            options.verifyFrom = nil
            let journal = try Journal.open(directory: folder, options: options, disk: nothing)
            nothing.detach()
            return journal
        }
    }

    // MARK: - Ledger

    /// A ledger, or a log in its format; `name` stands in what people are told.
    static func ledger(
        _ name: String, folder: String, options: LedgerOptions = LedgerOptions(),
        troubles: StartTroubles, progress: (_ done: UInt64) -> Void = { _ in }
    ) throws(LedgerError) -> (writer: LedgerWriter, report: LedgerOpenReport) {
        do throws(LedgerError) {
            return try LedgerWriter.open(
                directory: folder, options: options, progress: progress)
        } catch {
            guard error != .lockedByAnother else { throw error }
            troubles.note(
                .notWritten,
                "\(name) not written in this run: mend its disk, then restart midwatchd",
                error: error)
        }
        do throws(LedgerError) {
            return try self.ledger(.readable, folder, options, progress)
        } catch {
            guard error != .lockedByAnother else { throw error }
            return try self.ledger(.nothing, folder, options, progress)
        }
    }

    private static func ledger(
        _ contents: DetachedDisk.Contents, _ folder: String, _ options: LedgerOptions,
        _ progress: (_ done: UInt64) -> Void
    ) throws(LedgerError) -> (writer: LedgerWriter, report: LedgerOpenReport) {
        let disk = DetachedDisk(contents)
        let opened = try LedgerWriter.open(
            directory: folder, options: options, disk: disk, progress: progress)
        disk.detach()
        return opened
    }
}
