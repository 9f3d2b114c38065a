// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Which alarms depend on which others by their suppression rules.
///
/// Looked at when an alarm is raised or returns, or a mode changes; never per reading of an ordinary
/// sensor. Not part of a checkpoint: it is made again of the rules.
struct SuppressionLinks: Sendable {
    /// Alarms (rows) that look at the alarms of a path, at the value of a path, or at a group.
    private(set) var byAlarmPath: [String: [UInt32]] = [:]
    private(set) var byModePath: [String: [UInt32]] = [:]
    private(set) var byGroup: [String: [UInt32]] = [:]

    var isEmpty: Bool {
        self.byAlarmPath.isEmpty && self.byModePath.isEmpty && self.byGroup.isEmpty
    }

    mutating func add(_ rules: [SuppressionRule], of row: UInt32) {
        for rule in rules {
            switch rule {
            case .alarm(let path, _), .ruleAlarm(let path, _):
                self.byAlarmPath[path, default: []].append(row)
            case .mode(let path, _): self.byModePath[path, default: []].append(row)
            // All are judged again when an area changes its mode.
            case .areaMode: break
            case .firstOut(let group): self.byGroup[group, default: []].append(row)
            }
        }
    }
}

extension AlarmEngine {
    /// Rules that suppress each other in a circle are followed this far.
    private static let settlingRoundsMax = 8

    /// Makes the links again; the rows of alarms changed.
    mutating func rebuildLinks() {
        self.links = SuppressionLinks()
        guard self.ruleTable.suppressions.count > 1 else { return }
        for index in 0..<self.sensors.count { self.addLinks(of: index) }
    }

    /// Takes the rules of a sensor into the links, and notes whether it is a mode.
    mutating func addLinks(of index: Int) {
        guard self.ruleTable.suppressions.count > 1 else { return }
        for alarm in self.alarmRange(of: index) {
            let list = self.ruleTable.suppressions[Int(self.rule(of: alarm).suppressions)]
            self.links.add(list, of: UInt32(alarm))
            for case .mode(let path, _) in list {
                if let mode = self.index(ofPath: path) { self.becomeMode(mode) }
            }
        }
        if self.links.byModePath[self.names[index]] != nil { self.becomeMode(index) }
    }

    /// Every reading of the sensor is to be looked at: it may be a mode that suppresses.
    private mutating func becomeMode(_ index: Int) {
        self.sensors[index].isMode = true
        self.sensors[index].quiet = .none
    }

    /// An alarm was raised, returned, became unknown, or went out of view: what it suppresses is
    /// judged again.
    mutating func suppressorChanged(_ alarm: Int) {
        guard !self.links.isEmpty else { return }
        let path = self.names[Int(self.alarms[alarm].sensor)]
        for row in self.links.byAlarmPath[path] ?? [] { self.unsettle(row) }
        let list = self.ruleTable.suppressions[Int(self.rule(of: alarm).suppressions)]
        for case .firstOut(let group) in list {
            for row in self.links.byGroup[group] ?? [] { self.unsettle(row) }
        }
    }

    /// The value or the freshness of a mode changed.
    mutating func modeChanged(_ index: Int) {
        for row in self.links.byModePath[self.names[index]] ?? [] { self.unsettle(row) }
    }

    /// Rules, or the mode of an area, changed: all suppressions are judged again.
    mutating func unsettleAll() {
        for detail in 0..<self.details.count where self.details[detail].row != AlarmRow.noDetail {
            self.unsettle(self.details[detail].row)
        }
    }

    private mutating func unsettle(_ row: UInt32) {
        guard self.alarms[Int(row)].isRaised, let detail = self.knownDetail(of: Int(row)),
            self.rule(of: Int(row)).suppressions != 0 || self.details[detail].design.contains(.rule)
        else { return }
        self.unsettled.insert(UInt32(detail))
    }

    /// Judges what changed in a record, or by a timer, when the rest of it is done: alarms that
    /// change together are not shown and hidden by turns.
    ///
    /// The oldest first, so that it is the one that is shown. Rules may suppress each other in a
    /// circle that has no rest; after some rounds alarms are only brought into view.
    mutating func settleSuppressions(at time: MonotonicInstant) {
        var rounds = 0
        while !self.unsettled.isEmpty {
            let round = self.unsettled.filter { self.details[Int($0)].row != AlarmRow.noDetail }
                .sorted { self.details[Int($0)].activation < self.details[Int($1)].activation }
            self.unsettled.removeAll(keepingCapacity: true)
            for detail in round {
                self.judgeSuppression(
                    raised: Int(self.details[Int(detail)].row), at: time,
                    hides: rounds < Self.settlingRoundsMax)
            }
            rounds += 1
        }
    }

    /// Judges the suppression rules of a raised alarm again, and records what changed.
    ///
    /// Without `hides` what is in view stays so.
    private mutating func judgeSuppression(
        raised alarm: Int, at time: MonotonicInstant, hides: Bool
    ) {
        guard self.alarms[alarm].isRaised else { return }
        let causeRow = self.suppressingRow(of: alarm)
        let detail = self.detail(of: alarm)
        if let causeRow {
            guard !self.details[detail].design.contains(.rule) else {
                self.details[detail].causeRow = causeRow
                return
            }
            guard hides else { return }
            self.details[detail].design.insert(.rule)
            self.details[detail].causeRow = causeRow
            self.overlay(alarm, .suppressed, .alarmSuppressed, at: time, cause: .suppressionRule)
        } else if self.details[detail].design.contains(.rule) {
            self.details[detail].design.remove(.rule)
            guard self.details[detail].design.isEmpty else { return }
            self.details[detail].causeRow = AlarmRow.noDetail
            self.overlay(
                alarm, .unsuppressed, .alarmUnsuppressed, at: time, cause: .suppressionRule)
        }
    }

    /// Before a raise: what is suppressed by rule is raised so.
    mutating func judgeSuppression(_ alarm: Int) {
        guard self.rule(of: alarm).suppressions != 0, let detail = self.knownDetail(of: alarm),
            !self.details[detail].design.contains(.rule),
            let causeRow = self.suppressingRow(of: alarm)
        else { return }
        self.details[detail].design.insert(.rule)
        self.details[detail].causeRow = causeRow
        _ = self.alarms[alarm].machine.handle(.suppressed)
    }

    /// The alarm or the mode that suppresses an alarm now; nil if nothing does.
    ///
    /// Only what people see suppresses: an alarm that is raised, known to be met, and not itself
    /// shelved, suppressed or out of service. For a mode the row of the mode's stale alarm; for the
    /// mode of an area no row, `noDetail`.
    private func suppressingRow(of alarm: Int) -> UInt32? {
        let list = self.ruleTable.suppressions[Int(self.rule(of: alarm).suppressions)]
        for rule in list {
            switch rule {
            case .alarm(let path, let kind):
                guard let index = self.index(ofPath: path), let row = self.alarm(kind, of: index),
                    row != alarm, self.isInView(row)
                else { continue }
                return UInt32(row)
            case .ruleAlarm(let path, let name):
                guard let index = self.index(ofPath: path),
                    let row = self.alarm(ofRule: name, on: index), row != alarm,
                    self.isInView(row)
                else { continue }
                return UInt32(row)
            case .mode(let path, let value):
                guard let index = self.index(ofPath: path),
                    self.sensors[index].freshness == .fresh, !self.sensors[index].isUnknown,
                    self.value(of: index) == Double(value),
                    let row = self.alarm(.stale, of: index)
                else { continue }
                return UInt32(row)
            case .areaMode(let area, let mode):
                guard self.isArea(area, in: mode) else { continue }
                return AlarmRow.noDetail
            case .firstOut(let group):
                guard let row = self.firstOut(of: group, before: alarm) else { continue }
                return row
            }
        }
        return nil
    }

    /// The oldest alarm of a group that people see, if it is older than `alarm`: of what is in
    /// view the first hides what came after it, never the other way round.
    func firstOut(of group: String, before alarm: Int) -> UInt32? {
        var oldest = self.alarms[alarm].isRaised ? self.activation(of: alarm) : nil
        var found: UInt32?
        for row in self.links.byGroup[group] ?? []
        where Int(row) != alarm && self.isInView(Int(row)) {
            guard let activation = self.activation(of: Int(row)),
                oldest.map({ activation < $0 }) ?? true
            else { continue }
            oldest = activation
            found = row
        }
        return found
    }

    private func activation(of alarm: Int) -> DecisionID? {
        self.knownDetail(of: alarm).map { self.details[$0].activation }
    }

    func isInView(_ row: Int) -> Bool {
        guard self.alarms[row].isRaised, self.alarms[row].machine.suppression.isEmpty else {
            return false
        }
        return switch self.alarms[row].result {
        case .met, .notMet: true
        case .stale, .error: false
        }
    }
}
