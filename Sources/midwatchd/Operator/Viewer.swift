// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import OperatorViews
import StateFolder

/// Makes views of sensors and alarms from one copy of the names and one moment.
struct Viewer {
    let paths: NameTable.Names
    private let sources: NameTable.Names
    private let live: LiveState
    private let rules: RuleBook
    private let now: MonotonicInstant

    init(_ parts: OperatorDesk.Parts) {
        self.init(live: parts.live, now: parts.clock.now())
    }

    init(live: LiveState, now: MonotonicInstant) {
        self.paths = live.paths
        self.sources = live.sourceNames
        self.live = live
        self.rules = live.ruleBook
        self.now = now
    }

    func sensor(_ index: Int) -> SensorView? {
        guard index < self.paths.count, let live = self.live.sensors.read(index) else { return nil }
        let path = self.paths[index]
        guard !Revisions.isCanary(path) else { return nil }
        let declaration = self.rules.declaration(for: path)
        var view = SensorView(
            path: path, index: UInt32(index), freshness: live.freshness,
            deadlineNanoseconds: live.deadlineNanoseconds)
        view.title = declaration.title
        view.unit = declaration.unit
        let wasHeard = live.lastArrival != .zero
        let value = Self.number(live.valueBits, live.valueKind)
        view.value = wasHeard && value.isFinite ? value : nil
        view.valueKind = live.valueKind
        view.quality = live.quality
        view.statusCode = Self.statusCode(live, wasHeard: wasHeard)
        view.heldSince = live.heldSince.nanoseconds == 0 ? nil : live.heldSince
        view.ageNanoseconds = wasHeard ? self.age(of: live) : nil
        view.supervision = live.supervision
        view.criticality = declaration.effectiveCriticality
        view.sourceTime =
            live.lastSourceTime == Slot.noSourceTime
            ? nil : WallInstant(nanoseconds: live.lastSourceTime)
        view.sourceTimeStatus = live.sourceTimeStatus
        view.arrivalTime = wasHeard ? live.lastArrivalWall : nil
        let source = Int(live.source.rawValue)
        view.source = wasHeard && source < self.sources.count ? self.sources[source] : ""
        view.backlogCount = live.backlogCount
        view.declared = live.isDeclared
        view.readingsCount = live.readingCount
        view.limits = self.limits(of: declaration, at: path)
        if live.hasActiveAlarm {
            view.alarm = AlarmMark(state: live.alarmState, priority: live.alarmPriority)
        }
        return view
    }

    /// The limits that hold in the mode of the sensor's area; nil if there are none.
    private func limits(of declaration: SensorDeclaration, at path: String) -> LimitsView? {
        let modes = declaration.limitSets.isEmpty ? [:] : self.live.areaModes
        let held = self.rules.effective(declaration, at: path) { area in
            let mode = modes[area.name]?.mode ?? 0
            return mode < area.modes.count ? mode : 0
        }.declaration
        func deadband(_ limit: LimitSetting?) -> Double? {
            limit.flatMap { $0.deadband > 0 ? $0.deadband : nil }
        }
        var limits = LimitsView(
            lowLow: held.lowLow?.setpoint, low: held.low?.setpoint, high: held.high?.setpoint,
            highHigh: held.highHigh?.setpoint)
        guard limits != LimitsView() else { return nil }
        limits.lowLowDeadband = deadband(held.lowLow)
        limits.lowDeadband = deadband(held.low)
        limits.highDeadband = deadband(held.high)
        limits.highHighDeadband = deadband(held.highHigh)
        return limits
    }

    func alarm(_ index: Int) -> AlarmView? {
        guard let live = self.live.alarms.read(index), !live.isRetired else { return nil }
        let sensor = Int(live.sensor.rawValue)
        guard sensor < self.paths.count, let state = self.live.sensors.read(sensor) else {
            return nil
        }
        let path = self.paths[sensor]
        let declaration = self.rules.declaration(for: path)
        var view = AlarmView(
            alarmID: "\(path):\(self.rules.alarmName(live.kind, rule: live.rule))",
            activation: live.activation == .none ? "" : live.activation.description, path: path,
            kind: live.kind.word, state: live.state, priority: live.priority)
        view.suppression = live.suppression
        view.conditionResult = live.result
        let wasRaised = live.activationCount > 0
        view.raisedAt = wasRaised ? live.raisedAt : nil
        view.lastTransitionAt = wasRaised ? live.lastTransition : nil
        view.heldSince = live.heldSince.nanoseconds == 0 ? nil : live.heldSince
        self.mark(&view, live)
        let trigger = Self.number(live.triggerBits, state.valueKind)
        let current = Self.number(state.valueBits, state.valueKind)
        switch live.kind {
        case .lowLow, .low, .high, .highHigh:
            view.setpoint = live.setpoint
            view.triggerValue = wasRaised && trigger.isFinite ? trigger : nil
            view.worstValue = wasRaised && live.worst.isFinite ? live.worst : nil
            view.measureUnit = declaration.unit
        case .rateOfChange, .deviation, .discrepancy, .clockSkew, .clockDrift, .sequence, .window,
            .drift:
            self.measure(live, declaration.unit, wasRaised: wasRaised, in: &view)
        case .stale, .unverifiable, .flatLine, .vote, .offNormal, .badQuality, .expression: break
        }
        view.currentValue = state.lastArrival != .zero && current.isFinite ? current : nil
        view.unit = declaration.unit
        view.title = declaration.title
        let texts = self.rules.rationalization(
            of: self.rules.alarmName(live.kind, rule: live.rule), declaration)
        view.consequence = texts.consequence
        view.operatorAction = texts.operatorAction
        view.firstChecks = texts.firstChecks
        view.timeToRespondSeconds = texts.timeToRespondSeconds
        view.runbook = texts.runbook
        view.causes = texts.causes
        view.verification = texts.verification
        view.owner = texts.owner
        view.activationCount = live.activationCount
        return view
    }

    /// What a rule measured when its alarm began, and at worst.
    private func measure(
        _ live: LiveAlarm, _ unit: String, wasRaised: Bool, in view: inout AlarmView
    ) {
        guard wasRaised, let rule = self.rules.rule(ofAlarm: live.rule) else { return }
        let trigger = Double(bitPattern: live.triggerBits)
        view.triggerValue = trigger.isFinite ? trigger : nil
        view.worstValue = live.worst.isFinite ? live.worst : nil
        view.measureUnit = rule.condition.measureUnit(of: unit) ?? ""
    }

    /// What people did with the alarm, as far as it still holds.
    private func mark(_ view: inout AlarmView, _ live: LiveAlarm) {
        let marks = self.live.marks(of: view.alarmID)
        if let mark = marks.acknowledged, mark.activation == live.activation {
            view.ackBy = mark.user
            view.ackOrigin = mark.origin
            view.ackAt = mark.at
            view.ackComment = mark.comment
        }
        view.suppression = live.suppression
        if live.suppression.contains(.shelved) {
            view.shelvedUntil = live.shelvedUntil.nanoseconds == 0 ? nil : live.shelvedUntil
            view.shelved = marks.shelved.map { Self.mark($0) }
        }
        if live.suppression.contains(.outOfService) {
            view.outOfService = marks.outOfService.map { Self.mark($0) }
        }
        if let mark = marks.commented, mark.activation == live.activation {
            view.comment = Self.mark(mark)
        }
        view.shelvingMaxSeconds = live.shelvingMaxNanoseconds / 1_000_000_000
        let cause = Int(live.causeSensor.rawValue)
        if live.causeSensor != .none, cause < self.paths.count { view.causedBy = self.paths[cause] }
    }

    private static func mark(_ mark: LiveState.Mark) -> OperatorMark {
        OperatorMark(by: mark.user, origin: mark.origin, at: mark.at, comment: mark.comment)
    }

    /// Age of the last reading: engine time, or the calendar where that says more.
    ///
    /// Engine time stands still while Midwatch is down; the age that a person sees must not.
    private func age(of live: LiveSensor) -> UInt64 {
        let engine = self.now.nanosecondsSince(live.lastArrival)
        guard live.lastArrivalWall.nanoseconds != 0, live.freshness != .fresh else { return engine }
        let wall = EngineClock.wall().nanoseconds &- live.lastArrivalWall.nanoseconds
        return max(engine, UInt64(clamping: wall))
    }

    private static func number(_ bits: UInt64, _ kind: ValueKind) -> Double {
        switch kind {
        case .float64: Double(bitPattern: bits)
        case .int64, .mappedState: Double(Int64(bitPattern: bits))
        case .bool: bits == 0 ? 0 : 1
        }
    }

    private static func statusCode(_ live: LiveSensor, wasHeard: Bool) -> UInt32 {
        if !wasHeard { return StatusCode.badWaitingForInitialData }
        if live.isUnknown { return StatusCode.badSensorFailure }
        if live.freshness != .fresh { return StatusCode.uncertainLastUsableValue }
        switch live.quality {
        case .good: return StatusCode.good
        case .uncertain: return StatusCode.uncertain
        case .bad: return StatusCode.bad
        }
    }
}
