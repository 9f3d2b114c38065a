// SPDX-License-Identifier: Apache-2.0

/// The time within which a sender promised the next reading of a sensor, in one byte.
///
/// SenML's update time (RFC 8428, 4.2) exists so that a failed sensor is noticed: under exception
/// supervision it is the deadline of the sensor. A byte is what a reading has left; the
/// promise is rounded up to the next of 255 steps, by less than an eighth of it.
///
/// The code counts 64ths of a second: `(8 + low 3 bits) << high 5 bits`; 0 is no promise.
@frozen @usableFromInline
package struct PromisedInterval: Equatable, Sendable, BitwiseCopyable {
    @usableFromInline package var rawValue: UInt8

    @inlinable @_noLocks
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The sender promised nothing.
    @inlinable package static var none: Self { @_noLocks get { Self(rawValue: 0) } }

    private static var stepsPerSecond: Double { @_noLocks get { 64 } }

    /// The smallest interval not below `seconds`; none for 0 and below, the longest for more.
    @_noLocks
    package init(seconds: Double) {
        guard seconds > 0 else {
            self.rawValue = 0
            return
        }
        let steps = seconds * Self.stepsPerSecond
        // Code 1 stands for 9 steps; the longest, 15 << 31 steps, is 16 years.
        guard steps > 9 else {
            self.rawValue = 1
            return
        }
        guard steps <= 32_212_254_720 else {
            self.rawValue = UInt8.max
            return
        }
        let whole = UInt64(steps)
        let count = Double(whole) < steps ? whole &+ 1 : whole
        let shift = UInt64(60 &- count.leadingZeroBitCount)
        let mantissa = (count &+ (1 &<< shift) &- 1) &>> shift
        // 16 in this power of two is 8 in the next: the code counts on by itself.
        self.rawValue = UInt8(truncatingIfNeeded: shift &* 8 &+ mantissa &- 8)
    }

    /// The interval in nanoseconds; 0 if there is none.
    @inlinable package var nanoseconds: UInt64 {
        @_noLocks get {
            if self.rawValue == 0 { return 0 }
            let mantissa = UInt64(8 &+ self.rawValue & 7)
            return (mantissa &<< UInt64(self.rawValue &>> 3)) &* 15_625_000
        }
    }
}

extension Slot {
    /// What the sender of a reading promised about the next one; byte 47 of a reading.
    ///
    /// Meaningless in other records.
    @inlinable package var promisedInterval: PromisedInterval {
        @_noLocks get { PromisedInterval(rawValue: self.reserved) }
        @_noLocks set { self.reserved = newValue.rawValue }
    }
}
