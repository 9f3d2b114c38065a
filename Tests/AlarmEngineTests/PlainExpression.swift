// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel

/// What a sensor shows, as an expression looks at it.
struct PlainView {
    let world: World

    private func live(_ path: String) -> LiveSensor? { self.world.sensor(path) }

    /// The value; nil and why there is none.
    func value(_ path: String) -> (number: Double?, doubt: ConditionResult) {
        guard let live = self.live(path), live.freshness == .fresh else { return (nil, .stale) }
        guard !live.isUnknown else { return (nil, .error) }
        return (live.number, .error)
    }

    /// A comparison of values, all of which must be known.
    func compare(_ paths: [String], _ test: ([Double]) -> ConditionResult) -> ConditionResult {
        let values = paths.map { self.value($0) }
        let doubts = values.filter { $0.number == nil }.map(\.doubt)
        guard doubts.isEmpty else { return doubts.contains(.error) ? .error : .stale }
        return test(values.compactMap(\.number))
    }

    func isFresh(_ path: String) -> ConditionResult {
        switch self.live(path)?.freshness {
        case .fresh: .met
        case .stale: .notMet
        case .neverReceived, .unverified, nil: .stale
        }
    }

    func quality(_ path: String, is wanted: Quality) -> ConditionResult {
        guard let live = self.live(path), live.freshness == .fresh else { return .stale }
        return live.quality == wanted ? .met : .notMet
    }

    func isRaised(_ alarm: String, _ path: String) -> ConditionResult {
        guard let live = self.world.alarm(named: alarm, path) else {
            // A rule on trial never raises.
            let isOnTrial = self.world.engine.conditionView(rule: alarm, path: path) != nil
            return isOnTrial || self.isOfAnotherMode(alarm, path) ? .notMet : .error
        }
        return live.state.isRaised ? .met : .notMet
    }

    /// Of an alarm that every sensor of a kind has.
    func limit(_ kind: AlarmKind, _ path: String) -> ConditionResult {
        guard let live = self.world.alarm(kind, path) else {
            return self.isOfAnotherMode(kind.word, path) ? .notMet : .error
        }
        return self.isFresh(path) == .met ? live.result : .stale
    }

    func rule(_ name: String, _ path: String) -> ConditionResult {
        self.world.engine.conditionView(rule: name, path: path)?.result ?? .error
    }

    /// A limit that the sensor has in a mode that does not hold.
    private func isOfAnotherMode(_ alarm: String, _ path: String) -> Bool {
        let declaration = self.world.engine.ruleBook.declaration(for: path)
        let limits: KeyPath<LimitSet, LimitSetting?>
        let own: LimitSetting?
        switch AlarmKind(word: alarm) {
        case .high: (limits, own) = (\.high, declaration.high)
        case .low: (limits, own) = (\.low, declaration.low)
        default: return false
        }
        return own != nil || declaration.limitSets.contains { $0[keyPath: limits] != nil }
    }
}

extension LiveSensor {
    /// The last live value.
    var number: Double {
        switch self.valueKind {
        case .float64: Double(bitPattern: self.valueBits)
        case .int64, .mappedState: Double(Int64(bitPattern: self.valueBits))
        case .bool: self.valueBits == 0 ? 0 : 1
        }
    }
}

/// An expression of the random plants, and what it means, written by hand.
struct PlainExpression: Sendable {
    let name: String
    /// The text for a rule that also looks at another sensor.
    let text: @Sendable (_ other: String) -> String
    /// The result on a sensor.
    let judge: @Sendable (_ view: PlainView, _ own: String, _ other: String) -> ConditionResult

    /// The sensor that the text of a rule of this name looks at.
    func other(in text: String, of paths: [String]) -> String? {
        paths.first { self.text($0) == text }
    }

    private static func known(_ isMet: Bool) -> ConditionResult { isMet ? .met : .notMet }

    static let all: [PlainExpression] = [
        PlainExpression(name: "both", text: { "value > 60 and value(\($0)) > 55 or stale(\($0))" })
        {
            view, own, other in
            let high = view.compare([own]) { Self.known($0[0] > 60) }
            let too = view.compare([other]) { Self.known($0[0] > 55) }
            return high.and(too).or(view.isFresh(other).negated())
        },
        PlainExpression(
            name: "after", text: { "condition(:deviates) and not raised(\($0):stale)" }
        ) { view, own, other in
            view.rule("deviates", own).and(view.isRaised("stale", other).negated())
        },
        // Divides by nothing whenever the other sensor says 50, as it does in a calm plant.
        PlainExpression(name: "ratio", text: { "value / (value(\($0)) - 50) > 3" }) {
            view, own, other in
            view.compare([own, other]) {
                let ratio = $0[0] / ($0[1] - 50)
                return ratio.isFinite ? Self.known(ratio > 3) : .error
            }
        },
        PlainExpression(
            name: "several",
            text: {
                "atLeast(2, raised(plant/0:high), raised(plant/1:high), condition(\($0):high))"
            }
        ) { view, own, other in
            let results = [
                view.isRaised("high", "plant/0"), view.isRaised("high", "plant/1"),
                view.limit(.high, other),
            ]
            let met = results.count { $0 == .met }
            let unknown = results.count { $0.isUnknown }
            if met >= 2 { return .met }
            if met + unknown < 2 { return .notMet }
            return results.contains(.error) ? .error : .stale
        },
        PlainExpression(
            name: "strays",
            text: { "fresh(\($0)) and good(\($0)) and abs(value - value(\($0))) > 12" }
        ) { view, own, other in
            let far = view.compare([own, other]) { Self.known(($0[0] - $0[1]).magnitude > 12) }
            return view.isFresh(other).and(view.quality(other, is: .good)).and(far)
        },
        PlainExpression(name: "spoilt", text: { "bad(\($0)) or bad or value < 40" }) {
            view, own, other in
            view.quality(other, is: .bad).or(view.quality(own, is: .bad))
                .or(view.compare([own]) { Self.known($0[0] < 40) })
        },
        PlainExpression(
            name: "follows", text: { "raised(:strays) and min(value, value(\($0))) > 20" }
        ) { view, own, other in
            view.isRaised("strays", own).and(
                view.compare([own, other]) { Self.known(min($0[0], $0[1]) > 20) })
        },
    ]
}
