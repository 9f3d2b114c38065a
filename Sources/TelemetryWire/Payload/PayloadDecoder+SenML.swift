// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension PayloadDecoder {
    /// Where the readings of one pack go, and what is known about all of them.
    private struct Pack: BitwiseCopyable {
        var base = SenMLBase()
        var arrival: Int64
        var summary = PayloadSummary()
    }

    /// Takes every record of a pack or none (RFC 8428, 4 and 5).
    ///
    /// A value of a record is a reading with the resolved name; a sum is one more, `NAME/sum`.
    /// Texts need a declared map; bytes are no readings. Both are counted.
    mutating func decodeSenML(
        _ payload: borrowing Span<UInt8>, _ plan: PayloadPlan, _ arrival: WallInstant,
        into readings: inout DecodedReadingBuffer, _ names: inout WireBuffer
    ) throws(PayloadFault) -> PayloadSummary {
        guard payload.count <= SenMLLimits.packBytesMax else {
            throw PayloadFault(.packTooLong, at: SenMLLimits.packBytesMax)
        }
        try self.tape.parse(payload)
        let countBefore = readings.count
        let root = self.tape[0]
        guard root.kind == .array, root.count > 0 else {
            throw PayloadFault(.notAPack, at: root.text.lowerBound)
        }
        guard root.count <= SenMLLimits.recordCountMax else {
            throw PayloadFault(.tooManyRecords, at: root.text.lowerBound)
        }
        var pack = Pack(arrival: arrival.nanoseconds)
        var node = 1
        for number in 0..<Int(root.count) {
            try self.take(
                node, isFirst: number == 0, payload, plan.states, &pack, into: &readings, &names)
            node = Int(self.tape[node].next)
        }
        pack.summary.readingCount = readings.count &- countBefore
        guard pack.summary.readingCount > 0 else { throw PayloadFault(.onlyStrings, at: 0) }
        return pack.summary
    }

    // MARK: Records

    private func take(
        _ node: Int, isFirst: Bool, _ payload: borrowing Span<UInt8>, _ states: StateMap?,
        _ pack: inout Pack, into readings: inout DecodedReadingBuffer, _ names: inout WireBuffer
    ) throws(PayloadFault) {
        let offset = self.tape[node].text.lowerBound
        guard self.tape[node].kind == .object else { throw PayloadFault(.notAPack, at: offset) }
        let record = try self.fields(of: node, isFirst: isFirst, payload, &pack.base)
        guard record.valueCount <= 1 else { throw PayloadFault(.ambiguousValue, at: offset) }
        guard record.valueCount == 1 || record.sum > 0 else {
            throw PayloadFault(.valueMissing, at: offset)
        }
        let name = try self.name(record, pack.base, payload, &names, at: offset)
        let unit = self.unit(record, pack.base, payload, &names)
        var template = DecodedReading.unknown
        template.series = name
        template.fieldKey = unit
        try self.setTimes(of: &template, record, payload, &pack)
        if record.data > 0 || (record.text > 0 && states == nil) {
            pack.summary.stringFieldCount &+= 1
        } else if record.valueCount == 1 {
            var reading = try self.value(record, payload, states, &names, &pack)
            reading.series = name
            reading.fieldKey = unit
            reading.sourceTime = template.sourceTime
            reading.promisedInterval = template.promisedInterval
            try Self.append(reading, to: &readings, at: offset)
        }
        guard record.sum > 0 || (pack.base.sum != nil && record.valueCount == 1) else { return }
        var sum = try self.sum(record, pack.base, payload)
        sum.series = Self.sumName(name, &names)
        sum.sourceTime = template.sourceTime
        sum.promisedInterval = template.promisedInterval
        try Self.append(sum, to: &readings, at: offset)
    }

    /// Sorts the members of a record by their labels; base fields take effect at once.
    private func fields(
        of node: Int, isFirst: Bool, _ payload: borrowing Span<UInt8>, _ base: inout SenMLBase
    ) throws(PayloadFault) -> SenMLRecord {
        var record = SenMLRecord()
        var version: Int?
        var member = node &+ 1
        for _ in 0..<self.tape[node].count {
            let value = member &+ 1
            switch self.label(member, payload) {
            case .baseName: base.name = try self.require(.string, value)
            case .baseUnit: base.unit = try self.require(.string, value)
            case .baseTime: base.time = try self.time(value, payload)
            case .baseValue: base.value = try self.number(value, payload)
            case .baseSum: base.sum = try self.number(value, payload)
            case .baseVersion: version = try self.version(value, payload)
            case .name: record.name = try self.require(.string, value)
            case .unit: record.unit = try self.require(.string, value)
            case .value: record.value = try self.require(.number, value)
            case .text: record.text = try self.require(.string, value)
            case .bool: record.bool = try self.require(.bool, value)
            case .data: record.data = try self.require(.string, value)
            case .sum: record.sum = try self.require(.number, value)
            case .time: record.time = try self.require(.number, value)
            case .updateTime: record.updateTime = try self.require(.number, value)
            case .unknown: break
            case .mandatory:
                throw PayloadFault(.mandatoryLabel, at: self.tape[member].text.lowerBound)
            }
            member = Int(self.tape[value].next)
        }
        if let version {
            guard isFirst || version == base.version else {
                throw PayloadFault(.versionChanged, at: self.tape[node].text.lowerBound)
            }
            base.version = version
        }
        return record
    }

    /// Labels are short; one with escapes is resolved first.
    private func label(_ member: Int, _ payload: borrowing Span<UInt8>) -> SenMLLabel {
        let node = self.tape[member]
        guard node.hasEscape else { return SenMLLabel(payload, in: node.text) }
        var reader = JSONStringReader(node)
        var label: [UInt8] = []
        while let byte = reader.next(payload) { label.append(byte) }
        return SenMLLabel(label.span, in: ByteRange(0, label.count))
    }

    private func require(_ kind: JSONTape.Kind, _ node: Int) throws(PayloadFault) -> Int {
        guard self.tape[node].kind == kind else {
            throw PayloadFault(.wrongType, at: self.tape[node].text.lowerBound)
        }
        return node
    }

    private func version(
        _ node: Int, _ payload: borrowing Span<UInt8>
    ) throws(PayloadFault) -> Int {
        let number = try self.number(node, payload)
        let offset = self.tape[node].text.lowerBound
        guard number >= 1, number == number.rounded() else {
            throw PayloadFault(.wrongType, at: offset)
        }
        guard number <= Double(SenMLLimits.versionMax) else {
            throw PayloadFault(.unknownVersion, at: offset)
        }
        return Int(number)
    }

    // MARK: Names and units

    /// Writes base name and name; what is not a name by RFC 8428, 4.5.1 is refused.
    private func name(
        _ record: SenMLRecord, _ base: SenMLBase, _ payload: borrowing Span<UInt8>,
        _ names: inout WireBuffer, at offset: Int
    ) throws(PayloadFault) -> ByteRange {
        let start = names.count
        if base.name > 0 { Self.append(self.tape[base.name], payload, to: &names) }
        if record.name > 0 { Self.append(self.tape[record.name], payload, to: &names) }
        let name = ByteRange(start, names.count)
        if name.isEmpty { throw PayloadFault(.nameMissing, at: offset) }
        guard name.count <= SystemLimits.sensorPathBytesMax else {
            throw PayloadFault(.nameTooLong, at: offset)
        }
        for index in name.range {
            let byte = names[index]
            let isAlphanumeric =
                (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") < 10
            let isPunctuation =
                byte == UInt8(ascii: "-") || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".")
                || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "_")
            guard isAlphanumeric || (isPunctuation && index > start) else {
                throw PayloadFault(.malformedName, at: offset)
            }
        }
        return name
    }

    private func unit(
        _ record: SenMLRecord, _ base: SenMLBase, _ payload: borrowing Span<UInt8>,
        _ names: inout WireBuffer
    ) -> ByteRange {
        let node = record.unit > 0 ? record.unit : base.unit
        guard node > 0 else { return .empty }
        let start = names.count
        Self.append(self.tape[node], payload, to: &names)
        return ByteRange(start, names.count)
    }

    private static func sumName(_ name: ByteRange, _ names: inout WireBuffer) -> ByteRange {
        let start = names.count
        for index in name.range { names.append(names[index]) }
        names.append("/sum")
        return ByteRange(start, names.count)
    }

    // MARK: Values and times

    private func value(
        _ record: SenMLRecord, _ payload: borrowing Span<UInt8>, _ states: StateMap?,
        _ names: inout WireBuffer, _ pack: inout Pack
    ) throws(PayloadFault) -> DecodedReading {
        let node = max(record.value, record.text, record.bool)
        guard record.value > 0, let base = pack.base.value else {
            return try self.value(node, payload, states, &names, &pack.summary)
        }
        return try self.finite(base + self.number(node, payload), node)
    }

    /// A side that is missing counts as 0.
    private func sum(
        _ record: SenMLRecord, _ base: SenMLBase, _ payload: borrowing Span<UInt8>
    ) throws(PayloadFault) -> DecodedReading {
        let own = record.sum > 0 ? try self.number(record.sum, payload) : 0
        return try self.finite((base.sum ?? 0) + own, record.sum)
    }

    private func finite(_ value: Double, _ node: Int) throws(PayloadFault) -> DecodedReading {
        guard value.isFinite else {
            throw PayloadFault(.numberOutOfRange, at: self.tape[node].text.lowerBound)
        }
        return DecodedReading(valueBits: value.bitPattern, valueKind: .float64, quality: .good)
    }

    private func number(
        _ node: Int, _ payload: borrowing Span<UInt8>
    ) throws(PayloadFault) -> Double {
        let text = self.tape[try self.require(.number, node)].text
        if text.count > DecimalNumber.textBytesMax {
            throw PayloadFault(.numberTooLong, at: text.lowerBound)
        }
        return DecimalNumber(payload, from: text.lowerBound, to: text.upperBound).value(payload)
    }

    private func time(
        _ node: Int, _ payload: borrowing Span<UInt8>
    ) throws(PayloadFault) -> SenMLTime {
        let text = self.tape[try self.require(.number, node)].text
        let number = DecimalNumber(payload, from: text.lowerBound, to: text.upperBound)
        return number.nanoseconds(payload, unit: .seconds).map { .nanoseconds($0) } ?? .unusable
    }

    private func setTimes(
        of reading: inout DecodedReading, _ record: SenMLRecord,
        _ payload: borrowing Span<UInt8>, _ pack: inout Pack
    ) throws(PayloadFault) {
        var time = pack.base.time
        if record.time > 0 { time = time + (try self.time(record.time, payload)) }
        let absolute = time.absolute(arrivedAt: pack.arrival)
        if absolute.isUnusable { pack.summary.ignoredTimestampCount &+= 1 }
        reading.sourceTime = absolute.time ?? Slot.noSourceTime
        guard record.updateTime > 0 else { return }
        let seconds = try self.number(record.updateTime, payload)
        guard seconds >= 0 else {
            throw PayloadFault(.wrongType, at: self.tape[record.updateTime].text.lowerBound)
        }
        reading.promisedInterval = PromisedInterval(seconds: seconds)
    }
}
