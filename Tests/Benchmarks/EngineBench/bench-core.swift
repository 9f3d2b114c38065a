// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Glibc
import MidwatchModel

/// Measures what one reading costs the engine: `bench-core [SENSORS] [READINGS] [ROUND …]`.
///
/// With rounds named only these are measured.
/// Sensors have four limits and a deadline and speak once a second of virtual time, in an order that a seed
/// shuffles; a tick is asked for every millisecond, as the engine's loop does. The best of five
/// rounds is printed: the others were disturbed by something else.
@main
struct EngineBench {
    /// What the readings of a round are like.
    enum Round: String, CaseIterable {
        /// No source time, nothing to recognise again: a datagram of the simplest kind.
        case plain
        /// With source times.
        case sourceTime
        /// With source times, by MQTT with QoS 1: the redelivery window looks at each.
        case acknowledged
        /// Every tenth reading is beyond a limit, and the alarm stands.
        case raised
        /// As plain, with one more rule on each sensor.
        case rate, window, sequenceOfNumbers, setpoint, state
        /// The same with a rule that looks at the sensor beside it, too.
        case deviation, expression
        /// With source times, and one rule about the clocks of the sixteen sources.
        case sourceClock
        /// As plain, and each batch of 16 is timed, as the engine's loop times its batches.
        case timedBatch
        /// As plain, and each reading is timed: what the loop does not do.
        case timedReading

        var hasSourceTime: Bool {
            switch self {
            case .sourceTime, .acknowledged, .raised, .sourceClock: true
            case .plain, .timedBatch, .timedReading, .rate, .window, .sequenceOfNumbers, .setpoint,
                .state, .deviation, .expression:
                false
            }
        }

        /// The rule of every sensor; none is ever met.
        var rules: [RuleDeclaration] {
            let condition: RuleCondition
            switch self {
            case .plain, .sourceTime, .acknowledged, .raised, .timedBatch, .timedReading:
                return []
            case .rate:
                condition = .rateOfChange(
                    rise: 50, fall: 50, deadband: 1, windowNanoseconds: 60_000_000_000)
            case .window:
                condition = .window(
                    measure: .mean, limit: RuleLimit(setpoint: 90, deadband: 1),
                    windowNanoseconds: 60_000_000_000)
            case .sequenceOfNumbers:
                condition = .sequence(
                    faults: 1_000, windowNanoseconds: 60_000_000_000, modulus: 0)
            case .setpoint:
                condition = .deviation(
                    reference: nil, setpoint: 40, above: 50, below: 50, deadband: 1)
            case .sourceClock:
                return [
                    RuleDeclaration(
                        name: "rule", sources: ["gateway/+"],
                        condition: .clockSkew(
                            maxNanoseconds: 3_600_000_000_000, deadbandNanoseconds: 0))
                ]
            case .state: condition = .offNormal(normalStates: .max)
            case .deviation:
                condition = .deviation(
                    reference: "plant/hall-3/machine/0", setpoint: 0, above: 500, below: 500,
                    deadband: 1)
            case .expression: condition = .expression("value > 75 and value / 2 < 10")
            }
            return [RuleDeclaration(name: "rule", sensors: ["plant/#"], condition: condition)]
        }

        /// Readings of one timed batch; nil if nothing is timed.
        var batchCount: Int? {
            switch self {
            case .timedBatch: 16
            case .timedReading: 1
            case .plain, .sourceTime, .acknowledged, .raised, .rate, .window, .sequenceOfNumbers,
                .setpoint, .state, .deviation, .expression, .sourceClock:
                nil
            }
        }
    }

    /// Readings that the engine's loop looks ahead.
    private static let foresight = 16
    private static let epochWall: Int64 = 1_763_683_200_000_000_000
    private static let origin: UInt64 = 1_000_000_000_000

    static func main() {
        let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
        let sensors = arguments.first ?? 10_000
        let readings = arguments.dropFirst().first ?? 2_000_000
        let wanted = CommandLine.arguments.compactMap { Round(rawValue: $0) }
        if wanted.isEmpty {
            self.measureMemory(sensors: sensors)
            self.measureVisits(sensors: sensors)
            self.measureBinding(sensors: sensors)
            self.measureSources(sensors: sensors)
        }
        var plain = Double.infinity
        for round in Round.allCases where wanted.isEmpty || wanted.contains(round) {
            var best = Double.infinity
            var decisions: UInt64 = 0
            for _ in 0..<5 {
                let (nanoseconds, count) = self.run(round, sensors: sensors, readings: readings)
                best = min(best, nanoseconds)
                decisions = count
            }
            if round == .plain { plain = best }
            let tenths = Int((best * 10).rounded())
            let percent = Int((best / plain * 100).rounded())
            print(
                "\(round.rawValue): \(tenths / 10).\(tenths % 10) ns a reading,",
                "\(percent) % of plain, \(sensors) sensors, \(decisions) decisions")
        }
    }

    /// What an engine takes of memory that is really there, and what its restart costs.
    private static func measureMemory(sensors: Int) {
        // What registering needs for a moment is taken and given back before anything is counted.
        _ = self.engine(sensors: sensors).sensorCount
        var before = self.residentBytes()
        let empty = self.engine(sensors: 0)
        let fixed = self.residentBytes() - before
        before = self.residentBytes()
        var engine = self.engine(sensors: sensors)
        let taken = self.residentBytes() - before - fixed
        print(
            "memory: \(taken / sensors) bytes a sensor, all of them resident, beside",
            "\(fixed / 1_024) KiB of an engine with \(empty.sensorCount) sensors")
        var begin = self.clock()
        let bytes = engine.checkpoint(after: .zero)
        print("checkpoint: \((self.clock() - begin) / 1_000) us, \(bytes.count) bytes")
        let slice = LatencyHistogram()
        begin = self.clock()
        engine.beginCheckpoint(after: .zero)
        while engine.isCopyingCheckpoint {
            let started = begin
            _ = engine.continueCheckpoint(bytes: 262_144)
            begin = self.clock()
            slice.record(begin - started)
        }
        let slices = slice.snapshot()
        print(
            "checkpoint in \(slices.count) slices of 256 KiB:",
            "p50 \(slices.quantile(0.5) / 1_000) us, worst \(slices.maxNanoseconds / 1_000) us")
        begin = self.clock()
        var second = AlarmEngine(rules: engine.ruleBook, reservingSensors: 16, book: { _ in nil })
        let isRestored = (try? second.restore(bytes)) != nil
        precondition(isRestored)
        print("restart: \((self.clock() - begin) / 1_000) us")
    }

    /// What the wheel costs for sensors that speak in time: each is visited once a deadline.
    private static func measureVisits(sensors: Int) {
        var engine = self.engine(sensors: sensors)
        let slots = self.second(.plain, sensors: sensors)
        var n: UInt64 = 1_000_000
        var taken: UInt64 = 0
        var ticks: UInt64 = 0
        // Three deadlines; one virtual second of readings, then its thousand ticks.
        for second in UInt64(1)...30 {
            for var slot in slots {
                slot.arrival.nanoseconds &+= second * 1_000_000_000
                engine.apply(slot, n: n)
                n += 1
            }
            let begin = self.clock()
            for tick in UInt64(1)...1_000 {
                let now = MonotonicInstant(
                    nanoseconds: self.origin + (second + 1) * 1_000_000_000 + tick * 1_000_000)
                precondition(!engine.needsTick(at: now))
            }
            taken += self.clock() - begin
            ticks += 1_000
        }
        let visits = UInt64(sensors) * 3
        print(
            "staleness: \(taken / visits) ns a visit, \(visits) visits in \(ticks) ticks,",
            "\(taken / ticks) ns a tick")
    }

    /// What it costs to bind sensors to a thousand rules, at a reload.
    private static func measureBinding(sensors: Int) {
        let rules = (0..<1_000).map { number in
            RuleDeclaration(
                name: "rule-\(number)",
                sensors: [
                    number % 2 == 0
                        ? "plant/hall-\(number)/#" : "plant/+/machine/\(number * 7)"
                ], condition: .offNormal(normalStates: 1))
        }
        let revision = [UInt8](repeating: 7, count: 32)
        var declaration = SensorDeclaration(
            pattern: "plant/#", deadlineNanoseconds: 10_000_000_000)
        declaration.high = LimitSetting(setpoint: 80, deadband: 2)
        let book = RuleBook(
            revision: HexDigits.text(revision), declarations: [declaration], rules: rules)
        var engine = self.engine(sensors: sensors, book: book)
        let begin = self.clock()
        var n: UInt64 = 10_000_000
        let head = Slot(
            kind: .configuration, arrival: MonotonicInstant(nanoseconds: self.origin))
        for slot in ControlRecord.slots(head: head, payload: revision) {
            engine.apply(slot, n: n)
            n += 1
        }
        print("reload: \((self.clock() - begin) / 1_000_000) ms with 1000 rules")
        engine.takeDecisions { _ in }
    }

    /// What it costs when gateways break, and come back, one after the other.
    private static func measureSources(sensors: Int) {
        let each = 100
        let gateways = UInt64(max(1, sensors / each))
        var engine = self.engine(sensors: sensors)
        var n: UInt64 = 20_000_000
        func apply(_ head: Slot, _ text: String, to engine: inout AlarmEngine) {
            for slot in ControlRecord.slots(head: head, payload: Array(text.utf8)) {
                engine.apply(slot, n: n)
                n += 1
            }
        }
        let now = MonotonicInstant(nanoseconds: self.origin + 1)
        for gateway in 1...gateways {
            let source = SourceIndex(rawValue: UInt32(gateway))
            let name = "gateway/\(gateway)"
            apply(Slot(kind: .registerSource, arrival: now, source: source), name, to: &engine)
            var stand = Slot(kind: .registerSensor, arrival: now)
            stand.sensor = SensorIndex(rawValue: UInt32(engine.sensorCount))
            apply(stand, RuleBook.sourcePathPrefix + name, to: &engine)
        }
        for index in 0..<sensors {
            let source = SourceIndex(rawValue: UInt32(min(Int(gateways), 1 + index / each)))
            engine.apply(
                Slot(
                    reading: 50, of: SensorIndex(rawValue: UInt32(index)), from: source,
                    arrival: now), n: n)
            n += 1
        }
        func nanoseconds(of evidence: SourceEvidence, _ engine: inout AlarmEngine) -> UInt64 {
            let begin = self.clock()
            for gateway in 1...gateways {
                var slot = Slot(
                    kind: .sourceEvidence, arrival: now,
                    source: SourceIndex(rawValue: UInt32(gateway)))
                slot.valueBits = UInt64(evidence.rawValue)
                engine.apply(slot, n: n)
                n += 1
            }
            let taken = self.clock() - begin
            engine.takeDecisions { _ in }
            return taken / gateways
        }
        let lost = nanoseconds(of: .closedAbnormally, &engine)
        let back = nanoseconds(of: .connected, &engine)
        precondition(engine.counts.sourcesLost == gateways)
        print(
            "sources: \(lost) ns a loss, \(back) ns a return,",
            "\(gateways) gateways with \(each) sensors each")
    }

    private static func residentBytes() -> Int {
        guard let file = unsafe fopen("/proc/self/statm", "r") else { return 0 }
        defer { unsafe fclose(file) }
        var text = [CChar](repeating: 0, count: 128)
        _ = unsafe fgets(&text, 128, file)
        let fields = String(decoding: text.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            .split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4_096 : 0
    }

    private static func engine(
        sensors: Int, rules: [RuleDeclaration] = [], book: RuleBook? = nil
    ) -> AlarmEngine {
        var declaration = SensorDeclaration(
            pattern: "plant/#", deadlineNanoseconds: 10_000_000_000)
        declaration.high = LimitSetting(setpoint: 80, deadband: 2)
        declaration.low = LimitSetting(setpoint: 10, deadband: 2)
        declaration.highHigh = LimitSetting(setpoint: 90, deadband: 2, priority: .high)
        declaration.lowLow = LimitSetting(setpoint: 5, deadband: 2, priority: .high)
        var engine = AlarmEngine(
            rules: RuleBook(revision: "", declarations: [declaration], rules: rules),
            reservingSensors: sensors, book: { _ in book })
        var n: UInt64 = 0
        var start = Slot(kind: .start, arrival: MonotonicInstant(nanoseconds: self.origin))
        start.aux = 1
        engine.apply(start, n: n)
        var anchor = Slot(kind: .clockAnchor, arrival: MonotonicInstant(nanoseconds: self.origin))
        anchor.sourceTime = self.epochWall
        engine.apply(anchor, n: n + 1)
        n += 2
        for index in 0..<sensors {
            var head = Slot(
                kind: .registerSensor, arrival: MonotonicInstant(nanoseconds: self.origin))
            head.sensor = SensorIndex(rawValue: UInt32(index))
            for slot in ControlRecord.slots(
                head: head, payload: Array("plant/hall-3/machine/\(index)".utf8))
            {
                engine.apply(slot, n: n)
                n += 1
            }
        }
        engine.takeDecisions { _ in }
        return engine
    }

    /// The sixteen sources that readings come through, with the sensors that stand for them.
    private static func registerSources(in engine: inout AlarmEngine, behind sensors: Int) {
        let now = MonotonicInstant(nanoseconds: self.origin)
        var n: UInt64 = 900_000
        for number in 0..<16 {
            let name = "gateway/\(number)"
            let source = SourceIndex(rawValue: UInt32(1 + number))
            var stand = Slot(kind: .registerSensor, arrival: now)
            stand.sensor = SensorIndex(rawValue: UInt32(sensors + number))
            let head = Slot(kind: .registerSource, arrival: now, source: source)
            let records =
                ControlRecord.slots(head: head, payload: Array(name.utf8))
                + ControlRecord.slots(
                    head: stand, payload: Array((RuleBook.sourcePathPrefix + name).utf8))
            for slot in records {
                engine.apply(slot, n: n)
                n += 1
            }
        }
        engine.takeDecisions { _ in }
    }

    /// The readings of one virtual second, each sensor once.
    private static func second(_ round: Round, sensors: Int) -> [Slot] {
        var order = (0..<sensors).map { UInt32($0) }
        var seed: UInt64 = 7
        for index in stride(from: sensors - 1, to: 0, by: -1) {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            order.swapAt(index, Int(seed >> 33) % (index + 1))
        }
        let step = 1_000_000_000 / UInt64(sensors)
        return order.enumerated().map { offset, index in
            let isRaised = round == .raised && index % 10 == 0
            var slot = Slot(
                reading: isRaised ? 95 : 20 + Double(index % 50),
                of: SensorIndex(rawValue: index), from: SourceIndex(rawValue: 1 + index % 16),
                arrival: MonotonicInstant(nanoseconds: self.origin + UInt64(offset) * step))
            if round.hasSourceTime {
                slot.sourceTime = self.epochWall + Int64(offset) * Int64(step)
            }
            if round == .acknowledged {
                slot.flags = [.acknowledgedDelivery]
                slot.packetIdentifier = UInt16(truncatingIfNeeded: offset)
                slot.payloadHash = UInt64(offset) &* 0x9E37_79B9_7F4A_7C15
            }
            return slot
        }
    }

    private static func run(
        _ round: Round, sensors: Int, readings: Int
    ) -> (nanoseconds: Double, decisions: UInt64) {
        var engine = self.engine(sensors: sensors, rules: round.rules)
        if round == .sourceClock { self.registerSources(in: &engine, behind: sensors) }
        let slots = self.second(round, sensors: sensors)
        var n: UInt64 = 1_000_000
        var looked: UInt64 = 0
        var total = 0
        var offset: UInt64 = 1_000_000_000
        let histogram = LatencyHistogram()
        let batchCount = round.batchCount ?? Int.max
        var inBatch = 0
        var started = self.clock()
        let begin = started
        while total < readings {
            for index in slots.indices {
                if index + Self.foresight < slots.count {
                    engine.foresee(slots[index + Self.foresight].sensor)
                }
                var slot = slots[index]
                slot.arrival.nanoseconds &+= offset
                if round.hasSourceTime { slot.sourceTime &+= Int64(offset) }
                engine.apply(slot, n: n)
                n &+= 1
                inBatch &+= 1
                if inBatch == batchCount {
                    let now = self.clock()
                    histogram.record(now &- started, count: UInt64(batchCount))
                    started = now
                    inBatch = 0
                }
                if slot.arrival.nanoseconds &- looked >= 1_000_000 {
                    looked = slot.arrival.nanoseconds
                    if engine.needsTick(at: slot.arrival) {
                        engine.apply(Slot(kind: .tick, arrival: slot.arrival), n: n)
                        n &+= 1
                    }
                }
                if engine.hasDecisions { engine.takeDecisions { _ in } }
            }
            total += slots.count
            offset += 1_000_000_000
        }
        let taken = self.clock() - begin
        let counts = engine.counts
        precondition(round.batchCount == nil || histogram.snapshot().count > 0)
        precondition(counts.evaluated == UInt64(total) && counts.notLive == 0)
        return (Double(taken) / Double(total), counts.decisions)
    }

    /// Time that this thread had, not time that passed: what else runs on the machine counts less.
    private static func clock() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
