// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

// Deadlines of sensors, timers of alarms, and moments at which a condition changes by time alone.
extension AlarmEngine {
    mutating func addTimer(of owner: TimerOwner) -> UInt32 {
        self.timerOwners.append(owner.code)
        return self.wheel.addTimer()
    }

    /// Moves what the wheel has up to `now` into the heap of due timers, or back with its true
    /// deadline.
    mutating func collectDue(upTo now: MonotonicInstant) {
        self.wheel.takeExpired(upTo: now, into: &self.expired)
        // All at once, not one after the other: see `foresee`.
        for index in 0..<self.expired.count {
            let owner = self.timerOwners[Int(self.expired[index])]
            if case .sensor(let sensor) = TimerOwner(code: owner) { self.sensors.prefetch(sensor) }
        }
        for index in 0..<self.expired.count {
            let timer = self.expired[index]
            let owner = self.timerOwners[Int(timer)]
            guard let due = self.dueTime(of: owner, upTo: now) else { continue }
            if due <= now {
                self.due.push(DueHeap.Entry(due: due, owner: owner))
            } else {
                self.wheel.arm(timer, due: due)
            }
        }
        self.expired.removeAll()
        self.wheel.forgetArmed()
    }

    /// The true deadline of a timer; nil if it has none any more.
    ///
    /// Exact if it is not after `now`; else it may be too early, never too late.
    private func dueTime(of code: UInt32, upTo now: MonotonicInstant) -> MonotonicInstant? {
        switch TimerOwner(code: code) {
        case .sensor(let index): self.dueTime(ofSensor: index)
        case .alarm(let detail): self.dueTime(ofDetail: detail)
        case .condition(let bound): self.dueTime(ofCondition: bound, upTo: now)
        }
    }

    private func dueTime(ofSensor index: Int) -> MonotonicInstant? {
        // (A switch: `==` of another module's enum is a call.)
        switch self.sensors[index].freshness {
        case .stale: return nil
        case .neverReceived, .unverified, .fresh: break
        }
        guard !self.sensors[index].isRetired else { return nil }
        if self.lostCount > 0, let lost = self.lossOfSource(of: self.sensors[index]) { return lost }
        if case .event = self.sensors[index].supervision { return nil }
        return self.extendedDeadline(of: self.sensors[index])
    }

    /// The earliest of an alarm's timers.
    func dueTime(ofDetail detail: Int) -> MonotonicInstant? {
        guard self.details[detail].row != AlarmRow.noDetail else { return nil }
        let earliest = self.details[detail].earliestDue
        guard self.alarms[Int(self.details[detail].row)].pending != .none else {
            return earliest == .zero ? nil : earliest
        }
        let pending = self.details[detail].pendingDue
        return earliest == .zero ? pending : min(earliest, pending)
    }

    /// The deadline of a sensor, extended by the monitor's own lag within its bounds.
    func extendedDeadline(of sensor: SensorState) -> MonotonicInstant {
        var deadline = sensor.deadline
        if sensor.trustsSource, Int(sensor.source.rawValue) < self.sources.count {
            // A live source speaks for the sensor.
            let heard = self.sources[Int(sensor.source.rawValue)].lastArrival
            deadline = max(deadline, heard.advanced(byNanoseconds: sensor.silenceNanoseconds))
        }
        let bound = min(
            sensor.deadlineNanoseconds, SystemLimits.ownLagExtensionMaxNanoseconds)
        return max(deadline, min(self.lagUntil, deadline.advanced(byNanoseconds: bound)))
    }

    /// Acts on a timer that came out of the heap, if it is still due.
    ///
    /// - Returns: Whether it was.
    mutating func fire(_ entry: DueHeap.Entry) -> Bool {
        guard let due = self.dueTime(of: entry.owner, upTo: entry.due) else { return false }
        let owner = TimerOwner(code: entry.owner)
        guard due <= entry.due else {
            // The deadline moved on after the timer was collected.
            self.wheel.arm(self.timer(of: owner), due: due)
            return false
        }
        self.moveTime(to: due)
        switch owner {
        case .sensor(let index): self.becomeStale(index, at: due)
        case .alarm(let detail): self.fireAlarm(detail: detail, due: due)
        case .condition(let bound): self.fireCondition(bound, at: due)
        }
        self.settleSuppressions(at: due)
        return true
    }

    private func timer(of owner: TimerOwner) -> UInt32 {
        switch owner {
        case .sensor(let index): self.sensorDetails[index].timer
        case .alarm(let detail): self.details[detail].timer
        case .condition(let bound): self.conditions.bounds[bound].timer
        }
    }
}

/// Whose a timer is; its code orders timers that are due at one instant.
enum TimerOwner {
    case sensor(Int)
    case alarm(Int)
    case condition(Int)

    init(code: UInt32) {
        let index = Int(code >> 2)
        switch code & 3 {
        case 0: self = .sensor(index)
        case 1: self = .alarm(index)
        default: self = .condition(index)
        }
    }

    /// Index << 2 | kind: there are fewer than 2^30 of each.
    var code: UInt32 {
        switch self {
        case .sensor(let index): UInt32(index) << 2
        case .alarm(let index): UInt32(index) << 2 | 1
        case .condition(let index): UInt32(index) << 2 | 2
        }
    }
}
