// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// One reading as decoded from a payload, before it has a sensor.
///
/// `series` and `fieldKey` are offsets into the payload; both are empty where the payload alone
/// names no sensor (plain number, JSON) and the topic says which one it is.
package struct DecodedReading: Equatable, Sendable, BitwiseCopyable {
    /// Measurement and tags of a line (`SeriesPathTemplate`), or empty.
    package var series: ByteRange
    /// The field key of a line, or empty.
    package var fieldKey: ByteRange
    package var valueBits: UInt64
    /// Nanoseconds since 1970 by the sender's clock; `Slot.noSourceTime` if it gave none.
    package var sourceTime: Int64
    package var valueKind: ValueKind
    package var quality: Quality

    /// Without source time, series and field key.
    @_noLocks
    package init(valueBits: UInt64, valueKind: ValueKind, quality: Quality) {
        self.series = .empty
        self.fieldKey = .empty
        self.valueBits = valueBits
        self.sourceTime = Slot.noSourceTime
        self.valueKind = valueKind
        self.quality = quality
    }
}

/// A fixed number of decoded readings in memory taken once.
///
/// `@unchecked Sendable`: the memory belongs to this one value, which cannot be copied.
@safe
package struct DecodedReadingBuffer: ~Copyable, @unchecked Sendable {
    private let storage: UnsafeMutablePointer<DecodedReading>
    package let capacity: Int
    package private(set) var count = 0

    /// Room for `capacity` readings, 1 or more.
    package init(capacity: Int = SystemLimits.readingsPerMessageMax) {
        precondition(capacity > 0, "a buffer holds at least one reading")
        self.capacity = capacity
        unsafe self.storage = .allocate(capacity: capacity)
    }

    deinit { unsafe self.storage.deallocate() }

    /// Appends `reading`; false, and nothing changed, when the buffer is full.
    @_noLocks
    package mutating func append(_ reading: DecodedReading) -> Bool {
        guard self.count < self.capacity else { return false }
        unsafe (self.storage + self.count).initialize(to: reading)
        self.count &+= 1
        return true
    }

    @_noLocks
    package subscript(_ index: Int) -> DecodedReading {
        precondition(index >= 0 && index < self.count, "no such reading")
        return unsafe self.storage[index]
    }

    /// Forgets the readings from `count` on.
    @_noLocks
    package mutating func truncate(to count: Int = 0) {
        precondition(count >= 0 && count <= self.count, "a buffer is cut to less, not to more")
        self.count = count
    }
}
