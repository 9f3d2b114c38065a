// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension PayloadDecoder {
    /// Takes every well-formed line.
    mutating func decodeLines(
        _ payload: borrowing Span<UInt8>, _ plan: PayloadPlan,
        into readings: inout DecodedReadingBuffer
    ) throws(PayloadFault) -> PayloadSummary {
        let countBefore = readings.count
        let nanosecondsPerUnit = plan.nanosecondsPerUnit
        var summary = PayloadSummary()
        var hasLine = false
        self.parser.start()
        scan: while true {
            switch self.parser.nextLine(payload) {
            case .end: break scan
            case .rejected(let rejection):
                if summary.rejectedLineCount == 0 {
                    summary.firstLineError = rejection.error
                    summary.firstLineErrorOffset = rejection.offset
                    summary.firstRejectedLine = rejection.bytes
                }
                summary.rejectedLineCount &+= rejection.lineCount
            case .line(let line):
                hasLine = true
                try self.appendFields(
                    of: line, payload, plan.states, nanosecondsPerUnit, into: &readings, &summary)
            }
        }
        summary.readingCount = readings.count &- countBefore
        if summary.readingCount > 0 { return summary }
        if hasLine { throw PayloadFault(.onlyStrings, at: 0) }
        guard summary.rejectedLineCount > 0 else { throw PayloadFault(.noLine, at: 0) }
        throw PayloadFault(.everyLineRejected, at: summary.firstLineErrorOffset)
    }

    private mutating func appendFields(
        of line: LineProtocolLine, _ payload: borrowing Span<UInt8>, _ states: StateMap?,
        _ nanosecondsPerUnit: Int64, into readings: inout DecodedReadingBuffer,
        _ summary: inout PayloadSummary
    ) throws(PayloadFault) {
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
            var reading: DecodedReading
            if let value = field.reading {
                reading = DecodedReading(
                    valueBits: value.bits, valueKind: value.kind, quality: value.quality)
            } else if let states {
                reading = Self.state(of: field, payload, states, &summary)
            } else {
                summary.stringFieldCount &+= 1
                continue
            }
            reading.sourceTime = sourceTime
            reading.series = line.seriesKey
            reading.fieldKey = field.key
            try Self.append(reading, to: &readings, at: line.seriesKey.lowerBound)
        }
    }

    /// A text with escapes is in no map: `\"` and `\\` name no state worth declaring.
    private static func state(
        of field: LineProtocolField, _ payload: borrowing Span<UInt8>, _ states: StateMap,
        _ summary: inout PayloadSummary
    ) -> DecodedReading {
        if !field.textHasEscape, let value = states.value(of: payload, in: field.text) {
            return .mappedState(value)
        }
        summary.noteUnmapped(field.text)
        return .unknown
    }
}
