// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

// Promises 2 and 3 for rules: what they say of a sensor is what can be known of it.
extension Simulation {
    /// One rule on one sensor.
    struct Place {
        let rule: RuleDeclaration
        let path: String
        let view: ConditionView
    }

    func lookAtRules(isCalm: Bool) {
        for path in self.run.paths {
            guard let live = self.world.sensor(path) else { continue }
            for place in self.world.places(of: path) {
                self.lookAt(place, live, isCalm: isCalm)
            }
            self.lookAtBlindness(path, live)
        }
    }

    private func lookAt(_ place: Place, _ live: LiveSensor, isCalm: Bool) {
        let what = "\(place.path):\(place.rule.name) at \(self.world.now)"
        let result = place.view.result
        if let plain = self.world.plainResult(place) {
            // A reading that may raise and nothing else leaves a condition met or unknown.
            let isHeld = !isCalm && plain.result == .notMet
            #expect(
                plain.result == result || plain.isNearLimit || isHeld,
                "\(what) is \(result), plainly \(plain.result)")
        } else if live.freshness != .fresh {
            #expect(result.isUnknown, "\(what) is \(result) on a sensor that is not fresh")
        } else if live.isUnknown, !place.rule.condition.restsOnMore {
            #expect(result.isUnknown, "\(what) is \(result) on a value that says nothing")
        }
        guard isCalm else { return }
        if let expected = place.calmResult { #expect(result == expected, "\(what) is \(result)") }
        self.lookAtAlarm(place, what)
    }

    /// In a calm plant all delays are over: an alarm is raised if and only if its condition is met.
    private func lookAtAlarm(_ place: Place, _ what: String) {
        guard !place.rule.isPassive,
            let alarm = self.world.alarm(named: place.rule.name, place.path)
        else { return }
        switch place.view.result {
        case .met: #expect(alarm.state.isRaised, "\(what) is met and not raised")
        case .notMet: #expect(!alarm.state.isRaised, "\(what) stands without a condition")
        case .stale, .error: break
        }
    }

    /// What cannot be verified is said: a value that cannot be used, a rule that errs by itself.
    private func lookAtBlindness(_ path: String, _ live: LiveSensor) {
        guard live.freshness == .fresh, let alarm = self.world.alarm(.unverifiable, path) else {
            return
        }
        let isBlind = live.isUnknown || self.world.hasOwnError(path)
        #expect(
            (alarm.result == .met) == isBlind,
            "\(path) at \(self.world.now): unverifiable is \(alarm.result), blind \(isBlind)")
    }
}

extension RuleCondition {
    /// Clock and quality say something of a reading whose value cannot be used.
    fileprivate var restsOnMore: Bool {
        switch self {
        case .badQuality, .clockSkew, .clockDrift: true
        case .rateOfChange, .flatLine, .deviation, .vote, .discrepancy, .offNormal, .sequence,
            .window, .drift, .expression:
            false
        }
    }
}

extension Simulation.Place {
    /// What the condition is in a calm plant, where all say 50; nil if that depends on the past.
    fileprivate var calmResult: ConditionResult? {
        switch self.rule.condition {
        case .flatLine: .met
        case .rateOfChange, .offNormal, .badQuality: .notMet
        case .window(let measure, _, _): measure == .count || self.isPlant ? .notMet : nil
        // A counter counts; a plant that says the same again and again does not.
        case .sequence: .notMet
        case .deviation, .vote, .discrepancy, .clockSkew, .clockDrift, .drift, .expression: nil
        }
    }

    private var isPlant: Bool { self.path.hasPrefix("plant/") }
}

extension World {
    /// The rules that sensor `path` fits.
    func places(of path: String) -> [Simulation.Place] {
        self.engine.ruleBook.ruleSet.rules.compactMap { rule in
            self.engine.conditionView(rule: rule.declaration.name, path: path).map {
                Simulation.Place(rule: rule.declaration, path: path, view: $0)
            }
        }
    }

    /// A command about the current activation of an alarm.
    func command(_ verb: OperatorCommand.Verb, _ alarm: LiveAlarm, of path: String) {
        var command = OperatorCommand(
            verb: verb, path: path, alarm: alarm.kind, activation: alarm.activation,
            user: "operator", origin: "console", comment: "why")
        if alarm.rule > 0 { command.rule = self.name(of: alarm) }
        self.command(command)
    }

    /// Whether a rule of the sensor that makes an alarm errs, and nothing that it looks at explains
    /// why.
    func hasOwnError(_ path: String) -> Bool {
        self.places(of: path).contains { place in
            guard !place.view.isPassive, place.view.result == .error else { return false }
            // Judged at readings of its own sensor, with what the reference was then.
            if case .drift(_, _, _, _?) = place.rule.condition,
                place.view.measured?.isFinite == true
            {
                return false
            }
            let isBlinded = self.inputs(of: place).contains {
                let live = self.sensor($0)
                return live?.freshness == .fresh && live?.isUnknown == true
            }
            let isBelow = self.rules(below: place).contains {
                let view = self.engine.conditionView(rule: $0, path: path)
                return view?.result == .error && view?.isPassive == false
            }
            return !isBlinded && !isBelow
        }
    }

    /// The sensors that a rule looks at.
    private func inputs(of place: Simulation.Place) -> [String] {
        switch place.rule.condition {
        case .deviation(let reference?, _, _, _, _), .drift(_, _, _, let reference?):
            [place.path, reference]
        case .vote(let members, _, _), .discrepancy(let members, _, _): members
        case .expression(let text):
            self.operands(of: text).compactMap { operand in
                operand.alarm == nil || AlarmKind(word: operand.alarm ?? "") != nil
                    ? operand.path.isEmpty ? place.path : operand.path : nil
            }
        case .rateOfChange, .flatLine, .deviation, .offNormal, .badQuality, .clockSkew,
            .clockDrift, .sequence, .window, .drift:
            [place.path]
        }
    }

    private func rules(below place: Simulation.Place) -> [String] {
        guard case .expression(let text) = place.rule.condition else { return [] }
        return self.operands(of: text).compactMap(\.alarm).filter { AlarmKind(word: $0) == nil }
    }

    private func operands(of text: String) -> [ExpressionOperand] {
        (try? ExpressionProgram.compile(text))?.operands ?? []
    }

    /// The result of a rule that looks at several sensors, by its words; nil for other rules.
    ///
    /// Near a limit the deadband decides, which the past must be known for.
    func plainResult(_ place: Simulation.Place) -> (result: ConditionResult, isNearLimit: Bool)? {
        let view = PlainView(world: self)
        let judge: (Double) -> ConditionResult
        let band: Double
        switch place.rule.condition {
        case .deviation(let reference?, _, let above?, let below?, let deadband):
            band = deadband
            judge = { back in
                view.compare([place.path, reference]) {
                    let distance = $0[0] - $0[1]
                    return distance >= above - back || -distance >= below - back ? .met : .notMet
                }
            }
        case .vote(let members, let required, let limit):
            band = limit.deadband
            judge = { back in
                let votes = members.map { member in
                    view.compare([member]) { $0[0] >= limit.setpoint - back ? .met : .notMet }
                }
                let met = votes.count { $0 == .met }
                if met >= required { return .met }
                if met + votes.count(where: \.isUnknown) < required { return .notMet }
                return votes.contains(.error) ? .error : .stale
            }
        case .discrepancy(let members, let tolerance, let deadband):
            band = deadband
            judge = { Self.discrepancy(members.map { view.value($0) }, tolerance - $0) }
        case .expression(let text):
            guard let plain = PlainExpression.all.first(where: { $0.name == place.rule.name }),
                let other = plain.other(in: text, of: self.engine.paths)
            else { return nil }
            return (plain.judge(view, place.path, other), false)
        case .rateOfChange, .flatLine, .deviation, .offNormal, .badQuality, .clockSkew,
            .clockDrift, .sequence, .window, .drift:
            return nil
        }
        return (judge(0), judge(0) != judge(band))
    }

    /// Any two of the known too far from the middle one, else nobody may be unknown.
    private static func discrepancy(
        _ values: [(number: Double?, doubt: ConditionResult)], _ limit: Double
    ) -> ConditionResult {
        let known = values.compactMap(\.number).sorted()
        let doubts = values.filter { $0.number == nil }.map(\.doubt)
        let doubt: ConditionResult? =
            doubts.isEmpty ? nil : doubts.contains(.error) ? .error : .stale
        guard let least = known.first, let most = known.last, known.count > 1 else {
            return doubt ?? .stale
        }
        let middle = known[known.count / 2]
        let distance = known.count == 2 ? most - least : max(most - middle, middle - least)
        return distance >= limit ? .met : doubt ?? .notMet
    }
}
