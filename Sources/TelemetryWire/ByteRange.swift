// SPDX-License-Identifier: Apache-2.0

/// A half-open range of byte offsets into one buffer that both sides know.
///
/// Decoders hand out ranges instead of copies. Offsets are 32 bits wide: no buffer of this target
/// comes near 4 GiB (`SystemLimits.datagramBytesMax`, `SystemLimits.mqttPacketBytesMax`).
@frozen @usableFromInline
package struct ByteRange: Hashable, Sendable, BitwiseCopyable {
    @usableFromInline package var start: UInt32
    @usableFromInline package var end: UInt32

    /// The range `start ..< end`; offsets are 0 or more and `start` is not after `end`.
    @inlinable @_noLocks
    package init(_ start: Int, _ end: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.end = UInt32(truncatingIfNeeded: end)
    }

    /// No bytes.
    @inlinable package static var empty: Self { @_noLocks get { Self(0, 0) } }
    @inlinable package var lowerBound: Int { @_noLocks get { Int(self.start) } }
    @inlinable package var upperBound: Int { @_noLocks get { Int(self.end) } }
    @inlinable package var count: Int {
        @_noLocks get { Int(self.end) &- Int(self.start) }
    }
    @inlinable package var isEmpty: Bool { @_noLocks get { self.start == self.end } }
    /// As the index range of a span.
    @inlinable package var range: Range<Int> {
        @_noLocks get { Int(self.start)..<Int(self.end) }
    }
}
