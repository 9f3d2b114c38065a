// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Names that one thread adds and any thread reads without a lock: of sensors, of sources.
///
/// A name never changes and never goes, so a reader needs to know only how many there are. To add
/// one costs the same however many there are already: whoever adds a hundred thousand one after the
/// other holds nobody up for the square of it.
///
/// Memory comes in chunks of 1,024 names that are allocated when the writer first reaches them and
/// live as long as the table.
///
/// `@unchecked Sendable`: only the owner adds; a name is written before the count that shows it is
/// stored, and never after.
@safe
package final class NameTable: @unchecked Sendable {
    private static var chunkNames: Int { 1_024 }
    private static var chunkCountMax: Int { 4_096 }

    private let chunks: UnsafeMutablePointer<Atomic<UnsafeMutablePointer<String>?>>
    private let used = Atomic<Int>(0)

    /// Names that a table can hold; further ones are not added.
    package static var capacity: Int { self.chunkNames * self.chunkCountMax }

    package init() {
        unsafe self.chunks = .allocate(capacity: Self.chunkCountMax)
        for index in 0..<Self.chunkCountMax {
            unsafe (self.chunks + index).initialize(to: Atomic(nil))
        }
    }

    deinit {
        var left = self.used.load(ordering: .relaxed)
        for index in 0..<Self.chunkCountMax {
            guard let base = unsafe self.chunks[index].load(ordering: .relaxed) else { break }
            unsafe base.deinitialize(count: min(left, Self.chunkNames))
            unsafe base.deallocate()
            left -= min(left, Self.chunkNames)
        }
        unsafe self.chunks.deallocate()
    }

    package var count: Int { self.used.load(ordering: .acquiring) }

    /// Adds the next name.
    ///
    /// Owner only.
    ///
    /// - Returns: Whether there was room for it.
    @discardableResult
    package func append(_ name: String) -> Bool {
        let index = self.used.load(ordering: .relaxed)
        let chunk = index / Self.chunkNames
        guard chunk < Self.chunkCountMax else { return false }
        let base: UnsafeMutablePointer<String>
        if let known = unsafe self.chunks[chunk].load(ordering: .relaxed) {
            unsafe base = known
        } else {
            unsafe base = .allocate(capacity: Self.chunkNames)
            unsafe self.chunks[chunk].store(base, ordering: .releasing)
        }
        unsafe (base + index % Self.chunkNames).initialize(to: name)
        // Partner of the load in `count`: who sees the number sees the name.
        self.used.store(index + 1, ordering: .releasing)
        return true
    }

    /// The names of now.
    package var names: Names { Names(table: self, count: self.count) }

    fileprivate func name(_ index: Int) -> String {
        guard
            let base = unsafe self.chunks[index / Self.chunkNames].load(ordering: .acquiring)
        else { return "" }
        return unsafe base[index % Self.chunkNames]
    }

    /// The names that a table had at one moment.
    ///
    /// To take them copies nothing.
    package struct Names: RandomAccessCollection, Sendable {
        private let table: NameTable?
        package let count: Int

        fileprivate init(table: NameTable, count: Int) {
            self.table = table
            self.count = count
        }

        /// No names.
        package init() {
            self.table = nil
            self.count = 0
        }

        package var startIndex: Int { 0 }
        package var endIndex: Int { self.count }

        package subscript(_ index: Int) -> String {
            precondition(index >= 0 && index < self.count, "name index")
            return self.table?.name(index) ?? ""
        }
    }
}
