// SPDX-License-Identifier: Apache-2.0

/// A copy of a table's records at one moment, made piece by piece while the table is used.
///
/// The records are cut into pieces of about a page. A piece is copied when its turn comes, or right
/// before one of its records is changed for the first time: so the copy is of the moment it began
/// at, and nobody waits for more than a piece.
@safe
struct FlatTableCopy {
    /// About the bytes of one piece.
    private static var pieceBytes: Int { 4_096 }

    /// Records that are copied; 0 while no copy is under way: what every change looks at.
    private(set) var count = 0
    private var stride = 1
    /// Records of one piece, a power of two: their number is shifted out of an index.
    private var shift = 0
    private var next = 0
    private var target: UnsafeMutableRawPointer?
    /// Pieces that are copied.
    private var done: UnsafeMutablePointer<Bool>?

    private var pieceCount: Int { (self.count + (1 << self.shift) - 1) >> self.shift }

    mutating func begin(to target: UnsafeMutableRawPointer, count: Int, stride: Int) {
        self.end()
        guard count > 0 else { return }
        self.count = count
        self.stride = stride
        self.shift = 0
        while stride << (self.shift + 1) <= Self.pieceBytes { self.shift += 1 }
        unsafe self.target = target
        let done = UnsafeMutablePointer<Bool>.allocate(capacity: self.pieceCount)
        unsafe done.initialize(repeating: false, count: self.pieceCount)
        unsafe self.done = done
    }

    mutating func save(_ index: Int, from base: UnsafeRawPointer) {
        guard let done = unsafe self.done, unsafe !done[index >> self.shift] else { return }
        unsafe self.copyPiece(index >> self.shift, from: base)
    }

    mutating func copyOn(_ bytes: Int, from base: UnsafeRawPointer) -> Int {
        guard let done = unsafe self.done else { return 0 }
        var copied = 0
        while self.next < self.pieceCount {
            guard copied < bytes else { return copied }
            if unsafe !done[self.next] { unsafe copied += self.copyPiece(self.next, from: base) }
            self.next += 1
        }
        self.end()
        return copied
    }

    @discardableResult
    private func copyPiece(_ piece: Int, from base: UnsafeRawPointer) -> Int {
        guard let target = unsafe self.target, let done = unsafe self.done else { return 0 }
        let first = piece << self.shift
        let last = min(self.count, (piece + 1) << self.shift)
        let bytes = (last - first) * self.stride
        unsafe (target + first * self.stride).copyMemory(
            from: base + first * self.stride, byteCount: bytes)
        unsafe done[piece] = true
        return bytes
    }

    mutating func end() {
        self.deallocate()
        self.count = 0
        self.next = 0
        unsafe self.target = nil
        unsafe self.done = nil
    }

    /// Gives the memory of its own back; the owner's last act with it.
    func deallocate() { unsafe self.done?.deallocate() }
}
