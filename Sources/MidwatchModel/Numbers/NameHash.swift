// SPDX-License-Identifier: Apache-2.0

/// FNV-1a, 64 bits: numbers that names are turned into, the same on every run and machine.
///
/// Ordering keys, traces and fingerprints are made of it; no secret rests on it.
@usableFromInline
package enum NameHash {
    /// The hash of nothing.
    @inlinable
    package static var empty: UInt64 { 0xCBF2_9CE4_8422_2325 }
    @inlinable
    static var prime: UInt64 { 0x0000_0100_0000_01B3 }

    /// The hash of `name`, going on from `start`.
    package static func of(_ name: String, from start: UInt64 = Self.empty) -> UInt64 {
        self.of(name.utf8, from: start)
    }

    /// The hash of `bytes`, going on from `start`.
    @inlinable
    package static func of(
        _ bytes: some Sequence<UInt8>, from start: UInt64 = Self.empty
    ) -> UInt64 {
        bytes.reduce(start) { ($0 ^ UInt64($1)) &* self.prime }
    }
}
