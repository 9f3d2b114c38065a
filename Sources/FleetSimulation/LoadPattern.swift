// SPDX-License-Identifier: Apache-2.0

/// The readings of a load test: fixed widths, so that packets are made once and patched.
///
/// Sensor `i` is `load/s000042`; its value is `valueBase` and the reading's sequence number, so
/// that a table can be checked for every reading, once. All values have ten digits and are exact
/// as floating-point numbers.
package enum LoadPattern {
    /// What a value is above the sequence number, so that it always has ten digits.
    package static let valueBase: UInt64 = 1_000_000_000
    /// Sequence numbers are below this.
    package static let sequenceMax: UInt64 = 9_000_000_000
    /// Sensors of one pattern at most.
    package static let sensorsMax = 1_000_000

    static let valueDigits = 10
    /// Digits of nanoseconds since 1970, until the year 2286.
    static let timeDigits = 19

    /// The path of sensor `index` of a UDP load.
    package static func path(sensor index: Int) -> String { "load/s" + Self.padded(index, 6) }

    /// The path, and topic, of sensor `index` of an MQTT client.
    package static func path(client: Int, sensor index: Int) -> String {
        "load/c" + Self.padded(client, 5) + "/s" + Self.padded(index, 4)
    }

    /// The sequence number in a value; nil if it is none of this pattern.
    package static func sequence(ofValue value: Double) -> UInt64? {
        guard value >= Double(Self.valueBase), value < 1e10 else { return nil }
        return UInt64(exactly: value).map { $0 - Self.valueBase }
    }

    /// One line without its value and time: `load,s=s000042 value=… …`.
    static func line(sensor index: Int, hasTime: Bool) -> (bytes: [UInt8], value: Int, time: Int?) {
        var bytes = Array("load,s=s\(Self.padded(index, 6)) value=".utf8)
        let value = bytes.count
        bytes += [UInt8](repeating: UInt8(ascii: "0"), count: Self.valueDigits)
        var time: Int?
        if hasTime {
            bytes.append(UInt8(ascii: " "))
            time = bytes.count
            bytes += [UInt8](repeating: UInt8(ascii: "0"), count: Self.timeDigits)
        }
        bytes.append(UInt8(ascii: "\n"))
        return (bytes, value, time)
    }

    static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}

/// Decimal digits written in place.
enum Digits {
    /// Writes the last `count` decimal digits of `number` to `bytes` from `offset` on.
    @inline(__always)
    static func put(
        _ number: UInt64, count: Int, into bytes: inout MutableSpan<UInt8>, at offset: Int
    ) {
        var rest = number
        var index = offset + count
        while index > offset {
            index -= 1
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            bytes[index] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: digit)
            rest = quotient
        }
    }
}
