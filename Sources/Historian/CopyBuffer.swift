// SPDX-License-Identifier: Apache-2.0

/// Bytes of one COPY … (FORMAT binary), in memory that is used again for every batch.
///
/// Layout (PostgreSQL documentation, COPY, "Binary Format"): signature, flags, extension length;
/// per row a field count and per field a length and the bytes, all big-endian; -1 at the end.
@safe
package struct CopyBuffer: ~Copyable {
    /// 2000-01-01T00:00:00Z in microseconds since 1970: the zero of `timestamptz`.
    package static let timestampZeroMicroseconds: Int64 = 946_684_800_000_000
    private static let signature: [UInt8] = [
        0x50, 0x47, 0x43, 0x4F, 0x50, 0x59, 0x0A, 0xFF, 0x0D, 0x0A, 0x00, 0, 0, 0, 0, 0, 0, 0, 0,
    ]

    private var memory: UnsafeMutableRawBufferPointer
    private var count = 0

    /// - Parameter capacity: Bytes to begin with; grows as needed.
    package init(capacity: Int = 65_536) {
        unsafe self.memory = .allocate(byteCount: max(64, capacity), alignment: 16)
    }

    deinit { unsafe self.memory.deallocate() }

    /// The bytes put so far, valid until the next change.
    package func withBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws(ArchiveError) -> Result
    ) throws(ArchiveError) -> Result {
        try unsafe body(UnsafeRawBufferPointer(rebasing: self.memory[0..<self.count]))
    }

    /// Starts anew with the header.
    package mutating func begin() {
        self.count = 0
        self.reserve(Self.signature.count)
        for byte in Self.signature { self.putByte(byte) }
    }

    /// Makes room for `bytes` more; the `put…` calls after it do not check again.
    package mutating func reserve(_ bytes: Int) {
        let needed = self.count + bytes
        guard unsafe needed > self.memory.count else { return }
        let grown = unsafe UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(needed, self.memory.count * 2), alignment: 16)
        unsafe grown.copyMemory(
            from: UnsafeRawBufferPointer(rebasing: self.memory[0..<self.count]))
        unsafe self.memory.deallocate()
        unsafe self.memory = grown
    }

    /// Begins a row of `fieldCount` fields.
    ///
    /// Reserve its bytes first.
    @inline(__always)
    package mutating func beginRow(fieldCount: Int16) { self.store(fieldCount) }

    @inline(__always)
    package mutating func putNull() { self.store(Int32(-1)) }

    @inline(__always)
    package mutating func put(_ value: Int16) {
        self.store(Int32(2))
        self.store(value)
    }

    @inline(__always)
    package mutating func put(_ value: Int32) {
        self.store(Int32(4))
        self.store(value)
    }

    @inline(__always)
    package mutating func put(_ value: Int64) {
        self.store(Int32(8))
        self.store(value)
    }

    @inline(__always)
    package mutating func put(_ value: Double) {
        self.store(Int32(8))
        self.store(value.bitPattern)
    }

    @inline(__always)
    package mutating func put(_ value: Bool) {
        self.store(Int32(1))
        self.store(UInt8(value ? 1 : 0))
    }

    /// A `timestamptz` from nanoseconds since 1970, cut to microseconds towards the past.
    @inline(__always)
    package mutating func put(timestamp nanoseconds: Int64) {
        let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: 1_000)
        let microseconds = remainder < 0 ? quotient - 1 : quotient
        self.put(microseconds - Self.timestampZeroMicroseconds)
    }

    /// UTF-8 text, which must hold no zero byte.
    ///
    /// Reserves for itself.
    package mutating func put(_ text: String) {
        let bytes = Array(text.utf8)
        self.reserve(4 + bytes.count)
        self.store(Int32(bytes.count))
        for byte in bytes { self.putByte(byte) }
    }

    /// Ends the data.
    package mutating func end() {
        self.reserve(2)
        self.store(Int16(-1))
    }

    @inline(__always)
    private mutating func putByte(_ byte: UInt8) { self.store(byte) }

    @inline(__always)
    private mutating func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        let size = MemoryLayout<Value>.size
        precondition(unsafe self.count + size <= self.memory.count, "reserve before put")
        unsafe self.memory.storeBytes(
            of: value.bigEndian, toByteOffset: self.count, as: Value.self)
        self.count += size
    }
}
