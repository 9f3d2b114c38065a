// SPDX-License-Identifier: Apache-2.0

/// A growing run of bytes in one piece of memory: what encoders write into.
///
/// Unlike an array it is never shared, so writing is a bounds check and a store. It grows by
/// doubling and keeps its memory when emptied; the owner bounds what it writes.
///
/// `@unchecked Sendable`: the memory belongs to this one value, which cannot be copied.
@safe
package struct WireBuffer: ~Copyable, @unchecked Sendable {
    private var base: UnsafeMutablePointer<UInt8>
    package private(set) var capacity: Int
    package private(set) var count = 0

    package init(capacity: Int = 256) {
        precondition(capacity > 0, "a buffer has room for at least one byte")
        self.capacity = capacity
        unsafe self.base = .allocate(capacity: capacity)
    }

    deinit { unsafe self.base.deallocate() }

    package var isEmpty: Bool { self.count == 0 }

    package subscript(_ index: Int) -> UInt8 {
        get {
            precondition(index >= 0 && index < self.count, "no such byte")
            return unsafe self.base[index]
        }
        set {
            precondition(index >= 0 && index < self.count, "no such byte")
            unsafe self.base[index] = newValue
        }
    }

    /// Lends the bytes written so far.
    @inline(__always)
    package borrowing func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (borrowing Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let span = unsafe Span(_unsafeStart: self.base, count: self.count)
        return try body(span)
    }

    /// A copy of the bytes: for tests and slow paths.
    package borrowing func array() -> [UInt8] {
        unsafe Array(UnsafeBufferPointer(start: self.base, count: self.count))
    }

    // MARK: Writing

    package mutating func append(_ byte: UInt8) {
        if self.count == self.capacity { self.grow(by: 1) }
        unsafe (self.base + self.count).initialize(to: byte)
        self.count &+= 1
    }

    /// Appends big-endian, as every number of MQTT is.
    package mutating func append16(_ value: UInt16) {
        self.append(UInt8(truncatingIfNeeded: value >> 8))
        self.append(UInt8(truncatingIfNeeded: value))
    }

    /// Appends big-endian.
    package mutating func append32(_ value: UInt32) {
        self.append16(UInt16(truncatingIfNeeded: value >> 16))
        self.append16(UInt16(truncatingIfNeeded: value))
    }

    package mutating func append(_ bytes: borrowing Span<UInt8>) {
        self.append(bytes, in: ByteRange(0, bytes.count))
    }

    /// Appends the bytes of `range`, which must lie inside `bytes`.
    package mutating func append(_ bytes: borrowing Span<UInt8>, in range: ByteRange) {
        precondition(range.upperBound <= bytes.count, "range outside the bytes")
        precondition(range.start <= range.end, "range upside down")
        guard range.count > 0 else { return }
        if self.capacity - self.count < range.count { self.grow(by: range.count) }
        unsafe bytes.withUnsafeBufferPointer { source in
            guard let start = source.baseAddress else { return }
            unsafe (self.base + self.count).initialize(
                from: start + range.lowerBound, count: range.count)
        }
        self.count &+= range.count
    }

    /// Appends the UTF-8 of `text`.
    package mutating func append(_ text: String) { self.append(text.utf8.span) }

    /// Forgets everything; the memory stays.
    package mutating func removeAll() { self.count = 0 }

    /// Forgets everything from `count` on.
    package mutating func truncate(to count: Int) {
        precondition(count >= 0 && count <= self.count, "a buffer is cut to less, not to more")
        self.count = count
    }

    /// Drops the first `dropped` bytes and moves the rest to the front.
    package mutating func removeFirst(_ dropped: Int) {
        precondition(dropped >= 0 && dropped <= self.count, "more dropped than there is")
        unsafe self.base.update(from: self.base + dropped, count: self.count - dropped)
        self.count -= dropped
    }

    /// Gives memory above `capacity` back; only an empty buffer may shrink.
    package mutating func shrink(to capacity: Int) {
        precondition(self.isEmpty, "only an empty buffer shrinks")
        guard capacity > 0, self.capacity > capacity else { return }
        unsafe self.base.deallocate()
        unsafe self.base = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    private mutating func grow(by wanted: Int) {
        let larger = max(self.capacity * 2, self.count + wanted)
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        unsafe moved.moveInitialize(from: self.base, count: self.count)
        unsafe self.base.deallocate()
        unsafe self.base = moved
        self.capacity = larger
    }
}
