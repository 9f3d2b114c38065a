// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import TelemetryWire

/// 2026-11-21T00:00:00Z, when every pack of these tests arrives.
private let arrival: Int64 = 1_795_219_200_000_000_000

/// Resolved readings as text, `name unit value @time ut`, or the fault.
private func decode(_ pack: String, states: [String: Int64] = [:]) -> [String] {
    var decoder = PayloadDecoder()
    var readings = DecodedReadingBuffer(capacity: 1_100)
    var names = WireBuffer()
    let plan = PayloadPlan(.senML, states: StateMap(states))
    do throws(PayloadFault) {
        let summary = try decoder.decode(
            bytes(pack).span, by: plan, arrivedAt: WallInstant(nanoseconds: arrival),
            into: &readings, names: &names)
        #expect(summary.readingCount == readings.count)
        let text = names.array()
        var lines: [String] = []
        for index in 0..<readings.count { lines.append(describe(readings[index], text)) }
        if summary.stringFieldCount > 0 { lines.append("left out \(summary.stringFieldCount)") }
        if summary.ignoredTimestampCount > 0 {
            lines.append("ignored times \(summary.ignoredTimestampCount)")
        }
        return lines
    } catch {
        #expect(readings.count == 0, "a refused pack leaves nothing behind")
        return ["\(error.error) at \(error.offset)"]
    }
}

private func describe(_ reading: DecodedReading, _ names: [UInt8]) -> String {
    var line = text(names, reading.series)
    if !reading.fieldKey.isEmpty { line += " " + text(names, reading.fieldKey) }
    switch reading.valueKind {
    case .float64: line += " \(Double(bitPattern: reading.valueBits))"
    case .int64: line += " i\(Int64(bitPattern: reading.valueBits))"
    case .mappedState: line += " s\(Int64(bitPattern: reading.valueBits))"
    case .bool: line += reading.valueBits == 1 ? " true" : " false"
    }
    if reading.quality != .good { line += " \(reading.quality)" }
    if reading.sourceTime != Slot.noSourceTime { line += " @\(reading.sourceTime)" }
    if reading.promisedInterval != .none {
        line += " within \(reading.promisedInterval.nanoseconds / 1_000_000_000)"
    }
    return line
}

@Suite struct SenMLTests {
    // The packs of RFC 8428, section 5.1, as facts: labels, values and what they resolve to.

    @Test func `a single record [RFC8428-5.1.1]`() {
        #expect(
            decode(#"[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]"#) == [
                "urn:dev:ow:10e2073a01080063 Cel 23.1"
            ])
    }

    @Test func `a base name goes before every name [RFC8428-5.1.2]`() {
        #expect(
            decode(
                #"""
                [{"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},
                 {"n":"current","u":"A","v":1.2}]
                """#) == [
                    "urn:dev:ow:10e2073a01080063:voltage V 120.1",
                    "urn:dev:ow:10e2073a01080063:current A 1.2",
                ])
    }

    @Test func `base time, base unit and version hold for all that follow [RFC8428-5.1.2]`() {
        #expect(
            decode(
                #"""
                [{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,
                  "n":"voltage","u":"V","v":120.1},
                 {"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3},
                 {"n":"current","v":1.7}]
                """#) == [
                    "urn:dev:ow:10e2073a0108006:voltage V 120.1 @1276020076001000000",
                    "urn:dev:ow:10e2073a0108006:current A 1.2 @1276020071001000000",
                    "urn:dev:ow:10e2073a0108006:current A 1.3 @1276020072001000000",
                    "urn:dev:ow:10e2073a0108006:current A 1.7 @1276020076001000000",
                ])
    }

    @Test func `a name may come from the base alone, with a unit each [RFC8428-5.1.3]`() {
        #expect(
            decode(
                #"""
                [{"bn":"urn:dev:ow:10e2073a01080063","bt":1.320067464e+09,"bu":"%RH","v":20},
                 {"u":"lon","v":24.30621},{"u":"lat","v":60.07965},{"t":60,"v":20.3}]
                """#) == [
                    "urn:dev:ow:10e2073a01080063 %RH 20.0 @1320067464000000000",
                    "urn:dev:ow:10e2073a01080063 lon 24.30621 @1320067464000000000",
                    "urn:dev:ow:10e2073a01080063 lat 60.07965 @1320067464000000000",
                    "urn:dev:ow:10e2073a01080063 %RH 20.3 @1320067524000000000",
                ])
    }

    @Test func `every type of value [RFC8428-5.1.5]`() {
        let pack = #"""
            [{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1},
             {"n":"label","vs":"Machine Room"},{"n":"open","vb":false},{"n":"nfv","vd":"aGkgCg"}]
            """#
        #expect(
            decode(pack) == [
                "urn:dev:ow:10e2073a01080063:temp Cel 23.1",
                "urn:dev:ow:10e2073a01080063:open false", "left out 2",
            ])
        #expect(
            decode(pack, states: ["Machine Room": 3])[1]
                == "urn:dev:ow:10e2073a01080063:label s3")
        #expect(
            decode(pack, states: ["Boiler": 3])[1]
                == "urn:dev:ow:10e2073a01080063:label nan bad")
    }

    @Test func `a base name replaces the one before [RFC8428-5.1.6]`() {
        #expect(
            decode(
                #"""
                [{"bn":"2001:db8::2/","bt":1.320078429e+09,"n":"temperature","u":"Cel","v":27.2},
                 {"n":"humidity","u":"%RH","v":80},
                 {"bn":"2001:db8:1::1/","n":"temperature","u":"Cel","v":12.3}]
                """#) == [
                    "2001:db8::2/temperature Cel 27.2 @1320078429000000000",
                    "2001:db8::2/humidity %RH 80.0 @1320078429000000000",
                    "2001:db8:1::1/temperature Cel 12.3 @1320078429000000000",
                ])
    }

    @Test func `base values and sums are added [RFC8428-4.1]`() {
        #expect(
            decode(#"[{"n":"a","bv":100,"v":1.5},{"n":"a","v":-2},{"n":"b","vb":true}]"#) == [
                "a 101.5", "a 98.0", "b true",
            ])
        #expect(decode(#"[{"n":"a","s":5}]"#) == ["a/sum 5.0"])
        #expect(decode(#"[{"n":"a","v":1,"s":5}]"#) == ["a 1.0", "a/sum 5.0"])
        #expect(
            decode(#"[{"n":"a","bs":10,"s":5},{"n":"a","v":1}]"#) == [
                "a/sum 15.0", "a 1.0", "a/sum 10.0",
            ])
        #expect(decode(#"[{"n":"a","bv":1e308,"v":1e308}]"#) == ["numberOutOfRange at 25"])
    }

    @Test func `times below 2^28 count from arrival [RFC8428-4.5.3]`() {
        #expect(decode(#"[{"n":"a","v":1}]"#) == ["a 1.0"])
        #expect(decode(#"[{"n":"a","t":0,"v":1}]"#) == ["a 1.0"])
        #expect(
            decode(#"[{"n":"a","t":-2.25,"v":1}]"#) == ["a 1.0 @\(arrival - 2_250_000_000)"])
        #expect(
            decode(#"[{"bt":-10,"n":"a","t":4,"v":1}]"#) == ["a 1.0 @\(arrival - 6_000_000_000)"])
        #expect(
            decode(#"[{"n":"a","t":268435455,"v":1}]"#) == [
                "a 1.0 @\(arrival + 268_435_455_000_000_000)"
            ])
        #expect(decode(#"[{"n":"a","t":268435456,"v":1}]"#) == ["a 1.0 @268435456000000000"])
        #expect(decode(#"[{"n":"a","t":1e300,"v":1}]"#) == ["a 1.0", "ignored times 1"])
        #expect(decode(#"[{"n":"a","t":-9e9,"v":1}]"#) == ["a 1.0", "ignored times 1"])
    }

    @Test func `an update time is a promise [RFC8428-4.2]`() {
        #expect(decode(#"[{"n":"a","v":1,"ut":60}]"#) == ["a 1.0 within 60"])
        #expect(decode(#"[{"n":"a","v":1,"ut":0}]"#) == ["a 1.0"])
        #expect(decode(#"[{"n":"a","v":1,"ut":-1}]"#) == ["wrongType at 21"])
    }

    @Test func `versions must be known and the same [RFC8428-4.4]`() {
        #expect(decode(#"[{"bver":10,"n":"a","v":1},{"n":"a","v":2}]"#) == ["a 1.0", "a 2.0"])
        #expect(decode(#"[{"bver":11,"n":"a","v":1}]"#) == ["unknownVersion at 9"])
        #expect(decode(#"[{"bver":5,"n":"a","v":1},{"bver":10,"n":"a","v":2}]"#).count == 1)
        #expect(decode(#"[{"n":"a","v":1},{"bver":5,"n":"a","v":2}]"#) == ["versionChanged at 17"])
        #expect(
            decode(#"[{"n":"a","v":1},{"bver":10,"n":"a","v":2}]"#) == ["a 1.0", "a 2.0"])
        #expect(decode(#"[{"bver":5.5,"n":"a","v":1}]"#) == ["wrongType at 9"])
        #expect(decode(#"[{"bver":0,"n":"a","v":1}]"#) == ["wrongType at 9"])
    }

    @Test func `unknown labels are ignored unless they must be understood [RFC8428-4.4]`() {
        #expect(decode(#"[{"n":"a","v":1,"x":{"y":[1]},"vvvvvv":2}]"#) == ["a 1.0"])
        #expect(decode(#"[{"n":"a","v":1,"x_":2}]"#) == ["mandatoryLabel at 17"])
        #expect(decode(#"[{"n":"a","v":1,"longer_":2}]"#) == ["mandatoryLabel at 17"])
        #expect(decode(#"[{"n":"a","v":1,"x\u005f":2}]"#) == ["mandatoryLabel at 17"])
        #expect(decode(#"[{"\u006e":"a","v":1}]"#) == ["a 1.0"])
    }

    @Test(arguments: [
        ("[]", "notAPack at 0"), ("{}", "notAPack at 0"), ("[1]", "notAPack at 1"),
        (#"[{"v":1}]"#, "nameMissing at 1"), (#"[{"n":"","v":1}]"#, "nameMissing at 1"),
        (#"[{"n":"a"}]"#, "valueMissing at 1"), (#"[{"n":"a","bv":1}]"#, "valueMissing at 1"),
        (#"[{"n":"a","v":1,"vb":true}]"#, "ambiguousValue at 1"),
        (#"[{"n":"a","v":"1"}]"#, "wrongType at 15"), (#"[{"n":1,"v":1}]"#, "wrongType at 6"),
        (#"[{"n":"a","vb":1}]"#, "wrongType at 15"), (#"[{"n":"a","v":null}]"#, "wrongType at 14"),
        (#"[{"n":"a b","v":1}]"#, "malformedName at 1"),
        (#"[{"n":"-a","v":1}]"#, "malformedName at 1"),
        (#"[{"n":"ä","v":1}]"#, "malformedName at 1"),
        (#"[{"n":"a","v":1}"#, "malformedJSON at 16"),
        (#"[{"n":"a","n":"b","v":1}]"#, "malformedJSON at 11"),
        (#"[{"n":"a","vs":"on"}]"#, "onlyStrings at 0"),
        (#"[{"n":"a","v":1},{"n":"b"}]"#, "valueMissing at 17"),
    ])
    func `what is not SenML is refused whole`(pack: String, expected: String) {
        #expect(decode(pack) == [expected])
    }

    @Test func `packs have bounds`() {
        let record = #"{"n":"a","v":1}"#
        let full = Array(repeating: record, count: SenMLLimits.recordCountMax)
        #expect(decode("[\(full.joined(separator: ","))]").count == SenMLLimits.recordCountMax)
        #expect(decode("[\((full + [record]).joined(separator: ","))]") == ["tooManyRecords at 0"])
        let long = String(repeating: "n", count: 255)
        #expect(decode(#"[{"n":"\#(long)","v":1}]"#).first == long + " 1.0")
        #expect(decode(#"[{"bn":"x","n":"\#(long)","v":1}]"#) == ["nameTooLong at 1"])
        let spaces = String(repeating: " ", count: SenMLLimits.packBytesMax)
        #expect(decode("[\(record)]" + spaces) == ["packTooLong at 65536"])
    }
}
