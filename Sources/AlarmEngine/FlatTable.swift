// SPDX-License-Identifier: Apache-2.0

/// Flat memory for the records of one kind: grows when records are added, never per reading.
///
/// An `Array` in its place would be checked for uniqueness at every write (measured: 5 times
/// slower when a class or a long-lived owner holds it).
///
/// `@unchecked Sendable`: the memory has one owner, this value.
@safe
struct FlatTable<Element: BitwiseCopyable & Sendable>: ~Copyable, @unchecked Sendable {
    private var base: UnsafeMutablePointer<Element>
    private var capacity: Int
    private(set) var count: Int
    /// A copy under way of the records that there were when it began; else of none.
    private var copy = FlatTableCopy()

    init(reserving capacity: Int) {
        self.capacity = max(16, capacity)
        unsafe self.base = Self.allocate(self.capacity)
        self.count = 0
    }

    deinit {
        unsafe UnsafeMutableRawPointer(self.base).deallocate()
        self.copy.deallocate()
    }

    /// Memory for `capacity` records that begins a pair of cache lines: a record of 128 bytes then
    /// takes two of them, not three.
    private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<Element> {
        unsafe UnsafeMutableRawPointer.allocate(
            byteCount: capacity * MemoryLayout<Element>.stride, alignment: 128
        ).bindMemory(to: Element.self, capacity: capacity)
    }

    subscript(_ index: Int) -> Element {
        // Addresses, not values: to read one field of a record is to load that field.
        unsafeAddress {
            precondition(index >= 0 && index < self.count, "table index")
            return unsafe UnsafePointer(self.base + index)
        }
        unsafeMutableAddress {
            precondition(index >= 0 && index < self.count, "table index")
            if index < self.copy.count { self.save(index) }
            return unsafe self.base + index
        }
    }

    mutating func append(_ element: Element) {
        if self.count == self.capacity { self.reserve(self.count + 1) }
        unsafe self.base[self.count] = element
        self.count += 1
    }

    /// Reads a word of each cache line of a record.
    @inline(__always)
    func touch(_ index: Int) -> UInt64 {
        precondition(index >= 0 && index < self.count, "table index")
        let record = unsafe UnsafeRawPointer(self.base + index)
        var sum: UInt64 = 0
        for offset in stride(from: 0, to: MemoryLayout<Element>.size &- 7, by: 64) {
            sum &+= unsafe record.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        }
        guard MemoryLayout<Element>.stride & 63 != 0 else { return sum }
        let last = MemoryLayout<Element>.size &- 8
        return sum &+ (unsafe record.loadUnaligned(fromByteOffset: last, as: UInt64.self))
    }

    /// Makes room for `count` records in all, or for twice as many as now if that is more.
    ///
    /// Memory that is not used yet costs nothing but addresses.
    mutating func reserve(_ count: Int) {
        guard count > self.capacity else { return }
        let capacity = max(count, self.capacity * 2)
        let larger = unsafe Self.allocate(capacity)
        unsafe larger.update(from: self.base, count: self.count)
        unsafe UnsafeMutableRawPointer(self.base).deallocate()
        unsafe self.base = larger
        self.capacity = capacity
    }

    /// Takes the last record out; not of a table that is being copied.
    mutating func popLast() -> Element? {
        guard self.count > self.copy.count else { return nil }
        self.count -= 1
        return unsafe self.base[self.count]
    }

    /// Forgets every record; the memory stays.
    mutating func removeAll() { self.count = 0 }

    /// The bytes of all records, for a checkpoint.
    func appendBytes(to bytes: inout [UInt8]) {
        unsafe bytes.append(
            contentsOf: UnsafeRawBufferPointer(
                start: self.base, count: self.count * MemoryLayout<Element>.stride))
    }

    /// Bytes of all records.
    var byteCount: Int { self.count * MemoryLayout<Element>.stride }

    /// Begins to copy all records, as they are now, to `target`.
    ///
    /// `copyOn` does it piece by piece; a record that is changed before its turn is copied first.
    /// The memory at `target` must stay until the copy is whole or given up.
    mutating func beginCopy(to target: UnsafeMutableRawPointer) {
        unsafe self.copy.begin(
            to: target, count: self.count, stride: MemoryLayout<Element>.stride)
    }

    /// Copies on, about `bytes` at most; returns how many it copied, 0 when all are there.
    mutating func copyOn(_ bytes: Int) -> Int {
        unsafe self.copy.copyOn(bytes, from: UnsafeRawPointer(self.base))
    }

    /// Forgets a copy under way.
    mutating func endCopy() { self.copy.end() }

    @inline(never)
    private mutating func save(_ index: Int) {
        unsafe self.copy.save(index, from: UnsafeRawPointer(self.base))
    }

    /// Replaces all records by `count` records read from `bytes` at `offset`.
    ///
    /// `fields` are bytes of a record that are looked at before any record is read: a case that an
    /// enum does not have must never become a value of it.
    ///
    /// - Throws: `CheckpointError.truncated` or `.inconsistent`; the table is then as it was.
    mutating func restore(
        count: Int, from bytes: [UInt8], at offset: inout Int, checking fields: [ByteField]
    ) throws(CheckpointError) {
        let stride = MemoryLayout<Element>.stride
        guard count >= 0, count <= (bytes.count - offset) / stride else { throw .truncated }
        for field in fields {
            guard let place = field.offset else { throw .inconsistent }
            for index in 0..<count where bytes[offset + index * stride + place] > field.most {
                throw .inconsistent
            }
        }
        self.count = 0
        self.reserve(count)
        unsafe bytes.withUnsafeBytes { raw in
            for index in 0..<count {
                self.append(
                    unsafe raw.loadUnaligned(
                        fromByteOffset: offset + index * stride, as: Element.self))
            }
        }
        offset += count * stride
    }
}

/// A byte of a record that holds the case of an enum or a flag: at most `most`.
struct ByteField: Sendable {
    /// Place in the record; nil if the compiler gives none, and then nothing is read.
    var offset: Int?
    var most: UInt8

    /// The case of an enum without payloads is its number in the order of declaration.
    init<Root, Case: CaseIterable>(_ path: KeyPath<Root, Case>) {
        self.offset = MemoryLayout<Root>.offset(of: path)
        self.most = UInt8(Case.allCases.count - 1)
    }

    /// A byte of flags whose greatest value is `most`.
    init<Root, Flags: OptionSet>(_ path: KeyPath<Root, Flags>, most: UInt8)
    where Flags.RawValue == UInt8 {
        self.offset = MemoryLayout<Root>.offset(of: path)
        self.most = most
    }

    init<Root>(_ path: KeyPath<Root, Bool>) {
        self.offset = MemoryLayout<Root>.offset(of: path)
        self.most = 1
    }
}
