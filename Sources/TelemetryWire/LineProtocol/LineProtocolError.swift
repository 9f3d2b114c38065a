// SPDX-License-Identifier: Apache-2.0

/// Why a line of line protocol is refused, one case for each cause.
///
/// Raw values are 0 ..< number of cases, so that a `CounterBlock` counts each.
@frozen @usableFromInline
package enum LineProtocolError: Int, Error, CaseIterable, Sendable {
    case emptyMeasurement
    /// The measurement, a tag key or a field key begins with `_`.
    case reservedName
    case emptyTagKey
    /// A tag key without `=`.
    case tagWithoutValue
    case emptyTagValue
    /// `=` inside a tag value must be escaped.
    case unescapedEquals
    /// Measurement and tags are longer than `LineProtocolParser.seriesKeyBytesMax`.
    case seriesKeyTooLong
    case noField
    case emptyFieldKey
    /// A field key without `=`.
    case fieldWithoutValue
    case emptyFieldValue
    /// More fields than the parser holds.
    case tooManyFields
    case malformedBoolean
    case malformedNumber
    /// A number of more than `DecimalNumber.textBytesMax` bytes.
    case numberTooLong
    /// Beyond the range of a double.
    case floatOutOfRange
    /// Beyond 64 bits, or negative with `u`.
    case integerOutOfRange
    /// `nan` or `inf`, where the parser was told to refuse them.
    case notFinite
    /// The input ends inside a quoted string: cut off, never guessed.
    case unclosedQuote
    /// A quoted string goes over the end of its line.
    case newlineInString
    /// A string of more than `LineProtocolParser.stringBytesMax` bytes.
    case stringTooLong
    case textAfterString
    /// Two spaces, or a space at the end of the line.
    case emptyTimestamp
    /// Not a whole number: fraction, exponent, letters.
    case malformedTimestamp
    case timestampOutOfRange
    /// A fourth section.
    case textAfterTimestamp
}
