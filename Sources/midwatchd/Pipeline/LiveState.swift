// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Synchronization

/// What the engine shows to everyone else: live tables, names, counters.
///
/// The engine thread writes; any thread reads without holding it up.
final class LiveState: Sendable {
    /// Who did something with an alarm, for screens.
    struct Mark: Sendable {
        var activation: DecisionID
        var user: String
        var origin: String
        var comment: String
        var at: WallInstant
    }

    /// What operators did last with an alarm; whether it still holds says the alarm itself.
    struct Marks: Sendable {
        var acknowledged: Mark?
        var shelved: Mark?
        var outOfService: Mark?
        var commented: Mark?

        /// Takes a mark by the kind of the decision that made it; others make none.
        mutating func set(_ mark: Mark, _ kind: Decision.Kind) {
            switch kind {
            case .alarmAcknowledged: self.acknowledged = mark
            case .alarmShelved: self.shelved = mark
            case .alarmOutOfService: self.outOfService = mark
            case .alarmCommented: self.commented = mark
            default: break
            }
        }
    }

    /// The mode of an area, and what put it there in this run.
    struct AreaMode: Sendable {
        var mode: Int
        /// A user, or `sensor`; empty if nothing did.
        var changedBy = ""
        var changedAt: WallInstant?
    }

    let sensors = LiveTable<LiveSensor>()
    let alarms = LiveTable<LiveAlarm>()
    private let sensorNames = NameTable()
    private let sourceTable = NameTable()
    private let counters = Mutex(EngineCounters())
    private let engineTime = Atomic<UInt64>(0)
    private let published = Atomic<Bool>(false)
    private let decided = Atomic<UInt64>(0)
    private let anchor = Mutex<(engine: MonotonicInstant, wall: Int64)>((.zero, 0))
    private let canary = Atomic<UInt64>(0)
    private let rules: Mutex<RuleBook>
    /// By alarm id; also those of runs before this one, once they were read.
    private let marks = Mutex<[String: Marks]>([:])
    private let areas = Mutex<[String: AreaMode]>([:])

    init(rules: RuleBook) { self.rules = Mutex(rules) }

    var paths: NameTable.Names { self.sensorNames.names }
    /// The path of a sensor, for the log; its number while the name is not known here.
    func path(of sensor: SensorIndex) -> String {
        let (index, paths) = (Int(sensor.rawValue), self.paths)
        return index < paths.count ? paths[index] : "#\(index)"
    }
    var sourceNames: NameTable.Names { self.sourceTable.names }
    var counts: EngineCounters { self.counters.withLock { $0 } }
    var time: MonotonicInstant {
        MonotonicInstant(nanoseconds: self.engineTime.load(ordering: .acquiring))
    }
    /// Grows behind every publication that shows decisions: alarms change by decisions alone.
    var decisionTurns: UInt64 { self.decided.load(ordering: .acquiring) }
    /// Whether the engine has shown its state once since this start.
    var isPublished: Bool { self.published.load(ordering: .acquiring) }
    var canaryNonce: UInt64 { self.canary.load(ordering: .acquiring) }
    var ruleBook: RuleBook { self.rules.withLock { $0 } }

    /// The modes of the areas, by name.
    var areaModes: [String: AreaMode] { self.areas.withLock { $0 } }

    /// Wall time of an engine instant by the engine's last anchor; 0 before the first one.
    func wall(of instant: MonotonicInstant) -> WallInstant {
        let anchor = self.anchor.withLock { $0 }
        guard anchor.wall != 0 else { return WallInstant(nanoseconds: 0) }
        let delta = Int64(bitPattern: instant.nanoseconds &- anchor.engine.nanoseconds)
        return WallInstant(nanoseconds: anchor.wall &+ delta)
    }

    /// What operators did last with an alarm.
    func marks(of alarmID: String) -> Marks { self.marks.withLock { $0[alarmID] } ?? Marks() }

    /// Takes what the ledger knows of earlier runs; what this run knows is newer.
    func remember(_ earlier: [String: Marks]) {
        self.marks.withLock { marks in
            marks.merge(earlier) { new, old in
                Marks(
                    acknowledged: new.acknowledged ?? old.acknowledged,
                    shelved: new.shelved ?? old.shelved,
                    outOfService: new.outOfService ?? old.outOfService,
                    commented: new.commented ?? old.commented)
            }
        }
    }

    // MARK: Engine thread

    func publish(_ engine: borrowing AlarmEngine) {
        self.engineTime.store(engine.now.nanoseconds, ordering: .releasing)
        self.canary.store(engine.canaryNonce, ordering: .releasing)
        let counts = engine.counts
        self.counters.withLock { $0 = counts }
        let wall = engine.wall(of: engine.now).nanoseconds
        let now = engine.now
        self.anchor.withLock { $0 = (now, wall) }
        self.published.store(true, ordering: .releasing)
    }

    /// What was published shows decisions that were not seen before.
    func publishDecisions() {
        self.decided.wrappingAdd(1, ordering: .releasing)
    }

    /// Adds the names that came since the last call; no other ever changes.
    func publishNames(_ engine: borrowing AlarmEngine) {
        for index in self.sensorNames.count..<engine.sensorCount {
            self.sensorNames.append(engine.path(of: index))
        }
        for index in self.sourceTable.count..<engine.sourceNames.count {
            self.sourceTable.append(engine.sourceNames[index])
        }
    }

    func publishRules(_ rules: RuleBook) { self.rules.withLock { $0 = rules } }

    /// `change` is the decision that changed a mode, if one did.
    func publishAreas(_ engine: borrowing AlarmEngine, change: Decision? = nil) {
        let modes = zip(engine.ruleBook.areas, engine.areaModeNumbers)
        var changed: String?
        if let change { changed = engine.alarmName(of: change) }
        let user = change?.isAnswer == true ? engine.lastCommand?.user ?? "" : "sensor"
        self.areas.withLock { [changed] areas in
            let before = areas
            areas = [:]
            for (area, mode) in modes {
                var state = before[area.name] ?? AreaMode(mode: mode)
                state.mode = mode
                if area.name == changed {
                    state.changedBy = user
                    state.changedAt = change?.wall
                }
                areas[area.name] = state
            }
        }
    }

    /// An operator's command was done: `decision` answers it.
    func note(_ command: OperatorCommand, _ decision: Decision) {
        let mark = Mark(
            activation: decision.activation, user: command.user, origin: command.origin,
            comment: command.comment, at: decision.wall)
        self.marks.withLock { marks in
            marks["\(command.path):\(command.alarmName)", default: Marks()]
                .set(mark, decision.kind)
        }
    }
}
