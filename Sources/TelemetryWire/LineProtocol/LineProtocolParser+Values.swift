// SPDX-License-Identifier: Apache-2.0

extension LineProtocolParser {
    /// Scans one field value at `offset`; the key is the caller's to fill in.
    @_noLocks
    mutating func scanValue(
        _ bytes: borrowing Span<UInt8>
    ) throws(LineProtocolError) -> LineProtocolField {
        let start = self.offset
        if Self.isLineEnd(bytes, start) { throw .emptyFieldValue }
        switch bytes[start] {
        case UInt8(ascii: ","), UInt8(ascii: " "): throw .emptyFieldValue
        case UInt8(ascii: "\""): return try self.scanString(bytes)
        case UInt8(ascii: "t"), UInt8(ascii: "T"), UInt8(ascii: "f"), UInt8(ascii: "F"):
            return try self.scanBoolean(bytes)
        default: return try self.scanNumber(bytes)
        }
    }

    /// Whether a value may end at `index`.
    @_noLocks
    private static func isValueEnd(_ bytes: borrowing Span<UInt8>, _ index: Int) -> Bool {
        if index < bytes.count,
            bytes[index] == UInt8(ascii: ",") || bytes[index] == UInt8(ascii: " ")
        {
            return true
        }
        return Self.isLineEnd(bytes, index)
    }

    @_noLocks
    private static func field(
        _ kind: LineProtocolValueKind, bits: UInt64, text: ByteRange, textHasEscape: Bool = false
    ) -> LineProtocolField {
        LineProtocolField(kind: kind, bits: bits, text: text, textHasEscape: textHasEscape)
    }

    @_noLocks
    private mutating func scanNumber(
        _ bytes: borrowing Span<UInt8>
    ) throws(LineProtocolError) -> LineProtocolField {
        let start = self.offset
        let number = DecimalNumber(bytes, from: start, to: bytes.count)
        guard number.isWellFormed else { return try self.scanNotFinite(bytes) }
        let text = ByteRange(start, number.end)
        if text.count > DecimalNumber.textBytesMax { throw .numberTooLong }
        if Self.isValueEnd(bytes, number.end) {
            self.offset = number.end
            let value = number.value(bytes)
            if !value.isFinite { throw .floatOutOfRange }
            return Self.field(.float, bits: value.bitPattern, text: text)
        }
        let suffix = bytes[number.end]
        guard number.isInteger, suffix == UInt8(ascii: "i") || suffix == UInt8(ascii: "u"),
            Self.isValueEnd(bytes, number.end &+ 1)
        else { throw .malformedNumber }
        self.offset = number.end &+ 1
        if number.isTruncated { throw .integerOutOfRange }
        let magnitude = number.significand
        if suffix == UInt8(ascii: "u") {
            if number.isNegative, magnitude != 0 { throw .integerOutOfRange }
            return Self.field(.unsigned, bits: magnitude, text: text)
        }
        let limit = number.isNegative ? UInt64(Int64.max) &+ 1 : UInt64(Int64.max)
        if magnitude > limit { throw .integerOutOfRange }
        return Self.field(
            .signed, bits: number.isNegative ? 0 &- magnitude : magnitude, text: text)
    }

    /// `nan` and `inf`: outside the standard, sent all the same by sensors that failed.
    @_noLocks
    private mutating func scanNotFinite(
        _ bytes: borrowing Span<UInt8>
    ) throws(LineProtocolError) -> LineProtocolField {
        let start = self.offset
        let count = DecimalNumber.notFiniteWordBytes(bytes, from: start, to: bytes.count)
        guard count > 0, Self.isValueEnd(bytes, start &+ count) else { throw .malformedNumber }
        if !self.acceptsNotFinite { throw .notFinite }
        self.offset = start &+ count
        let isNaN = bytes[start &+ count &- 1] | 0x20 == UInt8(ascii: "n")
        let infinity = bytes[start] == UInt8(ascii: "-") ? -Double.infinity : Double.infinity
        return Self.field(
            .notFinite, bits: (isNaN ? Double.nan : infinity).bitPattern,
            text: ByteRange(start, self.offset))
    }

    /// One of `t T true True TRUE f F false False FALSE`.
    @_noLocks
    private mutating func scanBoolean(
        _ bytes: borrowing Span<UInt8>
    ) throws(LineProtocolError) -> LineProtocolField {
        let start = self.offset
        let isTrue = bytes[start] | 0x20 == UInt8(ascii: "t")
        var end = start &+ 1
        if !Self.isValueEnd(bytes, end) {
            // Lower case throughout, or a capital followed by either case throughout.
            let count = isTrue ? 4 : 5
            guard
                DecimalNumber.matches(bytes, start, bytes.count, isTrue ? "true" : "false"),
                bytes[start] & 0x20 == 0 || bytes[start &+ 1] & 0x20 != 0
            else { throw .malformedBoolean }
            for index in start &+ 2..<start &+ count
            where (bytes[index] ^ bytes[start &+ 1]) & 0x20 != 0 {
                throw .malformedBoolean
            }
            end = start &+ count
            guard Self.isValueEnd(bytes, end) else { throw .malformedBoolean }
        }
        self.offset = end
        return Self.field(.bool, bits: isTrue ? 1 : 0, text: ByteRange(start, end))
    }

    /// A quoted string; `\"` and `\\` are its escapes.
    @_noLocks
    private mutating func scanString(
        _ bytes: borrowing Span<UInt8>
    ) throws(LineProtocolError) -> LineProtocolField {
        let start = self.offset &+ 1
        var index = start
        var hasEscape = false
        var hasNewline = false
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
            if bytes[index] == UInt8(ascii: "\\"), index &+ 1 < bytes.count,
                bytes[index &+ 1] == UInt8(ascii: "\"") || bytes[index &+ 1] == UInt8(ascii: "\\")
            {
                hasEscape = true
                index &+= 1
            } else if bytes[index] == UInt8(ascii: "\n") {
                hasNewline = true
            }
            index &+= 1
        }
        // Nothing closes the quote: `offset` stays in the first line, and the next ones count.
        if index >= bytes.count { throw .unclosedQuote }
        self.offset = index &+ 1
        if hasNewline { throw .newlineInString }
        if index &- start > Self.stringBytesMax { throw .stringTooLong }
        guard Self.isValueEnd(bytes, self.offset) else { throw .textAfterString }
        return Self.field(
            .string, bits: 0, text: ByteRange(start, index), textHasEscape: hasEscape)
    }

    /// A whole number from -9223372036854775806 to 9223372036854775806.
    @_noLocks
    mutating func scanTimestamp(
        _ bytes: borrowing Span<UInt8>
    ) throws(LineProtocolError) -> Int64 {
        let start = self.offset
        if Self.isLineEnd(bytes, start) || bytes[start] == UInt8(ascii: " ") {
            throw .emptyTimestamp
        }
        if bytes[start] == UInt8(ascii: "+") { throw .malformedTimestamp }
        let number = DecimalNumber(bytes, from: start, to: bytes.count)
        guard number.isWellFormed, number.isInteger else { throw .malformedTimestamp }
        self.offset = number.end
        if !Self.isLineEnd(bytes, number.end) {
            throw bytes[number.end] == UInt8(ascii: " ") ? .textAfterTimestamp : .malformedTimestamp
        }
        let limit: UInt64 = 9_223_372_036_854_775_806
        if number.isTruncated || number.significand > limit { throw .timestampOutOfRange }
        let magnitude = Int64(number.significand)
        return number.isNegative ? -magnitude : magnitude
    }
}
