// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

// Rules about sources: their clocks, and the numbers that they give to what they send.
//
// The alarm stands on the sensor that stands for the source, one however many sensors are behind it.
// A clock is judged with every reading that came through the source, or through one behind it;
// numbers with the readings of the sensor that carries them.
extension AlarmEngine {
    /// Sensors behind a source that an explanation names.
    static var namedBehindMax: Int { 8 }

    /// A reading that speaks about now: rules about the clocks of the sources that it came through
    /// take it.
    ///
    /// Without such a rule this is one branch.
    @inline(__always)
    mutating func judgeClocks(_ slot: Slot, of index: Int, _ weight: ResultWeight = .full) {
        guard self.conditions.watchesClocks else { return }
        self.judgeSourceClocks(slot, of: index, weight)
    }

    private mutating func judgeSourceClocks(
        _ slot: Slot, of index: Int, _ weight: ResultWeight
    ) {
        let offset = self.clockOffset(of: slot)
        let placed = self.sensors[index].source
        self.judgeClocks(from: placed, offset, at: slot.arrival, weight)
        // A sensor that is put behind a bus; what it came through is mostly above that, and to take
        // the same offset twice changes nothing.
        if placed != slot.source {
            self.judgeClocks(from: slot.source, offset, at: slot.arrival, weight)
        }
    }

    /// Rules about the clock of a source, and of what it is behind, take an offset.
    private mutating func judgeClocks(
        from source: SourceIndex, _ offset: Int64?, at time: MonotonicInstant,
        _ weight: ResultWeight
    ) {
        var place = Int(source.rawValue)
        for _ in 0..<SystemLimits.sourceDepthMax {
            guard place > 0, place < self.sources.count else { return }
            let sensor = Int(self.sources[place].sensor.rawValue)
            if sensor < self.sensors.count {
                self.judgeClock(ofSensor: sensor, offset, at: time, weight)
            }
            place = Int(self.sources[place].behind.rawValue)
        }
    }

    private mutating func judgeClock(
        ofSensor sensor: Int, _ offset: Int64?, at time: MonotonicInstant, _ weight: ResultWeight
    ) {
        let range = self.conditions.range(of: sensor)
        guard !range.isEmpty else { return }
        // What the deadline of a sensor counts from, which nobody sends: here since when no reading
        // said anything about the clock.
        if offset != nil {
            self.sensors[sensor].deadlineBase = max(self.sensors[sensor].deadlineBase, time)
        } else {
            // Others may come without a source time; a clock of which none speaks is not known.
            let silence = time.nanosecondsSince(self.sensors[sensor].deadlineBase)
            guard silence > self.sensors[sensor].deadlineNanoseconds else { return }
        }
        var isChanged = false
        for bound in range where self.conditions.bounds[bound].isOfSourceClock {
            let before = self.conditions.memories[bound].result
            let result =
                offset == nil
                ? .stale : self.judge(bound, .stale, offset: offset, at: time)
            // Nearly all readings: a clock that was right and is.
            if result == .notMet, before == .notMet, self.isAtRest(bound: bound) { continue }
            let wasRaised = self.isRaised(bound: bound)
            self.settle(bound: bound, result, at: time, offset == nil ? .full : weight)
            isChanged =
                isChanged || self.conditions.memories[bound].result != before
                || self.isRaised(bound: bound) != wasRaised
        }
        if isChanged { self.followRules(of: sensor, at: time) }
    }

    /// Whether "not met" changes nothing for the alarm of a condition.
    private func isAtRest(bound: Int) -> Bool {
        self.alarmRow(of: bound).map { self.alarms[$0].isAtRest } ?? true
    }

    /// The numbers of a source: takes a reading of the sensor that carries them if it is new.
    mutating func judgeNumbers(_ number: UInt32, of bound: Int, at time: MonotonicInstant)
        -> ConditionResult
    {
        let condition = self.conditions.bounds[bound]
        // Of a source that is lost or not heard yet nothing is known, whoever carries its numbers.
        guard case .fresh = self.sensors[Int(condition.sensor)].freshness else { return .stale }
        let carrier = self.conditions.operands[Int(condition.firstOperand)].sensor
        let sample = self.sample(of: carrier)
        if let doubt = sample.doubt { return doubt }
        guard case .known(let value) = sample else { return .error }
        let state = self.sensors[Int(carrier)]
        let isNew = self.conditions.sequences[Int(number)].isNew(
            state.lastN, arrival: state.lastArrival)
        let result =
            isNew
            ? self.conditions.sequences[Int(number)].judge(value, at: time)
            : self.conditions.sequences[Int(number)].judge(at: time)
        self.conditions.memories[bound].measured = Double(
            self.conditions.sequences[Int(number)].faultCount)
        return result
    }

    /// Calls `body` with each sensor that stands for a source.
    package borrowing func eachSourceSensor(_ body: (SensorIndex) -> Void) {
        for place in 0..<self.sources.count where self.sources[place].sensor != .none {
            body(self.sources[place].sensor)
        }
    }

    // MARK: - Words

    /// The source that a sensor stands for; nil for another sensor.
    func place(ofSourceSensor sensor: SensorIndex) -> Int? {
        guard Int(sensor.rawValue) < self.sensors.count else { return nil }
        return self.place(ofSourceAt: self.names[Int(sensor.rawValue)])
    }

    private func place(ofSourceAt path: String) -> Int? {
        guard path.hasPrefix(RuleBook.sourcePathPrefix) else { return nil }
        let name = path.dropFirst(RuleBook.sourcePathPrefix.utf8.count)
        guard let place = self.sourcePlaces[String(name)], place < self.sources.count else {
            return nil
        }
        return place
    }

    /// What is behind the source that the sensor at `path` stands for; empty for another sensor.
    func noteOfSource(_ path: String) -> String {
        guard let place = self.place(ofSourceAt: path) else { return "" }
        let behind = self.sensorsBehind(place)
        guard !behind.isEmpty else { return "no sensor speaks through it yet" }
        let names = behind.prefix(Self.namedBehindMax).map { self.names[Int($0)] }
        let rest = behind.count - names.count
        return "\(behind.count == 1 ? "1 sensor is" : "\(behind.count) sensors are") behind it: "
            + names.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }
}
