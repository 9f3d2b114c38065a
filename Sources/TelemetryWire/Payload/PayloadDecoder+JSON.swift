// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension PayloadDecoder {
    /// Takes the value, the named values or the elements that the plan describes, all or none.
    mutating func decodeJSON(
        _ payload: borrowing Span<UInt8>, _ plan: PayloadPlan,
        into readings: inout DecodedReadingBuffer, _ names: inout WireBuffer
    ) throws(PayloadFault) -> PayloadSummary {
        try self.tape.parse(payload)
        let countBefore = readings.count
        var summary = PayloadSummary()
        var time: Int64?
        if let path = plan.timePath {
            time = self.time(path, from: 0, payload, plan.timeFormat, &summary)
        }
        if !plan.values.isEmpty {
            try self.appendValues(payload, plan, time, into: &readings, &names, &summary)
        } else if plan.hasElements {
            try self.appendElements(payload, plan, time, into: &readings, &names, &summary)
        } else {
            guard let node = plan.path.find(in: self.tape, payload) else {
                throw PayloadFault(.valueMissing, at: self.tape[0].text.lowerBound)
            }
            var reading = try self.value(node, payload, plan.states, &names, &summary)
            reading.sourceTime = time ?? Slot.noSourceTime
            try Self.append(reading, to: &readings, at: self.tape[node].text.lowerBound)
        }
        summary.readingCount = readings.count &- countBefore
        guard summary.readingCount > 0 else {
            throw PayloadFault(.valueMissing, at: self.tape[0].text.lowerBound)
        }
        return summary
    }

    private func appendValues(
        _ payload: borrowing Span<UInt8>, _ plan: PayloadPlan, _ time: Int64?,
        into readings: inout DecodedReadingBuffer, _ names: inout WireBuffer,
        _ summary: inout PayloadSummary
    ) throws(PayloadFault) {
        for index in plan.values.indices {
            guard let node = plan.values[index].path.find(in: self.tape, payload) else { continue }
            var reading = try self.value(node, payload, plan.states, &names, &summary)
            let start = names.count
            let name = plan.values[index].name
            names.append(name.span)
            reading.series = ByteRange(start, names.count)
            reading.sourceTime = time ?? Slot.noSourceTime
            try Self.append(reading, to: &readings, at: self.tape[node].text.lowerBound)
        }
    }

    private func appendElements(
        _ payload: borrowing Span<UInt8>, _ plan: PayloadPlan, _ time: Int64?,
        into readings: inout DecodedReadingBuffer, _ names: inout WireBuffer,
        _ summary: inout PayloadSummary
    ) throws(PayloadFault) {
        guard let container = plan.path.find(in: self.tape, payload) else {
            throw PayloadFault(.valueMissing, at: self.tape[0].text.lowerBound)
        }
        let holder = self.tape[container]
        guard holder.kind == .array || holder.kind == .object else {
            throw PayloadFault(.valueMissing, at: holder.text.lowerBound)
        }
        var node = container &+ 1
        for number in 0..<Int(holder.count) {
            let key = holder.kind == .object ? node : nil
            let element = holder.kind == .object ? node &+ 1 : node
            node = Int(self.tape[element].next)
            let offset = self.tape[element].text.lowerBound
            guard let place = plan.elementPath.find(in: self.tape, from: element, payload) else {
                throw PayloadFault(.valueMissing, at: offset)
            }
            var reading = try self.value(place, payload, plan.states, &names, &summary)
            reading.series = try self.name(
                of: element, key: key, number: number, payload, plan.namePath, &names)
            var sourceTime = time
            if let path = plan.elementTimePath {
                sourceTime = self.time(path, from: element, payload, plan.timeFormat, &summary)
            }
            reading.sourceTime = sourceTime ?? Slot.noSourceTime
            try Self.append(reading, to: &readings, at: self.tape[place].text.lowerBound)
        }
    }

    // MARK: Values

    /// The reading that a JSON value stands for.
    func value(
        _ node: Int, _ payload: borrowing Span<UInt8>, _ states: StateMap?,
        _ scratch: inout WireBuffer, _ summary: inout PayloadSummary
    ) throws(PayloadFault) -> DecodedReading {
        let value = self.tape[node]
        switch value.kind {
        case .null: return .unknown
        case .bool: return .bool(value.flag)
        case .number:
            let number = DecimalNumber(
                payload, from: value.text.lowerBound, to: value.text.upperBound)
            return try Self.reading(of: number, payload, value.text)
        case .string:
            guard value.hasEscape else {
                return try Self.plainReading(payload, in: value.text, states, &summary)
            }
            return try self.escapedValue(value, payload, states, &scratch, &summary)
        case .array, .object: throw PayloadFault(.valueNotScalar, at: value.text.lowerBound)
        }
    }

    /// Reads a text with escapes; faults name places of the payload.
    private func escapedValue(
        _ value: JSONTape.Node, _ payload: borrowing Span<UInt8>, _ states: StateMap?,
        _ scratch: inout WireBuffer, _ summary: inout PayloadSummary
    ) throws(PayloadFault) -> DecodedReading {
        let start = scratch.count
        Self.append(value, payload, to: &scratch)
        var inner = PayloadSummary()
        do throws(PayloadFault) {
            let range = ByteRange(start, scratch.count)
            let reading = try scratch.withBytes { bytes throws(PayloadFault) in
                try Self.plainReading(bytes, in: range, states, &inner)
            }
            scratch.truncate(to: start)
            if inner.unmappedStateCount > 0 { summary.noteUnmapped(value.text) }
            return reading
        } catch {
            scratch.truncate(to: start)
            throw PayloadFault(error.error, at: value.text.lowerBound)
        }
    }

    /// Appends what a string means.
    static func append(
        _ string: JSONTape.Node, _ payload: borrowing Span<UInt8>, to names: inout WireBuffer
    ) {
        guard string.hasEscape else {
            names.append(payload, in: string.text)
            return
        }
        var reader = JSONStringReader(string)
        while let byte = reader.next(payload) { names.append(byte) }
    }

    // MARK: Names

    private func name(
        of element: Int, key: Int?, number: Int, _ payload: borrowing Span<UInt8>,
        _ path: JSONPath?, _ names: inout WireBuffer
    ) throws(PayloadFault) -> ByteRange {
        let start = names.count
        let offset = self.tape[element].text.lowerBound
        var source = key
        if let path {
            source = path.find(in: self.tape, from: element, payload)
            if source == nil { throw PayloadFault(.nameMissing, at: offset) }
        }
        if let source {
            let node = self.tape[source]
            guard node.kind == .string || (node.kind == .number && node.flag) else {
                throw PayloadFault(.malformedName, at: node.text.lowerBound)
            }
            Self.append(node, payload, to: &names)
        } else {
            Self.append(number, to: &names)
        }
        let name = ByteRange(start, names.count)
        if name.isEmpty { throw PayloadFault(.nameMissing, at: offset) }
        guard name.count <= SystemLimits.sensorPathBytesMax else {
            throw PayloadFault(.nameTooLong, at: offset)
        }
        return name
    }

    /// Appends decimal digits.
    private static func append(_ number: Int, to names: inout WireBuffer) {
        var divisor = 1
        while number / divisor >= 10 { divisor &*= 10 }
        while divisor > 0 {
            names.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: number / divisor % 10))
            divisor /= 10
        }
    }

    // MARK: Times

    /// The time at a path; nil, and counted, if it cannot be used; nil if there is none.
    private func time(
        _ path: JSONPath, from start: Int, _ payload: borrowing Span<UInt8>,
        _ format: JSONTimeFormat, _ summary: inout PayloadSummary
    ) -> Int64? {
        guard let node = path.find(in: self.tape, from: start, payload) else { return nil }
        let value = self.tape[node]
        if value.kind == .null { return nil }
        var time: Int64?
        switch format {
        case .count(let unit):
            if value.kind == .number {
                let number = DecimalNumber(
                    payload, from: value.text.lowerBound, to: value.text.upperBound)
                time = number.nanoseconds(payload, unit: unit)
            }
        case .rfc3339:
            if value.kind == .string, !value.hasEscape {
                time = RFC3339Time.nanoseconds(payload, in: value.text)
            }
        }
        if time == nil { summary.ignoredTimestampCount &+= 1 }
        return time
    }
}
