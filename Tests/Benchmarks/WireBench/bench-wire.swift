// SPDX-License-Identifier: Apache-2.0

import JSONText
import MidwatchModel
import TelemetryWire

/// What decoding costs per reading: the document as a tree, as before, and as a tape.
@main
struct WireBench {
    static func main() {
        let rounds = 200_000
        let single = Array(#"{"data":{"value":21.5},"ts":1700000000.25,"id":"pump-7"}"#.utf8)
        let tree = Self.measure(rounds) { Self.byTree(single) }
        guard
            let path = JSONPayload(
                value: "data.value", time: "ts", timeFormat: .count(.seconds))
        else { return }
        var decoder = PayloadDecoder()
        var readings = DecodedReadingBuffer()
        var names = WireBuffer()
        let json = PayloadPlan(.json(path))
        let tape = Self.measure(rounds) {
            Self.decode(single, json, &decoder, &readings, &names)
        }
        print("JSON, one value: tree \(tree) ns, tape \(tape) ns, ratio \(tree / max(tape, 1))")
        let records = (0..<20).map { #"{"n":"sensor\#($0)","u":"Cel","v":2\#($0).25,"t":-\#($0)}"# }
        let pack = Array(
            #"[{"bn":"plant/","n":"x","v":1},\#(records.joined(separator: ","))]"#.utf8)
        let senML = PayloadPlan(.senML)
        let packTree = Self.measure(rounds / 20) { (try? JSONValue(parsing: pack.span)) != nil }
        let packTape = Self.measure(rounds / 20) {
            Self.decode(pack, senML, &decoder, &readings, &names)
        }
        print(
            "SenML, 21 records: tree alone \(packTree / 21) ns, decoded \(packTape / 21) ns a reading, "
                + "ratio \(packTree / max(packTape, 1))")
    }

    /// Nanoseconds of one call, the best of five runs.
    private static func measure(_ count: Int, _ body: () -> Bool) -> Int {
        var best = Duration.seconds(3_600)
        for _ in 0..<5 {
            let duration = ContinuousClock().measure {
                for _ in 0..<count where !body() { preconditionFailure("a payload is refused") }
            }
            best = min(best, duration)
        }
        return Int(best / .nanoseconds(1)) / count
    }

    private static func byTree(_ payload: [UInt8]) -> Bool {
        guard let document = try? JSONValue(parsing: payload.span),
            let value = document.value(atPath: "data.value")?.double,
            let time = document.value(atPath: "ts")?.double
        else { return false }
        return value < time
    }

    private static func decode(
        _ payload: [UInt8], _ plan: PayloadPlan, _ decoder: inout PayloadDecoder,
        _ readings: inout DecodedReadingBuffer, _ names: inout WireBuffer
    ) -> Bool {
        readings.truncate()
        names.removeAll()
        let summary = try? decoder.decode(
            payload.span, by: plan, arrivedAt: WallInstant(nanoseconds: 1_795_219_200_000_000_000),
            into: &readings, names: &names)
        return summary != nil
    }
}
