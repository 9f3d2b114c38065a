// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import JSONText
import MidwatchModel

/// The rule of an alarm as an alert states it: numbers for machines, a sentence for people.
struct RuleText: Sendable, Equatable {
    var text = ""
    var setpoint: Double?
    var deadband: Double?
    var onDelayNanoseconds: UInt64 = 0
    var offDelayNanoseconds: UInt64 = 0
    /// Silence after which the sensor is stale.
    var deadlineNanoseconds: UInt64?
    /// Where the condition ends, in words; nil: where it began.
    private var end: String?

    /// The rule behind an alarm of `declaration`.
    init(_ record: AlertRecord, _ declaration: SensorDeclaration, _ rules: RuleBook) {
        let unit = declaration.unit
        if let rule = rules.ruleSet.rules.first(where: { $0.declaration.name == record.alarm }) {
            self.onDelayNanoseconds = rule.declaration.onDelayNanoseconds
            self.offDelayNanoseconds = rule.declaration.offDelayNanoseconds
            self.text = Self.sentence(rule.declaration.condition, unit)
        } else {
            self.describe(record, declaration, unit)
        }
        if self.onDelayNanoseconds > 0, !self.text.isEmpty {
            self.text += " for \(AlertWords.time(self.onDelayNanoseconds))"
        }
        guard self.offDelayNanoseconds > 0 || self.end != nil, !self.text.isEmpty else { return }
        self.text += ", until it is " + (self.end ?? "over")
        if self.offDelayNanoseconds > 0 {
            self.text += " for \(AlertWords.time(self.offDelayNanoseconds))"
        }
    }

    private mutating func describe(
        _ record: AlertRecord, _ declaration: SensorDeclaration, _ unit: String
    ) {
        let kind = AlarmKind(word: record.alarm)
        switch kind {
        case .lowLow, .low, .high, .highHigh:
            guard let setpoint = record.json["setpoint"]?.double else { return }
            self.setpoint = setpoint
            let isHigh = kind == .high || kind == .highHigh
            self.text =
                (isHigh ? "at or above " : "at or below ") + AlertWords.value(setpoint, unit)
            guard let setting = Self.setting(kind, setpoint, declaration) else { return }
            self.deadband = setting.deadband
            self.onDelayNanoseconds = setting.onDelayNanoseconds
            self.offDelayNanoseconds = setting.offDelayNanoseconds
            if setting.deadband > 0 {
                let end = isHigh ? setpoint - setting.deadband : setpoint + setting.deadband
                self.end =
                    "back " + (isHigh ? "below " : "above ") + AlertWords.value(end, unit)
            }
        case .stale:
            self.deadlineNanoseconds = declaration.deadlineNanoseconds
            let time = AlertWords.time(declaration.deadlineNanoseconds)
            switch declaration.supervision {
            case .periodic: self.text = "a reading is due every \(time)"
            case .exception: self.text = "a sign of life is due every \(time)"
            case .event: self.text = "its source must be alive"
            }
        case .unverifiable:
            let time = AlertWords.time(declaration.unknownGraceNanoseconds)
            self.text = "the value may not be unknown for longer than \(time)"
        case .rateOfChange, .flatLine, .deviation, .vote, .discrepancy, .offNormal, .badQuality,
            .clockSkew, .clockDrift, .sequence, .window, .drift, .expression, nil:
            break
        }
    }

    /// The limit that has this setpoint, among those that hold always and those of modes.
    private static func setting(
        _ kind: AlarmKind?, _ setpoint: Double, _ declaration: SensorDeclaration
    ) -> LimitSetting? {
        var settings: [LimitSetting?]
        switch kind {
        case .lowLow: settings = [declaration.lowLow] + declaration.limitSets.map(\.lowLow)
        case .low: settings = [declaration.low] + declaration.limitSets.map(\.low)
        case .high: settings = [declaration.high] + declaration.limitSets.map(\.high)
        default: settings = [declaration.highHigh] + declaration.limitSets.map(\.highHigh)
        }
        settings.removeAll { $0?.setpoint != setpoint }
        return settings.first ?? nil
    }

    private static func sentence(_ condition: RuleCondition, _ unit: String) -> String {
        func value(_ number: Double) -> String { AlertWords.value(number, unit) }
        func limit(_ limit: RuleLimit) -> String {
            (limit.isHigh ? "at or above " : "at or below ") + value(limit.setpoint)
        }
        switch condition {
        case .rateOfChange(let rise, let fall, _, let window):
            let ways = [
                rise.map { "rises by \(value($0)) a second" },
                fall.map { "falls by \(value($0)) a second" },
            ].compactMap { $0 }
            return ways.joined(separator: " or ") + ", over \(AlertWords.time(window))"
        case .flatLine(_, let duration): return "does not change for \(AlertWords.time(duration))"
        case .deviation(let reference, let setpoint, let above, let below, _):
            let from = reference ?? value(setpoint)
            let ways = [
                above.map { "more than \(value($0)) above \(from)" },
                below.map { "more than \(value($0)) below \(from)" },
            ].compactMap { $0 }
            return ways.joined(separator: " or ")
        case .vote(let members, let required, let beyond):
            return "\(required) of \(members.count) \(limit(beyond))"
        case .discrepancy(let members, let tolerance, _):
            return "\(members.count) sensors differ by more than \(value(tolerance))"
        case .offNormal: return "in a state that is not normal"
        case .badQuality(let includesUncertain):
            return includesUncertain ? "quality not good" : "quality bad"
        case .clockSkew(let max, _): return "its sender's clock is off by \(AlertWords.time(max))"
        case .clockDrift(let ppm, _, _):
            return "its sender's clock drifts by \(AlertWords.value(ppm, "ppm"))"
        case .sequence(let faults, let window, _, _):
            return "\(faults) numbers missing or doubled in \(AlertWords.time(window))"
        case .window(let measure, let beyond, let window):
            return "\(measure.rawValue) over \(AlertWords.time(window)) \(limit(beyond))"
        case .drift(let most, _, _, let reference):
            return "drifts by \(value(most)) from \(reference ?? "its long average")"
        case .expression(let text): return text
        }
    }
}

/// Numbers and times in sentences.
enum AlertWords {
    /// At most three decimals, and the unit.
    static func value(_ value: Double, _ unit: String) -> String {
        self.short(value) + (unit.isEmpty ? "" : " \(unit)")
    }

    /// At most three decimals.
    static func short(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
        let scaled = (value * 1_000).rounded() / 1_000
        return scaled == scaled.rounded() ? "\(Int64(scaled))" : "\(scaled)"
    }

    /// `250 ms`, `4.2 s`, `38 s`, `12 min`, `3 h 20 min`, `11 d`.
    static func time(_ nanoseconds: UInt64) -> String {
        let milliseconds = nanoseconds / 1_000_000
        let seconds = milliseconds / 1_000
        switch seconds {
        case 0: return "\(milliseconds) ms"
        case ..<10:
            let tenth = milliseconds % 1_000 / 100
            return tenth == 0 ? "\(seconds) s" : "\(seconds).\(tenth) s"
        case ..<120: return "\(seconds) s"
        case ..<7_200: return "\(seconds / 60) min"
        case ..<172_800:
            let minutes = seconds / 60 % 60
            return "\(seconds / 3_600) h" + (minutes == 0 ? "" : " \(minutes) min")
        default: return "\(seconds / 86_400) d"
        }
    }

    /// The kind of a limit in prose.
    static func limit(_ kind: AlarmKind) -> String {
        switch kind {
        case .lowLow: "low-low"
        case .highHigh: "high-high"
        default: kind.word
        }
    }

    /// The first of several words or sentences, the first letter large.
    static func sentence(_ text: String) -> String {
        guard let first = text.first else { return "" }
        let end = text.last.map { ".!?".contains($0) } == true ? "" : "."
        return first.uppercased() + String(text.dropFirst()) + end
    }
}
