// SPDX-License-Identifier: Apache-2.0

import FleetSimulation
import MidwatchModel
import TelemetryWire
import Testing

/// One reading as the server's decoder understands it.
struct ParsedLine: Equatable {
    var path: String
    var bits: UInt64
    var kind: ValueKind
    var quality: Quality
    var time: Int64?
}

/// Parses a datagram with the decoder of the server; nil if any line is refused.
func parsed(_ datagram: [UInt8]) -> [ParsedLine]? {
    var parser = LineProtocolParser()
    var lines: [ParsedLine] = []
    parser.start()
    while true {
        switch parser.nextLine(datagram.span) {
        case .end: return lines
        case .rejected: return nil
        case .line(let line):
            for index in 0..<line.fieldCount {
                let field = parser.field(index)
                guard let reading = field.reading,
                    let path = try? SeriesPathTemplate.standard.path(
                        seriesKey: line.seriesKey, fieldKey: field.key, in: datagram.span)
                else { return nil }
                lines.append(
                    ParsedLine(
                        path: path.path, bits: reading.bits, kind: reading.kind,
                        quality: reading.quality, time: line.timestamp))
            }
        }
    }
}

@Suite struct ReadingTextTests {
    @Test func `what a plant sends is what the server reads`() throws {
        var plant = DemoPlant.plant(
            wallStart: WallInstant(nanoseconds: 1_800_000_000_000_000_000))
        let readings = plant.due(until: 20_000_000_000)
        let datagrams = ReadingText.datagrams(readings, sensors: plant.sensors)
        #expect(datagrams.allSatisfy { $0.count <= ReadingText.datagramBytesDefault })
        var lines: [ParsedLine] = []
        for datagram in datagrams {
            let some = try #require(parsed(datagram))
            #expect((1...20).contains(some.count))
            lines += some
        }
        try #require(lines.count == readings.count)
        for (line, reading) in zip(lines, readings) {
            #expect(line.path == plant.sensors[reading.sensor].path)
            #expect(line.time == reading.sourceTime)
            #expect(line.quality == (reading.value.isNaN ? .bad : .good))
            switch reading.form {
            case .number:
                #expect(line.kind == .float64)
                let value = Double(bitPattern: line.bits)
                #expect(value == reading.value || value.isNaN && reading.value.isNaN)
            case .integer:
                #expect(line.kind == .int64)
                #expect(Double(Int64(bitPattern: line.bits)) == reading.value)
            case .boolean:
                #expect(line.kind == .bool)
                #expect(Double(line.bits) == reading.value)
            }
        }
    }

    @Test(arguments: ["a", "a/b", "a/b/c", "a b/c=d/e,f", "a/value", "a/1/2/3/4/5/6/7/8/9/10/11"])
    func `every path comes back`(path: String) {
        let reading = SimulatedReading(
            sensor: 0, at: 0, value: -1.5e300, form: .number, sourceTime: -7, fault: nil)
        var line: [UInt8] = []
        ReadingText.appendLine(reading, path: path, to: &line)
        #expect(
            parsed(line) == [
                ParsedLine(
                    path: path, bits: (-1.5e300).bitPattern, kind: .float64, quality: .good,
                    time: -7)
            ])
    }

    @Test func `JSON payloads have no NaN`() {
        var reading = SimulatedReading(
            sensor: 0, at: 0, value: 12.5, form: .number, sourceTime: 99, fault: nil)
        #expect(ReadingText.json(reading) == "{\"value\":12.5,\"time\":99}")
        reading.value = .nan
        reading.sourceTime = nil
        #expect(ReadingText.json(reading) == "{\"value\":null}")
        #expect(ReadingText.value(reading) == "nan")
    }
}

@Suite struct FleetLatencyTests {
    @Test func `quantiles are within 1.6 percent of the exact ones`() {
        var histogram = FleetLatency()
        var random = SplitMix64(seed: 3)
        var values: [UInt64] = []
        for _ in 0..<20_000 {
            let value = 1 + random.next() % (1 << (8 + random.next() % 25))
            values.append(value)
            histogram.record(value)
        }
        values.sort()
        for share in [0.01, 0.5, 0.9, 0.99, 0.999, 1] {
            let exact = values[max(0, Int((Double(values.count) * share).rounded(.up)) - 1)]
            let found = histogram.quantile(share)
            #expect(found >= exact)
            #expect(Double(found) <= Double(exact) * 1.016 + 1)
        }
        #expect(histogram.maximum == values.last)
        #expect(histogram.quantile(1) == values.last)
    }

    @Test func `merged histograms count both`() {
        var (left, right) = (FleetLatency(), FleetLatency())
        for value in 0..<1_000 as Range<UInt64> { left.record(value) }
        for value in 0..<1_000 as Range<UInt64> { right.record(value * 1_000_000) }
        left.merge(right)
        #expect(left.count == 2_000)
        #expect((975...1_010).contains(left.quantile(0.5)))
        #expect(left.maximum == 999_000_000)
        #expect(FleetLatency().quantile(0.5) == 0)
        right.record(UInt64.max)
        #expect(right.maximum == UInt64.max)
    }
}
