// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import EmbeddedStore
internal import Glibc
internal import MidwatchModel
internal import NamedThread
internal import Synchronization

/// Whether the outbox file takes what it is given.
package enum OutboxCondition: Sendable, Equatable {
    case writing
    /// Writes wait in memory and are tried again once a second; alerts leave all the same.
    case failing(String)
    /// The file was not a database; it was kept under this path and a new one begun.
    case setAside(path: String)

    /// Word used in JSON, metrics and on screens.
    package var word: String {
        switch self {
        case .writing: "writing"
        case .failing: "failing"
        case .setAside: "setAside"
        }
    }

    /// What is wrong, for people; nil if nothing is.
    package var fault: String? {
        switch self {
        case .writing: nil
        case .failing: "outbox not written"
        case .setAside(let path): "outbox was damaged and is made again, kept as \(path)"
        }
    }
}

/// Counters of the store; raw values index the block.
enum OutboxCounter: Int, CaseIterable, Sendable {
    case written, commits, failures, refused, rejected, deadLettersDeleted
}

/// Why a question to the store has no answer.
enum OutboxUnavailable: Error, Equatable {
    case failed(String)
    case stopped
    case busy
}

/// The outbox file and the one thread that touches it.
///
/// Writes are handed over without waiting and applied in order, many to a transaction. A disk that
/// hangs holds up this thread and nothing else: the queue fills, and then `offer` says no.
final class OutboxStore: Sendable {
    /// Questions that wait at once.
    static let questionCountMax = 1_024

    private enum Entry: Sendable {
        case write(OutboxWrite)
        case question(
            @Sendable (OutboxFile) throws(SQLiteError) -> Void,
            refuse: @Sendable (OutboxUnavailable) -> Void)
    }

    private struct Queue: Sendable {
        var entries: [Entry] = []
        var writeCount = 0
        var questionCount = 0
        var isStopping = false
        var hasEnded = false
        var onEnd: [CheckedContinuation<Void, Never>] = []
    }

    let counters = CounterBlock<OutboxCounter>()
    private let path: String
    private let queueCountMax: Int
    private let wall: @Sendable () -> WallInstant
    private let onCondition: @Sendable (OutboxCondition) -> Void
    private let bell = Doorbell()
    private let queue = Mutex(Queue())
    private let lostFile = Atomic<Bool>(false)

    /// `onCondition` is called on the store's thread when the condition changes.
    init(
        path: String, queueCountMax: Int, wall: @escaping @Sendable () -> WallInstant,
        onCondition: @escaping @Sendable (OutboxCondition) -> Void
    ) {
        self.path = path
        self.queueCountMax = queueCountMax
        self.wall = wall
        self.onCondition = onCondition
    }

    /// Starts the thread, once.
    func start() {
        do throws(ThreadRefusal) {
            try NamedThread.detach("OutboxStore") { self.run() }
        } catch {
            self.onCondition(.failing("\(error)"))
            self.end()
        }
    }

    /// Hands over one write; false if there is no room for it.
    ///
    /// Reports of failed attempts get half of the queue, so that they never cost an alert its
    /// place or its mark.
    func offer(_ write: OutboxWrite) -> Bool {
        let (isAccepted, isAwaited) = self.queue.withLock { queue in
            let limit = write.isExpendable ? self.queueCountMax / 2 : self.queueCountMax
            guard queue.writeCount < limit, !queue.isStopping else { return (false, false) }
            queue.writeCount += 1
            queue.entries.append(.write(write))
            // Between the first and a full batch the thread gathers, or is at work.
            return (
                true,
                queue.entries.count == 1 || queue.writeCount == DeliveryLimits.storeBatchCountMax
            )
        }
        if isAwaited { self.bell.ring() }
        if !isAccepted { self.counters.add(.refused) }
        return isAccepted
    }

    /// Asks the file something after every write handed over before.
    ///
    /// Suspends as long as the disk hangs; the caller must not hold anything up meanwhile.
    func ask<Answer: Sendable>(
        _ body: @escaping @Sendable (OutboxFile) throws(SQLiteError) -> Answer
    ) async throws(OutboxUnavailable) -> Answer {
        let result: Result<Answer, OutboxUnavailable> = await withCheckedContinuation { waiter in
            let entry = Entry.question(
                { (file: OutboxFile) throws(SQLiteError) in
                    waiter.resume(returning: .success(try body(file)))
                },
                refuse: { waiter.resume(returning: .failure($0)) })
            let refusal: OutboxUnavailable? = self.queue.withLock { queue in
                guard !queue.isStopping else { return .stopped }
                guard queue.questionCount < Self.questionCountMax else { return .busy }
                queue.questionCount += 1
                queue.entries.append(entry)
                return nil
            }
            if let refusal { waiter.resume(returning: .failure(refusal)) } else { self.bell.ring() }
        }
        return try result.get()
    }

    /// Lets the thread write what waits and end; returns when it has ended.
    func stop() async {
        await withCheckedContinuation { waiter in
            let hasEnded = self.queue.withLock { queue in
                queue.isStopping = true
                if !queue.hasEnded { queue.onEnd.append(waiter) }
                return queue.hasEnded
            }
            if hasEnded { waiter.resume() } else { self.bell.ring() }
        }
    }

    /// Whether a file that was in use in this run was set aside.
    var hasLostFile: Bool { self.lostFile.load(ordering: .acquiring) }

    /// Writes and questions that wait.
    var backlog: Int { self.queue.withLock { $0.entries.count } }

    // MARK: Thread

    private func run() {
        var file: OutboxFile?
        var isFailing = false
        var damage = OutboxDamage()
        while true {
            let seen = self.bell.count
            let (entries, isStopping) = self.queue.withLock { queue in
                (Array(queue.entries.prefix(DeliveryLimits.storeBatchCountMax)), queue.isStopping)
            }
            if entries.isEmpty, isStopping { break }
            if file != nil, entries.count == 1, self.gather() { continue }
            if file == nil {
                do throws(SQLiteError) {
                    file = try self.open(&damage)
                } catch {
                    damage.note(error)
                    self.failed(error, isFailing: &isFailing)
                }
            }
            guard let open = file else {
                // Nothing can be written: a stop does not wait for a disk to be repaired.
                if isStopping { break }
                self.refuseQuestions(.failed("the outbox cannot be opened"))
                self.pause()
                continue
            }
            if isFailing, entries.isEmpty {
                isFailing = false
                self.onCondition(.writing)
            }
            if entries.isEmpty {
                self.bell.wait(since: seen, atMostNanoseconds: UInt64.max)
                continue
            }
            do throws(SQLiteError) {
                try self.perform(entries, in: open)
                damage.wrote()
                if isFailing { self.onCondition(.writing) }
                isFailing = false
            } catch {
                // Closed before it is moved, and read anew: what memory holds of it may be damaged.
                if damage.note(error) { file = nil }
                self.failed(error, isFailing: &isFailing)
                self.refuseQuestions(.failed(error.description))
                if isStopping { break }
                if !damage.isDue { self.pause() }
            }
        }
        file = nil
        self.end()
    }

    /// Opens the file; one that is damaged is kept under another name and a new one begun.
    private func open(_ damage: inout OutboxDamage) throws(SQLiteError) -> OutboxFile {
        if !damage.isDue {
            do throws(SQLiteError) {
                let file = try OutboxFile(path: self.path)
                damage.wasOpened()
                return file
            } catch {
                damage.note(error)
                guard damage.isDue else { throw error }
            }
        }
        let aside = try self.setAside()
        let file = try OutboxFile(path: self.path)
        if damage.wasSetAside() { self.lostFile.store(true, ordering: .releasing) }
        self.onCondition(.setAside(path: aside))
        return file
    }

    /// Moves the file away with what belongs to it: its log first, which must not meet a new file.
    private func setAside() throws(SQLiteError) -> String {
        let aside = self.path + ".unreadable-\(self.wall().nanoseconds / 1_000_000)"
        unsafe unlink(self.path + "-shm")
        for suffix in ["-wal", ""] {
            guard unsafe rename(self.path + suffix, aside + suffix) != 0, errno != ENOENT else {
                continue
            }
            throw SQLiteError(
                code: SQLiteError.ioError, message: "error \(errno)", action: "set aside")
        }
        return aside
    }

    /// Performs entries in order and takes each from the queue once it is done.
    private func perform(_ entries: [Entry], in file: OutboxFile) throws(SQLiteError) {
        var index = 0
        while index < entries.count {
            var writes: [OutboxWrite] = []
            while index + writes.count < entries.count,
                case .write(let write) = entries[index + writes.count]
            {
                writes.append(write)
            }
            if writes.isEmpty, case .question(let body, let refuse) = entries[index] {
                var damage: SQLiteError?
                do throws(SQLiteError) { try body(file) } catch {
                    self.counters.add(.failures)
                    if error.isCorruption || error.isIO { damage = error }
                    refuse(.failed(error.description))
                }
                self.remove(writeCount: 0, questionCount: 1)
                index += 1
                if let damage { throw damage }
            } else {
                try self.write(writes[...], in: file)
                self.remove(writeCount: writes.count, questionCount: 0)
                index += writes.count
            }
        }
    }

    /// One transaction; if a statement is at fault and not the disk, one write at a time.
    private func write(_ writes: ArraySlice<OutboxWrite>, in file: OutboxFile) throws(SQLiteError) {
        do throws(SQLiteError) {
            try file.apply(writes)
            self.counters.add(.written, UInt64(writes.count))
            self.counters.add(.commits)
            let commits = self.counters[.commits]
            // Deleting scans indexes: now and then is often enough for bounds this wide.
            if commits % 1_024 == 0 { self.counters.add(.deadLettersDeleted, try file.prune()) }
        } catch {
            guard !error.isBusy, !error.isStorage, !error.isCorruption else { throw error }
            guard writes.count > 1 else {
                self.counters.add(.rejected)
                return
            }
            for index in writes.indices { try self.write(writes[index...index], in: file) }
        }
    }

    /// Lets writes come together for one commit; false if nothing more came.
    ///
    /// Every commit is a sync, which syncs of journal and ledger wait behind: alerts wait for those.
    private func gather() -> Bool {
        let until = clinux_boottime_ns() + DeliveryLimits.storeGatherNanoseconds
        while true {
            let seen = self.bell.count
            let (count, isDue) = self.queue.withLock { queue in
                (
                    queue.entries.count,
                    queue.isStopping || queue.questionCount > 0
                        || queue.writeCount >= DeliveryLimits.storeBatchCountMax
                )
            }
            let now = clinux_boottime_ns()
            guard !isDue, now < until else { return count > 1 }
            self.bell.wait(since: seen, atMostNanoseconds: until - now)
        }
    }

    private func remove(writeCount: Int, questionCount: Int) {
        self.queue.withLock { queue in
            queue.entries.removeFirst(writeCount + questionCount)
            queue.writeCount -= writeCount
            queue.questionCount -= questionCount
        }
    }

    private func failed(_ error: SQLiteError, isFailing: inout Bool) {
        self.counters.add(.failures)
        if !isFailing { self.onCondition(.failing(error.description)) }
        isFailing = true
    }

    private func refuseQuestions(_ reason: OutboxUnavailable) {
        let refused = self.queue.withLock { queue in
            var refused: [@Sendable (OutboxUnavailable) -> Void] = []
            queue.entries.removeAll { entry in
                guard case .question(_, let refuse) = entry else { return false }
                refused.append(refuse)
                return true
            }
            queue.questionCount = 0
            return refused
        }
        for refuse in refused { refuse(reason) }
    }

    /// Waits a second for the disk, less if the store is stopped.
    private func pause() {
        let until = clinux_boottime_ns() + DeliveryLimits.storeRetryNanoseconds
        while true {
            let seen = self.bell.count
            let now = clinux_boottime_ns()
            guard now < until, !self.queue.withLock({ $0.isStopping }) else { return }
            self.bell.wait(since: seen, atMostNanoseconds: until - now)
        }
    }

    private func end() {
        self.refuseQuestions(.stopped)
        let waiters = self.queue.withLock { queue in
            queue.isStopping = true
            queue.hasEnded = true
            let waiters = queue.onEnd
            queue.onEnd = []
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
