// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// One reading as decoded from a payload, before it has a sensor.
///
/// Line protocol names sensors by `series` and `fieldKey`, ranges of the payload. JSON with several
/// values and SenML name them by `series`, with the unit in `fieldKey`: ranges of the names that
/// `PayloadDecoder.decode` writes. Both are empty where the topic alone says which sensor it is.
package struct DecodedReading: Equatable, Sendable, BitwiseCopyable {
    /// Measurement and tags of a line (`SeriesPathTemplate`), a name, or empty.
    package var series: ByteRange
    /// The field key of a line, a unit, or empty.
    package var fieldKey: ByteRange
    package var valueBits: UInt64
    /// Nanoseconds since 1970 by the sender's clock; `Slot.noSourceTime` if it gave none.
    package var sourceTime: Int64
    /// Bytes from the start of the payload to the value, its line or its record.
    package var offset: UInt32
    package var valueKind: ValueKind
    package var quality: Quality
    /// When the sender promised the next reading of this sensor.
    package var promisedInterval: PromisedInterval

    /// Without source time, series and field key.
    @_noLocks
    package init(valueBits: UInt64, valueKind: ValueKind, quality: Quality) {
        self.series = .empty
        self.fieldKey = .empty
        self.valueBits = valueBits
        self.sourceTime = Slot.noSourceTime
        self.offset = 0
        self.valueKind = valueKind
        self.quality = quality
        self.promisedInterval = .none
    }

    /// What stands for a value that is not finite, not there or not known: NaN, quality bad.
    static var unknown: Self {
        @_noLocks get {
            Self(valueBits: Double.nan.bitPattern, valueKind: .float64, quality: .bad)
        }
    }

    @_noLocks
    static func bool(_ state: Bool) -> Self {
        Self(valueBits: state ? 1 : 0, valueKind: .bool, quality: .good)
    }

    @_noLocks
    static func mappedState(_ value: Int64) -> Self {
        Self(valueBits: UInt64(bitPattern: value), valueKind: .mappedState, quality: .good)
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
