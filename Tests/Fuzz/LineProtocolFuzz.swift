// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import TelemetryWire

/// Holds the parser to what it promises, for any input.
///
/// Ranges lie inside the input; lines are numbered upwards and each makes progress; an accepted
/// line is accepted alone, with the same fields; floats are those of the standard library; a path
/// is well-formed or refused.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzLineProtocol(_ start: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    var parser = LineProtocolParser(fieldCountMax: 8)
    var alone = LineProtocolParser(fieldCountMax: 8)
    parser.start()
    var lastNumber = 0
    var stepCount = 0
    while true {
        stepCount += 1
        precondition(stepCount <= input.count + 1, "no progress")
        switch parser.nextLine(input.span) {
        case .end: return 0
        case .rejected(let rejection):
            precondition(rejection.number > lastNumber && rejection.lineCount >= 1, "line numbers")
            precondition(rejection.bytes.upperBound <= input.count, "range outside")
            lastNumber = rejection.number + rejection.lineCount - 1
        case .line(let line):
            precondition(line.number > lastNumber && line.fieldCount >= 1, "line numbers")
            lastNumber = line.number
            check(line, &parser, &alone, input)
        }
    }
}

private func check(
    _ line: LineProtocolLine, _ parser: inout LineProtocolParser, _ alone: inout LineProtocolParser,
    _ input: [UInt8]
) {
    var end = line.seriesKey.upperBound
    for index in 0..<line.fieldCount { end = max(end, parser.field(index).text.upperBound) }
    while end < input.count, input[end] != UInt8(ascii: "\n") { end += 1 }
    let copy = Array(input[line.seriesKey.lowerBound..<end])
    alone.start()
    guard case .line(let again) = alone.nextLine(copy.span) else {
        preconditionFailure("a line is refused alone")
    }
    precondition(again.fieldCount == line.fieldCount, "fields")
    precondition(again.timestamp == line.timestamp, "timestamp")
    for index in 0..<line.fieldCount {
        let field = parser.field(index)
        precondition(field.bits == alone.field(index).bits, "value")
        precondition(field.key.upperBound <= input.count && !field.key.isEmpty, "key")
        precondition(field.text.upperBound <= input.count, "text")
        if field.kind == .float {
            let text = String(decoding: input[field.text.range], as: UTF8.self)
            precondition(Double(text)?.bitPattern == field.bits, "rounded otherwise")
        }
        let path = try? SeriesPathTemplate.standard.path(
            seriesKey: line.seriesKey, fieldKey: field.key, in: input.span)
        if let path { precondition(SensorID(path.path) == path, "path not well-formed") }
    }
}
