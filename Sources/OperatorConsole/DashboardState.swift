// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
package import OperatorViews

/// What the operator does with the dashboard: which pane, which row, what is being typed.
///
/// Keys come in, intents go out; nothing here reads a clock or talks to anyone.
package struct DashboardState: Sendable, Equatable {
    /// The parts of the screen that take keys.
    package enum Pane: Sendable, CaseIterable { case alarms, sensors }

    /// What the keys mean now.
    package enum Mode: Sendable, Equatable {
        case browse
        case help
        case filter(text: String)
        /// A comment for exactly this activation: if the alarm is raised anew meanwhile, the
        /// daemon refuses.
        case comment(alarmID: String, activation: String, text: String)
    }

    /// What the shell is to do.
    package enum Intent: Sendable, Equatable {
        case quit
        /// Ask again at once, with the new filter.
        case refresh
        case acknowledge(alarmID: String, activation: String, comment: String)
        case repaint
    }

    /// One line at the bottom: an answer, or why a key did nothing.
    package struct Notice: Sendable, Equatable {
        package var text: String
        package var isFailure: Bool
        package var until: UInt64
    }

    package static let noticeNanoseconds: UInt64 = 6_000_000_000
    package static let filterCharactersMax = 100
    package static let commentCharactersMax = 200

    package private(set) var pane = Pane.alarms
    package private(set) var mode = Mode.browse
    package private(set) var filter = ""
    /// The selection follows the alarm or sensor, not the row: a list that moves under the finger
    /// must not change what is acknowledged.
    package private(set) var selectedAlarmID: String?
    package private(set) var selectedPath: String?
    package private(set) var notice: Notice?

    package init() {}

    // MARK: Selection

    /// Row of the selected alarm; the first one if it is gone or none was chosen.
    package func alarmRow(_ alarms: [AlarmView]) -> Int? {
        if alarms.isEmpty { return nil }
        return alarms.firstIndex { $0.alarmID == self.selectedAlarmID } ?? 0
    }

    package func sensorRow(_ sensors: [SensorView]) -> Int? {
        if sensors.isEmpty { return nil }
        return sensors.firstIndex { $0.path == self.selectedPath } ?? 0
    }

    /// Shows a line at the bottom for a while.
    package mutating func show(_ text: String, isFailure: Bool, now: UInt64) {
        self.notice = Notice(
            text: text, isFailure: isFailure, until: now + Self.noticeNanoseconds)
    }

    // MARK: Keys

    /// Takes one key; the model tells what is on the screen.
    package mutating func handle(_ key: Key, model: DashboardModel, now: UInt64) -> Intent? {
        if key == .control("c") { return .quit }
        if key == .control("l") { return .repaint }
        switch self.mode {
        case .browse: return self.browse(key, model, now)
        case .help:
            self.mode = .browse
            return nil
        case .filter(let text): return self.edit(filter: text, key)
        case .comment(let alarmID, let activation, let text):
            return self.edit(comment: text, alarmID, activation, key)
        }
    }

    private mutating func browse(
        _ key: Key, _ model: DashboardModel, _ now: UInt64
    ) -> Intent? {
        switch key {
        case .character("q"): return .quit
        case .character("?"): self.mode = .help
        case .character("/"): self.mode = .filter(text: self.filter)
        case .tab, .backTab: self.pane = self.pane == .alarms ? .sensors : .alarms
        case .up, .character("k"): self.move(by: -1, model)
        case .down, .character("j"): self.move(by: 1, model)
        case .pageUp: self.move(by: -10, model)
        case .pageDown: self.move(by: 10, model)
        case .home, .character("g"): self.move(by: -1_000_000, model)
        case .end, .character("G"): self.move(by: 1_000_000, model)
        case .character("a"): self.beginAcknowledgement(model, now)
        case .escape:
            guard !self.filter.isEmpty else { return nil }
            self.filter = ""
            return .refresh
        case .character, .enter, .backspace, .delete, .left, .right, .control: break
        }
        return nil
    }

    private mutating func move(by rows: Int, _ model: DashboardModel) {
        guard let snapshot = model.snapshot else { return }
        switch self.pane {
        case .alarms:
            guard let row = self.alarmRow(snapshot.alarms) else { return }
            let next = min(max(row + rows, 0), snapshot.alarms.count - 1)
            self.selectedAlarmID = snapshot.alarms[next].alarmID
        case .sensors:
            let sensors = self.shownSensors(snapshot)
            guard let row = self.sensorRow(sensors) else { return }
            self.selectedPath = sensors[min(max(row + rows, 0), sensors.count - 1)].path
        }
    }

    /// Sensors that fit the filter: the snapshot may still be of the filter before.
    package func shownSensors(_ snapshot: DashboardSnapshot) -> [SensorView] {
        let filter = TextFilter(self.filter)
        return snapshot.sensors.filter { filter.matches(path: $0.path, title: $0.title) }
    }

    private mutating func beginAcknowledgement(_ model: DashboardModel, _ now: UInt64) {
        guard let alarms = model.snapshot?.alarms, let row = self.alarmRow(alarms) else {
            return self.show("there is no alarm to acknowledge", isFailure: true, now: now)
        }
        let alarm = alarms[row]
        if model.blindNanoseconds(now: now) != nil {
            self.show(
                "cannot acknowledge: the daemon does not answer", isFailure: true, now: now)
        } else if self.pane != .alarms {
            self.show("press Tab to choose an alarm first", isFailure: true, now: now)
        } else if !alarm.state.needsAcknowledgement {
            let by = alarm.ackBy.isEmpty ? "" : " by \(alarm.ackBy)"
            self.show("\(alarm.alarmID) is already acknowledged\(by)", isFailure: true, now: now)
        } else {
            self.selectedAlarmID = alarm.alarmID
            self.mode = .comment(
                alarmID: alarm.alarmID, activation: alarm.activation, text: "")
        }
    }

    private mutating func edit(filter text: String, _ key: Key) -> Intent? {
        switch key {
        case .enter:
            self.mode = .browse
            self.pane = .sensors
            self.filter = text
            return .refresh
        case .escape: self.mode = .browse
        default:
            let edited = Self.edited(text, key, max: Self.filterCharactersMax)
            self.mode = .filter(text: edited)
        }
        return nil
    }

    private mutating func edit(
        comment text: String, _ alarmID: String, _ activation: String, _ key: Key
    ) -> Intent? {
        switch key {
        case .enter:
            self.mode = .browse
            return .acknowledge(alarmID: alarmID, activation: activation, comment: text)
        case .escape: self.mode = .browse
        default:
            self.mode = .comment(
                alarmID: alarmID, activation: activation,
                text: Self.edited(text, key, max: Self.commentCharactersMax))
        }
        return nil
    }

    private static func edited(_ text: String, _ key: Key, max: Int) -> String {
        switch key {
        case .character(let character): text.count < max ? text + String(character) : text
        case .backspace: String(text.dropLast())
        case .control("u"): ""
        default: text
        }
    }
}
