// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
package import MidwatchModel
import Synchronization

/// One page of memory that the daemon and the watchdog share through a file.
///
/// The daemon makes a fresh page at every start and maps it; the watchdog maps the same file. The
/// daemon writes how far each stage is, the watchdog judges it, and each sees the other's beat. The
/// file outlives the daemon, so the next start can read how the last run ended.
///
/// Every cell has one writing process and is read and written with relaxed atomics: a reader may
/// see two cells from different moments, and no decision needs them from the same one.
///
/// Invariants
/// 1. A file with the page's name is always one whole, valid page: it gets its name last.
/// 2. The process that made the page holds an exclusive flock(2) on it as long as it lives.
/// 3. Neither side ever changes the size of the file, so the mapping stays readable.
///
/// `@unchecked Sendable`: the mapping is fixed for the life of the object and every access to it
/// after `init` is atomic.
@safe
package final class VitalsPage: @unchecked Sendable {
    /// What the header says about the daemon that made the page.
    package struct Owner: Equatable, Sendable {
        package var process: ProcessIdentity
        package var bootID: BootID
        /// Start on CLOCK_BOOTTIME.
        package var startedAt: MonotonicInstant
        package var startedWall: WallInstant

        package init(
            process: ProcessIdentity, bootID: BootID, startedAt: MonotonicInstant,
            startedWall: WallInstant
        ) {
            self.process = process
            self.bootID = bootID
            self.startedAt = startedAt
            self.startedWall = startedWall
        }
    }

    /// How an earlier run ended, as its page tells.
    package struct PreviousRun: Equatable, Sendable {
        package var owner: Owner
        /// 0 if the run did not get as far as to know its epoch.
        package var epoch: UInt32
        package var phase: VitalsPhase
        package var counters: [RunCounter: UInt64]
        /// Records below this number are in `counters[.durable]`, if they are readings.
        package var durableThrough: UInt64
        /// Whether that run was in this boot.
        ///
        /// After a power failure the page may be older than the end of the run, so the counters are
        /// then a lower bound.
        package var isSameBoot: Bool
    }

    package let owner: Owner
    /// The run before this one; nil for a first start, a damaged page, and pages that were opened.
    package let previousRun: PreviousRun?
    /// Device and inode of the file: a page with the same name but another identity is a new run.
    package let fileIdentity: FileIdentity

    private let base: UnsafeMutableRawPointer
    private let descriptor: Int32

    init(
        base: UnsafeMutableRawPointer, descriptor: Int32, owner: Owner, previousRun: PreviousRun?,
        fileIdentity: FileIdentity
    ) {
        unsafe self.base = base
        self.descriptor = descriptor
        self.owner = owner
        self.previousRun = previousRun
        self.fileIdentity = fileIdentity
    }

    deinit {
        unsafe munmap(self.base, VitalsLayout.pageBytes)
        close(self.descriptor)
    }

    /// The descriptor whose flock(2) says that the maker lives.
    var lockDescriptor: Int32 { self.descriptor }

    private func cell(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        precondition(offset % 8 == 0, "a cell is aligned")
        precondition(offset >= VitalsLayout.Header.end, "the header is not a cell")
        precondition(offset + 8 <= VitalsLayout.pageBytes, "a cell is in the page")
        return unsafe (self.base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    func load(_ offset: Int) -> UInt64 { unsafe self.cell(offset).pointee.load(ordering: .relaxed) }

    func store(_ offset: Int, _ value: UInt64) {
        unsafe self.cell(offset).pointee.store(value, ordering: .relaxed)
    }

    func add(_ offset: Int, _ amount: UInt64) {
        unsafe self.cell(offset).pointee.wrappingAdd(amount, ordering: .relaxed)
    }

    // MARK: Stages

    /// Counters of `stage`.
    ///
    /// They live in the page: keep the page as long as any copy is used.
    package func progress(of stage: Stage) -> StageProgress {
        unsafe StageProgress(cells: self.cell(VitalsLayout.stage(stage)))
    }

    /// Stages this daemon has, from its configuration.
    ///
    /// The watchdog judges no others.
    ///
    /// Writer: the daemon, before it enters `running`. A fresh page has all of them.
    package var stagesInUse: Set<Stage> {
        get {
            let mask = self.load(VitalsLayout.stagesInUse)
            return Set(Stage.allCases.filter { mask & (1 << UInt64($0.rawValue)) != 0 })
        }
        set {
            self.store(
                VitalsLayout.stagesInUse,
                newValue.reduce(0) { $0 | 1 << UInt64($1.rawValue) })
        }
    }

    // MARK: Run

    /// Epoch of the run; 0 until the journal has given it.
    ///
    /// Writer: the daemon.
    package var epoch: UInt32 {
        get { UInt32(truncatingIfNeeded: self.load(VitalsLayout.epoch)) }
        set { self.store(VitalsLayout.epoch, UInt64(newValue)) }
    }

    /// What the daemon is doing.
    ///
    /// Writer: one thread of the daemon.
    ///
    /// Setting a phase that differs, `done` included, counts as progress; setting the same one
    /// again does not, so a recovery that reports without moving is still seen as stuck.
    package var phase: VitalsPhase {
        get {
            switch self.load(VitalsLayout.phase) {
            case 0: .starting
            case 1:
                .recovering(
                    done: self.load(VitalsLayout.phaseDone),
                    total: self.load(VitalsLayout.phaseTotal))
            case 2: .running
            case 3: .storageFailed
            case 4: .suspended
            default: .stopping
            }
        }
        set {
            let old = self.phase
            guard old != newValue else { return }
            var code: UInt64 = 0
            switch newValue {
            case .starting: code = 0
            case .recovering(let done, let total):
                code = 1
                self.store(VitalsLayout.phaseDone, done)
                self.store(VitalsLayout.phaseTotal, total)
            case .running: code = 2
            case .storageFailed: code = 3
            case .suspended: code = 4
            case .stopping: code = 5
            }
            if old.word != newValue.word {
                self.store(VitalsLayout.phaseSince, BootClock.now().nanoseconds)
            }
            self.store(VitalsLayout.phase, code)
            self.notePhaseProgress()
        }
    }

    /// Says that the present phase moves (a start or a stop that takes long).
    ///
    /// Writer: the daemon.
    package func notePhaseProgress() { self.add(VitalsLayout.phaseProgress, 1) }

    /// Grows with every sign of progress in a phase and with every change of phase.
    package var phaseProgress: UInt64 { self.load(VitalsLayout.phaseProgress) }

    /// When the present phase began, on CLOCK_BOOTTIME.
    package var phaseSince: MonotonicInstant {
        MonotonicInstant(nanoseconds: self.load(VitalsLayout.phaseSince))
    }

    /// When the oldest critical alert that no route has taken yet was made, on CLOCK_BOOTTIME.
    ///
    /// An instant, not an age: it goes on ageing when the daemon stops. Writer: the daemon.
    package var oldestUndeliveredCriticalSince: MonotonicInstant? {
        get {
            let value = self.load(VitalsLayout.oldestUndeliveredCriticalSince)
            return value == 0 ? nil : MonotonicInstant(nanoseconds: value)
        }
        set {
            self.store(
                VitalsLayout.oldestUndeliveredCriticalSince,
                newValue.map { max($0.nanoseconds, 1) } ?? 0
            )
        }
    }

    // MARK: Counters of the run

    /// Adds to a counter of the run.
    ///
    /// Any thread of the daemon.
    package func add(_ counter: RunCounter, _ amount: UInt64) {
        self.add(VitalsLayout.runCounters + counter.rawValue * 8, amount)
    }

    /// Sets a counter of the run, for owners that keep their own.
    ///
    /// One thread of the daemon.
    package func set(_ counter: RunCounter, _ value: UInt64) {
        self.store(VitalsLayout.runCounters + counter.rawValue * 8, value)
    }

    /// A counter of the run.
    package subscript(_ counter: RunCounter) -> UInt64 {
        self.load(VitalsLayout.runCounters + counter.rawValue * 8)
    }

    /// The run's readings as sockets count them.
    ///
    /// They live in the page: keep the page as long as any copy is used.
    package var runTally: RunTally { unsafe RunTally(cells: self.cell(VitalsLayout.runCounters)) }

    /// Number up to which the counter `durable` counts: a start counts what stands behind it.
    ///
    /// Writer: the daemon's journal thread.
    package var durableThrough: UInt64 {
        get { self.load(VitalsLayout.durableThrough) }
        set { self.store(VitalsLayout.durableThrough, newValue) }
    }

    // MARK: Canary

    /// UDP port on 127.0.0.1 where the daemon takes canary readings; 0 while closed.
    ///
    /// Writer: the daemon.
    package var canaryPort: UInt16 {
        get { UInt16(truncatingIfNeeded: self.load(VitalsLayout.canaryPort)) }
        set { self.store(VitalsLayout.canaryPort, UInt64(newValue)) }
    }

    /// The nonce the watchdog wants to see, and since when.
    ///
    /// Writer: the watchdog.
    package var wantedNonce: UInt64 { self.load(VitalsLayout.wantedNonce) }

    /// Asks for `nonce`.
    ///
    /// Writer: the watchdog.
    package func want(nonce: UInt64, now: MonotonicInstant) {
        self.store(VitalsLayout.wantedNonceSince, now.nanoseconds)
        self.store(VitalsLayout.wantedNonce, nonce)
    }

    /// When `wantedNonce` was written.
    ///
    /// Writer: the watchdog.
    package var wantedNonceSince: MonotonicInstant {
        MonotonicInstant(nanoseconds: self.load(VitalsLayout.wantedNonceSince))
    }

    /// The last nonce the engine evaluated.
    ///
    /// Writer: the daemon's engine thread.
    package var evaluatedNonce: UInt64 {
        get { self.load(VitalsLayout.evaluatedNonce) }
        set { self.store(VitalsLayout.evaluatedNonce, newValue) }
    }

    /// The last nonce that is durable in the journal.
    ///
    /// Writer: the daemon's journal thread.
    package var journaledNonce: UInt64 {
        get { self.load(VitalsLayout.journaledNonce) }
        set { self.store(VitalsLayout.journaledNonce, newValue) }
    }

    // MARK: The watchdog, for the daemon to watch back

    /// The watchdog's loop turned.
    ///
    /// Writer: the watchdog.
    package func beatFromWatchdog(processID: Int32, now: MonotonicInstant) {
        self.store(VitalsLayout.watchdogProcessID, UInt64(UInt32(bitPattern: processID)))
        self.store(VitalsLayout.watchdogBeatAt, now.nanoseconds)
        self.add(VitalsLayout.watchdogBeat, 1)
    }

    /// Turns of the watchdog's loop since the page was made; 0 if none attends to it.
    package var watchdogBeatCount: UInt64 { self.load(VitalsLayout.watchdogBeat) }

    /// Last turn of the watchdog's loop on CLOCK_BOOTTIME; zero if none attended yet.
    package var watchdogBeatAt: MonotonicInstant {
        MonotonicInstant(nanoseconds: self.load(VitalsLayout.watchdogBeatAt))
    }

    /// Process number of the watchdog that attends to this page; 0 if none did yet.
    package var watchdogProcessID: Int32 {
        Int32(bitPattern: UInt32(truncatingIfNeeded: self.load(VitalsLayout.watchdogProcessID)))
    }
}
