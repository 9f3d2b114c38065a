// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import TelemetryWire

/// Holds the payload decoder to what it promises, for any payload and each format.
///
/// The first byte chooses the format. A payload gives readings or an error, never both; values are
/// finite or bad; ranges lie inside the payload.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzPayload(_ start: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    guard count > 0 else { return 0 }
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    let payload = Array(input.dropFirst())
    let format: PayloadFormat =
        switch input[0] % 4 {
        case 0: .plain
        case 1: .json(JSONPayload(valuePath: "v", timestampPath: "t", timestampUnit: .seconds))
        case 2: .json(JSONPayload(valuePath: "a.0.v"))
        default: .lineProtocol(unit: .milliseconds)
        }
    var decoder = PayloadDecoder()
    var readings = DecodedReadingBuffer(capacity: 16)
    do throws(PayloadError) {
        let summary = try decoder.decode(payload.span, as: format, into: &readings)
        precondition(summary.readingCount == readings.count && readings.count > 0, "count")
        for index in 0..<readings.count {
            let reading = readings[index]
            if reading.valueKind == .float64, reading.quality == .good {
                precondition(Double(bitPattern: reading.valueBits).isFinite, "not finite and good")
            }
            precondition(reading.series.upperBound <= payload.count, "series outside")
            precondition(reading.fieldKey.upperBound <= payload.count, "field key outside")
        }
    } catch {
        precondition(readings.count == 0, "readings beside an error")
    }
    return 0
}
