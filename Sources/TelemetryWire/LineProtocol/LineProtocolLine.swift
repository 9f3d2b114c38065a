// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// What the value of a field is.
package enum LineProtocolValueKind: UInt8, Sendable, BitwiseCopyable {
    /// `bits` is the bit pattern of a finite double.
    case float
    /// `bits` is a two's complement integer: `1i`.
    case signed
    /// `bits` is an unsigned integer: `1u`.
    case unsigned
    /// `bits` is 0 or 1.
    case bool
    /// `text` is what stands between the quotes, still escaped.
    case string
    /// `nan` or `inf` was written; `bits` is the pattern of that double.
    case notFinite
}

/// One field of a line; ranges are offsets into the parsed bytes.
package struct LineProtocolField: Sendable, BitwiseCopyable {
    package var key: ByteRange
    /// The value as written, without the quotes of a string.
    package var text: ByteRange
    package var bits: UInt64
    package var kind: LineProtocolValueKind
    /// The key contains backslash escapes.
    package var keyHasEscape: Bool
    /// The string contains backslash escapes.
    package var textHasEscape: Bool

    @_noLocks
    init(kind: LineProtocolValueKind, bits: UInt64, text: ByteRange, textHasEscape: Bool) {
        self.key = .empty
        self.text = text
        self.bits = bits
        self.kind = kind
        self.keyHasEscape = false
        self.textHasEscape = textHasEscape
    }

    /// The value as a reading carries it; nil for strings, which need a declared map.
    ///
    /// An unsigned value above `Int64.max` becomes the nearest double: better a rounded reading
    /// than none. A value that is not finite has quality bad, so that it counts as unknown.
    package var reading: (bits: UInt64, kind: ValueKind, quality: Quality)? {
        @_noLocks get {
            switch self.kind {
            case .float: (self.bits, .float64, .good)
            case .signed: (self.bits, .int64, .good)
            case .unsigned:
                self.bits <= UInt64(Int64.max)
                    ? (self.bits, .int64, .good) : (Double(self.bits).bitPattern, .float64, .good)
            case .bool: (self.bits, .bool, .good)
            case .notFinite: (self.bits, .float64, .bad)
            case .string: nil
            }
        }
    }
}

/// One accepted line; its fields are in the parser until the next line is asked for.
package struct LineProtocolLine: Sendable, BitwiseCopyable {
    /// Number of the line in its input, from 1, comments and blank lines counted.
    package var number: Int
    /// Measurement and tags as written: what tells one series from another, once resolved.
    package var seriesKey: ByteRange
    package var measurement: ByteRange
    /// 1 or more.
    package var fieldCount: Int
    /// Fields dropped because a later one of the line has the same key.
    package var duplicateFieldCount: Int
    /// As written, in the unit of the sender (`SourceTimeUnit`); nil: the line has none.
    package var timestamp: Int64?

    @_noLocks
    init(number: Int, seriesKey: ByteRange, measurement: ByteRange, timestamp: Int64?) {
        self.number = number
        self.seriesKey = seriesKey
        self.measurement = measurement
        self.fieldCount = 0
        self.duplicateFieldCount = 0
        self.timestamp = timestamp
    }
}

/// A refused line: nothing of it was accepted.
package struct LineProtocolRejection: Sendable, BitwiseCopyable {
    package var error: LineProtocolError
    /// Number of the (first) line, from 1.
    package var number: Int
    /// Lines refused with this one error: more than 1 only where a string spans lines.
    package var lineCount: Int
    /// The refused bytes, without the line feed that ends them.
    package var bytes: ByteRange
    /// Bytes from the start of the input to where the scan ended: at the fault or behind it.
    package var offset: Int

    @_noLocks
    init(error: LineProtocolError, number: Int, lineCount: Int, bytes: ByteRange, offset: Int) {
        self.offset = offset
        self.error = error
        self.number = number
        self.lineCount = lineCount
        self.bytes = bytes
    }
}

/// What the next line of the input is.
package enum LineProtocolStep: Sendable, BitwiseCopyable {
    case line(LineProtocolLine)
    case rejected(LineProtocolRejection)
    /// No line is left.
    case end
}
