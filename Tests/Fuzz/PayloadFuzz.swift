// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import TelemetryWire

/// Holds the payload decoder to what it promises, for any payload and each format.
///
/// The first byte chooses the format. A payload gives readings or an error, never both; values are
/// finite or bad; ranges lie inside the payload or the names; faults lie inside the payload. What
/// the decoder kept of earlier payloads changes nothing.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzPayload(_ start: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    guard count > 0 else { return 0 }
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    let payload = Array(input.dropFirst())
    guard let format = format(input[0] % 7) else { preconditionFailure("a path is malformed") }
    let states = input[0] & 0x80 == 0 ? nil : StateMap(["open": 1, "closed": 0])
    let plan = PayloadPlan(format, states: states)
    var decoder = PayloadDecoder()
    let first = decode(payload, plan, &decoder)
    precondition(decode(payload, plan, &decoder) == first, "the second time is another")
    return 0
}

private func format(_ choice: UInt8) -> PayloadFormat? {
    switch choice {
    case 0: return .plain
    case 1:
        return JSONPayload(value: "v", time: "t", timeFormat: .count(.seconds)).map { .json($0) }
    case 2: return JSONPayload(value: "a.0.v").map { .json($0) }
    case 3:
        guard var json = JSONPayload(value: "a.*.v", time: "a.*.t", timeFormat: .rfc3339) else {
            return nil
        }
        json.name = JSONPath("a.*.n")
        return .json(json)
    case 4: return JSONPayload(value: "*", time: "t").map { .json($0) }
    case 5:
        guard let v = JSONPath("v"), let w = JSONPath("a.w") else { return nil }
        var json = JSONPayload()
        json.values = [
            JSONPayload.Value(name: "v", path: v), JSONPayload.Value(name: "w", path: w),
        ]
        return .json(json)
    default: return .lineProtocol(unit: .milliseconds)
    }
}

/// What came of it, in an order that can be compared.
private func decode(
    _ payload: [UInt8], _ plan: PayloadPlan, _ decoder: inout PayloadDecoder
) -> [UInt64] {
    var readings = DecodedReadingBuffer(capacity: 16)
    var names = WireBuffer()
    do throws(PayloadFault) {
        let summary = try decoder.decode(
            payload.span, by: plan, arrivedAt: WallInstant(nanoseconds: 1), into: &readings,
            names: &names)
        precondition(summary.readingCount == readings.count && readings.count > 0, "count")
        precondition(summary.firstUnmappedState.upperBound <= payload.count, "text outside")
        let isLine = if case .lineProtocol = plan.format { true } else { false }
        let namesEnd = isLine ? payload.count : names.count
        var result: [UInt64] = []
        for index in 0..<readings.count {
            let reading = readings[index]
            if reading.valueKind == .float64, reading.quality == .good {
                precondition(Double(bitPattern: reading.valueBits).isFinite, "not finite and good")
            }
            precondition(reading.series.upperBound <= namesEnd, "series outside")
            precondition(reading.fieldKey.upperBound <= namesEnd, "field key outside")
            precondition(Int(reading.offset) <= payload.count, "offset outside")
            precondition(plan.format.hasNames != reading.series.isEmpty, "name")
            result += [reading.valueBits, UInt64(bitPattern: reading.sourceTime)]
        }
        return result
    } catch {
        precondition(readings.count == 0, "readings beside an error")
        precondition(error.offset >= 0 && error.offset <= payload.count, "fault outside")
        return [UInt64(error.error.rawValue), UInt64(error.offset)]
    }
}
