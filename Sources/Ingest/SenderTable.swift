// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import MidwatchModel
internal import Synchronization

/// The senders of one UDP listener: address → source.
///
/// Row 0 is the listener itself and takes every sender beyond the limit. A row is never given up,
/// as a source never is.
///
/// `@unchecked Sendable`: everything belongs to the listener's thread, except the count beyond the
/// limit, which is atomic.
@safe
final class SenderTable: @unchecked Sendable {
    private struct Row: BitwiseCopyable {
        var high: UInt64
        var low: UInt64
        var source: SourceIndex
    }

    private static let textBytesMax = 46

    private let rows: UnsafeMutablePointer<Row>
    /// Row numbers by address, 0 for an empty place.
    private let index: UnsafeMutablePointer<UInt16>
    private let indexMask: Int
    private let rowCountMax: Int
    private var rowCount = 1
    private var isClosed = false
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
        unsafe self.index = .allocate(capacity: places)
        unsafe self.index.initialize(repeating: 0, count: places)
        self.sources = sources
        self.listenerName = name
    }

    deinit {
        unsafe self.rows.deallocate()
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
