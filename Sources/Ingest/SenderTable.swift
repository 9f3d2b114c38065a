// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import MidwatchModel
internal import Synchronization

/// The senders of one UDP listener: address → source and its counts.
///
/// Row 0 is the listener itself and takes every sender beyond the limit. A row is never given up,
/// as a source never is.
///
/// `@unchecked Sendable`: addresses, sources and the hash index belong to the listener's thread;
/// counts are atomic; names are behind the lock, and their number says how many rows are made.
@safe
final class SenderTable: @unchecked Sendable {
    /// One of the counts of a sender.
    enum Count: Int, CaseIterable {
        case received = 0
        case accepted = 1
        case shed = 2
        case rejected = 3
        /// Whole lines; how many readings were in them nobody knows.
        case linesRejected = 4

        var word: String {
            switch self {
            case .received: "received"
            case .accepted: "accepted"
            case .shed: "shed"
            case .rejected: "rejected"
            case .linesRejected: "linesRejected"
            }
        }
    }

    private struct Row: BitwiseCopyable {
        var high: UInt64
        var low: UInt64
        var source: SourceIndex
    }

    private static let textBytesMax = 46
    private static let countsPerRow = 8

    private let rows: UnsafeMutablePointer<Row>
    private let counts: UnsafeMutablePointer<Atomic<UInt64>>
    /// Row numbers by address, 0 for an empty place.
    private let index: UnsafeMutablePointer<UInt16>
    private let indexMask: Int
    private let rowCountMax: Int
    private var rowCount = 1
    private var isClosed = false
    private let names: Mutex<[String]>
    private let sources: SourceRegistry
    private let listenerName: String

    /// Senders that got no row of their own.
    let beyondLimitCount = Atomic<UInt64>(0)

    /// Makes the table of one listener.
    ///
    /// `listener` is its source and `name` the name of that source, below which senders are named.
    /// `senderCountMax`, 0 ... 4,096, is how many have a row of their own.
    init(listener: SourceIndex, name: String, senderCountMax: Int, sources: SourceRegistry) {
        precondition(senderCountMax >= 0 && senderCountMax <= 4_096, "sender count")
        self.rowCountMax = senderCountMax + 1
        var places = 64
        while places < self.rowCountMax * 2 { places *= 2 }
        self.indexMask = places - 1
        let first = Row(high: 0, low: 0, source: listener)
        unsafe self.rows = .allocate(capacity: self.rowCountMax)
        unsafe self.rows.initialize(repeating: first, count: self.rowCountMax)
        // A cache line a row.
        let cells = self.rowCountMax * Self.countsPerRow
        unsafe self.counts = .allocate(capacity: cells)
        for cell in 0..<cells { unsafe (self.counts + cell).initialize(to: Atomic(0)) }
        unsafe self.index = .allocate(capacity: places)
        unsafe self.index.initialize(repeating: 0, count: places)
        self.names = Mutex([name])
        self.sources = sources
        self.listenerName = name
    }

    deinit {
        unsafe self.rows.deallocate()
        unsafe self.counts.deallocate()
        unsafe self.index.deallocate()
    }

    /// The row of a sender; makes one if it is new and there is room.
    ///
    /// Listener's thread.
    func row(high: UInt64, low: UInt64) -> Int {
        var place = Self.place(high, low) & self.indexMask
        while true {
            let row = unsafe Int(self.index[place])
            if row == 0 { return self.make(high, low, at: place) }
            if unsafe self.rows[row].low == low && self.rows[row].high == high { return row }
            place = (place &+ 1) & self.indexMask
        }
    }

    /// The source that readings of this row carry.
    ///
    /// Listener's thread.
    func source(of row: Int) -> SourceIndex {
        precondition(row < self.rowCount, "row not made")
        return unsafe self.rows[row].source
    }

    /// Adds to a count of a row.
    ///
    /// Listener's thread.
    func add(_ count: Count, _ amount: UInt64, row: Int) {
        precondition(row < self.rowCount, "row not made")
        guard amount > 0 else { return }
        // One writer: a load and a store are enough, and cheaper than a locked addition.
        let cell = unsafe self.counts + (row &* Self.countsPerRow &+ count.rawValue)
        let sum = unsafe cell.pointee.load(ordering: .relaxed) &+ amount
        unsafe cell.pointee.store(sum, ordering: .relaxed)
    }

    /// One sample per sender and count.
    ///
    /// Any thread.
    func metrics() -> [MetricSample] {
        var samples: [MetricSample] = []
        for (row, name) in self.names.withLock({ $0 }).enumerated() {
            for count in Count.allCases {
                let cell = unsafe self.counts + (row * Self.countsPerRow + count.rawValue)
                samples.append(
                    MetricSample(
                        "midwatch_source_readings_total",
                        help: "Readings by source and outcome.", kind: .counter,
                        labels: [
                            (name: "source", value: name), (name: "outcome", value: count.word),
                        ],
                        value: Double(unsafe cell.pointee.load(ordering: .relaxed))))
            }
        }
        return samples
    }

    // MARK: - Helpers

    private func make(_ high: UInt64, _ low: UInt64, at place: Int) -> Int {
        guard !self.isClosed, self.rowCount < self.rowCountMax else {
            self.beyondLimitCount.wrappingAdd(1, ordering: .relaxed)
            return 0
        }
        let name = self.listenerName + "/" + Self.text(high, low)
        let listener = unsafe self.rows[0].source
        switch self.sources.resolve(name, behind: listener, origin: .discovered) {
        case .known(let source):
            let row = self.rowCount
            unsafe self.rows[row] = Row(high: high, low: low, source: source)
            unsafe self.index[place] = UInt16(row)
            self.rowCount += 1
            self.names.withLock { $0.append(name) }
            return row
        case .rejected:
            // Sources are never given up: asking again would be a lock per datagram for nothing.
            self.isClosed = true
            return 0
        case .ringFull: return 0
        }
    }

    private static func place(_ high: UInt64, _ low: UInt64) -> Int {
        // Fibonacci hashing: the multiplier is 2^64 divided by the golden ratio.
        let mixed = (high &* 0x9E37_79B9_7F4A_7C15 ^ low) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: mixed &>> 40)
    }

    private static func text(_ high: UInt64, _ low: UInt64) -> String {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: self.textBytesMax) {
            buffer in
            guard let base = buffer.baseAddress else { return "" }
            unsafe clinux_udp_address_text(high, low, base)
            return unsafe String(cString: base)
        }
    }
}
