// SPDX-License-Identifier: Apache-2.0

/// A fast 64-bit hash of bytes: wyhash, final version 4, with its default secret.
///
/// The same bytes and seed give the same number on every run and machine: the payload hash is
/// part of the journal, so this function never changes. It resists accidents, not adversaries: a
/// table keyed by it compares the bytes too.
///
/// Source: wyhash by Wang Yi, public domain; its seven published vectors are in the tests.
@usableFromInline
package enum ByteHash {
    @inlinable static var secret0: UInt64 { 0x2d35_8dcc_aa6c_78a5 }
    @inlinable static var secret1: UInt64 { 0x8bb8_4b93_962e_acc9 }
    @inlinable static var secret2: UInt64 { 0x4b33_a62e_d433_d4a3 }
    @inlinable static var secret3: UInt64 { 0x4d5a_2da5_1de1_aa47 }

    /// Hashes all of `bytes`.
    ///
    /// - Complexity: O(bytes), about 3 bytes a cycle. No allocation.
    @inlinable
    package static func hash(_ bytes: borrowing Span<UInt8>, seed: UInt64 = 0) -> UInt64 {
        Self.hash(bytes, in: ByteRange(0, bytes.count), seed: seed)
    }

    /// Hashes the bytes of `range`, which must lie inside `bytes`.
    @inlinable
    package static func hash(
        _ bytes: borrowing Span<UInt8>, in range: ByteRange, seed: UInt64 = 0
    ) -> UInt64 {
        precondition(range.upperBound <= bytes.count, "hash range outside the bytes")
        precondition(range.start <= range.end, "hash range upside down")
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else {
                return Self.finish(0, 0, seed: Self.start(seed), count: 0)
            }
            return unsafe Self.hash(
                UnsafeRawPointer(base) + range.lowerBound, count: range.count, seed: seed)
        }
    }

    /// Mixes two numbers into one: for keys made of a hash and an index.
    @inlinable
    package static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }

    @inlinable
    static func start(_ seed: UInt64) -> UInt64 {
        seed ^ Self.mix(seed ^ Self.secret0, Self.secret1)
    }

    @inlinable
    static func finish(_ a: UInt64, _ b: UInt64, seed: UInt64, count: Int) -> UInt64 {
        let product = (a ^ Self.secret1).multipliedFullWidth(by: b ^ seed)
        return Self.mix(
            product.low ^ Self.secret0 ^ UInt64(truncatingIfNeeded: count),
            product.high ^ Self.secret1)
    }

    @inlinable
    static func read8(_ pointer: UnsafeRawPointer) -> UInt64 {
        unsafe UInt64(littleEndian: pointer.loadUnaligned(as: UInt64.self))
    }

    @inlinable
    static func read4(_ pointer: UnsafeRawPointer) -> UInt64 {
        unsafe UInt64(UInt32(littleEndian: pointer.loadUnaligned(as: UInt32.self)))
    }

    @inlinable
    static func hash(_ start: UnsafeRawPointer, count: Int, seed: UInt64) -> UInt64 {
        var state = Self.start(seed)
        if count <= 16 {
            return unsafe Self.hashShort(start, count: count, state: state)
        }
        var pointer = unsafe start
        var left = count
        if left >= 48 {
            var second = state
            var third = state
            repeat {
                state = unsafe Self.mix(
                    Self.read8(pointer) ^ Self.secret1, Self.read8(pointer + 8) ^ state)
                second = unsafe Self.mix(
                    Self.read8(pointer + 16) ^ Self.secret2, Self.read8(pointer + 24) ^ second)
                third = unsafe Self.mix(
                    Self.read8(pointer + 32) ^ Self.secret3, Self.read8(pointer + 40) ^ third)
                unsafe pointer += 48
                left &-= 48
            } while left >= 48
            state ^= second ^ third
        }
        while left > 16 {
            state = unsafe Self.mix(
                Self.read8(pointer) ^ Self.secret1, Self.read8(pointer + 8) ^ state)
            unsafe pointer += 16
            left &-= 16
        }
        // The last 16 bytes, which may overlap what was read: the whole is longer than 16.
        return unsafe Self.finish(
            Self.read8(pointer + (left &- 16)), Self.read8(pointer + (left &- 8)), seed: state,
            count: count)
    }

    @inlinable
    static func hashShort(_ pointer: UnsafeRawPointer, count: Int, state: UInt64) -> UInt64 {
        if count >= 4 {
            let middle = (count >> 3) << 2
            let a = unsafe Self.read4(pointer) << 32 | Self.read4(pointer + middle)
            let b =
                unsafe Self.read4(pointer + (count &- 4)) << 32
                | Self.read4(pointer + (count &- 4 &- middle))
            return Self.finish(a, b, seed: state, count: count)
        }
        guard count > 0 else { return Self.finish(0, 0, seed: state, count: 0) }
        let first = unsafe UInt64(pointer.load(as: UInt8.self))
        let middle = unsafe UInt64((pointer + (count >> 1)).load(as: UInt8.self))
        let last = unsafe UInt64((pointer + (count &- 1)).load(as: UInt8.self))
        return Self.finish(first << 16 | middle << 8 | last, 0, seed: state, count: count)
    }
}
