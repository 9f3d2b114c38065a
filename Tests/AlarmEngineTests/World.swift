// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel

/// Seconds of the test's clock as nanoseconds of engine time.
func seconds(_ value: Double) -> UInt64 { UInt64((value * 1_000_000_000).rounded()) }

/// One record of the journal with its number.
struct JournalEntry {
    var slot: Slot
    var n: UInt64
}

/// A decision with the ledger record made of it.
struct Outcome {
    var decision: Decision
    var body: String
    /// The rules that it was taken by.
    var rules: RuleBook
}

/// An engine in virtual time, driven as the daemon drives it, with the journal it was fed.
///
/// Time 0 of a world is engine time `originNanoseconds` and wall time `wallNanoseconds`. Ticks go
/// in as the daemon's engine loop gives them: `needsTick` is asked, then a tick record is applied.
final class World {
    static let originNanoseconds: UInt64 = 1_000_000_000_000
    static let wallNanoseconds: Int64 = 1_763_683_200_000_000_000

    private(set) var engine: AlarmEngine
    private(set) var journal: [JournalEntry] = []
    private(set) var outcomes: [Outcome] = []
    private(set) var epoch: UInt32 = 0
    /// Timers that one tick fires at most; 0 for all.
    var timersPerTick: UInt64 = 0
    /// One look gives one tick at most, so that readings stand between the slices of a tick.
    var leavesTicks = false
    /// Told of each record once its decisions are taken.
    var observer: ((_ slot: Slot, _ decisions: ArraySlice<Outcome>) -> Void)?
    /// Seconds since time 0.
    private(set) var now: Double = 0
    private var n: UInt64 = 0
    private var books: [String: RuleBook] = [:]
    private(set) var indexes: [String: SensorIndex] = [:]
    private var sourceIndexes: [String: SourceIndex] = [:]

    /// A world that has started, with its declared sensors registered at time 0.
    convenience init(
        _ declarations: [SensorDeclaration], isStarted: Bool = true,
        books: [RuleBook] = []
    ) {
        self.init(
            RuleBook(revision: Self.revision(1), declarations: declarations),
            isStarted: isStarted, books: books)
    }

    /// A world that begins with the rules of `first`.
    init(_ first: RuleBook, isStarted: Bool = true, books: [RuleBook] = []) {
        for book in books + [first] { self.books[book.revision] = book }
        let all = self.books
        self.engine = AlarmEngine(
            rules: RuleBook(revision: "", declarations: []), reservingSensors: 16,
            book: { all[$0] })
        guard isStarted else { return }
        self.start()
        self.configure(first.revision)
        for path in first.declaredPaths { self.register(path) }
    }

    /// The name of the `number`-th revision: 32 bytes in hexadecimal digits.
    static func revision(_ number: UInt8) -> String {
        HexDigits.text([UInt8](repeating: number, count: 32))
    }

    /// Does something with the engine that no record does.
    func touch<Result>(_ body: (inout AlarmEngine) -> Result) -> Result { body(&self.engine) }

    /// A new engine with the same books that knows nothing.
    func emptyEngine() -> AlarmEngine {
        let all = self.books
        return AlarmEngine(
            rules: RuleBook(revision: "", declarations: []), reservingSensors: 16,
            book: { all[$0] })
    }

    /// Engine time of a second of the world.
    static func instant(_ second: Double) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: Self.originNanoseconds + seconds(second))
    }

    /// Wall time of a second of the world.
    static func wall(_ second: Double) -> Int64 {
        Self.wallNanoseconds + Int64((second * 1_000_000_000).rounded())
    }

    /// The second of the world at an engine time.
    static func second(_ instant: MonotonicInstant) -> Double {
        (Double(instant.nanoseconds) - Double(Self.originNanoseconds)) / 1_000_000_000
    }

    // MARK: - Records

    /// Feeds one record, with the next number, and takes the decisions.
    @discardableResult
    func feed(_ slot: Slot) -> UInt64 {
        let n = self.n
        self.n += 1
        self.journal.append(JournalEntry(slot: slot, n: n))
        self.engine.apply(slot, n: n)
        let known = self.outcomes.count
        self.take()
        self.observer?(slot, self.outcomes[known...])
        return n
    }

    @discardableResult
    func feed(_ head: Slot, payload: [UInt8]) -> UInt64 {
        let first = self.n
        for slot in ControlRecord.slots(head: head, payload: payload) { self.feed(slot) }
        return first
    }

    private func take() {
        guard self.engine.hasDecisions || self.engine.isFull else { return }
        var taken: [Decision] = []
        self.engine.takeDecisions { taken.append($0) }
        for decision in taken {
            let body = String(decoding: self.engine.ledgerBody(of: decision), as: UTF8.self)
            self.outcomes.append(
                Outcome(decision: decision, body: body, rules: self.engine.ruleBook))
        }
    }

    /// A run begins: start record and clock anchor, as the daemon's services give them.
    func start(epoch: UInt32? = nil) {
        self.epoch = epoch ?? self.epoch + 1
        var start = Slot(kind: .start, arrival: Self.instant(self.now))
        start.aux = UInt64(self.epoch)
        start.sourceTime = Self.wall(self.now)
        self.feed(start)
        self.anchor()
    }

    func anchor() {
        var anchor = Slot(kind: .clockAnchor, arrival: Self.instant(self.now))
        anchor.sourceTime = Self.wall(self.now)
        self.feed(anchor)
    }

    func configure(_ revision: String) {
        self.feed(
            Slot(kind: .configuration, arrival: Self.instant(self.now)),
            payload: HexDigits.bytes(revision) ?? [])
    }

    @discardableResult
    func register(_ path: String) -> SensorIndex {
        if let known = self.indexes[path] { return known }
        let index = SensorIndex(rawValue: UInt32(self.indexes.count))
        self.indexes[path] = index
        var head = Slot(kind: .registerSensor, arrival: Self.instant(self.now))
        head.sensor = index
        self.feed(head, payload: Array(path.utf8))
        return index
    }

    @discardableResult
    func registerSource(_ name: String, behind: SourceIndex = .own) -> SourceIndex {
        if let known = self.sourceIndexes[name] { return known }
        let index = SourceIndex(rawValue: UInt32(self.sourceIndexes.count + 1))
        self.sourceIndexes[name] = index
        var head = Slot(kind: .registerSource, arrival: Self.instant(self.now), source: index)
        head.valueBits = UInt64(behind.rawValue)
        self.feed(head, payload: Array(name.utf8))
        return index
    }

    /// A source with the sensor that stands for it.
    func supervise(_ name: String, behind: SourceIndex = .own) -> SourceIndex {
        let index = self.registerSource(name, behind: behind)
        self.register(RuleBook.sourcePathPrefix + name)
        return index
    }

    func evidence(
        _ evidence: SourceEvidence, of source: SourceIndex = .own, sensor path: String? = nil
    ) {
        var slot = Slot(
            kind: .sourceEvidence, arrival: Self.instant(self.now), source: source)
        slot.valueBits = UInt64(evidence.rawValue)
        if let path { slot.sensor = self.indexes[path] ?? .none }
        self.feed(slot)
    }

    /// What a test says about a reading beyond its value.
    struct Facts {
        /// Seconds of the sender's clock on the world's line; nil for none.
        var sourceTime: Double?
        var rawSourceTime: Int64?
        var quality = Quality.good
        var flags: ReadingFlags = []
        var source = SourceIndex(rawValue: 1)
        /// Second of arrival; nil for now.
        var arrival: Double?
        var packetIdentifier: UInt16 = 0
        var payloadHash: UInt64 = 0
        var aux: UInt64 = 0
    }

    func slot(_ path: String, _ value: Double, _ facts: Facts = Facts()) -> Slot {
        var slot = Slot(
            reading: value, of: self.indexes[path] ?? .none, from: facts.source,
            arrival: Self.instant(facts.arrival ?? self.now))
        if let second = facts.sourceTime { slot.sourceTime = Self.wall(second) }
        if let raw = facts.rawSourceTime { slot.sourceTime = raw }
        slot.qualityRaw = facts.quality.rawValue
        slot.flags = facts.flags
        slot.packetIdentifier = facts.packetIdentifier
        slot.payloadHash = facts.payloadHash
        slot.aux = facts.aux
        return slot
    }

    @discardableResult
    func read(_ path: String, _ value: Double, _ facts: Facts = Facts()) -> UInt64 {
        self.feed(self.slot(path, value, facts))
    }

    @discardableResult
    func read(_ path: String, _ value: Double, sourceTime: Double) -> UInt64 {
        self.read(path, value, Facts(sourceTime: sourceTime))
    }

    func lag(_ lateness: Double) {
        var slot = Slot(kind: .lagObserved, arrival: Self.instant(self.now))
        slot.valueBits = seconds(lateness)
        self.feed(slot)
    }

    @discardableResult
    func acknowledge(_ path: String, _ kind: AlarmKind, _ activation: DecisionID) -> UInt64 {
        let command = OperatorCommand(
            verb: .acknowledge, path: path, alarm: kind, activation: activation, user: "operator",
            origin: "console", comment: "seen")
        return self.feed(
            Slot(kind: .command, arrival: Self.instant(self.now)), payload: command.payload)
    }

    /// A command about the current activation of an alarm.
    @discardableResult
    func command(
        _ verb: OperatorCommand.Verb, _ path: String, _ kind: AlarmKind, comment: String = "why",
        seconds duration: Double = 0, isOneShot: Bool = false
    ) -> Decision? {
        var command = OperatorCommand(
            verb: verb, path: path, alarm: kind,
            activation: self.alarm(kind, path)?.activation ?? .none, user: "operator",
            origin: "console", comment: comment)
        command.durationNanoseconds = UInt64(duration * 1_000_000_000)
        command.isOneShot = isOneShot
        let count = self.outcomes.count
        self.feed(
            Slot(kind: .command, arrival: Self.instant(self.now)), payload: command.payload)
        return self.outcomes.count > count ? self.outcomes[count].decision : nil
    }

    /// Times that people were told, of one alarm or of all.
    func annunciations(_ kind: AlarmKind? = nil, of path: String? = nil) -> [Decision] {
        self.decisions(.alarmRaised, kind, of: path)
    }

    // MARK: - Time

    /// Lets time pass up to `second`, waking as the engine loop wakes: when a timer may be due.
    func advance(to second: Double) {
        precondition(second >= self.now)
        let target = Self.instant(second)
        while true {
            let wake = self.engine.nextWake() ?? target
            let now = max(min(wake, target), Self.instant(self.now))
            self.now = Self.second(now)
            self.tick(at: now)
            if now == target { break }
        }
        self.now = second
    }

    /// Lets time pass up to `second` in one leap with one tick at most.
    func leap(to second: Double) {
        precondition(second >= self.now)
        self.now = second
        self.tick(at: Self.instant(second))
    }

    /// Lets time pass without the engine being looked at: it is late, or not running.
    func pass(to second: Double) {
        precondition(second >= self.now)
        self.now = second
    }

    func pass(by seconds: Double) { self.now += seconds }

    private func tick(at now: MonotonicInstant) {
        while self.engine.needsTick(at: now) {
            var tick = Slot(kind: .tick, arrival: now)
            tick.aux = self.timersPerTick
            self.feed(tick)
            if self.leavesTicks { return }
        }
    }

    /// Fires what ticks left that did not fire all that was due.
    func finishTicks() {
        let leaves = self.leavesTicks
        self.leavesTicks = false
        self.tick(at: Self.instant(self.now))
        self.leavesTicks = leaves
    }

    // MARK: - Queries

    func freshness(_ path: String) -> Freshness? { self.engine.freshness(ofPath: path) }

    func state(_ kind: AlarmKind, _ path: String) -> AlarmState? {
        self.engine.alarmState(kind, ofPath: path)
    }

    func sensor(_ path: String) -> LiveSensor? {
        self.engine.index(ofPath: path).map { self.engine.liveSensor($0) }
    }

    func alarm(_ kind: AlarmKind, _ path: String) -> LiveAlarm? {
        guard let index = self.engine.index(ofPath: path),
            let alarm = self.engine.alarmIndex(kind, of: index)
        else { return nil }
        return self.engine.liveAlarm(alarm)
    }

    /// The alarm of that name, of a kind or of a rule; nil if the sensor has none.
    func alarm(named name: String, _ path: String) -> LiveAlarm? {
        if let kind = AlarmKind(word: name) { return self.alarm(kind, path) }
        return self.alarms(of: path).first { $0.rule > 0 && self.name(of: $0) == name }
    }

    func alarms(of path: String) -> [LiveAlarm] {
        guard let index = self.engine.index(ofPath: path) else { return [] }
        return self.engine.alarmRange(of: index).map { self.engine.liveAlarm($0) }
    }

    /// Name of an alarm in its id.
    func name(of alarm: LiveAlarm) -> String {
        self.engine.ruleBook.alarmName(alarm.kind, rule: alarm.rule)
    }

    var counts: EngineCounters { self.engine.counts }
    var decisions: [Decision] { self.outcomes.map(\.decision) }
    var bodies: [String] { self.outcomes.map(\.body) }

    func decisions(
        _ kind: Decision.Kind, _ alarm: AlarmKind? = nil, of path: String? = nil
    ) -> [Decision] {
        self.decisions.filter {
            $0.kind == kind && (alarm == nil || $0.alarm == alarm)
                && (path == nil || $0.sensor == self.indexes[path ?? ""])
        }
    }

    /// Everything that screens show, as text: two engines in the same state give the same text.
    var picture: [String] { engineFingerprint(self.engine) }
}

/// Everything that screens show of an engine, as text; memory without names is left out.
func engineFingerprint(_ engine: borrowing AlarmEngine) -> [String] {
    var lines = ["\(engine.now.nanoseconds) \(engine.canaryNonce) \(engine.ruleBook.revision)"]
    lines.append("\(engine.paths) \(engine.sourceNames)")
    for index in 0..<engine.sensorCount {
        lines.append("\(engine.liveSensor(index))")
        for alarm in engine.alarmRange(of: index) { lines.append("\(engine.liveAlarm(alarm))") }
    }
    return lines
}

extension SensorDeclaration {
    /// A sensor with a deadline in seconds and the given limits.
    static func make(
        _ pattern: String, deadline: Double = 10, high: LimitSetting? = nil,
        highHigh: LimitSetting? = nil, low: LimitSetting? = nil, lowLow: LimitSetting? = nil,
        supervision: SupervisionMode = .periodic, stale: AlarmPriority = .medium,
        unknownGrace: Double = 10
    ) -> SensorDeclaration {
        var declaration = SensorDeclaration(
            pattern: pattern, deadlineNanoseconds: seconds(deadline))
        declaration.high = high
        declaration.highHigh = highHigh
        declaration.low = low
        declaration.lowLow = lowLow
        declaration.supervision = supervision
        declaration.stalePriority = stale
        declaration.unknownGraceNanoseconds = seconds(unknownGrace)
        return declaration
    }
}

extension LimitSetting {
    static func at(
        _ setpoint: Double, deadband: Double = 0, on: Double = 0, off: Double = 0,
        _ priority: AlarmPriority = .medium
    ) -> LimitSetting {
        LimitSetting(
            setpoint: setpoint, deadband: deadband, onDelayNanoseconds: seconds(on),
            offDelayNanoseconds: seconds(off), priority: priority)
    }
}
