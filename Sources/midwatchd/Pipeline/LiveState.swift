// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Synchronization

/// What the engine shows to everyone else: live tables, names, counters.
///
/// The engine thread writes; any thread reads without holding it up.
final class LiveState: Sendable {
    /// Who acknowledged an activation, for screens.
    struct Acknowledgement: Sendable {
        var activation: DecisionID
        var user: String
        var origin: String
        var comment: String
        var at: WallInstant
    }

    let sensors = LiveTable<LiveSensor>()
    let alarms = LiveTable<LiveAlarm>()
    private let names = Mutex<(paths: [String], sources: [String])>(([], []))
    private let counters = Mutex(EngineCounters())
    private let engineTime = Atomic<UInt64>(0)
    private let published = Atomic<Bool>(false)
    private let anchor = Mutex<(engine: MonotonicInstant, wall: Int64)>((.zero, 0))
    private let canary = Atomic<UInt64>(0)
    private let rules: Mutex<RuleBook>
    private let acknowledgements = Mutex<[Int: Acknowledgement]>([:])
    /// Those of runs before this one, by alarm id.
    private let remembered = Mutex<[String: Acknowledgement]>([:])

    init(rules: RuleBook) { self.rules = Mutex(rules) }

    var paths: [String] { self.names.withLock { $0.paths } }
    /// The path of a sensor, for the log; its number while the name is not known here.
    func path(of sensor: SensorIndex) -> String {
        let index = Int(sensor.rawValue)
        return self.names.withLock { names in
            index < names.paths.count ? names.paths[index] : "#\(index)"
        }
    }
    var sourceNames: [String] { self.names.withLock { $0.sources } }
    var counts: EngineCounters { self.counters.withLock { $0 } }
    var time: MonotonicInstant {
        MonotonicInstant(nanoseconds: self.engineTime.load(ordering: .acquiring))
    }
    /// Whether the engine has shown its state once since this start.
    var isPublished: Bool { self.published.load(ordering: .acquiring) }
    var canaryNonce: UInt64 { self.canary.load(ordering: .acquiring) }
    var ruleBook: RuleBook { self.rules.withLock { $0 } }

    /// Wall time of an engine instant by the engine's last anchor; 0 before the first one.
    func wall(of instant: MonotonicInstant) -> WallInstant {
        let anchor = self.anchor.withLock { $0 }
        guard anchor.wall != 0 else { return WallInstant(nanoseconds: 0) }
        let delta = Int64(bitPattern: instant.nanoseconds &- anchor.engine.nanoseconds)
        return WallInstant(nanoseconds: anchor.wall &+ delta)
    }

    /// Who acknowledged the current activation of alarm `index`; nil if nobody did.
    func acknowledgement(
        of index: Int, alarmID: String, activation: DecisionID
    ) -> Acknowledgement? {
        let known = self.acknowledgements.withLock { $0[index] }
        if let known, known.activation == activation { return known }
        let remembered = self.remembered.withLock { $0[alarmID] }
        return remembered.flatMap { $0.activation == activation ? $0 : nil }
    }

    /// Takes what the ledger knows of earlier runs.
    func remember(_ acknowledgements: [String: Acknowledgement]) {
        self.remembered.withLock { $0 = acknowledgements }
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

    func publishNames(_ engine: borrowing AlarmEngine) {
        let paths = engine.paths
        let sources = engine.sourceNames
        self.names.withLock { $0 = (paths, sources) }
    }

    func publishRules(_ rules: RuleBook) { self.rules.withLock { $0 = rules } }

    func note(
        _ command: OperatorCommand, acknowledged index: Int, activation: DecisionID,
        at: WallInstant
    ) {
        self.acknowledgements.withLock {
            $0[index] = Acknowledgement(
                activation: activation, user: command.user, origin: command.origin,
                comment: command.comment, at: at)
        }
    }
}
