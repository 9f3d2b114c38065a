// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

extension AlarmEngine {
    /// Judges one reading: redelivery, source time, liveness, freshness, conditions.
    mutating func applyReading(_ slot: Slot, n: UInt64) {
        self.moveTime(to: slot.arrival)
        if slot.flags.contains(.canary) {
            self.canaryNonce = slot.valueBits
            return
        }
        // The window sees every reading, or it would not agree with the historian's.
        // (A switch: `==` of another module's enum costs 3 ns a reading.)
        let isRedelivered =
            switch self.window.judge(slot, n: n) {
            case .redelivered: true
            case .firstDelivery: false
            }
        let index = Int(slot.sensor.rawValue)
        guard index < self.sensors.count else {
            self.counters.unknownSensors &+= 1
            return
        }
        if isRedelivered {
            self.counters.redelivered &+= 1
            return
        }
        // (Raw values: see above.)
        if slot.criticalityRaw == SensorCriticality.own.rawValue {
            self.counters.ownEvaluated &+= 1
        } else {
            self.counters.evaluated &+= 1
        }
        self.noteArrival(of: index, through: slot.source, at: slot.arrival)
        let around = SensorState.Surroundings(
            wall: self.wall(of: slot.arrival).nanoseconds, established: self.established,
            bounds: self.sourceTimes)
        if self.takesShortcut, self.sensors[index].takeQuietly(slot, n: n, around) {
            self.evaluateRules(index, slot, at: slot.arrival)
            return self.judgeClocks(slot, of: index)
        }
        self.applyReading(slot, n: n, to: index)
    }

    /// The long way of a reading: every judgement one by one.
    private mutating func applyReading(_ slot: Slot, n: UInt64, to index: Int) {
        self.sensors[index].readingCount &+= 1
        let status = self.judgeSourceTime(of: slot, sensor: index)
        switch self.liveness(of: slot, status: status, sensor: index) {
        case .live:
            let isFirst = self.refresh(index, slot, status: status, n: n)
            self.evaluate(index, at: slot.arrival)
            self.evaluateRules(index, slot, at: slot.arrival)
            if isFirst { self.releaseSilence(of: index, at: slot.arrival) }
            self.judgeClocks(slot, of: index)
        case .raiseOnly:
            self.counters.raiseOnly &+= 1
            self.judgeClocks(slot, of: index, .raising)
            if self.evaluateRaising(index, slot, n: n) {
                self.raiseRules(index, slot, at: slot.arrival)
            }
        case .history:
            if self.sensors[index].backlogCount < .max { self.sensors[index].backlogCount += 1 }
            self.counters.notLive &+= 1
        }
    }

    /// Asks ahead of `apply` for the memory that a reading of `sensor` will need: no reading then
    /// waits for its own (measured at 100,000 sensors that speak in no order: see EngineBench).
    ///
    /// Changes nothing, and needs not be called.
    @inline(__always)
    package borrowing func foresee(_ sensor: SensorIndex) {
        let index = Int(sensor.rawValue)
        guard index < self.sensors.count else { return }
        self.sensors.prefetch(index)
        if !self.conditions.isEmpty { self.conditions.prefetch(index) }
    }

    /// What a reading says about now.
    private enum Liveness {
        case live
        /// It may raise, but is no proof of freshness and clears nothing: its source time equals the
        /// last live one's (a sender whose clock has coarse ticks), or it waited in our queues for
        /// more than a deadline.
        case raiseOnly
        case history
    }

    /// What the reading's source time is worth; follows runs of regressed times.
    private mutating func judgeSourceTime(of slot: Slot, sensor index: Int) -> SourceTimeStatus {
        let newest = self.sensors[index].newestSourceTime
        let status = self.sourceTimes.status(
            of: slot.sourceTime, arrivalWall: self.wall(of: slot.arrival).nanoseconds,
            newestAccepted: newest, isHistorical: slot.flags.contains(.historical))
        switch status {
        case .historical, .absent, .implausible: return status
        case .accepted:
            self.sensors[index].newestSourceTime = slot.sourceTime
            self.trustClock(of: index, .regressed)
            return .accepted
        case .regressed: break
        }
        guard self.isClockSet(.regressed, slot, of: index) else { return .regressed }
        self.rebase(index, slot, from: newest)
        return .accepted
    }

    /// Takes one more reading into the run that puts the sender's clock in doubt.
    ///
    /// - Returns: Whether the clock was set.
    private mutating func isClockSet(
        _ kind: SuspectRun.Kind, _ slot: Slot, of index: Int
    ) -> Bool {
        let deadline = self.sensors[index].deadlineNanoseconds
        // One that waited with us may be dated to before it was sent. It says nothing of the pace,
        // and a run that it began would end with a doubt, and begin again.
        guard self.established.nanosecondsSince(slot.arrival) <= deadline / 2 else { return false }
        self.sensors[index].isSuspect = true
        return self.sensorDetails[index].suspects.isClockSet(
            kind, sourceTime: slot.sourceTime, at: slot.arrival, deadline: deadline)
    }

    /// Ends a run that put the sender's clock in doubt; nil: of any kind.
    private mutating func trustClock(of index: Int, _ kind: SuspectRun.Kind? = nil) {
        guard self.sensors[index].isSuspect,
            kind.map({ self.sensorDetails[index].suspects.kind == $0 }) ?? true
        else { return }
        self.sensors[index].isSuspect = false
        self.sensorDetails[index].suspects.end()
    }

    /// The sender's clock was set: its times count from here.
    private mutating func rebase(_ index: Int, _ slot: Slot, from newest: Int64) {
        self.sensors[index].newestSourceTime = slot.sourceTime
        self.sensors[index].lastSourceTime = Slot.noSourceTime
        self.trustClock(of: index)
        self.sensors[index].clock = SenderClock()
        self.counters.sourceClocksRebased &+= 1
        var decision = Decision(.sourceClockRebased, time: slot.arrival)
        decision.sensor = slot.sensor
        decision.source = slot.source
        decision.sourceTime = slot.sourceTime
        decision.amount = slot.sourceTime &- newest
        self.decide(decision)
    }

    /// Whether the reading speaks about now.
    private mutating func liveness(
        of slot: Slot, status: SourceTimeStatus, sensor index: Int
    ) -> Liveness {
        let deadline = self.sensors[index].deadlineNanoseconds
        let waited = self.established.nanosecondsSince(slot.arrival)
        switch status {
        case .historical, .regressed: return .history
        case .absent, .implausible: return waited > deadline ? .raiseOnly : .live
        case .accepted: break
        }
        let last = self.sensors[index].lastSourceTime
        guard last == Slot.noSourceTime || slot.sourceTime >= last else { return .history }
        let wall = self.wall(of: slot.arrival).nanoseconds
        if wall != 0 {
            let (offset, isOver) = wall.subtractingReportingOverflow(slot.sourceTime)
            let delay = self.sensors[index].clock.delay(
                offset: isOver ? .max : offset, at: slot.arrival, waited: waited)
            if delay > deadline / 2 {
                guard self.isClockSet(.late, slot, of: index) else { return .history }
                self.rebase(index, slot, from: slot.sourceTime &- Int64(clamping: delay))
            } else {
                self.trustClock(of: index, .late)
            }
        }
        return slot.sourceTime == last || waited > deadline ? .raiseOnly : .live
    }

    /// A live reading is the proof of freshness.
    ///
    /// - Returns: Whether the sensor was not fresh before.
    private mutating func refresh(
        _ index: Int, _ slot: Slot, status: SourceTimeStatus, n: UInt64
    ) -> Bool {
        let isFirst = self.sensors[index].freshness != .fresh
        let isUnknown = !self.isUsable(slot, of: index)
        // Two producers may swap: an older arrival takes nothing from the deadline.
        self.sensors[index].deadlineBase = max(self.sensors[index].deadlineBase, slot.arrival)
        var isNearer = self.sensors[index].graceNanoseconds > 0
        if slot.reserved != self.sensors[index].promised.rawValue {
            isNearer = self.takePromise(slot.promisedInterval, of: index) || isNearer
        }
        self.sensors[index].graceNanoseconds = 0
        self.sensors[index].lastArrival = slot.arrival
        self.sensors[index].lastArrivalWall = self.wall(of: slot.arrival).nanoseconds
        self.sensors[index].valueBits = slot.valueBits
        self.sensors[index].valueKind = slot.valueKind ?? .float64
        self.sensors[index].quality = isUnknown ? .bad : slot.quality
        self.sensors[index].isUnknown = isUnknown
        self.sensors[index].sourceTimeStatus = status
        if status == .accepted { self.sensors[index].lastSourceTime = slot.sourceTime }
        self.sensors[index].lastN = n
        self.sensors[index].backlogCount = 0
        self.sensors[index].freshness = .fresh
        if isUnknown { self.counters.unknownValues &+= 1 }
        // The wheel follows a deadline that moves on by itself, not one that comes nearer, as when
        // a grace ends or a sender promises more. (An extension for our lag only ever moves on with
        // the deadline.) A sensor that is fresh may have a grace, too: what was left by the rules
        // before the present ones.
        if isFirst || isNearer, self.sensors[index].supervision != .event {
            self.wheel.arm(self.sensorDetails[index].timer, due: self.sensors[index].deadline)
        }
        guard isFirst else { return false }
        self.sensors[index].hasRestartGrace = false
        self.sensors[index].hasLagGrace = false
        if let alarm = self.alarm(.stale, of: index) {
            self.settle(alarm, .notMet, at: slot.arrival, cause: .readingArrived)
        }
        return true
    }

    /// Takes what a sender promises about its next reading: a deadline of its own for a sensor that
    /// is supervised by exception.
    ///
    /// - Returns: Whether the deadline may have come nearer.
    private mutating func takePromise(_ promised: PromisedInterval, of index: Int) -> Bool {
        guard self.sensors[index].supervision == .exception else { return false }
        self.sensors[index].promised = promised
        return true
    }

    /// Judges a reading that may raise alarms and nothing else.
    ///
    /// A value that cannot be used is taken over, too: it makes what is known less, never more.
    ///
    /// - Returns: Whether the value was taken over.
    private mutating func evaluateRaising(_ index: Int, _ slot: Slot, n: UInt64) -> Bool {
        let isUnknown = !self.isUsable(slot, of: index)
        guard isUnknown || !self.sensors[index].isUnknown else { return false }
        self.sensors[index].quiet = .none
        self.sensors[index].valueBits = slot.valueBits
        self.sensors[index].valueKind = slot.valueKind ?? .float64
        self.sensors[index].quality = isUnknown ? .bad : slot.quality
        self.sensors[index].isUnknown = isUnknown
        self.sensors[index].lastN = n
        let isFresh = self.sensors[index].freshness == .fresh
        if isUnknown {
            self.counters.unknownValues &+= 1
            if isFresh { self.evaluate(index, at: slot.arrival) }
            return true
        }
        let value = slot.number
        for alarm in self.alarmRange(of: index) {
            let rule = self.rule(of: alarm)
            switch rule.kind {
            case .lowLow, .low, .high, .highHigh:
                guard rule.isMet(value, isActive: self.alarms[alarm].isRaised) else { continue }
                let before = self.alarms[alarm].result
                self.settle(alarm, .met, at: slot.arrival, cause: .valueBeyondLimit)
                // Beyond the limit on a sensor that is not verified: raised without its on-delay.
                if !isFresh {
                    let unknown = before == .error ? before : ConditionResult.stale
                    self.settle(alarm, unknown, at: slot.arrival, cause: .lostWhileBeyondLimit)
                }
            case .stale, .unverifiable, .rateOfChange, .flatLine, .deviation, .vote, .discrepancy,
                .offNormal, .badQuality, .clockSkew, .clockDrift, .sequence, .window, .drift,
                .expression:
                break
            }
        }
        return true
    }

    /// Compares the last live value with every limit of the sensor.
    mutating func evaluate(_ index: Int, at time: MonotonicInstant) {
        let first = Int(self.sensorDetails[index].firstAlarm)
        let firstRule = Int(self.sensorDetails[index].firstRule)
        let isUnknown = self.sensors[index].isUnknown
        let value = self.value(of: index)
        let isExclusive = self.conditions.isExclusive(index)
        var isAtRest =
            !isUnknown && !self.sensors[index].isMode && !self.hasError(index)
        var band = self.conditions.instrumentRange(of: index)
        for offset in 0..<Int(self.sensorDetails[index].alarmCount) {
            let alarm = first + offset
            let rule = self.ruleTable.rules[firstRule + offset]
            switch rule.kind {
            case .lowLow, .low, .high, .highHigh:
                // Who speaks for it speaks before it falls silent; high-high stands before high.
                if isExclusive, case .low = rule.kind, let severe = self.alarm(.lowLow, of: index) {
                    self.evaluate(severe, self.rule(of: severe), of: index, value, at: time)
                }
                self.evaluate(alarm, rule, of: index, value, at: time)
            case .unverifiable:
                self.settleUnverifiable(
                    alarm, of: index, isMet: isUnknown || self.hasOwnError(index), at: time)
            case .stale, .rateOfChange, .flatLine, .deviation, .vote, .discrepancy, .offNormal,
                .badQuality, .clockSkew, .clockDrift, .sequence, .window, .drift, .expression:
                continue
            }
            isAtRest = isAtRest && self.alarms[alarm].isAtRest
            band.cut(at: rule)
        }
        self.sensors[index].quiet =
            isAtRest ? QuietBand(above: band.least, below: band.most) : .none
        if self.sensors[index].isMode { self.modeChanged(index) }
    }

    /// Compares the last live value with one limit; to do so twice is the same as once.
    private mutating func evaluate(
        _ alarm: Int, _ rule: AlarmRule, of index: Int, _ value: Double, at time: MonotonicInstant
    ) {
        guard !self.sensors[index].isUnknown else {
            return self.settle(alarm, .error, at: time, cause: .lostWhileBeyondLimit)
        }
        if rule.isMet(value, isActive: self.alarms[alarm].isRaised),
            self.replacement(of: alarm) == nil
        {
            self.settle(alarm, .met, at: time, cause: .valueBeyondLimit)
        } else if self.alarms[alarm].result != .notMet || self.alarms[alarm].pending != .none
            || self.alarms[alarm].isRaised
        {
            self.settle(alarm, .notMet, at: time, cause: .valueWithinLimit)
        }
    }

    /// Whether the last value is beyond the limit of a raised alarm, or not back by its deadband.
    func isBeyond(_ alarm: Int) -> Bool {
        let value = self.value(of: Int(self.alarms[alarm].sensor))
        return self.rule(of: alarm).isMet(value, isActive: true)
    }

    /// The alarm of a more severe limit of the same sensor that speaks for this one, where limits are
    /// exclusive; nil if none does.
    ///
    /// It is raised and stays so, and people are told of it: one that is out of view speaks for
    /// nobody, and this one returning would be all that they hear.
    func replacement(of alarm: Int) -> Int? {
        let index = Int(self.alarms[alarm].sensor)
        guard self.conditions.isExclusive(index) else { return nil }
        let severe: AlarmKind
        switch self.rule(of: alarm).kind {
        case .high: severe = .highHigh
        case .low: severe = .lowLow
        case .lowLow, .highHigh, .stale, .unverifiable, .rateOfChange, .flatLine, .deviation,
            .vote, .discrepancy, .offNormal, .badQuality, .clockSkew, .clockDrift, .sequence,
            .window, .drift, .expression:
            return nil
        }
        guard let other = self.alarm(severe, of: index), self.alarms[other].isRaised,
            self.alarms[other].machine.suppression.isEmpty,
            self.rule(of: other).isMet(self.value(of: index), isActive: true)
        else { return nil }
        return other
    }

    /// The last live value as a number.
    func value(of index: Int) -> Double {
        let sensor = self.sensors[index]
        switch sensor.valueKind {
        case .float64: return Double(bitPattern: sensor.valueBits)
        case .int64, .mappedState: return Double(Int64(bitPattern: sensor.valueBits))
        case .bool: return sensor.valueBits == 0 ? 0 : 1
        }
    }
}
