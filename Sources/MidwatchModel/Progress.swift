// SPDX-License-Identifier: Apache-2.0

package import Synchronization

/// Progress of one stage as the watchdog judges it: three counters and a word in shared memory.
///
/// *beat*: the stage's loop turned (at least once a second, also when idle). *backlog*: how much
/// work waits. *attempts*: how often the stage tried to do work. A stage is stuck when it does not
/// beat in its deadline, or has a backlog and makes no attempt. *disk*: its thread is in a call to a
/// disk; one that does not come back is the disk's fault, and no restart mends it.
///
/// The cells belong to whoever made them (the vitals page, or the heap in tests) and must outlive
/// every copy of this value.
///
/// `@unchecked Sendable`: every access is atomic and relaxed; the stage's owner writes, the
/// watchdog and the metrics read.
@safe
package struct StageProgress: @unchecked Sendable {
    private let cells: UnsafeMutablePointer<Atomic<UInt64>>

    /// Cells that one stage occupies: beat, backlog, attempts, disk.
    package static let cellCount = 4

    /// Uses `cellCount` initialised cells from `cells` on.
    package init(cells: UnsafeMutablePointer<Atomic<UInt64>>) { unsafe self.cells = cells }

    /// Counters on the heap, never freed: for tests and for programs without a vitals page.
    package static func standalone() -> StageProgress {
        let cells = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: Self.cellCount)
        for index in 0..<Self.cellCount { unsafe (cells + index).initialize(to: Atomic(0)) }
        return unsafe StageProgress(cells: cells)
    }

    /// The loop turned.
    package func beat() { unsafe self.cells[0].wrappingAdd(1, ordering: .relaxed) }

    /// `count` units of work wait.
    package func setBacklog(_ count: UInt64) {
        unsafe self.cells[1].store(count, ordering: .relaxed)
    }

    /// The stage tries to do work.
    package func attempt() { unsafe self.cells[2].wrappingAdd(1, ordering: .relaxed) }

    /// Runs `body`, which does nothing but call a disk.
    ///
    /// The stage's own thread only, and not within itself.
    package func callingDisk<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe self.cells[3].store(1, ordering: .relaxed)
        defer { unsafe self.cells[3].store(0, ordering: .relaxed) }
        return try body()
    }

    /// Whether the stage's thread is in a call to a disk.
    package var isCallingDisk: Bool { unsafe self.cells[3].load(ordering: .relaxed) != 0 }
    package var beatCount: UInt64 { unsafe self.cells[0].load(ordering: .relaxed) }
    package var backlog: UInt64 { unsafe self.cells[1].load(ordering: .relaxed) }
    package var attemptCount: UInt64 { unsafe self.cells[2].load(ordering: .relaxed) }
}

/// Readings of one run that arrived, and those that went no further, in memory that outlives the process.
///
/// The cells belong to whoever made them (the vitals page, or the heap in tests) and must outlive
/// every copy of this value. A kill finds them as they are, so sockets count as they go: `received`
/// before a reading enters the ring.
///
/// `@unchecked Sendable`: every access is atomic and relaxed.
@safe
package struct RunTally: @unchecked Sendable {
    private let cells: UnsafeMutablePointer<Atomic<UInt64>>

    /// Cells that a tally occupies: received, one that is another's, rejected, shed.
    package static let cellCount = 4

    /// Uses `cellCount` initialised cells from `cells` on.
    package init(cells: UnsafeMutablePointer<Atomic<UInt64>>) { unsafe self.cells = cells }

    /// Counters on the heap, never freed: for tests and for programs without a vitals page.
    package static func standalone() -> RunTally {
        let cells = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: Self.cellCount)
        for index in 0..<Self.cellCount { unsafe (cells + index).initialize(to: Atomic(0)) }
        return unsafe RunTally(cells: cells)
    }

    /// Readings arrived.
    package func receive(_ count: UInt64) {
        unsafe self.cells[0].wrappingAdd(count, ordering: .relaxed)
    }

    /// Readings that were received are of no use.
    package func reject(_ count: UInt64) {
        unsafe self.cells[2].wrappingAdd(count, ordering: .relaxed)
    }

    /// Readings that were received found no room.
    package func shed(_ count: UInt64) {
        unsafe self.cells[3].wrappingAdd(count, ordering: .relaxed)
    }

    package var received: UInt64 { unsafe self.cells[0].load(ordering: .relaxed) }
    package var rejected: UInt64 { unsafe self.cells[2].load(ordering: .relaxed) }
    package var shedCount: UInt64 { unsafe self.cells[3].load(ordering: .relaxed) }
}

/// Plain counters of one owner that others may read at any time.
///
/// Adding is one relaxed atomic addition: no lock, no allocation. `Name` lists the counters.
///
/// `@unchecked Sendable`: every access is atomic and relaxed.
@safe
package final class CounterBlock<Name: RawRepresentable & CaseIterable & Sendable>:
    @unchecked Sendable
where Name.RawValue == Int {
    @usableFromInline let cells: UnsafeMutablePointer<Atomic<UInt64>>
    private let count: Int

    package init() {
        self.count = Name.allCases.count
        unsafe self.cells = .allocate(capacity: self.count)
        for index in 0..<self.count { unsafe (self.cells + index).initialize(to: Atomic(0)) }
    }

    deinit { unsafe self.cells.deallocate() }

    /// Adds `amount` to `name`.
    ///
    /// Raw values must be 0 ..< number of cases.
    @inlinable
    package func add(_ name: Name, _ amount: UInt64 = 1) {
        unsafe self.cells[name.rawValue].wrappingAdd(amount, ordering: .relaxed)
    }

    /// Sets `name`, for gauges.
    @inlinable
    package func set(_ name: Name, _ value: UInt64) {
        unsafe self.cells[name.rawValue].store(value, ordering: .relaxed)
    }

    /// The value of `name`.
    @inlinable
    package subscript(_ name: Name) -> UInt64 {
        unsafe self.cells[name.rawValue].load(ordering: .relaxed)
    }
}

/// One line of the metrics page.
package struct MetricSample: Sendable, Equatable {
    /// A histogram's samples are named with `_bucket` (label `le`), `_sum` and `_count`.
    package enum Kind: Sendable { case counter, gauge, histogram }

    /// Base-unit name with suffix, `midwatch_` in front: `midwatch_readings_total`.
    package var name: String
    package var help: String
    package var kind: Kind
    package var labels: [(name: String, value: String)]
    package var value: Double

    package init(
        _ name: String, help: String, kind: Kind, labels: [(name: String, value: String)] = [],
        value: Double
    ) {
        self.name = name
        self.help = help
        self.kind = kind
        self.labels = labels
        self.value = value
    }

    package static func == (lhs: Self, rhs: Self) -> Bool {
        lhs.name == rhs.name && lhs.help == rhs.help && lhs.kind == rhs.kind
            && lhs.value == rhs.value && lhs.labels.elementsEqual(rhs.labels, by: ==)
    }
}
