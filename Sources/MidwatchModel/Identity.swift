// SPDX-License-Identifier: Apache-2.0

/// Dense number of a sensor: given once per journal, ascending, never reused.
@frozen @usableFromInline
package struct SensorIndex: Hashable, Comparable, Sendable, BitwiseCopyable {
    @usableFromInline package var rawValue: UInt32

    @inlinable
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// No sensor: control records carry this.
    @inlinable
    package static var none: Self { Self(rawValue: UInt32.max) }

    @inlinable
    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// Dense number of a source (listener, connection, gateway): given once per journal, ascending.
@frozen @usableFromInline
package struct SourceIndex: Hashable, Comparable, Sendable, BitwiseCopyable {
    @usableFromInline package var rawValue: UInt32

    @inlinable
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Midwatch itself: ticks, anchors, commands.
    @inlinable
    package static var own: Self { Self(rawValue: 0) }

    @inlinable
    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// The text path of a sensor, levels separated by `/`: `tunnel/west/fan-03/vibration`.
///
/// 1 ... `SystemLimits.sensorPathBytesMax` bytes of UTF-8; no control characters, no `+` or `#`
/// (they are wildcards in templates), no empty level.
package struct SensorID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let path: String

    /// Accepts a well-formed path; nil otherwise.
    package init?(_ path: String) {
        guard Self.isWellFormed(path.utf8.span) else { return nil }
        self.path = path
    }

    /// Whether `bytes` is a path that `init` would take.
    ///
    /// No allocation.
    package static func isWellFormed(_ bytes: borrowing Span<UInt8>) -> Bool {
        guard bytes.count > 0, bytes.count <= SystemLimits.sensorPathBytesMax else { return false }
        var atLevelStart = true
        for index in 0..<bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "/"):
                if atLevelStart { return false }
                atLevelStart = true
            case 0..<0x20, 0x7F, UInt8(ascii: "+"), UInt8(ascii: "#"): return false
            default: atLevelStart = false
            }
        }
        return !atLevelStart
    }

    package var description: String { self.path }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.path < rhs.path }
}

/// Identity of a journal: 16 random bytes made once, when its folder is created.
package struct JournalID: Hashable, Sendable, BitwiseCopyable, CustomStringConvertible {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The 8-4-4-4-12 form, lower case.
    package var description: String {
        let digits = HexDigits.text(of: self.high) + HexDigits.text(of: self.low)
        var text = ""
        for (offset, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(offset) { text += "-" }
            text.append(digit)
        }
        return text
    }

    /// Parses the 8-4-4-4-12 form; nil if it is not one.
    package init?(_ text: String) {
        let digits = text.filter { $0 != "-" }
        guard text.utf8.count == 36, digits.utf8.count == 32,
            let high = UInt64(digits.prefix(16), radix: 16),
            let low = UInt64(digits.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }
}

/// Place of a record in a journal: the run that wrote it and its number.
///
/// `epoch` grows by one at every start, durably, before the first record of the run. `n` goes on
/// from the last durable record, so on the durable time line `n` alone is unique; a record lost in
/// a crash may have carried the same `n`, never the same `(epoch, n)`.
@frozen @usableFromInline
package struct Position: Hashable, Comparable, Sendable, BitwiseCopyable, CustomStringConvertible {
    @usableFromInline package var epoch: UInt32
    @usableFromInline package var n: UInt64

    @inlinable
    package init(epoch: UInt32, n: UInt64) {
        self.epoch = epoch
        self.n = n
    }

    /// Before every record: what an empty cursor holds.
    @inlinable
    package static var zero: Self { Self(epoch: 0, n: 0) }

    @inlinable
    package static func < (lhs: Self, rhs: Self) -> Bool {
        (lhs.epoch, lhs.n) < (rhs.epoch, rhs.n)
    }

    /// `epoch:n`, as commands and payloads show it.
    @usableFromInline
    package var description: String { "\(self.epoch):\(self.n)" }
}
