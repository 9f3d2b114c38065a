// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Records that one thread writes and any thread reads without a lock: a table of seqlocks.
///
/// Memory comes in chunks of 1,024 records that are allocated when the writer first reaches them
/// and live as long as the table. A reader that meets a record in the middle of a write tries
/// again; the writer never waits.
///
/// `@unchecked Sendable`: only the owner writes; every word is read and written atomically.
@safe
package final class LiveTable<Record: BitwiseCopyable & Sendable>: @unchecked Sendable {
    private static var chunkRecords: Int { 1_024 }
    private static var chunkCountMax: Int { 4_096 }

    private typealias Word = Atomic<UInt64>
    private let chunks: UnsafeMutablePointer<Atomic<UnsafeMutablePointer<Atomic<UInt64>>?>>
    private let used = Atomic<Int>(0)
    private let wordsPerRecord: Int

    /// Records that a table can hold.
    package static var capacity: Int { self.chunkRecords * self.chunkCountMax }

    package init() {
        precondition(MemoryLayout<Record>.size % 8 == 0, "live record size")
        self.wordsPerRecord = MemoryLayout<Record>.size / 8 + 1
        unsafe self.chunks = .allocate(capacity: Self.chunkCountMax)
        for index in 0..<Self.chunkCountMax {
            unsafe (self.chunks + index).initialize(to: Atomic(nil))
        }
    }

    deinit {
        for index in 0..<Self.chunkCountMax {
            unsafe self.chunks[index].load(ordering: .relaxed)?.deallocate()
        }
        unsafe self.chunks.deallocate()
    }

    /// Records written so far are below this.
    package var count: Int { self.used.load(ordering: .acquiring) }

    /// Writes record `index`; one beyond `capacity` is ignored.
    ///
    /// Owner only.
    package func write(_ record: Record, at index: Int) {
        guard let base = unsafe self.place(index, isWriting: true) else { return }
        let sequence = unsafe base[0].load(ordering: .relaxed)
        unsafe base[0].store(sequence &+ 1, ordering: .relaxed)
        // The odd sequence must be seen before any word of the new record.
        atomicMemoryFence(ordering: .releasing)
        unsafe withUnsafeBytes(of: record) { bytes in
            for word in 0..<self.wordsPerRecord - 1 {
                unsafe base[1 + word].store(
                    bytes.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self),
                    ordering: .relaxed)
            }
        }
        unsafe base[0].store(sequence &+ 2, ordering: .releasing)
        if index >= self.used.load(ordering: .relaxed) {
            self.used.store(index + 1, ordering: .releasing)
        }
    }

    /// A consistent copy of record `index`; nil if it was never written.
    package func read(_ index: Int) -> Record? {
        guard index >= 0, index < self.count,
            let base = unsafe self.place(index, isWriting: false)
        else { return nil }
        return unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: self.wordsPerRecord)
        {
            buffer in
            while true {
                let before = unsafe base[0].load(ordering: .acquiring)
                if before == 0 { return nil }
                for word in 1..<self.wordsPerRecord {
                    unsafe buffer[word - 1] = base[word].load(ordering: .relaxed)
                }
                atomicMemoryFence(ordering: .acquiring)
                let after = unsafe base[0].load(ordering: .relaxed)
                if before == after, before & 1 == 0 {
                    return unsafe UnsafeRawPointer(buffer.baseAddress)?
                        .loadUnaligned(as: Record.self)
                }
            }
        }
    }

    private func place(_ index: Int, isWriting: Bool) -> UnsafeMutablePointer<Atomic<UInt64>>? {
        let chunk = index / Self.chunkRecords
        guard index >= 0, chunk < Self.chunkCountMax else { return nil }
        let offset = index % Self.chunkRecords * self.wordsPerRecord
        if let base = unsafe self.chunks[chunk].load(ordering: .acquiring) {
            return unsafe base + offset
        }
        guard isWriting else { return nil }
        let words = Self.chunkRecords * self.wordsPerRecord
        let base = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: words)
        for word in 0..<words { unsafe (base + word).initialize(to: Atomic(0)) }
        unsafe self.chunks[chunk].store(base, ordering: .releasing)
        return unsafe base + offset
    }
}
