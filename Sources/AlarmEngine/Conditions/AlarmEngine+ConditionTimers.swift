// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

// Conditions that change by time alone: readings leave a window, a rate ends, a value stays flat.
//
// Such a condition is judged at its readings and at fixed moments between them: ends of panes, steps
// of a window. A timer stands at the next of these moments, and what would come out there is computed
// without touching anything; only where it differs from the last result does the timer act, and only
// then is the tick an input that is recorded.
extension AlarmEngine {
    /// When a condition next changes by time alone; nil if it does not.
    func dueTime(ofCondition bound: Int, upTo now: MonotonicInstant) -> MonotonicInstant? {
        guard bound < self.conditions.bounds.count else { return nil }
        let condition = self.conditions.bounds[bound]
        // What is not known stays so until a reading.
        guard case .fresh = self.sensors[Int(condition.sensor)].freshness,
            self.sample(of: self.carrier(of: condition)).doubt == nil
        else { return nil }
        let result = self.conditions.memories[bound].result
        let isActive = self.conditions.memories[bound].isActive
        switch condition.evaluator {
        case .window(let number):
            return self.conditions.windows[Int(number)].nextChange(
                from: result, isActive: isActive, upTo: now)
        case .sequence(let number), .sourceSequence(let number):
            return self.conditions.sequences[Int(number)].nextChange(from: result, upTo: now)
        case .flatLine(let number):
            return self.conditions.flatLines[Int(number)].nextChange(from: result)
        case .rateOfChange(let number):
            return self.conditions.rates[Int(number)].nextChange(
                from: result, isActive: isActive, upTo: now)
        case .drift, .clockDrift, .deviation, .vote, .discrepancy, .offNormal, .badQuality,
            .clockSkew, .expression, .broken:
            return nil
        }
    }

    /// The sensor whose value a condition takes: its own, or that which carries a source's numbers.
    private func carrier(of condition: BoundCondition) -> UInt32 {
        guard case .sourceSequence = condition.evaluator else { return condition.sensor }
        return self.conditions.operands[Int(condition.firstOperand)].sensor
    }

    /// A condition changes by time alone.
    mutating func fireCondition(_ bound: Int, at due: MonotonicInstant) {
        let isActive = self.conditions.memories[bound].isActive
        let result: ConditionResult
        let measured: Double
        switch self.conditions.bounds[bound].evaluator {
        case .window(let number):
            result = self.conditions.windows[Int(number)].judge(at: due, isActive: isActive)
            measured = self.conditions.windows[Int(number)].value
        case .sequence(let number), .sourceSequence(let number):
            result = self.conditions.sequences[Int(number)].judge(at: due)
            measured = Double(self.conditions.sequences[Int(number)].faultCount)
        case .flatLine(let number):
            result = self.conditions.flatLines[Int(number)].judge(at: due)
            measured = self.conditions.memories[bound].measured
        case .rateOfChange(let number):
            result = self.conditions.rates[Int(number)].judge(at: due, isActive: isActive)
            measured = self.conditions.rates[Int(number)].rate
        case .drift, .clockDrift, .deviation, .vote, .discrepancy, .offNormal, .badQuality,
            .clockSkew, .expression, .broken:
            return
        }
        self.conditions.memories[bound].measured = measured
        self.settle(bound: bound, result, at: due)
        self.armCondition(bound)
        self.followRules(of: Int(self.conditions.bounds[bound].sensor), at: due)
    }

    /// Puts the timer of a condition where time may change it next, or leaves it where it is looked
    /// at before that.
    ///
    /// A look may have put it far ahead, where nothing would have changed without this reading.
    mutating func armCondition(_ bound: Int) {
        let timer = self.conditions.bounds[bound].timer
        guard timer != TimerWheel.none,
            let due = self.dueTime(ofCondition: bound, upTo: .zero),
            !self.wheel.isArmed(timer, by: due)
        else { return }
        self.wheel.arm(timer, due: due)
    }

    /// Gives a condition that has been bound a timer, if time alone can change it.
    mutating func giveTimer(to bound: Int) {
        guard self.conditions.bounds[bound].evaluator.hasTimer else { return }
        let owner = TimerOwner.condition(bound)
        let timer: UInt32
        if let spare = self.spareTimers.popLast() {
            timer = spare
            self.timerOwners[Int(timer)] = owner.code
        } else {
            timer = self.addTimer(of: owner)
        }
        self.conditions.bounds[bound].timer = timer
    }

    /// Takes the timers of all conditions, which are bound anew next.
    mutating func takeTimersFromConditions() {
        for bound in 0..<self.conditions.bounds.count {
            let timer = self.conditions.bounds[bound].timer
            guard timer != TimerWheel.none else { continue }
            self.wheel.disarm(timer)
            self.spareTimers.append(timer)
        }
    }

    /// Gives and arms the timers of all conditions.
    mutating func giveTimersToConditions() {
        for bound in 0..<self.conditions.bounds.count {
            self.giveTimer(to: bound)
            self.armCondition(bound)
        }
    }
}
