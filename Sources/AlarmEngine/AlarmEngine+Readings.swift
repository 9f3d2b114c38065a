// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

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
        self.sensors[index].readingCount &+= 1
        let status = self.judgeSourceTime(of: slot, sensor: index)
        guard self.isLive(slot, status: status, sensor: index) else {
            self.sensors[index].backlogCount &+= 1
            self.counters.notLive &+= 1
            return
        }
        self.refresh(index, slot, status: status, n: n)
        self.evaluate(index, at: slot.arrival)
    }

    /// What the reading's source time is worth; follows runs of regressed times (RULES 18).
    private mutating func judgeSourceTime(of slot: Slot, sensor index: Int) -> SourceTimeStatus {
        if slot.flags.contains(.historical) { return .historical }
        let sourceTime = slot.sourceTime
        guard sourceTime != Slot.noSourceTime else { return .absent }
        let wall = self.wall(of: slot.arrival).nanoseconds
        guard sourceTime >= SystemLimits.sourceTimeEarliestNanoseconds,
            wall == 0 || sourceTime &- SystemLimits.sourceTimeAheadMaxNanoseconds <= wall
        else { return .implausible }
        let newest = self.sensors[index].newestSourceTime
        if newest == Slot.noSourceTime || sourceTime >= newest {
            self.sensors[index].newestSourceTime = sourceTime
            self.sensors[index].regressedLast = Slot.noSourceTime
            return .accepted
        }
        let last = self.sensors[index].regressedLast
        if last == Slot.noSourceTime || sourceTime <= last {
            self.sensors[index].regressedSince = slot.arrival
            self.sensors[index].regressedLast = sourceTime
            return .regressed
        }
        self.sensors[index].regressedLast = sourceTime
        let run = slot.arrival.nanosecondsSince(self.sensors[index].regressedSince)
        guard run >= self.sensors[index].deadlineNanoseconds else { return .regressed }
        // Increasing for one deadline: the sender's clock was set.
        self.sensors[index].newestSourceTime = sourceTime
        self.sensors[index].lastSourceTime = Slot.noSourceTime
        self.sensors[index].regressedLast = Slot.noSourceTime
        if Int(slot.source.rawValue) < self.clocks.count {
            self.clocks[Int(slot.source.rawValue)] = SourceClock()
        }
        self.counters.sourceClocksRebased &+= 1
        var decision = Decision(.sourceClockRebased, time: slot.arrival)
        decision.sensor = slot.sensor
        decision.source = slot.source
        decision.sourceTime = sourceTime
        decision.amount = sourceTime &- newest
        self.decide(decision)
        return .accepted
    }

    /// Whether the reading speaks about now (RULES 19).
    private mutating func isLive(
        _ slot: Slot, status: SourceTimeStatus, sensor index: Int
    ) -> Bool {
        switch status {
        case .historical, .regressed: return false
        case .absent, .implausible: return true
        case .accepted: break
        }
        let last = self.sensors[index].lastSourceTime
        guard last == Slot.noSourceTime || slot.sourceTime > last else { return false }
        let wall = self.wall(of: slot.arrival).nanoseconds
        guard wall != 0 else { return true }
        let source = Int(slot.source.rawValue)
        guard source < SystemLimits.sourceCountMax else { return true }
        while source >= self.clocks.count { self.clocks.append(SourceClock()) }
        let delay = self.clocks[source].delay(offset: wall &- slot.sourceTime, at: slot.arrival)
        return delay <= self.sensors[index].deadlineNanoseconds / 2
    }

    /// A live reading is the proof of freshness.
    private mutating func refresh(
        _ index: Int, _ slot: Slot, status: SourceTimeStatus, n: UInt64
    ) {
        let isFirst = self.sensors[index].freshness != .fresh
        let number = slot.number
        let isUnknown = slot.quality == .bad || !number.isFinite
        // Two producers may swap: an older arrival takes nothing from the deadline.
        self.sensors[index].deadlineBase = max(self.sensors[index].deadlineBase, slot.arrival)
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
        self.sensors[index].source = slot.source
        self.sensors[index].backlogCount = 0
        self.sensors[index].freshness = .fresh
        if isUnknown { self.counters.unknownValues &+= 1 }
        guard isFirst else { return }
        // The wheel follows a deadline that moves on by itself, not one that comes nearer, as when
        // a grace ends. (An extension for our lag only ever moves on with the deadline.)
        if self.sensors[index].supervision != .event {
            self.wheel.arm(self.sensors[index].timer, due: self.sensors[index].deadline)
        }
        self.sensors[index].hasRestartGrace = false
        self.sensors[index].hasLagGrace = false
        if let alarm = self.alarm(.stale, of: index) {
            self.settle(alarm, .notMet, at: slot.arrival, cause: .readingArrived)
        }
    }

    /// Compares the last live value with every limit of the sensor.
    mutating func evaluate(_ index: Int, at time: MonotonicInstant) {
        let first = Int(self.sensors[index].firstAlarm)
        let count = Int(self.sensors[index].alarmCount)
        let isUnknown = self.sensors[index].isUnknown
        let value = self.value(of: index)
        for alarm in first..<first + count {
            switch self.alarms[alarm].rule.kind {
            case .lowLow, .low, .high, .highHigh:
                if isUnknown {
                    self.settle(alarm, .error, at: time, cause: .lostWhileBeyondLimit)
                } else if self.alarms[alarm].rule.isMet(
                    value, isActive: self.alarms[alarm].isRaised)
                {
                    self.settle(alarm, .met, at: time, cause: .valueBeyondLimit)
                } else if self.alarms[alarm].result != .notMet
                    || self.alarms[alarm].pending != .none || self.alarms[alarm].isRaised
                {
                    self.settle(alarm, .notMet, at: time, cause: .valueWithinLimit)
                }
            case .unverifiable:
                let result: ConditionResult = isUnknown ? .met : .notMet
                if self.alarms[alarm].result != result || self.alarms[alarm].isRaised {
                    self.settle(
                        alarm, result, at: time,
                        cause: isUnknown ? .notVerifiable : .verifiableAgain)
                }
            case .stale: break
            }
        }
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
