// SPDX-License-Identifier: Apache-2.0

/// Flat memory for the records of one kind: grows when records are added, never per reading.
///
/// An `Array` in its place would be checked for uniqueness at every write (measured: 5 times
/// slower when a class or a long-lived owner holds it).
@safe
struct FlatTable<Element: BitwiseCopyable>: ~Copyable {
    private var base: UnsafeMutablePointer<Element>
    private var capacity: Int
    private(set) var count: Int

    init(reserving capacity: Int) {
        self.capacity = max(16, capacity)
        unsafe self.base = .allocate(capacity: self.capacity)
        self.count = 0
    }

    deinit { unsafe self.base.deallocate() }

    subscript(_ index: Int) -> Element {
        get {
            precondition(index >= 0 && index < self.count, "table index")
            return unsafe self.base[index]
        }
        _modify {
            precondition(index >= 0 && index < self.count, "table index")
            yield unsafe &self.base[index]
        }
    }

    mutating func append(_ element: Element) {
        if self.count == self.capacity {
            let larger = UnsafeMutablePointer<Element>.allocate(capacity: self.capacity * 2)
            unsafe larger.update(from: self.base, count: self.count)
            unsafe self.base.deallocate()
            unsafe self.base = larger
            self.capacity *= 2
        }
        unsafe self.base[self.count] = element
        self.count += 1
    }

    /// Forgets every record; the memory stays.
    mutating func removeAll() { self.count = 0 }

    /// The bytes of all records, for a checkpoint.
    func appendBytes(to bytes: inout [UInt8]) {
        unsafe bytes.append(
            contentsOf: UnsafeRawBufferPointer(
                start: self.base, count: self.count * MemoryLayout<Element>.stride))
    }

    /// Replaces all records by `count` records read from `bytes` at `offset`.
    ///
    /// - Returns: False, and no change, if there are not enough bytes.
    mutating func restore(count: Int, from bytes: [UInt8], at offset: inout Int) -> Bool {
        let byteCount = count * MemoryLayout<Element>.stride
        guard count >= 0, offset + byteCount <= bytes.count else { return false }
        self.count = 0
        unsafe bytes.withUnsafeBytes { raw in
            for index in 0..<count {
                self.append(
                    unsafe raw.loadUnaligned(
                        fromByteOffset: offset + index * MemoryLayout<Element>.stride,
                        as: Element.self))
            }
        }
        offset += byteCount
        return true
    }
}
