// SPDX-License-Identifier: Apache-2.0

/// How the payload of one topic is read.
package enum PayloadFormat: Sendable, Equatable {
    /// A decimal number, or one of the words true, false, on, off.
    case plain
    /// A JSON document with the value at a path of names and indexes, `a.b.0`.
    case json(JSONPayload)
    /// Lines of InfluxDB line protocol whose timestamps count `unit`.
    case lineProtocol(unit: SourceTimeUnit)
}

/// Where value and time stand in a JSON payload.
package struct JSONPayload: Sendable, Equatable {
    /// Empty: the whole document is the value.
    package var valuePath: String
    /// nil: the payload carries no time.
    package var timestampPath: String?
    package var timestampUnit: SourceTimeUnit

    package init(
        valuePath: String, timestampPath: String? = nil,
        timestampUnit: SourceTimeUnit = .milliseconds
    ) {
        self.valuePath = valuePath
        self.timestampPath = timestampPath
        self.timestampUnit = timestampUnit
    }
}

/// Why a payload gives no reading.
///
/// Raw values are 0 ..< number of cases, for counting.
package enum PayloadError: Int, Error, CaseIterable, Sendable {
    /// Nothing, or nothing but white space.
    case empty
    /// Neither a number nor a known word.
    case malformedValue
    /// A number of more bytes than `DecimalNumber.textBytesMax`.
    case numberTooLong
    /// Beyond the range of a double.
    case numberOutOfRange
    case malformedJSON
    /// The JSON document has nothing at the value path.
    case valueMissing
    /// What is at the value path is an object or an array.
    case valueNotScalar
    /// Line protocol without a line: comments and blank lines only.
    case noLine
    /// No line of the payload is well-formed.
    case everyLineRejected
    /// Well-formed lines, but every field is a string.
    case onlyStrings
    /// More readings than the buffer holds: none is taken.
    case tooManyReadings
}

/// What a payload gave, beside the readings.
package struct PayloadSummary: Equatable, Sendable, BitwiseCopyable {
    /// Readings appended, 1 or more.
    package var readingCount = 0
    /// Times that were written but not usable: the reading stands without source time.
    package var ignoredTimestampCount = 0
    /// Fields that are strings, which need a declared map.
    package var stringFieldCount = 0
    package var duplicateFieldCount = 0
    package var rejectedLineCount = 0
    /// Cause of the first refused line.
    package var firstLineError: LineProtocolError?

    @_noLocks
    package init() {}
}
