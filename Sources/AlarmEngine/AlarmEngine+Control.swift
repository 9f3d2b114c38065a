// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension AlarmEngine {
    mutating func applyControl(_ record: ControlAssembler.Record) {
        // The decisions of a control record carry the position of its head.
        self.position.n = record.n
        self.moveTime(to: record.head.arrival)
        switch record.head.kind {
        case .registerSensor:
            self.register(
                path: String(decoding: record.payload, as: UTF8.self), index: record.head.sensor)
        case .registerSource:
            self.registerSource(
                name: String(decoding: record.payload, as: UTF8.self), index: record.head.source,
                behind: SourceIndex(rawValue: UInt32(truncatingIfNeeded: record.head.valueBits)))
        case .command: self.applyCommand(record.payload, at: record.head.arrival)
        case .configuration: self.applyConfiguration(record.payload, at: record.head.arrival)
        // Who may send again what: the edge's business.
        case .sessionBegin: break
        default: self.counters.unknownRecords &+= 1
        }
    }

    /// Takes a new sensor in and binds it to its declaration; its deadline begins now.
    ///
    /// A registration that is known already (it stands in the checkpoint too) changes nothing.
    private mutating func register(path: String, index: SensorIndex) {
        guard Int(index.rawValue) == self.sensors.count else {
            if Int(index.rawValue) > self.sensors.count { self.counters.unknownSensors &+= 1 }
            return
        }
        let (declaration, number) = self.rules.numberedDeclaration(for: path)
        var sensor = SensorState(
            deadlineBase: self.established, deadlineNanoseconds: declaration.deadlineNanoseconds)
        sensor.supervision = declaration.supervision
        sensor.trustsSource = self.trusts(declaration, .own)
        sensor.isIndependent = declaration.isIndependent
        sensor.isDeclared = number >= 0
        let timer = self.addTimer(of: .sensor(Int(index.rawValue)))
        self.names.append(path)
        self.sensors.append(sensor)
        self.sensorDetails.append(SensorDetail(timer: timer))
        self.reserveForAlarms()
        self.bindRules(of: Int(index.rawValue))
        self.pinSensor(Int(index.rawValue), to: declaration.behind)
        for bound in self.conditions.range(of: Int(index.rawValue)) { self.giveTimer(to: bound) }
        let run = self.ruleRun(of: Int(index.rawValue))
        self.addRows(Int(run.count), to: Int(index.rawValue))
        self.sensorDetails[Int(index.rawValue)].firstRule = run.first
        self.sensorDetails[Int(index.rawValue)].alarmCount = run.count
        self.addLinks(of: Int(index.rawValue))
        self.followRules(of: Int(index.rawValue), at: self.established)
        if path.hasPrefix(RuleBook.sourcePathPrefix) {
            let name = String(path.dropFirst(RuleBook.sourcePathPrefix.count))
            if let place = self.sourcePlaces[name] { self.stand(index, for: place) }
        }
        guard sensor.supervision != .event else { return }
        self.wheel.arm(timer, due: sensor.deadline)
    }

    /// Room for one alarm of each sensor, with its timer: when all fall silent at once, nobody waits
    /// for tables to grow.
    private mutating func reserveForAlarms() {
        self.details.reserve(self.sensors.count)
        self.wheel.reserve(self.sensors.count * 2)
        self.timerOwners.reserve(self.sensors.count * 2)
        self.expired.reserve(self.sensors.count)
    }

    /// Takes a source in; what it is behind was registered before it.
    private mutating func registerSource(name: String, index: SourceIndex, behind: SourceIndex) {
        guard Int(index.rawValue) >= self.sourceNames.count,
            Int(index.rawValue) < SystemLimits.sourceCountMax
        else { return }
        // Index 0 is Midwatch itself and is never registered.
        while self.sourceNames.count < Int(index.rawValue) { self.sourceNames.append("") }
        self.addSourceName(name)
        let place = Int(index.rawValue)
        self.makeSource(place)
        if behind.rawValue < index.rawValue { self.put(newSource: place, behind: behind) }
        self.linkSource(place)
        if let sensor = self.index(ofPath: RuleBook.sourcePathPrefix + name) {
            self.stand(SensorIndex(rawValue: UInt32(sensor)), for: place)
        }
    }

    /// A sensor stands for a source: its stale alarm says that the source is lost.
    mutating func stand(_ sensor: SensorIndex, for place: Int) {
        self.makeSource(place)
        guard self.sources[place].sensor != sensor else { return }
        self.sources[place].sensor = sensor
        // The next reading shows that it is there, also where readings came before it had a sensor.
        self.sources[place].isHeard = false
    }

    // MARK: - Runs and clocks

    /// A run begins: what was fresh is not verified any more, what is stale stays stale.
    mutating func applyStart(_ slot: Slot) {
        self.moveTime(to: slot.arrival)
        // Engine time stood still while nothing ran: the anchor of the last run is worth nothing.
        if slot.sourceTime != Slot.noSourceTime {
            self.anchorEngine = slot.arrival
            self.anchorWall = slot.sourceTime
        }
        self.epoch = UInt32(truncatingIfNeeded: slot.aux)
        self.position.epoch = self.epoch
        self.assembler = ControlAssembler()
        for index in 0..<self.sensors.count {
            guard self.sensors[index].freshness != .stale else {
                // When its source is back what it said last is not verified either.
                self.sensors[index].hasRestartGrace = true
                continue
            }
            if self.sensors[index].freshness == .fresh {
                self.sensors[index].freshness = .unverified
            }
            self.stopOffDelays(index)
            // One grace until a live reading is seen, however often Midwatch starts.
            if !self.sensors[index].hasRestartGrace {
                self.sensors[index].hasRestartGrace = true
                self.sensors[index].graceNanoseconds &+= min(
                    self.sensors[index].deadlineNanoseconds,
                    SystemLimits.restartGraceMaxNanoseconds)
            }
            // The lag of the last run may have put the timer behind this deadline.
            self.armSensor(index)
            if self.sensors[index].isMode { self.modeChanged(index) }
        }
        // Not before all of them are in doubt: a rule must not see half of a restart.
        for index in 0..<self.sensors.count where self.sensors[index].freshness == .unverified {
            self.doubtRules(index, at: slot.arrival)
        }
        for place in 0..<self.sources.count { self.sources[place].isHeard = false }
        self.lagUntil = .zero
        var decision = Decision(.runStarted, cause: .restart, time: slot.arrival)
        decision.amount = Int64(self.epoch)
        self.decide(decision)
    }

    mutating func applyStop(_ slot: Slot) {
        self.moveTime(to: slot.arrival)
        self.decide(Decision(.runStopped, time: slot.arrival))
    }

    /// The wall clock was set: recorded, and no deadline is touched.
    mutating func applyClockStep(_ slot: Slot) {
        self.moveTime(to: slot.arrival)
        for index in 0..<self.sensors.count { self.sensors[index].clock = SenderClock() }
        var decision = Decision(.clockStepped, time: slot.arrival)
        decision.amount = slot.signedValue
        self.decide(decision)
        self.anchorEngine = slot.arrival
        self.anchorWall = slot.sourceTime
    }

    /// Midwatch itself was late: deadlines are extended within bounds.
    mutating func applyLag(_ slot: Slot) {
        self.moveTime(to: slot.arrival)
        let lag = UInt64(clamping: slot.signedValue)
        let allowance = min(lag, SystemLimits.ownLagExtensionMaxNanoseconds)
        let wasLate = self.lagUntil > slot.arrival
        self.lagUntil = max(self.lagUntil, slot.arrival.advanced(byNanoseconds: allowance))
        guard !wasLate else { return }
        var decision = Decision(.monitorDegraded, cause: .ownLag, time: slot.arrival)
        decision.amount = slot.signedValue
        decision.source = slot.source
        self.decide(decision)
    }

    mutating func applyLoss(_ slot: Slot) {
        self.moveTime(to: slot.arrival)
        let isGap = slot.kind == .gap
        var decision = Decision(isGap ? .readingsUnrecorded : .readingsLost, time: slot.arrival)
        decision.amount =
            isGap ? Int64(clamping: slot.aux) &- slot.signedValue : slot.signedValue
        decision.source = slot.source
        self.decide(decision)
    }
}
