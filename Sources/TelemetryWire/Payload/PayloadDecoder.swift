// SPDX-License-Identifier: Apache-2.0

import JSONText
import MidwatchModel

/// Turns the payload of one message into readings.
///
/// A payload is taken whole or refused whole, except that line protocol is taken line by line.
/// What a failed sensor sends instead of a number (`nan`, `inf`, JSON `null`) is a reading of
/// quality bad, not an error: it must show as unknown at once. Numbers of plain and JSON payloads
/// are float64, whole numbers above 2^53 int64, so that one sensor keeps one kind.
///
/// Doubt about the time is no doubt about the value: a time that cannot be used is counted and
/// left out.
package struct PayloadDecoder: ~Copyable, Sendable {
    private var parser: LineProtocolParser

    package init() { self.parser = LineProtocolParser() }

    /// Appends the readings of `payload` to `readings`.
    ///
    /// - Parameters:
    ///   - payload: The whole payload; ranges of the readings point into it.
    ///   - format: How to read it.
    ///   - readings: Receives 1 or more readings; unchanged if an error is thrown.
    /// - Returns: How many readings, and what was left out.
    /// - Throws: `PayloadError`; the caller counts it and refuses the message.
    /// - Complexity: O(bytes). Plain numbers and line protocol allocate nothing; JSON builds its
    ///   document.
    package mutating func decode(
        _ payload: borrowing Span<UInt8>, as format: PayloadFormat,
        into readings: inout DecodedReadingBuffer
    ) throws(PayloadError) -> PayloadSummary {
        switch format {
        case .plain:
            let reading = try Self.plainReading(payload, from: 0, to: payload.count)
            guard readings.append(reading) else { throw .tooManyReadings }
            return Self.single
        case .json(let description):
            return try Self.decodeJSON(payload, description, into: &readings)
        case .lineProtocol(let unit):
            return try self.decodeLines(payload, unit: unit, into: &readings)
        }
    }

    private static var single: PayloadSummary {
        var summary = PayloadSummary()
        summary.readingCount = 1
        return summary
    }

    // MARK: Plain

    /// The reading that a plain text payload stands for.
    ///
    /// Decimal number, `nan`, `inf`, `true`, `false`, `on`, `off` in any case, white space around.
    @_noLocks
    static func plainReading(
        _ bytes: borrowing Span<UInt8>, from: Int, to: Int
    ) throws(PayloadError) -> DecodedReading {
        var start = from
        var end = to
        while start < end, Self.isSpace(bytes[start]) { start &+= 1 }
        while end > start, Self.isSpace(bytes[end &- 1]) { end &-= 1 }
        if start == end { throw .empty }
        let number = DecimalNumber(bytes, from: start, to: end)
        if number.isWellFormed, number.end == end {
            if end &- start > DecimalNumber.textBytesMax { throw .numberTooLong }
            return try Self.reading(of: number, bytes)
        }
        if let state = Self.word(bytes, start, end) {
            return DecodedReading(valueBits: state ? 1 : 0, valueKind: .bool, quality: .good)
        }
        if DecimalNumber.notFiniteWordBytes(bytes, from: start, to: end) == end &- start {
            return Self.unknownReading
        }
        throw .malformedValue
    }

    @_noLocks
    private static func reading(
        of number: DecimalNumber, _ bytes: borrowing Span<UInt8>
    ) throws(PayloadError) -> DecodedReading {
        if number.isInteger, !number.isTruncated, number.significand > 1 << 53,
            number.significand <= UInt64(Int64.max)
        {
            let bits = number.isNegative ? 0 &- number.significand : number.significand
            return DecodedReading(valueBits: bits, valueKind: .int64, quality: .good)
        }
        let value = number.value(bytes)
        if !value.isFinite { throw .numberOutOfRange }
        return DecodedReading(valueBits: value.bitPattern, valueKind: .float64, quality: .good)
    }

    /// What stands for a value that is not finite: NaN, quality bad.
    private static var unknownReading: DecodedReading {
        DecodedReading(valueBits: Double.nan.bitPattern, valueKind: .float64, quality: .bad)
    }

    @_noLocks
    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    @_noLocks
    private static func word(_ bytes: borrowing Span<UInt8>, _ start: Int, _ end: Int) -> Bool? {
        switch end &- start {
        case 2: DecimalNumber.matches(bytes, start, end, "on") ? true : nil
        case 3: DecimalNumber.matches(bytes, start, end, "off") ? false : nil
        case 4: DecimalNumber.matches(bytes, start, end, "true") ? true : nil
        case 5: DecimalNumber.matches(bytes, start, end, "false") ? false : nil
        default: nil
        }
    }

    // MARK: JSON

    private static func decodeJSON(
        _ payload: borrowing Span<UInt8>, _ description: JSONPayload,
        into readings: inout DecodedReadingBuffer
    ) throws(PayloadError) -> PayloadSummary {
        guard let document = try? JSONValue(parsing: payload) else { throw .malformedJSON }
        let path = description.valuePath
        guard let value = path.isEmpty ? document : document.value(atPath: path) else {
            throw .valueMissing
        }
        var reading = try Self.reading(of: value)
        var summary = Self.single
        if let timestampPath = description.timestampPath,
            let timestamp = document.value(atPath: timestampPath), timestamp != .null
        {
            if let time = Self.sourceTime(timestamp, unit: description.timestampUnit) {
                reading.sourceTime = time
            } else {
                summary.ignoredTimestampCount = 1
            }
        }
        guard readings.append(reading) else { throw .tooManyReadings }
        return summary
    }

    private static func reading(of value: JSONValue) throws(PayloadError) -> DecodedReading {
        switch value {
        case .null: return Self.unknownReading
        case .bool(let state):
            return DecodedReading(valueBits: state ? 1 : 0, valueKind: .bool, quality: .good)
        case .number(let number):
            return DecodedReading(valueBits: number.bitPattern, valueKind: .float64, quality: .good)
        case .integer(let number):
            if number.magnitude > 1 << 53 {
                return DecodedReading(
                    valueBits: UInt64(bitPattern: number), valueKind: .int64, quality: .good)
            }
            return DecodedReading(
                valueBits: Double(number).bitPattern, valueKind: .float64, quality: .good)
        case .string(let text):
            let bytes = text.utf8.span
            return try Self.plainReading(bytes, from: 0, to: bytes.count)
        case .array, .object: throw .valueNotScalar
        }
    }

    private static func sourceTime(_ value: JSONValue, unit: SourceTimeUnit) -> Int64? {
        switch value {
        case .integer(let count): unit.nanoseconds(count)
        case .number(let count): unit.nanoseconds(count)
        case .null, .bool, .string, .array, .object: nil
        }
    }

    // MARK: Line protocol

    @_noLocks
    private mutating func decodeLines(
        _ payload: borrowing Span<UInt8>, unit: SourceTimeUnit,
        into readings: inout DecodedReadingBuffer
    ) throws(PayloadError) -> PayloadSummary {
        let countBefore = readings.count
        let nanosecondsPerUnit = unit.nanosecondsPerUnit
        var summary = PayloadSummary()
        var hasLine = false
        self.parser.start()
        scan: while true {
            switch self.parser.nextLine(payload) {
            case .end: break scan
            case .rejected(let rejection):
                if summary.rejectedLineCount == 0 { summary.firstLineError = rejection.error }
                summary.rejectedLineCount &+= rejection.lineCount
            case .line(let line):
                hasLine = true
                guard
                    self.appendFields(
                        of: line, nanosecondsPerUnit: nanosecondsPerUnit, into: &readings,
                        summary: &summary)
                else {
                    readings.truncate(to: countBefore)
                    throw .tooManyReadings
                }
            }
        }
        summary.readingCount = readings.count &- countBefore
        if summary.readingCount > 0 { return summary }
        if hasLine { throw .onlyStrings }
        throw summary.rejectedLineCount > 0 ? .everyLineRejected : .noLine
    }

    /// False where the buffer is full.
    @_noLocks
    private mutating func appendFields(
        of line: LineProtocolLine, nanosecondsPerUnit: Int64,
        into readings: inout DecodedReadingBuffer, summary: inout PayloadSummary
    ) -> Bool {
        summary.duplicateFieldCount &+= line.duplicateFieldCount
        var sourceTime = Slot.noSourceTime
        if let timestamp = line.timestamp {
            let (time, overflow) = timestamp.multipliedReportingOverflow(by: nanosecondsPerUnit)
            if overflow || time == Slot.noSourceTime {
                summary.ignoredTimestampCount &+= 1
            } else {
                sourceTime = time
            }
        }
        for index in 0..<line.fieldCount {
            let field = self.parser.field(index)
            guard let value = field.reading else {
                summary.stringFieldCount &+= 1
                continue
            }
            var reading = DecodedReading(
                valueBits: value.bits, valueKind: value.kind, quality: value.quality)
            reading.sourceTime = sourceTime
            reading.series = line.seriesKey
            reading.fieldKey = field.key
            guard readings.append(reading) else { return false }
        }
        return true
    }
}
