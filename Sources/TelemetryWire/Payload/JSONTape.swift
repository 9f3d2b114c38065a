// SPDX-License-Identifier: Apache-2.0

internal import JSONText

/// A JSON document as a list of its values: what hot decoders read instead of a tree.
///
/// `parse` checks the whole text (RFC 8259, as strictly as `JSONValue`) and writes one node per
/// value and per member name, each before what it holds. The text is not copied: nodes point into
/// it. Memory is taken when a document needs it and kept; `nodeCountMax` bounds it.
///
///     {"a":[1,2]}   →   object, name "a", array, number, number
///
/// `@unchecked Sendable`: the memory belongs to this one value, which cannot be copied.
@safe
package struct JSONTape: ~Copyable, @unchecked Sendable {
    package enum Kind: UInt8, Sendable, BitwiseCopyable {
        case null, bool, number, string, array, object
    }

    package struct Node: Sendable, BitwiseCopyable {
        /// The text; of a string what stands between the quotes.
        package var text: ByteRange
        /// Number of the first node behind this one and all it holds.
        package var next: UInt32
        /// Elements or members of a container.
        package var count: UInt32
        package var kind: Kind
        /// A string with a backslash in it.
        package var hasEscape: Bool
        /// A number without fraction and exponent; of a bool, whether it is true.
        package var flag: Bool
    }

    /// Values, names and containers of one document: 2 MiB of memory.
    package static let nodeCountMax = 98_304
    private static let nodeCountStart = 64
    /// Members that are compared with each other one by one; more go through a table.
    private static let plainMemberCount = 8

    private var nodes: UnsafeMutablePointer<Node>
    private var capacity: Int
    package private(set) var count = 0
    /// Places of names by hash, for objects with many members; empty until one comes.
    private var table: [UInt32] = []

    package init() {
        self.capacity = Self.nodeCountStart
        unsafe self.nodes = .allocate(capacity: Self.nodeCountStart)
    }

    deinit { unsafe self.nodes.deallocate() }

    /// Node `index`; the document is node 0.
    @inline(__always)
    package subscript(_ index: Int) -> Node {
        precondition(index >= 0 && index < self.count, "no such node")
        return unsafe self.nodes[index]
    }

    /// Reads one document: white space around it is allowed, anything else is not.
    ///
    /// - Throws: What is wrong and at which byte; the tape is then empty.
    /// - Complexity: O(bytes). Allocates only when a document has more nodes than any before.
    package mutating func parse(_ bytes: borrowing Span<UInt8>) throws(PayloadFault) {
        self.count = 0
        do {
            try Self.checkUTF8(bytes)
            try self.scan(bytes)
        } catch {
            self.count = 0
            throw error
        }
    }

    /// Containers that are open, innermost last.
    private struct Open {
        /// `JSONValue.depthMax` of them.
        var nodes: [64 of UInt32] = .init(repeating: 0)
        var depth = 0
    }

    private mutating func scan(_ bytes: borrowing Span<UInt8>) throws(PayloadFault) {
        var scanner = JSONScanner()
        var open = Open()
        precondition(open.nodes.count == JSONValue.depthMax, "as deep as the tree may be")
        scanner.skipSpace(bytes)
        while true {
            // A value is due.
            guard open.depth < JSONValue.depthMax else { throw scanner.fault(.tooDeep) }
            let index = self.count
            try self.append(try scanner.value(bytes), scanner)
            let kind = unsafe self.nodes[index].kind
            if kind == .array || kind == .object {
                scanner.skipSpace(bytes)
                if !scanner.skip(kind == .array ? UInt8(ascii: "]") : UInt8(ascii: "}"), bytes) {
                    open.nodes[open.depth] = UInt32(truncatingIfNeeded: index)
                    open.depth &+= 1
                    if kind == .object { try self.appendName(&scanner, bytes) }
                    continue
                }
                self.close(index, scanner)
            }
            // A value is complete: so may be the containers around it.
            if try self.finish(&scanner, &open, bytes) { return }
        }
    }

    /// Reads on behind a value up to the next one; true at the end of the document.
    private mutating func finish(
        _ scanner: inout JSONScanner, _ open: inout Open, _ bytes: borrowing Span<UInt8>
    ) throws(PayloadFault) -> Bool {
        while open.depth > 0 {
            let parent = Int(open.nodes[open.depth &- 1])
            let isArray = unsafe self.nodes[parent].kind == .array
            unsafe self.nodes[parent].count &+= 1
            scanner.skipSpace(bytes)
            if scanner.skip(UInt8(ascii: ","), bytes) {
                if isArray {
                    scanner.skipSpace(bytes)
                } else {
                    try self.appendName(&scanner, bytes)
                }
                return false
            }
            guard scanner.skip(isArray ? UInt8(ascii: "]") : UInt8(ascii: "}"), bytes) else {
                throw scanner.fault(scanner.isAtEnd(bytes) ? .unexpectedEnd : .unexpectedByte)
            }
            self.close(parent, scanner)
            if !isArray { try self.checkNames(of: parent, bytes) }
            open.depth &-= 1
        }
        scanner.skipSpace(bytes)
        guard scanner.isAtEnd(bytes) else { throw scanner.fault(.trailingBytes) }
        return true
    }

    /// Reads a member's name and its colon; the value is next.
    private mutating func appendName(
        _ scanner: inout JSONScanner, _ bytes: borrowing Span<UInt8>
    ) throws(PayloadFault) {
        scanner.skipSpace(bytes)
        guard !scanner.isAtEnd(bytes) else { throw scanner.fault(.unexpectedEnd) }
        guard bytes[scanner.offset] == UInt8(ascii: "\"") else {
            throw scanner.fault(.unexpectedByte)
        }
        try self.append(try scanner.string(bytes), scanner)
        scanner.skipSpace(bytes)
        guard scanner.skip(UInt8(ascii: ":"), bytes) else {
            throw scanner.fault(scanner.isAtEnd(bytes) ? .unexpectedEnd : .unexpectedByte)
        }
        scanner.skipSpace(bytes)
    }

    @inline(__always)
    private mutating func append(
        _ node: Node, _ scanner: JSONScanner
    ) throws(PayloadFault) {
        if self.count == self.capacity {
            guard self.capacity < Self.nodeCountMax else {
                throw PayloadFault(.tooManyValues, at: scanner.offset)
            }
            self.grow()
        }
        unsafe (self.nodes + self.count).initialize(to: node)
        self.count &+= 1
        unsafe self.nodes[self.count &- 1].next = UInt32(truncatingIfNeeded: self.count)
    }

    @inline(never)
    private mutating func grow() {
        let larger = min(self.capacity * 2, Self.nodeCountMax)
        let moved = UnsafeMutablePointer<Node>.allocate(capacity: larger)
        unsafe moved.moveInitialize(from: self.nodes, count: self.count)
        unsafe self.nodes.deallocate()
        unsafe self.nodes = moved
        self.capacity = larger
    }

    private mutating func close(_ index: Int, _ scanner: JSONScanner) {
        unsafe self.nodes[index].next = UInt32(truncatingIfNeeded: self.count)
        let start = unsafe self.nodes[index].text.lowerBound
        unsafe self.nodes[index].text = ByteRange(start, scanner.offset)
    }

    private static func checkUTF8(_ bytes: borrowing Span<UInt8>) throws(PayloadFault) {
        // Most documents are ASCII: eight bytes at a time.
        var index = 0
        while bytes.count &- index >= 8 {
            let word = unsafe bytes.withUnsafeBufferPointer { buffer in
                unsafe UnsafeRawBufferPointer(buffer)
                    .loadUnaligned(fromByteOffset: index, as: UInt64.self)
            }
            guard word & 0x8080_8080_8080_8080 == 0 else { break }
            index &+= 8
        }
        while index < bytes.count, bytes[index] < 0x80 { index &+= 1 }
        if index == bytes.count { return }
        do {
            _ = try UTF8Span(validating: copy bytes)
        } catch {
            throw PayloadFault(.badUTF8, at: error.byteOffsets.lowerBound)
        }
    }

    // MARK: Names

    /// Refuses an object with the same name twice.
    private mutating func checkNames(
        of object: Int, _ bytes: borrowing Span<UInt8>
    ) throws(PayloadFault) {
        let memberCount = Int(unsafe self.nodes[object].count)
        guard memberCount > 1 else { return }
        if memberCount > Self.plainMemberCount {
            try self.checkManyNames(of: object, memberCount, bytes)
            return
        }
        var name = object &+ 1
        for _ in 1..<memberCount {
            name = Int(unsafe self.nodes[name &+ 1].next)
            var earlier = object &+ 1
            while earlier < name {
                if self.areEqual(earlier, name, bytes) { throw self.duplicate(name) }
                earlier = Int(unsafe self.nodes[earlier &+ 1].next)
            }
        }
    }

    @inline(never)
    private mutating func checkManyNames(
        of object: Int, _ memberCount: Int, _ bytes: borrowing Span<UInt8>
    ) throws(PayloadFault) {
        var size = 32
        while size < memberCount * 2 { size *= 2 }
        if self.table.count < size {
            self.table = Array(repeating: 0, count: size)
        } else {
            for place in 0..<size { self.table[place] = 0 }
        }
        var name = object + 1
        for _ in 0..<memberCount {
            var place = Int(truncatingIfNeeded: self.hash(name, bytes)) & (size - 1)
            while self.table[place] != 0 {
                if self.areEqual(Int(self.table[place]), name, bytes) { throw self.duplicate(name) }
                place = (place + 1) & (size - 1)
            }
            self.table[place] = UInt32(truncatingIfNeeded: name)
            name = Int(unsafe self.nodes[name + 1].next)
        }
    }

    private func duplicate(_ name: Int) -> PayloadFault {
        PayloadFault(.duplicateName, at: self[name].text.lowerBound)
    }

    /// FNV-1a of the name as it is meant, escapes resolved.
    private func hash(_ name: Int, _ bytes: borrowing Span<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        var reader = JSONStringReader(self[name])
        while let byte = reader.next(bytes) {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        return hash ^ (hash >> 29)
    }

    private func areEqual(_ a: Int, _ b: Int, _ bytes: borrowing Span<UInt8>) -> Bool {
        let (left, right) = (self[a], self[b])
        if !left.hasEscape, !right.hasEscape, left.text.count != right.text.count { return false }
        var first = JSONStringReader(left)
        var second = JSONStringReader(right)
        while true {
            let (one, other) = (first.next(bytes), second.next(bytes))
            if one != other { return false }
            if one == nil { return true }
        }
    }

    // MARK: Looking up

    /// The value of the member called `name` of object `index`; nil for anything else.
    package func member(
        _ name: borrowing Span<UInt8>, of index: Int, _ bytes: borrowing Span<UInt8>
    ) -> Int? {
        let object = self[index]
        guard object.kind == .object else { return nil }
        var place = index &+ 1
        for _ in 0..<object.count {
            if self.isString(place, name, bytes) { return place &+ 1 }
            place = Int(self[place &+ 1].next)
        }
        return nil
    }

    /// Element `number` of array `index`; nil for anything else.
    package func element(_ number: Int, of index: Int) -> Int? {
        let array = self[index]
        guard array.kind == .array, number >= 0, number < Int(array.count) else { return nil }
        var place = index &+ 1
        for _ in 0..<number { place = Int(self[place].next) }
        return place
    }

    /// Whether string `index` means `text`.
    private func isString(
        _ index: Int, _ text: borrowing Span<UInt8>, _ bytes: borrowing Span<UInt8>
    ) -> Bool {
        let node = self[index]
        if !node.hasEscape {
            guard node.text.count == text.count else { return false }
            for offset in 0..<text.count
            where bytes[node.text.lowerBound &+ offset] != text[offset] {
                return false
            }
            return true
        }
        var reader = JSONStringReader(node)
        for offset in 0..<text.count where reader.next(bytes) != text[offset] { return false }
        return reader.next(bytes) == nil
    }
}
