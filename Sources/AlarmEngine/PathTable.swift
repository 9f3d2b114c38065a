// SPDX-License-Identifier: Apache-2.0

/// The paths of all sensors in one run of bytes, and their numbers by path.
///
/// An array of strings with a dictionary beside it takes three times the memory.
struct PathTable: Sendable {
    private var bytes: [UInt8] = []
    /// Where each path ends.
    private var ends: [UInt32] = []
    /// Number + 1 of the path in this place, 0 for none; open addressing, at most half full.
    private var places: [UInt32] = [UInt32](repeating: 0, count: 64)

    init() {}

    /// An empty table with room for `count` paths of usual length: growing leaves holes in memory.
    init(reserving count: Int) {
        self.bytes.reserveCapacity(count * 32)
        self.ends.reserveCapacity(count)
        while self.places.count < count * 2 { self.places += self.places }
    }

    var count: Int { self.ends.count }

    var all: [String] { (0..<self.count).map { self[$0] } }

    subscript(_ index: Int) -> String {
        String(decoding: self.bytes[self.range(of: index)], as: UTF8.self)
    }

    /// The first sensor with this path; nil if there is none.
    func index(of path: String) -> Int? {
        let wanted = Array(path.utf8)
        var place = self.place(of: wanted[...])
        while self.places[place] != 0 {
            let index = Int(self.places[place]) - 1
            if self.bytes[self.range(of: index)] == wanted[...] { return index }
            place = (place + 1) & (self.places.count - 1)
        }
        return nil
    }

    /// Takes in the path of the next sensor; of two with one path the first is found.
    mutating func append(_ path: String) {
        self.bytes.append(contentsOf: path.utf8)
        self.ends.append(UInt32(self.bytes.count))
        if self.ends.count * 2 > self.places.count { return self.rehash() }
        self.enter(self.count - 1)
    }

    /// Bytes that `appendBytes` writes.
    var byteCount: Int { self.ends.count * 4 + self.bytes.count }

    /// Writes `bytes` of what `appendBytes` wrote when there were `count` paths, from `offset` on.
    ///
    /// Paths are only ever added, so this may be done later, and piece by piece.
    func copy(_ bytes: Range<Int>, ofFirst count: Int, to target: UnsafeMutableRawBufferPointer) {
        let ends = bytes.clamped(to: 0..<count * 4)
        unsafe self.ends.withUnsafeBytes { raw in
            unsafe UnsafeMutableRawBufferPointer(rebasing: target[..<ends.count])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: raw[ends]))
        }
        let paths =
            max(bytes.lowerBound, count * 4) - count * 4..<max(
                bytes.upperBound, count * 4) - count * 4
        unsafe self.bytes.withUnsafeBytes { raw in
            unsafe UnsafeMutableRawBufferPointer(rebasing: target[ends.count...])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: raw[paths]))
        }
    }

    /// The bytes of all paths, for a checkpoint.
    func appendBytes(to bytes: inout [UInt8]) {
        unsafe self.ends.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: self.bytes)
    }

    /// Replaces all paths by `count` paths read from `bytes` at `offset`.
    ///
    /// - Returns: Whether they were there; if not, the table is not to be used.
    mutating func restore(count: Int, from bytes: [UInt8], at offset: inout Int) -> Bool {
        guard count >= 0, count <= (bytes.count - offset) / 4 else { return false }
        let begin = offset + 4 * count
        self = PathTable(reserving: count)
        var previous = 0
        for index in 0..<count {
            var end = 0
            for byte in 0..<4 { end |= Int(bytes[offset + 4 * index + byte]) << (8 * byte) }
            guard end >= previous, end <= bytes.count - begin else { return false }
            // A path is UTF-8, or it would become another one.
            let path = bytes.span.extracting(begin + previous..<begin + end)
            guard (try? UTF8Span(validating: path)) != nil else { return false }
            self.ends.append(UInt32(end))
            previous = end
        }
        self.bytes.append(contentsOf: bytes[begin..<begin + previous])
        for index in 0..<count { self.enter(index) }
        offset = begin + previous
        return true
    }

    private func range(of index: Int) -> Range<Int> {
        Int(index == 0 ? 0 : self.ends[index - 1])..<Int(self.ends[index])
    }

    /// FNV-1a: short keys, no key that a stranger chooses costs more than a walk over a run.
    private func place(of path: ArraySlice<UInt8>) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in path { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Int(truncatingIfNeeded: hash ^ hash >> 32) & (self.places.count - 1)
    }

    /// Makes a path known, unless an earlier one is the same.
    private mutating func enter(_ index: Int) {
        let wanted = self.bytes[self.range(of: index)]
        var place = self.place(of: wanted)
        while self.places[place] != 0 {
            if self.bytes[self.range(of: Int(self.places[place]) - 1)] == wanted { return }
            place = (place + 1) & (self.places.count - 1)
        }
        self.places[place] = UInt32(index) + 1
    }

    private mutating func rehash() {
        self.places = [UInt32](repeating: 0, count: self.places.count * 2)
        for index in 0..<self.count { self.enter(index) }
    }
}
