// SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import MidwatchModel

/// What the historian does when the store refuses, and what it tells others.
extension Historian {
    func attempt(_ action: String, _ body: () throws(ArchiveError) -> Void) {
        do throws(ArchiveError) {
            try body()
        } catch {
            self.fail(error, action)
        }
    }

    func fail(_ error: ArchiveError, _ action: String) {
        self.status.publish(error: error.description)
        self.count(error)
        self.report(error, action)
        let rows = self.isWritingRows ? min(self.box?.builder.rows.count ?? 0, self.rowLimit) : 0
        self.isWritingRows = false
        switch error.disposition {
        case .quarantine:
            guard rows > 0 else {
                // Refused content that is no row of ours: a person must look.
                self.machine.stop(.schemaMismatch(detail: error.description))
                return
            }
            self.isolate(rows, error)
            return
        case .createPartition:
            self.store.forgetDays()
            // Not about partitions after all: then it is a row.
            if rows > 0, self.machine.failureCount >= Self.partitionAttemptsMax {
                self.isolate(rows, error)
                return
            }
        case .retrySmaller: self.rowLimit = max(1, self.rowLimit / 2)
        case .reconnect, .retry, .backOffLong, .retrySlowly, .stop: break
        }
        self.machine.failed(
            error.disposition, now: MonotonicInstant(nanoseconds: Self.now()),
            random: self.nextRandom())
        if case .backingOff(_, false) = self.machine.state { self.store.close() }
        if case .breakerOpen(_, false) = self.machine.state { self.store.close() }
    }

    /// Halves the rows of the next transaction, without waiting, until the bad one is alone.
    private func isolate(_ rows: Int, _ cause: ArchiveError) {
        guard rows == 1 else {
            self.rowLimit = rows / 2
            return
        }
        self.attempt("quarantine") { () throws(ArchiveError) in try self.quarantineFirst(cause) }
    }

    /// Puts the first row aside and moves the cursor over it, in one transaction.
    private func quarantineFirst(_ cause: ArchiveError) throws(ArchiveError) {
        guard let known = self.box, let row = known.builder.rows.first else { return }
        let batch = ArchiveBatch(
            from: known.builder.committed, to: row.position, rows: [],
            quarantine: QuarantinedRow(row: row, code: cause.code, message: cause.message))
        guard try self.store.write(batch) == .stored else {
            self.follow()
            return
        }
        self.box?.builder.didQuarantineFirst()
        self.status.counters.add(.quarantined)
        self.didStore()
        self.rowLimit = self.configuration.batchRowsMax
        self.logger.error(
            "reading quarantined",
            metadata: [
                "journal.position": "\(row.position)", "archive.code": "\(cause.code)",
                "archive.error": "\(cause.message)",
            ])
    }

    private func count(_ error: ArchiveError) {
        let counter: HistorianCounter =
            switch error.disposition {
            case .reconnect: .failuresConnection
            case .retry: error.code == "journal" ? .failuresSource : .failuresTransient
            case .retrySmaller: .failuresTimeout
            case .backOffLong: .failuresStorage
            case .retrySlowly: .failuresAccess
            case .createPartition: .failuresPartition
            case .quarantine: .failuresContent
            case .stop: .failuresContent
            }
        self.status.counters.add(counter)
    }

    /// Logs the first failure of a kind, then one line a minute.
    func report(_ error: ArchiveError, _ action: String) {
        let now = Self.now()
        if let last = self.lastLoggedFailure, last.code == error.code,
            now - last.at < 60_000_000_000
        {
            return
        }
        self.lastLoggedFailure = (error.code, now)
        let metadata: Logger.Metadata = [
            "archive.store": "\(self.store.word)", "archive.action": "\(action)",
            "archive.code": "\(error.code)", "archive.error": "\(error.message)",
        ]
        if case .stop = error.disposition {
            self.logger.critical("archive stopped", metadata: metadata)
        } else {
            self.logger.warning("archive failed", metadata: metadata)
        }
    }

    // MARK: - Reporting

    func publish() {
        let counters = self.status.counters
        let now = Self.now()
        self.status.publish(state: self.machine.state)
        let newest = self.source.newestPosition ?? .zero
        let stored = self.box?.builder.committed ?? .zero
        if let tally = self.box?.builder.takeTally() {
            counters.add(.redelivered, tally.redelivered)
            counters.add(.canaries, tally.canaries)
            counters.add(.implausible, tally.implausible)
            counters.add(.regressed, tally.regressed)
            counters.add(.historical, tally.historical)
            counters.add(.notANumber, tally.notANumber)
            counters.add(.anchorMissing, tally.anchorMissing)
            counters.add(.unregistered, tally.unregistered)
            counters.add(.recordsMissing, tally.recordsMissing)
            counters.add(.sensorsRegistered, tally.sensorsRegistered)
        }
        let lag = newest.n > stored.n ? newest.n - stored.n : 0
        if lag == 0 { self.caughtUpAt = now }
        counters.set(.lagRecords, lag)
        counters.set(.lagMilliseconds, (now - self.caughtUpAt) / 1_000_000)
        self.progress.setBacklog(lag)
        if let known = self.box {
            self.status.publish(stored: known.builder.committed, archived: known.builder.summarised)
        }
    }

    private func nextRandom() -> UInt64 {
        self.random ^= self.random << 13
        self.random ^= self.random >> 7
        self.random ^= self.random << 17
        return self.random
    }
}
