// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A flat table of integers that starts as zeros.
///
/// The pages come from the kernel untouched, so a table sized for a million sensors costs memory
/// only for those that exist. The owner says who writes.
@safe
struct ZeroedTable<Element: FixedWidthInteger & BitwiseCopyable>: @unchecked Sendable {
    private let cells: UnsafeMutablePointer<Element>
    let count: Int

    /// The caller frees it with `deallocate()`.
    init(count: Int) {
        guard let memory = unsafe calloc(count, MemoryLayout<Element>.stride) else {
            fatalError("no memory for a table of \(count) entries")
        }
        unsafe self.cells = memory.bindMemory(to: Element.self, capacity: count)
        self.count = count
    }

    func deallocate() { unsafe free(self.cells) }

    @inline(__always)
    subscript(_ index: Int) -> Element {
        get {
            precondition(index >= 0 && index < self.count, "table index")
            return unsafe self.cells[index]
        }
        nonmutating set {
            precondition(index >= 0 && index < self.count, "table index")
            unsafe self.cells[index] = newValue
        }
    }

    /// The bytes of the first `count` cells.
    func withBytes<Result>(
        count: Int, _ body: (UnsafeMutableRawBufferPointer) -> Result
    ) -> Result {
        precondition(count >= 0 && count <= self.count, "table prefix")
        return unsafe body(
            UnsafeMutableRawBufferPointer(
                start: self.cells, count: count * MemoryLayout<Element>.stride))
    }
}
