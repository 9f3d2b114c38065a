// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import TelemetryWire

/// Every number is rounded as the standard library rounds it, or refused by both.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzNumber(_ start: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    var decoder = PayloadDecoder()
    var readings = DecodedReadingBuffer(capacity: 1)
    let expected = expectation(input)
    do throws(PayloadFault) {
        _ = try decoder.decodePlain(input.span, into: &readings)
    } catch {
        precondition(error.offset >= 0 && error.offset <= input.count, "fault outside")
        precondition(
            expected == nil || error.error == .numberTooLong
                || (error.error == .numberOutOfRange && expected?.isFinite == false),
            "a number is refused")
        return 0
    }
    let reading = readings[0]
    switch reading.valueKind {
    case .bool: precondition(expected == nil, "a number is a word")
    case .mappedState: preconditionFailure("a state without a map")
    case .int64:
        let text = String(decoding: input, as: UTF8.self).filter { !$0.isWhitespace }
        precondition(Int64(text) == Int64(bitPattern: reading.valueBits), "another integer")
    case .float64:
        if reading.quality == .good {
            precondition(reading.valueBits == expected?.bitPattern, "rounded otherwise")
        } else {
            precondition(expected == nil, "a number is bad")
        }
    }
    return 0
}

/// The value if the text is a decimal number with white space around it; nil if not.
private func expectation(_ input: [UInt8]) -> Double? {
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
    let text = Array(input.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    // The library also reads hexadecimal and words.
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    guard text.contains(where: { digits.contains($0) }),
        text.allSatisfy({ digits.contains($0) || "+-.eE".utf8.contains($0) })
    else { return nil }
    return Double(String(decoding: text, as: UTF8.self))
}
