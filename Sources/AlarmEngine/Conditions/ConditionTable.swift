// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// How a bound condition is evaluated; with a number where it has memory of its own.
enum ConditionEvaluator: BitwiseCopyable, Sendable {
    case rateOfChange(UInt32)
    case flatLine(UInt32)
    case window(UInt32)
    case drift(UInt32)
    case clockDrift(UInt32)
    case sequence(UInt32)
    /// The numbers of a source, which another sensor carries.
    case sourceSequence(UInt32)
    case deviation(Deviation, setpoint: Double, hasReference: Bool)
    case vote(GroupVote)
    case discrepancy(GroupDiscrepancy)
    case offNormal(OffNormal)
    case badQuality(QualityTest)
    case clockSkew(ClockSkew)
    /// Steps of the program: where they begin and how many.
    case expression(UInt32, UInt16)
    /// An expression that does not compile: always an error.
    case broken

    /// Looks at other sensors or conditions: evaluated again when they change.
    var isComposite: Bool {
        switch self {
        case .deviation(_, _, let hasReference): hasReference
        case .vote, .discrepancy, .expression, .sourceSequence, .broken: true
        case .rateOfChange, .flatLine, .window, .drift, .clockDrift, .sequence, .offNormal,
            .badQuality, .clockSkew:
            false
        }
    }

    /// Rests on the last value and quality of its own sensor, and on nothing before it.
    var restsOnLastValue: Bool {
        switch self {
        case .offNormal, .badQuality: true
        case .deviation(_, _, let hasReference): !hasReference
        case .rateOfChange, .flatLine, .window, .drift, .clockDrift, .clockSkew, .sequence,
            .sourceSequence, .vote, .discrepancy, .expression, .broken:
            false
        }
    }

    /// Compares the two times of one reading.
    var restsOnClock: Bool { if case .clockSkew = self { true } else { false } }

    /// Its result may change by time alone: it has a timer.
    var hasTimer: Bool {
        switch self {
        case .rateOfChange, .flatLine, .window, .sequence, .sourceSequence: true
        case .drift, .clockDrift, .deviation, .vote, .discrepancy, .offNormal, .badQuality,
            .clockSkew, .expression, .broken:
            false
        }
    }
}

/// One rule bound to one sensor.
struct BoundCondition: BitwiseCopyable, Sendable {
    var evaluator: ConditionEvaluator
    /// Number of the rule in the rule set.
    var rule: UInt32
    var sensor: UInt32
    /// Place in the order of evaluation.
    var rank: UInt32
    var firstOperand: UInt32
    /// Number of its timer, `TimerWheel.none` without one.
    var timer = TimerWheel.none
    var operandCount: UInt16
    /// Number among the rules of its sensor that make an alarm; -1 for one on trial.
    var alarmOffset: Int16
    /// Of its alarm.
    var priority: AlarmPriority
    /// Waits in the queue.
    var isQueued = false
    /// It looks at the clock of the source that its sensor stands for.
    var isOfSourceClock = false

    var isPassive: Bool { self.alarmOffset < 0 }
}

/// What a bound condition remembers; part of the checkpoint.
struct ConditionMemory: BitwiseCopyable, Sendable {
    /// What was measured last: rate, mean, distance, skew; not a number if nothing was.
    var measured = Double.nan
    /// Times that a rule on trial would have alarmed.
    var wouldAlarmCount: UInt32 = 0
    /// Sensor that is the odd one out of its group; `none` if none is.
    var oddOne: UInt32 = ConditionTable.none
    var result = ConditionResult.stale
    /// The condition was met when it was last known: the deadband holds.
    var isActive = false

    static var byteFields: [ByteField] {
        [ByteField(\Self.result), ByteField(\Self.isActive)]
    }
}

/// A sensor, or one of its alarms, that a condition looks at.
struct BoundOperand: BitwiseCopyable, Sendable {
    enum Kind: UInt8, BitwiseCopyable, Sendable {
        case sensor
        /// An alarm that every sensor of a kind has: `number` is the kind.
        case alarm
        /// The condition of a rule: `number` is the rule.
        case rule
        /// A name that means nothing: always an error.
        case unknown
    }

    /// Number of the sensor; `none` while nothing is registered at its path.
    var sensor: UInt32
    var number: UInt32 = 0
    var kind: Kind
}

/// Every rule bound to every sensor it fits, with memory sized when it is bound.
///
/// Made anew when a configuration takes effect, in the order of the sensors, and extended when a
/// sensor is registered: what it looks like is a function of rules and registrations alone, so that
/// a checkpoint needs to hold the memories only. Nothing is allocated per reading.
struct ConditionTable: ~Copyable, Sendable {
    static var none: UInt32 { .max }

    /// Conditions of one sensor, consecutive; and the first edge to those that look at it.
    struct Place: BitwiseCopyable, Sendable {
        var first: UInt32 = 0
        var count: UInt16 = 0
        /// Those that make an alarm.
        var alarmCount: UInt16 = 0
        var edge = ConditionTable.none
        /// A raised higher limit takes the place of the lower one.
        var areLimitsExclusive = false
        /// Its value is the mode of an area.
        var isAreaSensor = false
        /// Number of the range of its instrument; the first is that of all others.
        var range: UInt32 = 0
    }

    struct Edge: BitwiseCopyable, Sendable {
        var bound: UInt32
        var next: UInt32
    }

    private let inPlace = InPlace()
    var bounds = FlatTable<BoundCondition>(reserving: 16)
    var memories = FlatTable<ConditionMemory>(reserving: 16)
    var operands = FlatTable<BoundOperand>(reserving: 16)
    var steps = FlatTable<ExpressionStep>(reserving: 16)
    var rates = FlatTable<RateOfChange>(reserving: 16)
    var flatLines = FlatTable<FlatLine>(reserving: 16)
    var windows = FlatTable<WindowStatistics>(reserving: 16)
    var drifts = FlatTable<SlowDrift>(reserving: 16)
    var clockDrifts = FlatTable<ClockDrift>(reserving: 16)
    var sequences = FlatTable<SequenceCheck>(reserving: 16)
    /// Ranges of instruments, each once.
    private var ranges = FlatTable<InstrumentRange>(reserving: 16)
    private var rangeNumbers: [InstrumentRange: UInt32] = [:]
    private var sensorCount = 0
    private var places = FlatTable<Place>(reserving: 16)
    private var edges = FlatTable<Edge>(reserving: 16)
    private var queue = EvaluationQueue()
    /// By rule: where its program begins in `steps`.
    private var programs: [UInt32] = []
    /// Operands whose sensor is not registered yet, by its path.
    private var waiting: [String: [(bound: UInt32, operand: UInt32)]] = [:]
    let set: RuleSet

    /// A table of `sensorCount` sensors that no rule fits and no setting is made for.
    init(_ set: RuleSet, sensorCount: Int = 0) {
        self.set = set
        self.sensorCount = sensorCount
        self.isEmpty = set.rules.isEmpty
        self.watchesClocks = set.watchesClocks
        self.ranges.append(InstrumentRange(least: -.infinity, most: .infinity))
        for rule in set.rules {
            self.programs.append(UInt32(self.steps.count))
            for step in rule.program?.steps ?? [] { self.steps.append(step) }
        }
    }

    /// Whether there is no rule at all; kept, so that a reading counts no reference.
    let isEmpty: Bool
    /// Whether a rule looks at the clocks of sources; kept, as the above.
    let watchesClocks: Bool
    /// Whether any sensor has a setting in its place beside conditions: else readings need not look.
    private(set) var hasSettings = false

    /// The conditions of sensor `index`.
    func range(of index: Int) -> Range<Int> {
        guard index < self.places.count else { return 0..<0 }
        let place = self.places[index]
        return Int(place.first)..<Int(place.first) + Int(place.count)
    }

    /// Asks ahead for what a reading of sensor `index` will look at first; see
    /// `AlarmEngine.foresee`.
    @inline(__always)
    func prefetch(_ index: Int) {
        guard index < self.places.count, self.places[index].count > 0 else { return }
        let first = Int(self.places[index].first)
        self.bounds.prefetch(first)
        self.memories.prefetch(first)
    }

    /// The condition of rule `rule` on sensor `index`; nil if it has none.
    func bound(of rule: UInt32, on index: UInt32) -> Int? {
        guard index != Self.none else { return nil }
        return self.range(of: Int(index)).first { self.bounds[$0].rule == rule }
    }

    /// Whether `value` lies within the range of the instrument of sensor `index`.
    func holds(_ value: Double, of index: Int) -> Bool {
        !self.hasSettings || self.instrumentRange(of: index).holds(value)
    }

    /// What the instrument of sensor `index` can say.
    func instrumentRange(of index: Int) -> InstrumentRange {
        guard self.hasSettings else { return InstrumentRange(least: -.infinity, most: .infinity) }
        return self.ranges[Int(self.places[index].range)]
    }

    /// Whether a more severe limit of sensor `index` takes the place of the others.
    func isExclusive(_ index: Int) -> Bool {
        self.hasSettings && self.places[index].areLimitsExclusive
    }

    /// Whether the value of sensor `index` is the mode of an area.
    func isAreaSensor(_ index: Int) -> Bool {
        self.hasSettings && self.places[index].isAreaSensor
    }

    /// Alarms that the rules of sensor `index` make.
    func alarmCount(of index: Int) -> Int {
        index < self.places.count ? Int(self.places[index].alarmCount) : 0
    }

    // MARK: - Binding

    /// Binds the next sensor to the rules that its path fits.
    ///
    /// - Parameters:
    ///   - path: Of the sensor whose number is the count of sensors bound so far.
    ///   - declaration: Of that sensor; one of its readings speaks for a deadline.
    ///   - isAreaSensor: Its value is the mode of an area.
    ///   - indexes: Number of the sensor at a path.
    mutating func bind(
        path: String, _ declaration: SensorDeclaration, isAreaSensor: Bool,
        indexes: (String) -> Int?
    ) {
        let sensor = UInt32(self.sensorCount)
        self.sensorCount += 1
        if declaration.areLimitsExclusive || isAreaSensor || declaration.instrumentRange != nil {
            self.hasSettings = true
        }
        // Without rules and settings nobody looks at the places.
        guard self.hasSettings || !self.isEmpty else { return }
        // Sensors are bound in order: one that comes later may be looked at already.
        while Int(sensor) >= self.places.count { self.places.append(Place()) }
        self.places[Int(sensor)].first = UInt32(self.bounds.count)
        self.places[Int(sensor)].areLimitsExclusive = declaration.areLimitsExclusive
        self.places[Int(sensor)].isAreaSensor = isAreaSensor
        if let range = declaration.instrumentRange {
            self.places[Int(sensor)].range = self.number(
                of: InstrumentRange(least: range.lowerBound, most: range.upperBound))
        }
        guard !self.isEmpty else { return }
        var alarmOffset: Int16 = 0
        defer { self.places[Int(sensor)].alarmCount = UInt16(alarmOffset) }
        for number in self.set.numbers(for: path) {
            let rule = self.set.rules[number]
            guard let captures = rule.captures(path) else { continue }
            var bound = BoundCondition(
                evaluator: self.evaluator(number, of: declaration),
                rule: UInt32(number), sensor: sensor, rank: UInt32(rule.rank),
                firstOperand: UInt32(self.operands.count),
                operandCount: UInt16(rule.references.count), alarmOffset: -1,
                priority: rule.declaration.priority)
            bound.isOfSourceClock =
                rule.declaration.isOfSources && rule.declaration.condition.isOfClock
            if !rule.declaration.isPassive {
                bound.alarmOffset = alarmOffset
                alarmOffset += 1
            }
            let place = UInt32(self.bounds.count)
            self.bounds.append(bound)
            self.memories.append(ConditionMemory())
            self.places[Int(sensor)].count += 1
            for reference in rule.references {
                self.addOperand(
                    reference, captures, host: (path, sensor), of: place, indexes: indexes)
            }
        }
        self.resolve(path, as: sensor)
    }

    private mutating func number(of range: InstrumentRange) -> UInt32 {
        if let known = self.rangeNumbers[range] { return known }
        self.ranges.append(range)
        self.rangeNumbers[range] = UInt32(self.ranges.count - 1)
        return UInt32(self.ranges.count - 1)
    }

    private mutating func addOperand(
        _ reference: ExpressionOperand, _ captures: [String], host: (path: String, index: UInt32),
        of bound: UInt32, indexes: (String) -> Int?
    ) {
        var operand = BoundOperand(sensor: Self.none, kind: .sensor)
        if let alarm = reference.alarm {
            if let kind = AlarmKind(word: alarm) {
                operand.kind = .alarm
                operand.number = UInt32(kind.rawValue)
            } else if let rule = self.set.number(named: alarm) {
                operand.kind = .rule
                operand.number = UInt32(rule)
            } else {
                operand.kind = .unknown
            }
        }
        let path =
            reference.path.isEmpty
            ? host.path : PathTemplate.filled(reference.path, with: captures)
        if let path {
            if path == host.path {
                operand.sensor = host.index
            } else if let index = indexes(path) {
                operand.sensor = UInt32(index)
            } else {
                self.waiting[path, default: []].append((bound, UInt32(self.operands.count)))
            }
        } else {
            operand.kind = .unknown
        }
        self.operands.append(operand)
        if operand.sensor != Self.none { self.addEdge(from: operand.sensor, to: bound) }
    }

    /// A sensor that conditions waited for is registered now.
    private mutating func resolve(_ path: String, as sensor: UInt32) {
        guard let found = self.waiting.removeValue(forKey: path) else { return }
        for (bound, operand) in found {
            self.operands[Int(operand)].sensor = sensor
            self.addEdge(from: sensor, to: bound)
        }
    }

    /// Only what is evaluated again for its operands gets an edge.
    private mutating func addEdge(from sensor: UInt32, to bound: UInt32) {
        guard self.bounds[Int(bound)].evaluator.isComposite else { return }
        // Sensors are bound in order: one that comes later may be looked at already.
        while Int(sensor) >= self.places.count { self.places.append(Place()) }
        self.edges.append(Edge(bound: bound, next: self.places[Int(sensor)].edge))
        self.places[Int(sensor)].edge = UInt32(self.edges.count - 1)
    }

    private mutating func evaluator(_ number: Int, of sensor: SensorDeclaration)
        -> ConditionEvaluator
    {
        let hold = sensor.deadlineNanoseconds
        switch self.set.rules[number].declaration.condition {
        case .rateOfChange(let rise, let fall, let deadband, let window):
            self.rates.append(
                RateOfChange(
                    rise: rise ?? .infinity, fall: fall ?? .infinity, deadband: deadband,
                    windowNanoseconds: window))
            self.rates[self.rates.count - 1].isHolding = sensor.supervision == .exception
            return .rateOfChange(UInt32(self.rates.count - 1))
        case .flatLine(let epsilon, let time):
            self.flatLines.append(FlatLine(epsilon: epsilon, durationNanoseconds: time))
            return .flatLine(UInt32(self.flatLines.count - 1))
        case .deviation(let reference, let setpoint, let above, let below, let deadband):
            return .deviation(
                Deviation(
                    above: above ?? .infinity, below: below ?? .infinity, deadband: deadband),
                setpoint: setpoint, hasReference: reference != nil)
        case .vote(_, let required, let limit):
            return .vote(
                GroupVote(required: UInt8(clamping: required), test: SetpointTest(limit)))
        case .discrepancy(_, let tolerance, let deadband):
            return .discrepancy(GroupDiscrepancy(tolerance: tolerance, deadband: deadband))
        case .offNormal(let states): return .offNormal(OffNormal(normalStates: states))
        case .badQuality(let uncertain):
            return .badQuality(QualityTest(includesUncertain: uncertain))
        case .clockSkew(let most, let deadband):
            return .clockSkew(ClockSkew(maxNanoseconds: most, deadbandNanoseconds: deadband))
        case .clockDrift(let limit, let deadband, let window):
            self.clockDrifts.append(
                ClockDrift(limit: limit, deadband: deadband, windowNanoseconds: window))
            return .clockDrift(UInt32(self.clockDrifts.count - 1))
        case .sequence(let faults, let window, let modulus, let sensor):
            self.sequences.append(
                SequenceCheck(limit: faults, windowNanoseconds: window, modulus: modulus))
            let number = UInt32(self.sequences.count - 1)
            return sensor == nil ? .sequence(number) : .sourceSequence(number)
        case .window(let measure, let limit, let window):
            self.windows.append(
                WindowStatistics(
                    measure: WindowStatistics.Measure(measure), test: SetpointTest(limit),
                    windowNanoseconds: window, holdNanoseconds: hold))
            return .window(UInt32(self.windows.count - 1))
        case .drift(let limit, let deadband, let average, let reference):
            self.drifts.append(
                SlowDrift(
                    limit: limit, deadband: deadband, averageNanoseconds: average,
                    holdNanoseconds: hold, hasReference: reference != nil))
            return .drift(UInt32(self.drifts.count - 1))
        case .expression:
            guard let program = self.set.rules[number].program else { return .broken }
            return .expression(self.programs[number], UInt16(program.steps.count))
        }
    }

    // MARK: - Queue

    /// Queues the composite conditions that look at sensor `index`.
    mutating func queueDependents(of index: Int) {
        guard index < self.places.count else { return }
        var edge = self.places[index].edge
        while edge != Self.none {
            self.push(Int(self.edges[Int(edge)].bound))
            edge = self.edges[Int(edge)].next
        }
    }

    /// The first edge to a condition that looks at sensor `index`; `none` if none does.
    func firstEdge(of index: Int) -> UInt32 {
        index < self.places.count ? self.places[index].edge : Self.none
    }

    /// The condition at the end of an edge, and the next edge; nil behind the last.
    func dependent(_ edge: UInt32) -> (bound: Int, next: UInt32)? {
        guard edge != Self.none else { return nil }
        return (Int(self.edges[Int(edge)].bound), self.edges[Int(edge)].next)
    }

    mutating func push(_ bound: Int) {
        guard !self.bounds[bound].isQueued else { return }
        self.bounds[bound].isQueued = true
        self.queue.push(rank: self.bounds[bound].rank, bound: UInt32(bound))
    }

    /// Takes the queued condition of the smallest rank, then of the smallest number.
    mutating func pop() -> Int? {
        guard let bound = self.queue.pop() else { return nil }
        self.bounds[Int(bound)].isQueued = false
        return Int(bound)
    }
}

extension SetpointTest {
    init(_ limit: RuleLimit) {
        self.init(setpoint: limit.setpoint, deadband: limit.deadband, isHigh: limit.isHigh)
    }
}

extension WindowStatistics.Measure {
    init(_ measure: WindowMeasure) {
        switch measure {
        case .count: self = .count
        case .mean: self = .mean
        case .min: self = .least
        case .max: self = .most
        }
    }
}
