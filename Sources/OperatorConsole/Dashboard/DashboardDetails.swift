// SPDX-License-Identifier: Apache-2.0

package import JSONText
package import MidwatchModel
package import OperatorViews

/// What the daemon knows of the one alarm that is looked at.
package struct AlarmDetail: Sendable, Equatable {
    package var alarmID: String
    /// Its document, also of one that is normal; nil: there is no such alarm.
    package var alarm: AlarmView?
    /// Why it is as it is; nil if the engine did not answer.
    package var explanation: Explanation?
    /// Who is told of it; nil if the daemon tells nobody of alarms.
    package var way: AlertWay?
    /// Its ledger records, oldest first.
    package var events: [EventView] = []
    /// How many records of the ledger were looked at for them.
    package var recordCount: UInt64 = 0

    package init(alarmID: String) { self.alarmID = alarmID }
}

/// What the daemon knows of the one sensor that is looked at.
package struct SensorDetail: Sendable, Equatable {
    package var path: String
    package var explanation: Explanation?
    /// What the archive has of the time that the chart shows.
    package var history: HistoryView?
    /// Why there is no history, in words.
    package var historyTrouble = ""
    /// Ledger records of the sensor and its alarms, oldest first.
    package var events: [EventView] = []

    package init(path: String) { self.path = path }
}

/// What stands on the way of alerts to people.
package struct DeliveryDetail: Sendable, Equatable {
    package var deadLetters: [DeadLetterView] = []
    /// Whether there are more than were asked for.
    package var hasMoreDeadLetters = false
    package var routes: [RouteLine] = []
    package var silences: [SilenceLine] = []
    /// The test that was begun here.
    package var test: AlertTestLine?

    package init() {}
}

/// The routes of one alarm, and what keeps its alerts back.
package struct AlertWay: Sendable, Equatable {
    package var routes: [RouteLine]
    /// Why nobody is told now; empty: somebody is.
    package var withheld: String
    package var isUnrouted: Bool

    /// One item of `/v1/alerts/routes?explain=`.
    package init(json: JSONValue) {
        self.routes = (json["routes"]?.array ?? []).map { RouteLine(json: $0) }
        self.withheld = json["withheld"]?.string ?? ""
        self.isUnrouted = json["unrouted"]?.bool ?? false
    }
}

/// One route in a line: who is told, and when.
package struct RouteLine: Sendable, Equatable {
    package var name: String
    package var text: String

    package init(json: JSONValue) {
        self.name = json["route"]?.string ?? ""
        guard json["tellsNobody"]?.bool != true else {
            self.text = "tells nobody"
            return
        }
        var parts: [String] = []
        var undelivered: Int64 = 0
        for (number, stage) in (json["stages"]?.array ?? []).enumerated() {
            let names = (stage["endpoints"]?.array ?? []).compactMap(\.string)
            var when: [String] = []
            if number > 0 {
                when.append("not delivered for \(Self.span(undelivered))")
                if let seconds = stage["unacknowledgedSeconds"]?.integer {
                    when.append("not acknowledged for \(Self.span(seconds))")
                }
            }
            parts.append(
                names.joined(separator: ", ")
                    + (number == 0 ? " at once" : " if \(when.joined(separator: " or "))"))
            undelivered = stage["undeliveredSeconds"]?.integer ?? 0
        }
        if let seconds = json["repeatSeconds"]?.integer {
            parts.append("again every \(Self.span(seconds))")
        }
        self.text = parts.joined(separator: "; ")
    }

    private static func span(_ seconds: Int64) -> String {
        Words.duration(nanoseconds: UInt64(max(0, seconds)) &* 1_000_000_000)
    }
}

/// One silence or maintenance: what it keeps back, until when, why.
package struct SilenceLine: Sendable, Equatable {
    package var id: String
    package var holds: Bool
    package var until: WallInstant?
    package var includesCritical: Bool
    package var match: String
    package var author: String
    package var reason: String

    /// One item of `/v1/alerts/silences`.
    package init(json: JSONValue) {
        let silence = json["silence"] ?? .null
        self.id = json["id"]?.string ?? ""
        self.holds = json["holds"]?.bool ?? false
        self.until = silence["until"]?.string.flatMap { WallInstant(rfc3339: $0) }
        self.includesCritical = silence["includesCritical"]?.bool ?? false
        self.author = silence["author"]?.string ?? ""
        self.reason = silence["reason"]?.string ?? ""
        var parts: [String] = []
        if case .object(let members) = silence["match"] ?? .null {
            for (name, value) in members {
                if case .object(let labels) = value {
                    parts += labels.map { "\($0.name)=\($0.value.string ?? "")" }
                } else {
                    let words = (value.array ?? []).compactMap(\.string)
                    parts.append("\(name) \(words.joined(separator: ", "))")
                }
            }
        }
        self.match = parts.joined(separator: "; ")
    }
}

/// What became of a test alert so far.
package struct AlertTestLine: Sendable, Equatable {
    package var id: String
    /// Endpoints without an outcome.
    package var open: [String]
    /// The last attempt of each endpoint, in words, and whether it was taken.
    package var attempts: [Attempt]

    package struct Attempt: Sendable, Equatable {
        package var endpoint: String
        package var text: String
        package var isDelivered: Bool
    }

    package init(json: JSONValue) {
        self.id = json["id"]?.string ?? ""
        self.open = (json["open"]?.array ?? []).compactMap(\.string)
        self.attempts = []
        for attempt in json["attempts"]?.array ?? [] {
            let endpoint = attempt["endpoint"]?.string ?? ""
            let isDelivered = attempt["delivered"]?.bool ?? false
            let status = attempt["status"]?.integer ?? 0
            let failure = attempt["failure"]?.string ?? ""
            var text = isDelivered ? "delivered" : "failed"
            if !failure.isEmpty, !isDelivered { text += ", \(failure)" }
            if status > 0 { text += ", status \(status)" }
            // What gives an alert up is no attempt and took no time.
            if let elapsed = attempt["milliseconds"]?.integer, elapsed > 0 {
                text += ", \(elapsed) ms"
            }
            text += ", attempt \(attempt["attempt"]?.integer ?? 0)"
            self.attempts.removeAll { $0.endpoint == endpoint && !$0.isDelivered }
            self.attempts.append(
                Attempt(endpoint: endpoint, text: text, isDelivered: isDelivered))
        }
    }
}
