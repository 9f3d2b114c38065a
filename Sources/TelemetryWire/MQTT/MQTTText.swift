// SPDX-License-Identifier: Apache-2.0

/// Checks on the text and the topics of MQTT (MQTT 5.0, 1.5.4 and 4.7), on bytes in place.
package enum MQTTText {
    /// Whether `range` is UTF-8 that MQTT allows.
    ///
    /// Refused are what the standard forbids (overlong forms, surrogates, U+0000; [MQTT-1.5.4-1],
    /// [MQTT-1.5.4-2]) and what it advises against: control characters and non-characters.
    /// U+FEFF is an ordinary character [MQTT-1.5.4-3].
    @_noLocks
    package static func isValid(_ bytes: borrowing Span<UInt8>, _ range: ByteRange) -> Bool {
        var index = range.lowerBound
        let end = range.upperBound
        while index < end {
            let byte = bytes[index]
            if byte < 0x80 {
                if byte < 0x20 || byte == 0x7F { return false }
                index &+= 1
            } else {
                let count = Self.scalarBytes(bytes, at: index, end: end)
                if count == 0 { return false }
                index &+= count
            }
        }
        return true
    }

    /// Whether `range` is a topic name: valid text of at least one character, no `+`, no `#`.
    ///
    /// [MQTT-3.3.2-2], [MQTT-4.7.3-1].
    @_noLocks
    package static func isTopicName(_ bytes: borrowing Span<UInt8>, _ range: ByteRange) -> Bool {
        !range.isEmpty && Self.isValid(bytes, range) && !Self.hasWildcard(bytes, range)
    }

    @_noLocks
    static func hasWildcard(_ bytes: borrowing Span<UInt8>, _ range: ByteRange) -> Bool {
        for index in range.lowerBound..<range.upperBound
        where bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "#") {
            return true
        }
        return false
    }

    /// Whether `range` is a topic filter: `+` alone in its level, `#` alone and last.
    ///
    /// [MQTT-4.7.1-1], [MQTT-4.7.1-2], [MQTT-4.7.3-1]; of a shared subscription also a name
    /// without wildcards and a filter after it [MQTT-4.8.2-1], [MQTT-4.8.2-2].
    package static func isTopicFilter(_ bytes: borrowing Span<UInt8>, _ range: ByteRange) -> Bool {
        guard !range.isEmpty, Self.isValid(bytes, range) else { return false }
        guard Self.isShared(bytes, range) else { return Self.hasWellPlacedWildcards(bytes, range) }
        var index = range.lowerBound + Self.sharedPrefixBytes
        let nameStart = index
        while index < range.upperBound, bytes[index] != UInt8(ascii: "/") { index += 1 }
        let name = ByteRange(nameStart, index)
        guard !name.isEmpty, !Self.hasWildcard(bytes, name), index + 1 < range.upperBound else {
            return false
        }
        return Self.hasWellPlacedWildcards(bytes, ByteRange(index + 1, range.upperBound))
    }

    static let sharedPrefixBytes = 7

    /// Whether the filter begins with `$share/`.
    package static func isShared(_ bytes: borrowing Span<UInt8>, _ range: ByteRange) -> Bool {
        guard range.count >= Self.sharedPrefixBytes else { return false }
        let prefix: [UInt8] = Array("$share/".utf8)
        for offset in 0..<Self.sharedPrefixBytes
        where bytes[range.lowerBound + offset] != prefix[offset] {
            return false
        }
        return true
    }

    private static func hasWellPlacedWildcards(
        _ bytes: borrowing Span<UInt8>, _ range: ByteRange
    ) -> Bool {
        for index in range.lowerBound..<range.upperBound {
            let startsLevel = index == range.lowerBound || bytes[index - 1] == UInt8(ascii: "/")
            let isLast = index + 1 == range.upperBound
            switch bytes[index] {
            case UInt8(ascii: "#"):
                if !startsLevel || !isLast { return false }
            case UInt8(ascii: "+"):
                if !startsLevel || (!isLast && bytes[index + 1] != UInt8(ascii: "/")) {
                    return false
                }
            default: break
            }
        }
        return true
    }

    /// Whether the topic name fits the filter, both well-formed, neither with a `$share` prefix.
    ///
    /// `+` matches one level, an empty one too; `#` matches its parent and everything below;
    /// wildcards in the first level do not match names that begin with `$` [MQTT-4.7.2-1].
    package static func matches(
        filter: borrowing Span<UInt8>, name: borrowing Span<UInt8>
    ) -> Bool {
        let slash = UInt8(ascii: "/")
        if name.count > 0, filter.count > 0, name[0] == UInt8(ascii: "$"),
            filter[0] == UInt8(ascii: "+") || filter[0] == UInt8(ascii: "#")
        {
            return false
        }
        var f = 0
        var n = 0
        while f < filter.count {
            switch filter[f] {
            case UInt8(ascii: "#"): return true
            case UInt8(ascii: "+"):
                while n < name.count, name[n] != slash { n += 1 }
                f += 1
            default:
                while f < filter.count, filter[f] != slash {
                    guard n < name.count, name[n] == filter[f] else { return false }
                    f += 1
                    n += 1
                }
            }
            // Both stand at the end of a level.
            if f == filter.count { return n == name.count }
            if n == name.count {
                // `a/#` matches its parent `a`.
                return filter.count == f + 2 && filter[f + 1] == UInt8(ascii: "#")
            }
            guard name[n] == slash else { return false }
            f += 1
            n += 1
            // A filter ending in `/` asks for one more level, which must be empty.
            if f == filter.count { return n == name.count }
        }
        return n == name.count
    }

    /// Bytes of the scalar at `index`, a lead byte of 0x80 or more; 0 if it is not allowed.
    @_noLocks
    private static func scalarBytes(
        _ bytes: borrowing Span<UInt8>, at index: Int, end: Int
    ) -> Int {
        let lead = bytes[index]
        let count: Int
        var scalar: UInt32
        switch lead {
        case 0xC2...0xDF: (count, scalar) = (2, UInt32(lead & 0x1F))
        case 0xE0...0xEF: (count, scalar) = (3, UInt32(lead & 0x0F))
        case 0xF0...0xF4: (count, scalar) = (4, UInt32(lead & 0x07))
        default: return 0
        }
        guard end &- index >= count else { return 0 }
        for offset in 1..<count {
            let byte = bytes[index &+ offset]
            guard byte & 0xC0 == 0x80 else { return 0 }
            scalar = scalar << 6 | UInt32(byte & 0x3F)
        }
        let isOverlong = (count == 3 && scalar < 0x800) || (count == 4 && scalar < 0x1_0000)
        let isSurrogate = scalar >= 0xD800 && scalar <= 0xDFFF
        let isControl = scalar < 0xA0
        let isNonCharacter = (scalar >= 0xFDD0 && scalar <= 0xFDEF) || scalar & 0xFFFE == 0xFFFE
        if isOverlong || isSurrogate || isControl || isNonCharacter || scalar > 0x10_FFFF {
            return 0
        }
        return count
    }
}
