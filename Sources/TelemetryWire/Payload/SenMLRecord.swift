// SPDX-License-Identifier: Apache-2.0

/// Bounds of one SenML pack.
package enum SenMLLimits {
    package static let packBytesMax = 65_536
    package static let recordCountMax = 1_000
    /// The version of RFC 8428; lower numbers are those of its drafts.
    package static let versionMax = 10
}

/// The labels of SenML (RFC 8428, 4.1 and 4.2).
enum SenMLLabel: Sendable, BitwiseCopyable {
    case baseName, baseTime, baseUnit, baseValue, baseSum, baseVersion
    case name, unit, value, text, bool, data, sum, time, updateTime
    /// Not of the standard, to be ignored.
    case unknown
    /// Not of the standard, and must be understood: it ends with `_` (RFC 8428, 4.4).
    case mandatory

    /// The label that stands in `range`, which holds no escapes.
    @_noLocks
    init(_ bytes: borrowing Span<UInt8>, in range: ByteRange) {
        // Up to four bytes as one number; longer ones are unknown.
        var word: UInt32 = 0
        for index in range.range.prefix(5) { word = word &<< 8 | UInt32(bytes[index]) }
        if range.count > 0, bytes[range.upperBound &- 1] == UInt8(ascii: "_") {
            self = .mandatory
            return
        }
        guard range.count <= 4 else {
            self = .unknown
            return
        }
        switch word {
        case 0x626E: self = .baseName
        case 0x6274: self = .baseTime
        case 0x6275: self = .baseUnit
        case 0x6276: self = .baseValue
        case 0x6273: self = .baseSum
        case 0x6276_6572: self = .baseVersion
        case 0x6E: self = .name
        case 0x75: self = .unit
        case 0x76: self = .value
        case 0x7673: self = .text
        case 0x7662: self = .bool
        case 0x7664: self = .data
        case 0x73: self = .sum
        case 0x74: self = .time
        case 0x7574: self = .updateTime
        default: self = .unknown
        }
    }
}

/// What the records before this one left behind (RFC 8428, 4.1): in force until given anew.
struct SenMLBase: BitwiseCopyable {
    /// Nodes of the tape; 0, which is the pack, is none.
    var name = 0
    var unit = 0
    var value: Double?
    var sum: Double?
    var time = SenMLTime.nanoseconds(0)
    var version = SenMLLimits.versionMax
}

/// A time of SenML, or that it cannot be used.
enum SenMLTime: BitwiseCopyable, Equatable {
    case nanoseconds(Int64)
    case unusable

    /// Seconds from which a sum of times counts from 1970; below, from now (RFC 8428, 4.5.3).
    private static var absoluteFrom: Int64 { 268_435_456_000_000_000 }

    static func + (left: Self, right: Self) -> Self {
        guard case .nanoseconds(let a) = left, case .nanoseconds(let b) = right else {
            return .unusable
        }
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? .unusable : .nanoseconds(sum)
    }

    /// The time since 1970, given when the pack arrived; nil for now.
    ///
    /// Zero is what a sender without a clock says: its reading has no source time.
    func absolute(arrivedAt arrival: Int64) -> (time: Int64?, isUnusable: Bool) {
        guard case .nanoseconds(let count) = self else { return (nil, true) }
        if count >= Self.absoluteFrom { return (count, false) }
        if count == 0 { return (nil, false) }
        let (time, overflow) = arrival.addingReportingOverflow(count)
        return arrival == 0 || overflow || time <= 0 ? (nil, true) : (time, false)
    }
}

/// The fields of one record: nodes of the tape, 0 where there is none.
struct SenMLRecord: BitwiseCopyable {
    var name = 0
    var unit = 0
    var value = 0
    var text = 0
    var bool = 0
    var data = 0
    var sum = 0
    var time = 0
    var updateTime = 0

    var valueCount: Int {
        (self.value > 0 ? 1 : 0) &+ (self.text > 0 ? 1 : 0) &+ (self.bool > 0 ? 1 : 0)
            &+ (self.data > 0 ? 1 : 0)
    }
}
