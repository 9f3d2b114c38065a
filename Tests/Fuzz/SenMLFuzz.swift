// SPDX-License-Identifier: Apache-2.0

import JSONText
import MidwatchModel
import TelemetryWire

/// Holds the SenML decoder to the standard, for any pack.
///
/// Names are names, values are finite or bad, times are absolute or absent. A pack resolved and
/// written out record by record, as RFC 8428 section 4.6 describes, decodes to the same readings.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSenML(_ start: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let readings = decode(input) else { return 0 }
    let text = "[" + readings.map(record).joined(separator: ",") + "]"
    guard let again = decode(Array(text.utf8)) else { preconditionFailure("resolved, and refused") }
    precondition(again == readings, "resolved, and something else")
    return 0
}

private struct Reading: Equatable {
    var name: String
    var unit: String
    var bits: UInt64
    var kind: ValueKind
    var time: Int64
    var promised: UInt8
}

/// nil for a pack that is refused.
private func decode(_ pack: [UInt8]) -> [Reading]? {
    var decoder = PayloadDecoder()
    var buffer = DecodedReadingBuffer(capacity: 64)
    var names = WireBuffer()
    let arrival = WallInstant(nanoseconds: 1_795_219_200_000_000_000)
    do throws(PayloadFault) {
        let summary = try decoder.decode(
            pack.span, by: PayloadPlan(.senML), arrivedAt: arrival, into: &buffer, names: &names)
        precondition(summary.readingCount == buffer.count && buffer.count > 0, "count")
    } catch {
        precondition(buffer.count == 0, "readings beside an error")
        precondition(error.offset >= 0 && error.offset <= pack.count, "fault outside")
        return nil
    }
    let text = names.array()
    var readings: [Reading] = []
    for index in 0..<buffer.count {
        let reading = buffer[index]
        precondition(reading.quality == .good, "bad without a map")
        if reading.valueKind == .float64 {
            precondition(Double(bitPattern: reading.valueBits).isFinite, "not finite and good")
        }
        precondition(reading.sourceTime == Slot.noSourceTime || reading.sourceTime > 0, "time")
        readings.append(
            Reading(
                name: String(decoding: text[reading.series.range], as: UTF8.self),
                unit: String(decoding: text[reading.fieldKey.range], as: UTF8.self),
                bits: reading.valueBits, kind: reading.valueKind, time: reading.sourceTime,
                promised: reading.promisedInterval.rawValue))
    }
    // A sum may get a longer name than a record may have, and a time may be relative again.
    let isWritable = readings.allSatisfy {
        $0.name.utf8.count <= 255
            && ($0.time == Slot.noSourceTime || $0.time >= 268_435_456_000_000_000)
    }
    return isWritable ? readings : nil
}

/// The resolved record: no base fields, absolute time.
private func record(_ reading: Reading) -> String {
    var fields = ["\"n\":\"\(reading.name)\""]
    if !reading.unit.isEmpty {
        var unit = JSONWriter()
        unit.value(reading.unit)
        fields.append("\"u\":" + unit.text)
    }
    switch reading.kind {
    case .bool: fields.append("\"vb\":\(reading.bits == 1)")
    case .int64: fields.append("\"v\":\(Int64(bitPattern: reading.bits))")
    case .float64, .mappedState: fields.append("\"v\":\(Double(bitPattern: reading.bits))")
    }
    if reading.time != Slot.noSourceTime {
        let (seconds, nanoseconds) = reading.time.quotientAndRemainder(dividingBy: 1_000_000_000)
        let fraction = String(1_000_000_000 + nanoseconds).dropFirst()
        fields.append("\"t\":\(seconds).\(fraction)")
    }
    if reading.promised != 0 {
        let interval = PromisedInterval(rawValue: reading.promised)
        fields.append("\"ut\":\(Double(interval.nanoseconds) / 1e9)")
    }
    return "{" + fields.joined(separator: ",") + "}"
}
