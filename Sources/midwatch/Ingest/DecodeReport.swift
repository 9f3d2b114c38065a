// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import JSONText
internal import MidwatchModel
internal import OperatorViews
internal import TelemetryWire

/// Prints what a payload decodes to, one JSON object a line.
struct DecodeReport {
    let payload: [UInt8]
    let plan: PayloadPlan
    /// The rule that applies: topic, its number and itself.
    var route: (topic: String, number: Int, route: TopicRouter.Route)?

    init(payload: [UInt8], plan: PayloadPlan) {
        self.payload = payload
        self.plan = plan
    }

    /// False if anything of the payload is refused.
    func run() -> Bool {
        var decoder = PayloadDecoder()
        var readings = DecodedReadingBuffer()
        var names = WireBuffer()
        let summary: PayloadSummary
        do throws(PayloadFault) {
            summary = try decoder.decode(
                self.payload.span, by: self.plan, arrivedAt: Self.now, into: &readings,
                names: &names)
        } catch {
            self.complain("\(error.error)", detail: error.detail, offset: error.offset)
            return false
        }
        var isGood = self.reportLines()
        let text = self.isLineProtocol ? self.payload : names.array()
        for index in 0..<readings.count where !self.report(readings[index], index, text) {
            isGood = false
        }
        if summary.stringFieldCount > 0 {
            self.complain(
                "textValue", detail: "\(summary.stringFieldCount) values are text; declare states",
                offset: nil)
            isGood = false
        }
        if summary.unmappedStateCount > 0 {
            self.complain(
                "undeclaredState", detail: "taken as readings of quality bad",
                offset: summary.firstUnmappedState.lowerBound)
            isGood = false
        }
        if summary.ignoredTimestampCount > 0 {
            self.complain(
                "timeIgnored", detail: "\(summary.ignoredTimestampCount) times cannot be used",
                offset: nil)
            isGood = false
        }
        return isGood
    }

    private var isLineProtocol: Bool {
        if case .lineProtocol = self.plan.format { true } else { false }
    }

    /// Every refused line; the decoder counts them and names the first.
    private func reportLines() -> Bool {
        guard self.isLineProtocol else { return true }
        var parser = LineProtocolParser()
        var isGood = true
        parser.start()
        while true {
            switch parser.nextLine(self.payload.span) {
            case .end: return isGood
            case .line: continue
            case .rejected(let rejection):
                isGood = false
                self.complain(
                    "\(rejection.error)", detail: "line \(rejection.number)",
                    offset: rejection.offset)
            }
        }
    }

    private func complain(_ error: String, detail: String, offset: Int?) {
        var json = JSONWriter()
        json.object { json in
            json.field("error", error)
            if !detail.isEmpty { json.field("detail", detail) }
            if let offset { json.field("offset", offset) }
        }
        CommandOutput.line(json.text)
    }

    private func report(_ reading: DecodedReading, _ index: Int, _ names: [UInt8]) -> Bool {
        let name = String(decoding: names[reading.series.range], as: UTF8.self)
        let field = String(decoding: names[reading.fieldKey.range], as: UTF8.self)
        let (sensor, problem) = self.sensor(of: reading, name, field, names)
        var json = JSONWriter()
        json.object { json in
            json.field("record", index + 1)
            if let route = self.route {
                json.field("rule", route.number)
                json.field("filter", route.route.rule.filter)
            }
            if let sensor { json.field("sensor", sensor) }
            if let problem { json.field("error", problem) }
            if !name.isEmpty { json.field("name", name) }
            if !field.isEmpty { json.field(self.isLineProtocol ? "field" : "unit", field) }
            Self.writeValue(of: reading, to: &json)
            json.field("quality", reading.quality.word)
            if reading.sourceTime != Slot.noSourceTime {
                json.field("sourceTime", WallInstant(nanoseconds: reading.sourceTime).rfc3339)
            }
            if reading.promisedInterval != .none {
                json.field(
                    "nextWithinSeconds", Double(reading.promisedInterval.nanoseconds) / 1e9)
            }
            json.field("offset", Int(reading.offset))
        }
        CommandOutput.line(json.text)
        return problem == nil
    }

    private static func writeValue(of reading: DecodedReading, to json: inout JSONWriter) {
        switch reading.valueKind {
        case .float64:
            let value = Double(bitPattern: reading.valueBits)
            json.field("value", value.isFinite ? JSONValue.number(value) : .null)
            json.field("kind", "float64")
        case .int64:
            json.field("value", Int64(bitPattern: reading.valueBits))
            json.field("kind", "int64")
        case .bool:
            json.field("value", reading.valueBits != 0)
            json.field("kind", "bool")
        case .mappedState:
            json.field("value", Int64(bitPattern: reading.valueBits))
            json.field("kind", "mappedState")
        }
    }

    /// The sensor that the rule gives the reading, or why it has none.
    private func sensor(
        of reading: DecodedReading, _ name: String, _ field: String, _ names: [UInt8]
    ) -> (path: String?, problem: String?) {
        guard let (topic, _, route) = self.route else { return (nil, nil) }
        guard route.hasNames else {
            guard let sensor = route.sensor(for: topic) else { return (nil, "malformedPath") }
            return (sensor.path, nil)
        }
        do throws(SeriesPathError) {
            if route.isLineProtocol {
                let below = try route.rule.seriesPath.path(
                    seriesKey: reading.series, fieldKey: reading.fieldKey, in: names.span)
                return (try route.sensor(for: topic, name: below.path, unit: "").path, nil)
            }
            let path = try route.sensor(for: topic, name: name, unit: field).path
            return (path, route.takes(unit: field) ? nil : "otherUnit")
        } catch {
            return (nil, "\(error)")
        }
    }

    private static var now: WallInstant {
        WallInstant(nanoseconds: clinux_realtime_ns())
    }
}
