// SPDX-License-Identifier: Apache-2.0

/// Strict readings of plain scalars.
///
/// Each takes one spelling and refuses what could mean two things:
/// no octal, no hexadecimal, no `yes`, no number without its unit.
package enum Scalars {
    /// Decimal digits with an optional minus sign, no leading zero.
    static func integer(_ text: String) -> Int? {
        let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
        guard let first = digits.first, digits.allSatisfy(Self.isDigit) else { return nil }
        guard first != UInt8(ascii: "0") || digits.count == 1 else { return nil }
        return Int(text)
    }

    /// A decimal number with optional fraction and exponent; finite.
    static func number(_ text: String) -> Double? {
        var hasDigit = false
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): hasDigit = true
            case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "e"),
                UInt8(ascii: "E"):
                break
            default: return nil
            }
        }
        guard hasDigit, !Self.hasLeadingZero(text), let value = Double(text), value.isFinite else {
            return nil
        }
        return value
    }

    /// `true` or `false`.
    static func boolean(_ text: String) -> Bool? {
        switch text {
        case "true": true
        case "false": false
        default: nil
        }
    }

    /// A whole number and its unit, `250ms`, in nanoseconds.
    package static func duration(_ text: String) -> UInt64? {
        guard let (count, unit) = Self.countAndUnit(text) else { return nil }
        let scale: UInt64
        switch unit {
        case "ns": scale = 1
        case "us": scale = 1_000
        case "ms": scale = 1_000_000
        case "s": scale = 1_000_000_000
        case "m": scale = 60_000_000_000
        case "h": scale = 3_600_000_000_000
        case "d": scale = 86_400_000_000_000
        default: return nil
        }
        return Self.product(count, scale)
    }

    /// A whole number and its unit, `64MiB`, in bytes.
    static func size(_ text: String) -> UInt64? {
        guard let (count, unit) = Self.countAndUnit(text) else { return nil }
        let scale: UInt64
        switch unit {
        case "B": scale = 1
        case "KiB": scale = 1 << 10
        case "MiB": scale = 1 << 20
        case "GiB": scale = 1 << 30
        case "TiB": scale = 1 << 40
        case "kB": scale = 1_000
        case "MB": scale = 1_000_000
        case "GB": scale = 1_000_000_000
        case "TB": scale = 1_000_000_000_000
        default: return nil
        }
        return Self.product(count, scale)
    }

    /// A duration as the file would say it, in the largest unit that fits.
    static func show(duration nanoseconds: UInt64) -> String {
        let units: [(UInt64, String)] = [
            (86_400_000_000_000, "d"), (3_600_000_000_000, "h"), (60_000_000_000, "m"),
            (1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"),
        ]
        for (scale, unit) in units where nanoseconds >= scale && nanoseconds % scale == 0 {
            return "\(nanoseconds / scale)\(unit)"
        }
        return nanoseconds == 0 ? "0s" : "\(nanoseconds)ns"
    }

    /// A size as the file would say it, in the largest unit that fits.
    static func show(size bytes: UInt64) -> String {
        for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")]
            as [(UInt64, String)]
        where bytes >= 1 << shift && bytes & ((1 << shift) - 1) == 0 {
            return "\(bytes >> shift)\(unit)"
        }
        return "\(bytes)B"
    }

    // MARK: - Helpers

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func hasLeadingZero(_ text: String) -> Bool {
        let digits = text.utf8.drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }
        guard digits.first == UInt8(ascii: "0"), let second = digits.dropFirst().first else {
            return false
        }
        return Self.isDigit(second)
    }

    private static func countAndUnit(_ text: String) -> (UInt64, Substring)? {
        let digits = text.utf8.prefix(while: Self.isDigit)
        guard let first = digits.first, first != UInt8(ascii: "0") || digits.count == 1,
            let count = UInt64(Substring(digits))
        else { return nil }
        return (count, text[digits.endIndex...])
    }

    private static func product(_ count: UInt64, _ scale: UInt64) -> UInt64? {
        let (value, overflow) = count.multipliedReportingOverflow(by: scale)
        return overflow ? nil : value
    }
}

/// Finds what a misspelt word was meant to be.
enum Spelling {
    /// The candidate nearest to `word`, if it is near enough to be a slip.
    static func nearest(to word: String, among candidates: [String]) -> String? {
        // A long unknown word is no slip, and the comparison costs length times length.
        guard word.utf8.count <= 64 else { return nil }
        let wanted = Array(word.lowercased().utf8)
        var best: (distance: Int, word: String)?
        for candidate in candidates {
            let distance = Self.distance(wanted, Array(candidate.lowercased().utf8))
            if distance < best?.distance ?? Int.max { best = (distance, candidate) }
        }
        guard let best, best.distance <= max(1, min(3, wanted.count / 3)) else { return nil }
        return best.word
    }

    /// Edits (insert, delete, replace, swap of neighbours) that turn `left` into `right`.
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var before: [Int] = []
        var previous = Array(0...right.count)
        for row in 0..<left.count {
            var current = [row + 1]
            for column in 0..<right.count {
                let isEqual = left[row] == right[column]
                var cost = min(
                    previous[column + 1] + 1, current[column] + 1,
                    previous[column] + (isEqual ? 0 : 1))
                if row > 0, column > 0, left[row] == right[column - 1],
                    left[row - 1] == right[column]
                {
                    cost = min(cost, before[column - 1] + 1)
                }
                current.append(cost)
            }
            before = previous
            previous = current
        }
        return previous[right.count]
    }
}
