// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import MidwatchModel
internal import Synchronization

/// Readings of every source by outcome, in flat memory.
///
/// received = accepted + shed + rejected, for every source; MQTT sheds nothing.
///
/// `@unchecked Sendable`: every access is atomic and relaxed.
@safe
package final class SourceTally: @unchecked Sendable {
    package enum Count: Int, Sendable, CaseIterable {
        case received = 0
        case accepted = 1
        case shed = 2
        case rejected = 3
        /// Whole lines; how many readings were in them nobody knows.
        case linesRejected = 4
        /// Rows in the archive, also of readings that an earlier run received.
        case stored = 5

        /// Word used in metrics.
        package var word: String {
            switch self {
            case .received: "received"
            case .accepted: "accepted"
            case .shed: "shed"
            case .rejected: "rejected"
            case .linesRejected: "linesRejected"
            case .stored: "stored"
            }
        }
    }

    /// A cache line a source, so that two threads with two sources do not meet.
    private static let cellsPerSource = 8

    private let cells: UnsafeMutablePointer<Atomic<UInt64>>

    init() {
        let count = SystemLimits.sourceCountMax * Self.cellsPerSource
        // The system hands out zeroed pages when they are first touched: 4 MiB of address space,
        // 4 KiB of memory for every 64 sources. All bits zero is an atomic zero.
        let bytes = unsafe mmap(
            nil, count * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let bytes = unsafe bytes, unsafe bytes != MAP_FAILED else {
            preconditionFailure("no address space for the source tally")
        }
        unsafe self.cells = bytes.bindMemory(to: Atomic<UInt64>.self, capacity: count)
    }

    deinit {
        unsafe _ = munmap(self.cells, SystemLimits.sourceCountMax * Self.cellsPerSource * 8)
    }

    /// Adds to a count of a source.
    package func add(_ count: Count, _ amount: UInt64, of source: SourceIndex) {
        precondition(source.rawValue < UInt32(SystemLimits.sourceCountMax), "source index")
        guard amount > 0 else { return }
        let cell = Int(source.rawValue) &* Self.cellsPerSource &+ count.rawValue
        unsafe self.cells[cell].wrappingAdd(amount, ordering: .relaxed)
    }

    package subscript(_ count: Count, _ source: SourceIndex) -> UInt64 {
        precondition(source.rawValue < UInt32(SystemLimits.sourceCountMax), "source index")
        let cell = Int(source.rawValue) * Self.cellsPerSource + count.rawValue
        return unsafe self.cells[cell].load(ordering: .relaxed)
    }
}
