// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import TelemetryWire

/// Readings as text, or the error's name.
private func decode(
    _ payload: String, _ format: PayloadFormat = .plain, states: [String: Int64] = [:],
    capacity: Int = 8
) -> String {
    var decoder = PayloadDecoder()
    var readings = DecodedReadingBuffer(capacity: capacity)
    let input = bytes(payload)
    var names = WireBuffer()
    let plan = PayloadPlan(format, states: StateMap(states))
    do throws(PayloadFault) {
        let summary = try decoder.decode(
            input.span, by: plan, arrivedAt: WallInstant(nanoseconds: 0), into: &readings,
            names: &names)
        #expect(summary.readingCount == readings.count)
        var result: [String] = []
        for index in 0..<readings.count {
            result.append(
                describe(readings[index], plan.kind == .lineProtocol ? input : names.array()))
        }
        if summary.ignoredTimestampCount > 0 {
            result.append("ignoredTimes \(summary.ignoredTimestampCount)")
        }
        if summary.stringFieldCount > 0 { result.append("strings \(summary.stringFieldCount)") }
        if let error = summary.firstLineError {
            result.append("rejected \(summary.rejectedLineCount) \(error)")
        }
        return result.joined(separator: "; ")
    } catch {
        #expect(readings.count == 0, "a refused payload leaves nothing behind")
        return "\(error.error)"
    }
}

private func describe(_ reading: DecodedReading, _ input: [UInt8]) -> String {
    var result: String
    switch reading.valueKind {
    case .float64: result = "\(Double(bitPattern: reading.valueBits))"
    case .int64: result = "i\(Int64(bitPattern: reading.valueBits))"
    case .mappedState: result = "s\(Int64(bitPattern: reading.valueBits))"
    case .bool: result = reading.valueBits == 1 ? "true" : "false"
    }
    if !reading.series.isEmpty, reading.fieldKey.isEmpty {
        result = "\(text(input, reading.series))=" + result
    } else if !reading.series.isEmpty {
        result = "\(text(input, reading.series)) \(text(input, reading.fieldKey))=" + result
    }
    if reading.quality != .good { result += " \(reading.quality)" }
    if reading.sourceTime != Slot.noSourceTime { result += " @\(reading.sourceTime)" }
    return result
}

@Suite struct PayloadDecoderTests {
    @Test(arguments: [
        ("21.5", "21.5"), (" 21.5\r\n", "21.5"), ("-3", "-3.0"), ("1e3", "1000.0"),
        ("9007199254740992", "9007199254740992.0"), ("9007199254740993", "i9007199254740993"),
        ("-9007199254740993", "i-9007199254740993"),
        ("18446744073709551615", "1.8446744073709552e+19"),
        ("true", "true"), ("FALSE", "false"), ("On", "true"), ("off\n", "false"),
        ("nan", "nan bad"), ("NaN", "nan bad"), ("inf", "nan bad"), ("-Infinity", "nan bad"),
        ("", "empty"), (" \n", "empty"), ("warm", "malformedValue"), ("21.5 C", "malformedValue"),
        ("1,5", "malformedValue"), ("0x10", "malformedValue"), ("nan1", "malformedValue"),
        ("1e999", "numberOutOfRange"),
    ])
    func `plain payloads are numbers or words`(payload: String, expected: String) {
        #expect(decode(payload) == expected)
        #expect(decode(String(repeating: "1", count: 1_025)) == "numberTooLong")
    }

    @Test(arguments: [
        (#"{"v":21.5}"#, "21.5"), (#"{"v":3}"#, "3.0"), (#"{"v":true}"#, "true"),
        (#"{"v":9007199254740993}"#, "i9007199254740993"),
        (#"{"v":null}"#, "nan bad"), (#"{"v":"NaN"}"#, "nan bad"), (#"{"v":"7.5"}"#, "7.5"),
        (#"{"v":"ON"}"#, "true"), (#"{"v":"warm"}"#, "malformedValue"),
        (#"{"v":[1]}"#, "valueNotScalar"), (#"{"w":1}"#, "valueMissing"),
        (#"{"v":1"#, "malformedJSON"), ("", "malformedJSON"), (#"{"v":1,"v":2}"#, "malformedJSON"),
        (#"{"v":1,"t":1700000000000}"#, "1.0 @1700000000000000000"),
        (#"{"v":1,"t":1700000000000.5}"#, "1.0 @1700000000000500000"),
        (#"{"v":1,"t":null}"#, "1.0"),
        (#"{"v":1,"t":"noon"}"#, "1.0; ignoredTimes 1"),
        (#"{"v":1,"t":9223372036854775807}"#, "1.0; ignoredTimes 1"),
        (#"{"v":1,"t":1e300}"#, "1.0; ignoredTimes 1"),
    ])
    func `a JSON payload has its value and time at their paths`(
        payload: String, expected: String
    ) throws {
        let format = try PayloadFormat.json(#require(JSONPayload(value: "v", time: "t")))
        #expect(decode(payload, format) == expected)
    }

    @Test func `JSON paths go into objects and arrays`() throws {
        let format = try PayloadFormat.json(#require(JSONPayload(value: "data.0.temp")))
        #expect(decode(#"{"data":[{"temp":4}]}"#, format) == "4.0")
        #expect(decode("5", .json(JSONPayload())) == "5.0")
    }

    @Test(arguments: [
        ("a b=1", "a b=1.0"),
        ("a,t=x b=1,c=2i 5\nd e=t", "a,t=x b=1.0 @5000; a,t=x c=i2 @5000; d e=true"),
        ("a b=1\nbad\nc d=nan", "a b=1.0; c d=nan bad; rejected 1 noField"),
        ("a b=\"x\",c=1", "a c=1.0; strings 1"),
        ("a b=1 9223372036854775806", "a b=1.0; ignoredTimes 1"),
        ("bad\nworse", "everyLineRejected"), ("# x\n\n", "noLine"), ("", "noLine"),
        ("a b=\"x\"", "onlyStrings"),
        (
            "a b=1,c=2,d=3,e=4,f=5,g=6,h=7,i=8",
            String("a b=1.0; a c=2.0; a d=3.0; a e=4.0; a f=5.0")
                + "; a g=6.0; a h=7.0; a i=8.0"
        ),
        ("a b=1\na b=1,c=2,d=3,e=4,f=5,g=6,h=7,i=8", "tooManyReadings"),
    ])
    func `line protocol payloads are taken line by line`(payload: String, expected: String) {
        #expect(decode(payload, .lineProtocol(unit: .microseconds)) == expected)
    }

    @Test func `times scale to nanoseconds or not at all`() {
        #expect(
            SourceTimeUnit.seconds.nanoseconds(Int64(1_700_000_000)) == 1_700_000_000_000_000_000)
        #expect(SourceTimeUnit.nanoseconds.nanoseconds(Int64.max) == Int64.max)
        #expect(SourceTimeUnit.nanoseconds.nanoseconds(Int64.min) == nil)
        #expect(SourceTimeUnit.seconds.nanoseconds(Int64.max) == nil)
        #expect(SourceTimeUnit.seconds.nanoseconds(1.5) == 1_500_000_000)
        #expect(SourceTimeUnit.nanoseconds.nanoseconds(0x1p63) == nil)
        #expect(SourceTimeUnit.nanoseconds.nanoseconds(-0x1p63) == nil)
        #expect(SourceTimeUnit.seconds.nanoseconds(Double.nan) == nil)
        #expect(SourceTimeUnit(rawValue: "us") == .microseconds)
    }
}
