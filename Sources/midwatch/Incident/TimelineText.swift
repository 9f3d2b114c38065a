// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import MidwatchModel
internal import OperatorConsole
internal import StateFolder

/// One line of the timeline for people: when, what sort, what.
enum TimelineText {
    /// What a record is about: the second column.
    enum Sort: String {
        case alarm = "ALARM"
        case action = "ACTION"
        case delivery = "DELIVERY"
        case configuration = "CONFIG"
        case monitor = "MONITOR"
        case access = "ACCESS"
    }

    private static let sortWidth = 9

    /// When it happened, of what sort it is, what it says.
    ///
    ///     2026-11-21 03:12:07.481+01:00  ALARM     raised, critical: air/west/3/co:highHigh …
    static func line(_ event: LedgerEvent) -> String {
        let sort = self.sort(event).rawValue
        let pad = String(repeating: " ", count: max(1, self.sortWidth - sort.utf8.count))
        return TerminalText.clean(
            "\(LocalTime.text(event.at, digits: 3))  \(sort)\(pad) \(self.words(event))")
    }

    static func sort(_ event: LedgerEvent) -> Sort {
        switch event.kind {
        case "alertDelivered", "alertDeadLettered", "alertSuperseded", "deliveryAttempt",
            "endpointBreaker", "endpointCondition", "alertRouted", "alertWithheld", "alertDigest":
            return .delivery
        case "configurationApplied", "areaModeChanged": return .configuration
        case "commandRefused", "silenceAdded", "silenceRemoved", "alertDrill", "deliveryOrdered":
            return .action
        default: break
        }
        if event.json["command"] != nil { return .action }
        if event.json["alarm"] != nil { return .alarm }
        return event.log == .access ? .access : .monitor
    }

    /// Whether a person needs the line: that an attempt went well stands in the ledger as well.
    static func isTold(_ event: LedgerEvent) -> Bool {
        event.kind != "deliveryAttempt" || event.json["failure"] != nil
    }

    static func words(_ event: LedgerEvent) -> String {
        switch self.sort(event) {
        case .alarm: self.alarm(event)
        case .action: self.action(event)
        case .delivery: self.delivery(event)
        case .configuration: self.configuration(event)
        case .monitor, .access: self.other(event)
        }
    }

    // MARK: Sorts

    private static func alarm(_ event: LedgerEvent) -> String {
        let json = event.json
        var text = "\(self.verb(event.kind)), \(json["priority"]?.string ?? "no priority"): "
        text += "\(json["sensor"]?.string ?? "?"):\(json["alarm"]?.string ?? "?")"
        var facts: [String] = []
        if let value = json["value"]?.double { facts.append("value \(Words.value(value))") }
        if let limit = json["setpoint"]?.double { facts.append("limit \(Words.value(limit))") }
        if let measured = json["measured"]?.double {
            facts.append("measured \(Words.value(measured))")
        }
        if json["freshness"]?.string == Freshness.stale.word,
            let age = json["ageNanoseconds"]?.integer
        {
            facts.append("silent for \(Words.duration(nanoseconds: UInt64(clamping: age)))")
        }
        if let cause = json["cause"]?.string { facts.append(self.spaced(cause)) }
        if let first = json["causedBy"]?.string { facts.append("because of \(first)") }
        let kept = json["suppression"]?.array?.compactMap(\.string) ?? []
        if !kept.isEmpty { facts.append("not annunciated: \(kept.joined(separator: ", "))") }
        if let from = json["from"]?.string, let to = json["to"]?.string, from != to {
            facts.append("\(self.spaced(from)) -> \(self.spaced(to))")
        }
        return text + (facts.isEmpty ? "" : " (" + facts.joined(separator: "; ") + ")")
    }

    private static func action(_ event: LedgerEvent) -> String {
        if let order = self.order(event) { return order }
        let command = event.json["command"]
        let user = command?["user"]?.string ?? ""
        var text = user.isEmpty ? "somebody" : user
        let origin = command?["origin"]?.string ?? ""
        if !origin.isEmpty { text += " (\(origin))" }
        let verb = self.spaced(command?["verb"]?.string ?? "command")
        text += ": \(verb) \(command?["alarm"]?.string ?? "")"
        if event.kind == "commandRefused" {
            text += ", REFUSED: \(self.spaced(event.json["cause"]?.string ?? "no reason"))"
        } else if let to = event.json["to"]?.string {
            text += ", now \(self.spaced(to))"
        }
        let comment = command?["comment"]?.string ?? ""
        return comment.isEmpty ? text : text + ", saying \"\(comment)\""
    }

    /// What somebody ordered about alerts; nil for other records.
    private static func order(_ event: LedgerEvent) -> String? {
        let json = event.json
        let silence = json["silence"]
        let user = (silence?["author"] ?? json["user"])?.string ?? ""
        let origin = json["origin"]?.string ?? ""
        let who = (user.isEmpty ? "somebody" : user) + (origin.isEmpty ? "" : " (\(origin))")
        switch event.kind {
        case "silenceAdded":
            var match = JSONWriter()
            match.value(silence?["match"] ?? .null)
            let critical =
                silence?["includesCritical"]?.bool == true ? ", CRITICAL ALARMS AS WELL" : ""
            return "\(who): silence \(silence?["id"]?.string ?? "?") until "
                + "\(silence?["until"]?.string ?? "it is removed")\(critical) for \(match.text), "
                + "saying \"\(silence?["reason"]?.string ?? "")\""
        case "silenceRemoved": return "\(who): end \(json["id"]?.string ?? "?")"
        case "alertDrill":
            return "\(who): test of \(json["route"]?.string ?? "?"), "
                + (json["alert"]?.string ?? "?")
        case "deliveryOrdered":
            return "\(who): \(json["order"]?.string ?? "?") at \(json["endpoint"]?.string ?? "?") "
                + (json["alert"]?.string ?? "")
        default: return nil
        }
    }

    private static func delivery(_ event: LedgerEvent) -> String {
        let json = event.json
        let endpoint = json["endpoint"]?.string ?? "?"
        // The id tells the raise from its answer; the decision has the same numbers.
        let id = json["alert"]?.string.map { ", \($0)" } ?? ""
        let alarm = (json["alarmID"]?.string ?? "?") + id
        let attempt = json["attempt"]?.integer.map { ", attempt \($0)" } ?? ""
        let status = json["status"]?.integer.flatMap { $0 > 0 ? ", status \($0)" : nil } ?? ""
        let latency =
            json["latencyNanoseconds"]?.integer.map {
                ", " + Words.latency(nanoseconds: UInt64(clamping: $0))
            } ?? ""
        switch event.kind {
        case "alertDelivered":
            return "delivered to \(endpoint): \(alarm)\(attempt)\(status)\(latency)"
        case "deliveryAttempt":
            let failure = json["failure"]?.string
            let how = failure.map { "failed (\($0))" } ?? "answered"
            return "attempt at \(endpoint) \(how): \(alarm)\(attempt)\(status)\(latency)"
        case "alertDeadLettered":
            let answer = json["answer"]?.string.map { ", answer \"\($0)\"" } ?? ""
            return "GIVEN UP for \(endpoint): \(alarm), "
                + self.spaced(json["reason"]?.string ?? "no reason") + status + answer
        case "alertRouted":
            let names = json["endpoints"]?.array?.compactMap(\.string).joined(separator: ", ") ?? ""
            let level = json["level"]?.integer ?? 0
            return "goes on to \(names)\(level > 0 ? ", level \(level)" : ""), because "
                + "\(self.spaced(json["reason"]?.string ?? "?")): \(alarm)"
        case "alertWithheld":
            return "KEPT BACK by \(json["reason"]?.string ?? "?"): \(alarm)"
        case "alertDigest":
            return "\(json["count"]?.integer ?? 0) alerts go to \(endpoint) in one"
                + " (\(json["cause"]?.string ?? "?"))\(id)"
        case "alertSuperseded": return "a newer alert goes instead to \(endpoint): \(alarm)"
        case "endpointBreaker":
            return "\(endpoint): sending is \(json["breaker"]?.string ?? "?") (breaker)"
        default: return self.other(event)
        }
    }

    private static func configuration(_ event: LedgerEvent) -> String {
        if event.kind == "areaModeChanged" {
            return "area \(event.json["area"]?.string ?? "?") is in mode "
                + (event.json["mode"]?.string ?? "?")
        }
        return "configuration \(event.json["revision"]?.string ?? "?") in force"
    }

    private static func other(_ event: LedgerEvent) -> String {
        var facts: [String] = []
        if case .object(let members) = event.json {
            for (name, value) in members
            where !["kind", "at", "decision", "engineTime"].contains(name) {
                var json = JSONWriter()
                json.value(value)
                facts.append("\(name) \(value.string ?? json.text)")
            }
        }
        let text = self.spaced(event.kind.isEmpty ? "record" : event.kind)
        return facts.isEmpty ? text : text + " (" + facts.joined(separator: "; ") + ")"
    }

    // MARK: Words

    private static func verb(_ kind: String) -> String {
        let word = kind.hasPrefix("alarm") ? String(kind.dropFirst(5)) : kind
        return self.spaced(word.prefix(1).lowercased() + word.dropFirst())
    }

    /// `valueBeyondLimit` as `value beyond limit`.
    static func spaced(_ word: String) -> String {
        var text = ""
        for character in word {
            if character.isUppercase, !text.isEmpty { text += " " }
            text += character.lowercased()
        }
        return text
    }
}
