// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

// The source tree: a source that is lost explains the silence of what is behind it.
//
// A source is judged only if a sensor stands for it (`RuleBook.sourcePathPrefix`): without one there
// is no alarm of its loss, so nothing may be suppressed because of it.
extension AlarmEngine {
    // MARK: - What arrives

    /// A sensor was heard through `source`: it is behind that one now, if the configuration does
    /// not put it elsewhere, and neither is lost.
    @inline(__always)
    mutating func noteArrival(
        of index: Int, through source: SourceIndex, at time: MonotonicInstant
    ) {
        // (Raw values: `==` of another module's type is a call.)
        let place = self.placed(index, source)
        if place.rawValue != self.sensors[index].source.rawValue { self.move(index, to: place) }
        self.noteArrival(source, at: time)
        if place.rawValue != source.rawValue { self.noteArrival(place, at: time) }
    }

    /// A reading came through a source, live or not: the source and all it is behind are there.
    ///
    /// A source that still delivers is not lost however many of its sensors are silent: to find it
    /// lost and back with every reading would show as stale what speaks.
    mutating func noteArrival(_ source: SourceIndex, at time: MonotonicInstant) {
        var place = Int(source.rawValue)
        for _ in 0..<SystemLimits.sourceDepthMax {
            guard place > 0, place < self.sources.count else { return }
            // Never back: deadlines that rest on it only ever move on by themselves.
            self.sources[place].lastArrival = max(self.sources[place].lastArrival, time)
            if self.sources[place].isLost || self.sources[place].silent != (0, 0, 0, 0)
                || self.sources[place].hasStaleTrusting || !self.sources[place].isHeard
            {
                self.sources[place].isHeard = true
                self.sources[place].forgetSilent()
                self.sourceIsBack(place, at: time)
            }
            place = Int(self.sources[place].behind.rawValue)
        }
    }

    /// A sensor speaks through another source than before.
    mutating func move(_ index: Int, to source: SourceIndex) {
        let didTrust = self.sensors[index].trustsSource
        self.countSensor(-1, from: self.sensors[index].source)
        self.members.remove(index, from: Int(self.sensors[index].source.rawValue))
        self.sensors[index].source = source
        self.countSensor(1, from: source)
        self.members.add(index, to: Int(source.rawValue))
        if self.rules.sourceTree.hasTrusted, self.sensors[index].supervision == .exception {
            self.sensors[index].trustsSource = self.trusts(
                self.rules.declaration(for: self.names[index]), source)
        }
        // What the old source vouched for may be over by the new one, and that one may be lost.
        if didTrust || self.sensors[index].trustsSource || self.lostCount > 0 {
            self.armSensor(index)
        }
    }

    mutating func countSensor(_ change: Int32, from source: SourceIndex) {
        var place = Int(source.rawValue)
        for _ in 0..<SystemLimits.sourceDepthMax {
            guard place > 0, place < SystemLimits.sourceCountMax else { return }
            self.makeSource(place)
            self.sources[place].sensorCount = UInt32(
                clamping: Int64(self.sources[place].sensorCount) + Int64(change))
            place = Int(self.sources[place].behind.rawValue)
        }
    }

    mutating func makeSource(_ place: Int) {
        while self.sources.count <= place { self.sources.append(SourceState()) }
    }

    /// What the transport, or the sender, says about a source or a sensor.
    mutating func applyEvidence(_ slot: Slot) {
        self.moveTime(to: slot.arrival)
        guard
            let evidence = SourceEvidence(rawValue: UInt8(truncatingIfNeeded: slot.valueBits))
        else {
            self.counters.unknownRecords &+= 1
            return
        }
        let source = Int(slot.source.rawValue)
        switch evidence {
        case .alive where slot.sensor != .none:
            guard Int(slot.sensor.rawValue) < self.sensors.count else {
                self.counters.unknownSensors &+= 1
                return
            }
            let index = Int(slot.sensor.rawValue)
            self.noteArrival(of: index, through: slot.source, at: slot.arrival)
            self.takeEvidence(of: index, at: slot.arrival)
        case .alive, .connected: self.noteArrival(slot.source, at: slot.arrival)
        // An orderly end of a session: the deadlines of its sensors go on.
        case .disconnected: break
        case .closedAbnormally, .keepAliveTimeout, .willPublished:
            if source > 0, source < self.sources.count {
                self.loseSource(source, at: slot.arrival, cause: .sourceLost)
            }
        }
    }

    /// Proof of life of a sensor that reports by exception: its last value still holds.
    ///
    /// It says nothing of a sensor that never gave a value, or gave one that cannot be used.
    mutating func takeEvidence(of index: Int, at time: MonotonicInstant) {
        guard self.sensors[index].supervision == .exception,
            self.sensors[index].lastArrival != .zero, !self.sensors[index].isUnknown
        else { return }
        self.sensors[index].deadlineBase = max(self.sensors[index].deadlineBase, time)
        switch self.sensors[index].freshness {
        case .fresh, .stale:
            // A grace that the present rules gave ends with a proof of life of any kind.
            guard self.sensors[index].graceNanoseconds > 0 else { break }
            self.sensors[index].graceNanoseconds = 0
            self.armSensor(index)
        case .neverReceived, .unverified: break
        }
        guard self.sensors[index].freshness == .stale else { return }
        self.revive(index, at: time)
    }

    /// A silent sensor counts as fresh again without a reading: its last value holds.
    ///
    /// One of before a start does not: the sensor is not verified, and nothing returns by it.
    private mutating func revive(_ index: Int, at time: MonotonicInstant) {
        let isVerified = !self.sensors[index].hasRestartGrace
        self.sensors[index].freshness = isVerified ? .fresh : .unverified
        self.sensors[index].deadlineBase = max(self.sensors[index].deadlineBase, time)
        // A start gave it time to be heard of, and it was. Kept, it would stand behind a deadline of
        // readings, too, once new rules give the sensor one.
        self.sensors[index].graceNanoseconds = 0
        self.wheel.arm(
            self.sensorDetails[index].timer, due: self.extendedDeadline(of: self.sensors[index]))
        if let alarm = self.alarm(.stale, of: index) {
            self.settle(alarm, .notMet, at: time, cause: .readingArrived)
        }
        if isVerified {
            self.evaluate(index, at: time)
            self.reviveRules(index, at: time)
        } else {
            self.doubtRules(index, at: time)
        }
        self.releaseSilence(of: index, at: time)
    }

    /// A sensor speaks again: nothing keeps its alarms of silence back any more.
    mutating func releaseSilence(of index: Int, at time: MonotonicInstant) {
        for alarm in self.alarmRange(of: index) {
            guard let detail = self.knownDetail(of: alarm),
                !self.details[detail].design.isDisjoint(with: [.source, .awaitingSource])
            else { continue }
            self.details[detail].design.subtract([.source, .awaitingSource])
            self.details[detail].heldUntil = .zero
            guard self.details[detail].design.isEmpty else { continue }
            self.details[detail].causeRow = AlarmRow.noDetail
            if self.alarms[alarm].isRaised {
                self.overlay(
                    alarm, .unsuppressed, .alarmUnsuppressed, at: time, cause: .sourceNotLost)
            } else {
                _ = self.alarms[alarm].machine.handle(.unsuppressed)
            }
            self.rearm(detail)
        }
    }

    // MARK: - Loss

    /// The nearest lost source that a sensor is behind; nil if none is lost.
    func lostSource(above source: SourceIndex) -> Int? {
        var place = Int(source.rawValue)
        for _ in 0..<SystemLimits.sourceDepthMax {
            guard place > 0, place < self.sources.count else { return nil }
            if self.sources[place].isLost { return place }
            place = Int(self.sources[place].behind.rawValue)
        }
        return nil
    }

    /// When the source of a sensor was lost; nil if it is not.
    func lossOfSource(of sensor: SensorState) -> MonotonicInstant? {
        guard self.lostCount > 0, let lost = self.lostSource(above: sensor.source) else {
            return nil
        }
        return self.sources[lost].lostAt
    }

    /// Puts the timer of a sensor where its silence is judged next.
    mutating func armSensor(_ index: Int) {
        let sensor = self.sensors[index]
        guard sensor.freshness != .stale, !sensor.isRetired else { return }
        let timer = self.sensorDetails[index].timer
        if let lost = self.lossOfSource(of: sensor) {
            self.wheel.arm(timer, due: lost)
        } else if sensor.supervision == .event {
            self.wheel.disarm(timer)
        } else {
            self.wheel.arm(timer, due: sensor.deadline)
        }
    }

    /// A source is lost: its alarm is raised, and all behind it fall silent with the next tick.
    private mutating func loseSource(
        _ place: Int, at time: MonotonicInstant, cause: Decision.Cause
    ) {
        let sensor = Int(self.sources[place].sensor.rawValue)
        guard !self.sources[place].isLost, sensor < self.sensors.count,
            self.sources[place].sensorCount > 0, let alarm = self.alarm(.stale, of: sensor)
        else { return }
        self.sources[place].isLost = true
        self.sources[place].lostAt = time
        self.lostCount += 1
        self.counters.sourcesLost &+= 1
        var highest = AlarmPriority.low
        for number in self.sensorsBehind(place) {
            let index = Int(number)
            highest = max(highest, self.highestPriority(of: index))
            if self.sensors[index].freshness != .stale {
                self.wheel.arm(self.sensorDetails[index].timer, due: time)
            } else {
                self.hurryVerdict(of: index, to: time)
                self.keepBackBlindness(of: index, behind: place)
            }
        }
        let detail = self.detail(of: alarm)
        self.details[detail].priority = highest
        self.sensors[sensor].freshness = .stale
        self.sensors[sensor].lastArrival = self.sources[place].lastArrival
        self.sensors[sensor].lastArrivalWall =
            self.wall(of: self.sources[place].lastArrival)
            .nanoseconds
        if let above = self.lostSource(above: self.sources[place].behind) {
            self.suppress(alarm, behind: above)
        }
        self.settle(alarm, .met, at: time, cause: cause)
        self.loseRules(sensor, at: time)
    }

    /// Stale alarms that wait for the verdict about their source get it with the next tick.
    private mutating func hurryVerdict(of index: Int, to time: MonotonicInstant) {
        for alarm in self.alarmRange(of: index) {
            guard let detail = self.knownDetail(of: alarm),
                self.details[detail].design.contains(.awaitingSource)
            else { continue }
            self.details[detail].heldUntil = time
            self.rearm(detail)
        }
    }

    /// A sensor that spoke before its source was found lost does not say it twice.
    private mutating func keepBackBlindness(of index: Int, behind place: Int) {
        guard !self.neverWaits(index), let alarm = self.alarm(.unverifiable, of: index),
            self.alarms[alarm].pending == .onDelay
        else { return }
        self.suppress(alarm, behind: place)
        if let detail = self.knownDetail(of: alarm) { self.rearm(detail) }
    }

    func isBehind(_ index: Int, _ place: Int) -> Bool {
        var source = Int(self.sensors[index].source.rawValue)
        for _ in 0..<SystemLimits.sourceDepthMax {
            guard source > 0, source < self.sources.count else { return false }
            if source == place { return true }
            source = Int(self.sources[source].behind.rawValue)
        }
        return false
    }

    private func highestPriority(of index: Int) -> AlarmPriority {
        var highest = AlarmPriority.low
        for alarm in self.alarmRange(of: index) {
            highest = max(highest, self.rule(of: alarm).priority)
        }
        return highest
    }

    // MARK: - Return

    /// A source is heard again: each sensor behind it has one deadline, then speaks for itself.
    mutating func sourceIsBack(_ place: Int, at time: MonotonicInstant) {
        let wasLost = self.sources[place].isLost
        let sensor = Int(self.sources[place].sensor.rawValue)
        if sensor < self.sensors.count, !wasLost { self.sensors[sensor].freshness = .fresh }
        defer { if sensor < self.sensors.count { self.followRules(of: sensor, at: time) } }
        guard wasLost || self.sources[place].hasStaleTrusting else { return }
        self.sources[place].hasStaleTrusting = false
        if wasLost {
            self.sources[place].isLost = false
            self.lostCount -= 1
        }
        for number in self.sensorsBehind(place) {
            let index = Int(number)
            let sensor = self.sensors[index]
            if self.lostSource(above: sensor.source) != nil { continue }
            let isCarried = sensor.supervision == .event || sensor.trustsSource
            guard sensor.freshness == .stale else {
                // Its timer stands at the loss; its own deadline goes on, which others that speak
                // through the source do not extend.
                self.armSensor(index)
                continue
            }
            // Where the source was never lost nothing of its return gives anybody time.
            guard wasLost || isCarried else { continue }
            let until = isCarried ? time : time.advanced(byNanoseconds: sensor.deadlineNanoseconds)
            for alarm in self.alarmRange(of: index) {
                guard let detail = self.knownDetail(of: alarm),
                    isCarried && self.rule(of: alarm).kind == .stale
                        || !self.details[detail].design.isDisjoint(with: [.source, .awaitingSource])
                else { continue }
                self.details[detail].heldUntil = until
                self.rearm(detail)
            }
        }
        guard wasLost, sensor < self.sensors.count else { return }
        self.sensors[sensor].freshness = .fresh
        self.sensors[sensor].lastArrival = time
        self.sensors[sensor].lastArrivalWall = self.wall(of: time).nanoseconds
        if let alarm = self.alarm(.stale, of: sensor) {
            self.settle(alarm, .notMet, at: time, cause: .readingArrived)
        }
    }

    // MARK: - Suppression by cause

    /// Whether its source explains the silence of a sensor, before its stale alarm is raised.
    ///
    /// The first sensor of a source that falls silent speaks at once; the others wait for the verdict
    /// for two seconds at most. Critical and independent sensors never wait, and carry the cause.
    mutating func explainSilence(of index: Int, at time: MonotonicInstant) {
        let sensor = self.sensors[index]
        if let lost = self.lostSource(above: sensor.source) {
            return self.explain(index, by: lost)
        }
        var place = Int(sensor.source.rawValue)
        var isJudged = false
        var isFirst = true
        for _ in 0..<SystemLimits.sourceDepthMax {
            guard place > 0, place < self.sources.count else { break }
            if sensor.trustsSource { self.sources[place].hasStaleTrusting = true }
            let count = self.sources[place].noteSilent(at: time)
            // With fewer sensors their silence proves nothing about it: waiting would only be late.
            if self.sources[place].sensor != .none,
                self.sources[place].sensorCount >= SystemLimits.sourceSilentSensorsMin
            {
                isJudged = true
                isFirst = isFirst && count == 1
                if count >= SystemLimits.sourceSilentSensorsMin,
                    UInt64(count) * 2 >= UInt64(self.sources[place].sensorCount)
                {
                    self.loseSource(place, at: time, cause: .deadlinePassed)
                    return self.explain(index, by: place)
                }
            }
            place = Int(self.sources[place].behind.rawValue)
        }
        guard isJudged, !isFirst, !self.neverWaits(index) else { return }
        for alarm in self.alarmRange(of: index) where self.isOfSilence(alarm) {
            let detail = self.detail(of: alarm)
            self.details[detail].design.insert(.awaitingSource)
            self.details[detail].heldUntil = time.advanced(
                byNanoseconds: SystemLimits.sourceWaitNanoseconds)
            _ = self.alarms[alarm].machine.handle(.suppressed)
            self.rearm(detail)
        }
    }

    private func isOfSilence(_ alarm: Int) -> Bool {
        switch self.rule(of: alarm).kind {
        case .stale, .unverifiable: !self.alarms[alarm].isRaised
        case .lowLow, .low, .high, .highHigh, .rateOfChange, .flatLine, .deviation, .vote,
            .discrepancy, .offNormal, .badQuality, .clockSkew, .clockDrift, .sequence, .window,
            .drift, .expression:
            false
        }
    }

    func neverWaits(_ index: Int) -> Bool {
        self.sensors[index].isIndependent || self.highestPriority(of: index) == .critical
    }

    /// The alarms of silence of a sensor have a lost source as their cause.
    private mutating func explain(_ index: Int, by place: Int) {
        let isExempt = self.neverWaits(index)
        for alarm in self.alarmRange(of: index) where self.isOfSilence(alarm) {
            if isExempt {
                let detail = self.detail(of: alarm)
                self.details[detail].causeRow = self.causeRow(of: place)
            } else {
                self.suppress(alarm, behind: place)
            }
        }
    }

    private mutating func suppress(_ alarm: Int, behind place: Int) {
        let detail = self.detail(of: alarm)
        self.details[detail].design.remove(.awaitingSource)
        self.details[detail].design.insert(.source)
        self.details[detail].causeRow = self.causeRow(of: place)
        self.details[detail].heldUntil = .zero
        _ = self.alarms[alarm].machine.handle(.suppressed)
    }

    private func causeRow(of place: Int) -> UInt32 {
        let sensor = self.sources[place].sensor
        guard sensor != .none else { return AlarmRow.noDetail }
        return self.alarm(.stale, of: Int(sensor.rawValue)).map { UInt32($0) } ?? AlarmRow.noDetail
    }

    /// The wait for the verdict about a source ended, or the deadline that its return gave.
    mutating func endSourceWait(_ alarm: Int, at time: MonotonicInstant) {
        let detail = self.detail(of: alarm)
        let index = Int(self.alarms[alarm].sensor)
        if let lost = self.lostSource(above: self.sensors[index].source) {
            let wasWaiting = self.details[detail].design.contains(.awaitingSource)
            self.suppress(alarm, behind: lost)
            guard wasWaiting, self.alarms[alarm].isRaised else { return }
            return self.record(
                .alarmSuppressed, alarm, from: self.alarms[alarm].machine.state, at: time,
                cause: .sourceLost)
        }
        let sensor = self.sensors[index]
        if sensor.freshness == .stale, sensor.supervision == .event || sensor.trustsSource,
            sensor.lastArrival != .zero, !sensor.isUnknown
        {
            return self.revive(index, at: time)
        }
        self.details[detail].design.subtract([.source, .awaitingSource])
        guard self.details[detail].design.isEmpty else { return }
        self.details[detail].causeRow = AlarmRow.noDetail
        self.overlay(alarm, .unsuppressed, .alarmUnsuppressed, at: time, cause: .sourceNotLost)
    }
}
