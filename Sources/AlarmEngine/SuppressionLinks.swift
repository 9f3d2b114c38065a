// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Which alarms depend on which others by their suppression rules.
///
/// Looked at when an alarm is raised or returns, or a mode changes; never per reading of an ordinary
/// sensor. Not part of a checkpoint: it is made again of the rules.
struct SuppressionLinks: Sendable {
    /// Alarms (rows) that look at the alarms of a path, at the value of a path, at the mode of an
    /// area, or at a group.
    private(set) var byAlarmPath: [String: [UInt32]] = [:]
    private(set) var byModePath: [String: [UInt32]] = [:]
    private(set) var byArea: [String: [UInt32]] = [:]
    private(set) var byGroup: [String: [UInt32]] = [:]

    var isEmpty: Bool {
        self.byAlarmPath.isEmpty && self.byModePath.isEmpty && self.byArea.isEmpty
            && self.byGroup.isEmpty
    }

    mutating func add(_ rules: [SuppressionRule], of row: UInt32) {
        for rule in rules {
            switch rule {
            case .alarm(let path, _), .ruleAlarm(let path, _):
                self.byAlarmPath[path, default: []].append(row)
            case .mode(let path, _): self.byModePath[path, default: []].append(row)
            case .areaMode(let area, _): self.byArea[area, default: []].append(row)
            case .firstOut(let group): self.byGroup[group, default: []].append(row)
            }
        }
    }
}

extension AlarmEngine {
    /// Rules that suppress each other in a circle are followed this far.
    private static let suppressionDepthMax = 8

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
    mutating func suppressorChanged(_ alarm: Int, at time: MonotonicInstant) {
        guard !self.links.isEmpty, self.suppressionDepth < Self.suppressionDepthMax else { return }
        self.suppressionDepth += 1
        let path = self.names[Int(self.alarms[alarm].sensor)]
        for row in self.links.byAlarmPath[path] ?? [] where Int(row) != alarm {
            self.suppressionChanged(Int(row), at: time)
        }
        let list = self.ruleTable.suppressions[Int(self.rule(of: alarm).suppressions)]
        for case .firstOut(let group) in list {
            for row in self.links.byGroup[group] ?? [] where Int(row) != alarm {
                self.suppressionChanged(Int(row), at: time)
            }
        }
        self.suppressionDepth -= 1
    }

    /// The value or the freshness of a mode changed.
    mutating func modeChanged(_ index: Int, at time: MonotonicInstant) {
        for row in self.links.byModePath[self.names[index]] ?? [] {
            self.suppressionChanged(Int(row), at: time)
        }
    }

    /// People put an area into another mode.
    mutating func areaChanged(_ area: String, at time: MonotonicInstant) {
        for row in self.links.byArea[area] ?? [] { self.suppressionChanged(Int(row), at: time) }
    }

    /// Judges the suppression rules of a raised alarm again, and records what changed.
    mutating func suppressionChanged(_ alarm: Int, at time: MonotonicInstant) {
        guard self.alarms[alarm].isRaised else { return }
        let causeRow = self.suppressingRow(of: alarm)
        let isSuppressed = causeRow != nil
        let known = self.knownDetail(of: alarm)
        let was = known.map { self.details[$0].design.contains(.rule) } ?? false
        if was, let causeRow, let known { self.details[known].causeRow = causeRow }
        guard was != isSuppressed else { return }
        let detail = self.detail(of: alarm)
        if let causeRow {
            self.details[detail].design.insert(.rule)
            self.details[detail].causeRow = causeRow
            self.overlay(alarm, .suppressed, .alarmSuppressed, at: time, cause: .suppressionRule)
        } else {
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
                for row in self.links.byGroup[group] ?? []
                where Int(row) != alarm && self.isInView(Int(row)) { return row }
            }
        }
        return nil
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
