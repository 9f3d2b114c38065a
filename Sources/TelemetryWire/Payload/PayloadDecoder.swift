// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Turns the payload of one message into readings.
///
/// A payload is taken whole or refused whole, except that line protocol is taken line by line.
/// What a failed sensor sends instead of a number (`nan`, `inf`, JSON `null`) is a reading of
/// quality bad, not an error: it must show as unknown at once. So is a text that a declared map
/// does not know. Numbers of plain, JSON and SenML payloads are float64, whole numbers above 2^53
/// int64, so that one sensor keeps one kind.
///
/// Doubt about the time is no doubt about the value: a time that cannot be used is counted and
/// left out.
package struct PayloadDecoder: ~Copyable, Sendable {
    var parser: LineProtocolParser
    var tape: JSONTape

    package init() {
        self.parser = LineProtocolParser()
        self.tape = JSONTape()
    }

    /// Appends the readings of `payload` to `readings`.
    ///
    /// - Parameters:
    ///   - payload: The whole payload.
    ///   - plan: How to read it.
    ///   - arrival: When it arrived by our wall clock, for relative times; 0 if unknown.
    ///   - readings: Receives 1 or more readings; unchanged if an error is thrown.
    ///   - names: Receives the names of the readings where they are not ranges of the payload;
    ///     grows to the names of the largest payload.
    /// - Returns: How many readings, and what was left out.
    /// - Throws: `PayloadFault`; the caller counts it and refuses the message.
    /// - Complexity: O(bytes). Nothing is allocated once `names` and the memory for JSON documents
    ///   have grown to what the senders send.
    package mutating func decode(
        _ payload: borrowing Span<UInt8>, by plan: PayloadPlan, arrivedAt arrival: WallInstant,
        into readings: inout DecodedReadingBuffer, names: inout WireBuffer
    ) throws(PayloadFault) -> PayloadSummary {
        let countBefore = readings.count
        do {
            switch plan.kind {
            case .plain: return try Self.decodePlain(payload, plan.states, into: &readings)
            case .json: return try self.decodeJSON(payload, plan, into: &readings, &names)
            case .lineProtocol: return try self.decodeLines(payload, plan, into: &readings)
            case .senML:
                return try self.decodeSenML(payload, plan, arrival, into: &readings, &names)
            }
        } catch {
            readings.truncate(to: countBefore)
            throw error
        }
    }

    /// Decodes a payload that is one number or word: the common case, without a plan.
    package mutating func decodePlain(
        _ payload: borrowing Span<UInt8>, into readings: inout DecodedReadingBuffer
    ) throws(PayloadFault) -> PayloadSummary {
        try Self.decodePlain(payload, nil, into: &readings)
    }

    // MARK: Plain

    private static func decodePlain(
        _ payload: borrowing Span<UInt8>, _ states: StateMap?,
        into readings: inout DecodedReadingBuffer
    ) throws(PayloadFault) -> PayloadSummary {
        var summary = PayloadSummary()
        let reading = try Self.plainReading(
            payload, in: ByteRange(0, payload.count), states, &summary)
        try Self.append(reading, to: &readings, at: 0)
        summary.readingCount = 1
        return summary
    }

    static func append(
        _ reading: DecodedReading, to readings: inout DecodedReadingBuffer, at offset: Int
    ) throws(PayloadFault) {
        var reading = reading
        reading.offset = UInt32(truncatingIfNeeded: offset)
        guard readings.append(reading) else { throw PayloadFault(.tooManyReadings, at: offset) }
    }

    /// The reading that a text stands for.
    ///
    /// Declared state, decimal number, `nan`, `inf`, `true`, `false`, `on`, `off` in any case;
    /// white space around it.
    static func plainReading(
        _ bytes: borrowing Span<UInt8>, in range: ByteRange, _ states: StateMap?,
        _ summary: inout PayloadSummary
    ) throws(PayloadFault) -> DecodedReading {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, Self.isSpace(bytes[start]) { start &+= 1 }
        while end > start, Self.isSpace(bytes[end &- 1]) { end &-= 1 }
        if start == end { throw PayloadFault(.empty, at: range.lowerBound) }
        if let states, let value = states.value(of: bytes, in: ByteRange(start, end)) {
            return .mappedState(value)
        }
        if let reading = try Self.scalar(bytes, start, end) { return reading }
        guard states != nil else { throw PayloadFault(.malformedValue, at: start) }
        summary.noteUnmapped(ByteRange(start, end))
        return .unknown
    }

    /// The number or word that a text is; nil if it is neither.
    @_noLocks
    private static func scalar(
        _ bytes: borrowing Span<UInt8>, _ start: Int, _ end: Int
    ) throws(PayloadFault) -> DecodedReading? {
        let number = DecimalNumber(bytes, from: start, to: end)
        if number.isWellFormed, number.end == end {
            return try Self.reading(of: number, bytes, ByteRange(start, end))
        }
        if let state = Self.word(bytes, start, end) { return .bool(state) }
        if DecimalNumber.notFiniteWordBytes(bytes, from: start, to: end) == end &- start {
            return .unknown
        }
        return nil
    }

    @_noLocks
    static func reading(
        of number: DecimalNumber, _ bytes: borrowing Span<UInt8>, _ text: ByteRange
    ) throws(PayloadFault) -> DecodedReading {
        if text.count > DecimalNumber.textBytesMax {
            throw PayloadFault(.numberTooLong, at: text.lowerBound)
        }
        if number.isInteger, !number.isTruncated, number.significand > 1 << 53,
            number.significand <= UInt64(Int64.max)
        {
            let bits = number.isNegative ? 0 &- number.significand : number.significand
            return DecodedReading(valueBits: bits, valueKind: .int64, quality: .good)
        }
        let value = number.value(bytes)
        if !value.isFinite { throw PayloadFault(.numberOutOfRange, at: text.lowerBound) }
        return DecodedReading(valueBits: value.bitPattern, valueKind: .float64, quality: .good)
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
}
