// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

// The rules in force in words, and what keeps an alarm back.
extension AlarmEngine {
    // MARK: - Words

    /// A length of time: `30 s`, `1.5 s`, `250 ms`, `5 min`, `2 h`.
    static func span(_ nanoseconds: UInt64) -> String {
        let second: UInt64 = 1_000_000_000
        switch nanoseconds {
        case 0: return "0 s"
        case ..<1_000_000: return "less than 1 ms"
        case ..<second: return "\(nanoseconds / 1_000_000) ms"
        case ..<(120 * second): return "\(self.number(Double(nanoseconds / 1_000_000) / 1e3)) s"
        case ..<(7_200 * second):
            let rest = nanoseconds / second % 60
            return "\(nanoseconds / second / 60) min" + (rest == 0 ? "" : " \(rest) s")
        default:
            let rest = nanoseconds / second / 60 % 60
            return "\(nanoseconds / second / 3_600) h" + (rest == 0 ? "" : " \(rest) min")
        }
    }

    /// A number as people write it, to four decimals.
    static func number(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e11 else { return "\(value)" }
        let rounded = (value * 1e4).rounded() / 1e4
        guard rounded != 0 || value == 0 else { return "\(value)" }
        return rounded == rounded.rounded() ? "\(Int64(rounded))" : "\(rounded)"
    }

    static func quantity(_ value: Double, _ unit: String) -> String {
        unit.isEmpty ? self.number(value) : "\(self.number(value)) \(unit)"
    }

    /// A moment, to the second.
    static func moment(_ nanoseconds: Int64) -> String {
        "\(WallInstant(nanoseconds: nanoseconds).rfc3339.prefix(19))Z"
    }

    // MARK: - Rules

    /// Which limits hold because of a mode; empty if they depend on none.
    func limitSetText(of declaration: SensorDeclaration, at path: String) -> String {
        guard !declaration.limitSets.isEmpty else { return "" }
        let mode = self.effective(declaration, at: path).mode
        let area = self.rules.areas.first { $0.holds(path) }?.name ?? ""
        return mode.isEmpty
            ? "no mode of area \(area) has limits of its own now: the sensor's own hold"
            : "area \(area) is in mode \(mode): its limits hold"
    }

    /// The rule of an alarm in words.
    func ruleText(of alarm: Int, bound: Int?) -> String {
        let rule = self.rule(of: alarm)
        let index = Int(self.alarms[alarm].sensor)
        let sensor = self.sensors[index]
        let unit = self.rules.declaration(for: self.names[index]).unit
        var text: String
        switch rule.kind {
        case .high, .highHigh: text = "value >= \(Self.quantity(rule.setpoint, unit))"
        case .low, .lowLow: text = "value <= \(Self.quantity(rule.setpoint, unit))"
        case .stale:
            let span = Self.span(sensor.silenceNanoseconds)
            text =
                switch sensor.supervision {
                case .periodic: "no live reading for \(span)"
                case .exception: "no reading and no other proof of life for \(span)"
                case .event: "its source is lost; silence alone is no alarm of an event sensor"
                }
        case .unverifiable: text = "the value cannot be used"
        case .rateOfChange, .flatLine, .deviation, .vote, .discrepancy, .offNormal, .badQuality,
            .clockSkew, .clockDrift, .sequence, .window, .drift, .expression:
            text = bound.map { self.conditionText(of: $0) } ?? rule.kind.word
        }
        if rule.deadband > 0 { text += ", deadband \(Self.quantity(rule.deadband, unit))" }
        if rule.onDelayNanoseconds > 0 {
            text += ", on-delay \(Self.span(rule.onDelayNanoseconds))"
        }
        if rule.offDelayNanoseconds > 0 {
            text += ", off-delay \(Self.span(rule.offDelayNanoseconds))"
        }
        if rule.reAlarmNanoseconds > 0 {
            text += ", told again \(Self.span(rule.reAlarmNanoseconds)) after an acknowledgement"
        }
        if rule.isLatching { text += ", latching" }
        if rule.isAutoAcknowledged { text += ", acknowledges itself" }
        return text
    }

    /// The condition of a rule in words.
    func conditionText(of bound: Int) -> String {
        let rule = self.conditions.set.rules[Int(self.conditions.bounds[bound].rule)].declaration
        func side(_ limit: RuleLimit) -> String {
            let deadband = limit.deadband > 0 ? ", deadband \(Self.number(limit.deadband))" : ""
            return "\(limit.isHigh ? ">=" : "<=") \(Self.number(limit.setpoint))\(deadband)"
        }
        func sides(_ above: Double?, _ below: Double?, _ words: (String, String)) -> String {
            [
                above.map { "\(words.0) \(Self.number($0))" },
                below.map { "\(words.1) \(Self.number($0))" },
            ]
            .compactMap { $0 }.joined(separator: " or ")
        }
        let clock = rule.isOfSources ? "source's clock" : "sender's clock"
        switch rule.condition {
        case .rateOfChange(let rise, let fall, _, let window):
            return "change per second over \(Self.span(window)): "
                + sides(rise, fall, ("rise >=", "fall >="))
        case .flatLine(let epsilon, let time):
            return "no change beyond \(Self.number(epsilon)) for \(Self.span(time))"
        case .deviation(let reference, let setpoint, let above, let below, _):
            return "distance from \(reference ?? Self.number(setpoint)): "
                + sides(above, below, ("above >=", "below >="))
        case .vote(let members, let required, let limit):
            return "at least \(required) of \(members.count) members \(side(limit))"
        case .discrepancy(let members, let tolerance, _):
            return "\(members.count) members differ by more than \(Self.number(tolerance))"
        case .offNormal: return "a state that is not normal"
        case .badQuality(let uncertain):
            return uncertain ? "quality bad or uncertain" : "quality bad"
        case .clockSkew(let most, _):
            return "the \(clock) is off by more than \(Self.span(most))"
        case .clockDrift(let limit, _, let window):
            return "the \(clock) drifts by more than \(Self.number(limit)) parts per million "
                + "over \(Self.span(window))"
        case .sequence(let faults, let window, _, let sensor):
            return "\(faults) gaps or duplicates in its numbers within \(Self.span(window))"
                + (sensor.map { ", which \($0) carries" } ?? "")
        case .window(let measure, let limit, let window):
            return "\(measure.rawValue) over \(Self.span(window)) \(side(limit))"
        case .drift(let limit, _, let average, let reference):
            let from = reference ?? "its average over \(Self.span(average))"
            return "drift of \(Self.number(limit)) from \(from)"
        case .expression(let text): return text
        }
    }

    // MARK: - Suppression

    /// What keeps an alarm back, then what could and does not.
    func explainSuppressions(of alarm: Int, at now: MonotonicInstant) -> [ExplainedSuppression] {
        let row = self.alarms[alarm]
        let rule = self.rule(of: alarm)
        let detail = self.knownDetail(of: alarm).map { self.details[$0] }
        var found = [self.explainShelving(row, rule, detail, at: now)]
        let isOut = row.machine.suppression.contains(.outOfService)
        found.append(
            ExplainedSuppression(
                kind: .outOfService, isInForce: isOut,
                reason: isOut ? "taken out of service by an operator" : "in service"))
        for suppression in self.ruleTable.suppressions[Int(rule.suppressions)] {
            found.append(self.explain(suppression, of: alarm))
        }
        switch rule.kind {
        case .stale, .unverifiable:
            if let source = self.explainSource(of: alarm, detail) { found.append(source) }
        case .lowLow, .low, .high, .highHigh, .rateOfChange, .flatLine, .deviation, .vote,
            .discrepancy, .offNormal, .badQuality, .clockSkew, .clockDrift, .sequence, .window,
            .drift, .expression:
            break
        }
        return found.filter(\.isInForce) + found.filter { !$0.isInForce }
    }

    private func explainShelving(
        _ row: AlarmRow, _ rule: AlarmRule, _ detail: AlarmDetail?, at now: MonotonicInstant
    ) -> ExplainedSuppression {
        guard row.machine.suppression.contains(.shelved) else {
            let reason = rule.shelvingMaxNanoseconds > 0 ? "not shelved" : "may not be shelved"
            return ExplainedSuppression(kind: .shelved, isInForce: false, reason: reason)
        }
        var reason = "shelved by an operator"
        if let detail, detail.shelvedUntil != .zero {
            reason +=
                " for another \(Self.span(detail.shelvedUntil.nanosecondsSince(now)))"
                + (detail.isOneShotShelved ? ", or until it returns" : "")
        }
        return ExplainedSuppression(kind: .shelved, isInForce: true, reason: reason)
    }

    /// One suppression rule: what it looks at, and what it says now.
    private func explain(_ rule: SuppressionRule, of alarm: Int) -> ExplainedSuppression {
        var result = ExplainedSuppression(kind: .rule, isInForce: false, reason: "")
        switch rule {
        case .alarm(let path, let kind):
            let row = self.index(ofPath: path).flatMap { self.alarm(kind, of: $0) }
            self.explain(whileRaised: "\(path):\(kind.word)", row, of: alarm, in: &result)
        case .ruleAlarm(let path, let rule):
            let row = self.index(ofPath: path).flatMap { self.alarm(ofRule: rule, on: $0) }
            self.explain(whileRaised: "\(path):\(rule)", row, of: alarm, in: &result)
        case .mode(let path, let value):
            result.cause = path
            result.reason = "while \(path) is \(value): "
            guard let index = self.index(ofPath: path) else {
                result.reason += "no such sensor is registered"
                break
            }
            let sensor = self.sensors[index]
            let isKnown = sensor.freshness == .fresh && !sensor.isUnknown
            result.isInForce = isKnown && self.value(of: index) == Double(value)
            result.reason +=
                isKnown
                ? "it is \(Self.number(self.value(of: index)))"
                : "it is not known, and what is not known suppresses nothing"
        case .areaMode(let area, let mode):
            result.cause = area
            result.isInForce = self.isArea(area, in: mode)
            let now = self.modeName(ofArea: area)
            result.reason =
                "while the area \(area) is in mode \(mode): "
                + (now.isEmpty ? "there is no such area" : "it is in mode \(now)")
        case .firstOut(let group):
            result.reason = "while another alarm of the group \(group) is raised first: "
            let first = self.firstOut(of: group, before: alarm)
            result.isInForce = first != nil
            result.cause = first.map { self.alarmID(of: Int($0)) } ?? ""
            result.reason += first == nil ? "no other one is" : "\(result.cause) is"
        }
        // Logic is looked at when an alarm is raised and while it is.
        if result.isInForce, !self.alarms[alarm].isRaised {
            result.reason += "; it will keep the alarm back if that is raised"
        }
        return result
    }

    /// A rule that looks at another alarm; `row` is nil if there is none of that name.
    private func explain(
        whileRaised cause: String, _ row: Int?, of alarm: Int, in result: inout ExplainedSuppression
    ) {
        result.cause = cause
        guard let row else {
            result.reason = "while \(cause) is raised: there is no such alarm"
            return
        }
        result.isInForce = row != alarm && self.isInView(row)
        result.reason = "while \(cause) is raised: \(self.viewText(of: row))"
    }

    private func viewText(of row: Int) -> String {
        let alarm = self.alarms[row]
        if !alarm.isRaised { return "it is not" }
        if !alarm.machine.suppression.isEmpty {
            return
                "it is, but kept back itself (\(alarm.machine.suppression.words.joined(separator: ", ")))"
        }
        switch alarm.result {
        case .met, .notMet: return "it is"
        case .stale, .error:
            return "it is held, but its condition is not known, and what is not known suppresses "
                + "nothing"
        }
    }

    /// What the source of a silent sensor has to do with its alarm; nil if it has none that counts.
    private func explainSource(of alarm: Int, _ detail: AlarmDetail?) -> ExplainedSuppression? {
        let index = Int(self.alarms[alarm].sensor)
        let place = Int(self.sensors[index].source.rawValue)
        guard place > 0, place < self.sources.count else { return nil }
        let name = place < self.sourceNames.count ? self.sourceNames[place] : "\(place)"
        var result = ExplainedSuppression(kind: .source, isInForce: false, reason: "")
        if let detail, let cause = self.knownRule(of: detail.causeRow), cause.kind == .stale {
            result.cause = self.alarmID(of: Int(detail.causeRow))
        }
        let design = detail?.design ?? []
        if design.contains(.source) {
            result.isInForce = true
            result.reason = "source \(name), or one it is behind, is or was lost and explains it"
        } else if design.contains(.awaitingSource) {
            result.isInForce = true
            result.reason = "the verdict about source \(name) is awaited"
        } else if let lost = self.lostSource(above: self.sensors[index].source) {
            let lostName = lost < self.sourceNames.count ? self.sourceNames[lost] : "\(lost)"
            result.reason =
                self.neverWaits(index)
                ? "source \(lostName) is lost, but this sensor is critical or independent and "
                    + "speaks for itself"
                : "source \(lostName) is lost"
        } else if self.sources[place].sensor == .none {
            result.reason = "source \(name) has no alarm of its own, so it explains nothing"
        } else {
            result.reason = "source \(name) is not lost"
        }
        return result
    }
}
