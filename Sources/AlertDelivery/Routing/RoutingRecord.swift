// SPDX-License-Identifier: Apache-2.0

package import JSONText
package import MidwatchModel

/// What a ledger record says that routing follows.
package enum RoutingRecord: Sendable, Equatable {
    case alarm(AlarmTransition)
    case delivered(alert: String, endpoint: String)
    case deadLettered(alert: String, endpoint: String)
    /// The members of a digest, in one or several records.
    case digest(id: String, endpoint: String, members: [String])
    case silenceAdded(AlertSilence)
    case silenceRemoved(id: String)
    case drill(DrillRecord)

    /// Reads a ledger body; nil if it is about something else.
    package init?(body: [UInt8]) {
        guard let json = try? JSONValue(parsing: body.span), let kind = json["kind"]?.string else {
            return nil
        }
        let alert = json["alert"]?.string
        let endpoint = json["endpoint"]?.string ?? ""
        switch kind {
        case "alertDelivered":
            guard let alert else { return nil }
            self = .delivered(alert: alert, endpoint: endpoint)
        case "alertDeadLettered":
            guard let alert else { return nil }
            self = .deadLettered(alert: alert, endpoint: endpoint)
        case "alertDigest":
            guard let alert else { return nil }
            self = .digest(
                id: alert, endpoint: endpoint,
                members: (json["members"]?.array ?? []).compactMap(\.string))
        case "silenceAdded":
            guard let silence = json["silence"].flatMap(AlertSilence.init(json:)) else {
                return nil
            }
            self = .silenceAdded(silence)
        case "silenceRemoved":
            guard let id = json["id"]?.string else { return nil }
            self = .silenceRemoved(id: id)
        case "alertDrill":
            guard let drill = DrillRecord(json) else { return nil }
            self = .drill(drill)
        default:
            guard let transition = AlarmTransition(json, kind: kind, body: body) else { return nil }
            self = .alarm(transition)
        }
    }
}

/// A test that an operator began: whom its alarm is told to.
package struct DrillRecord: Sendable, Equatable {
    /// Id of the alert.
    package var alert: String
    package var alarmID: String
    /// What is tested: `route NAME`.
    package var about: String
    package var author: String
    package var endpoints: [String]

    /// nil for one that no alarm follows.
    init?(_ json: JSONValue) {
        guard let alert = json["alert"]?.string, let alarmID = json["alarmID"]?.string else {
            return nil
        }
        self.alert = alert
        self.alarmID = alarmID
        self.about = json["route"]?.string ?? ""
        self.author = json["user"]?.string ?? ""
        self.endpoints = (json["endpoints"]?.array ?? []).compactMap(\.string)
    }
}

/// Place of a decision among all: those read once more are known by it.
package struct DecisionOrder: Comparable, Sendable {
    package var epoch: UInt64
    package var n: UInt64
    package var ordinal: UInt64

    /// `epoch:n.k`.
    package var text: String { "\(self.epoch):\(self.n).\(self.ordinal)" }

    static var none: DecisionOrder { DecisionOrder(epoch: 0, n: 0, ordinal: 0) }

    /// Reads `epoch:n.k`; nil if it is not one.
    init?(_ text: String) {
        let parts = text.split(whereSeparator: { $0 == ":" || $0 == "." }).compactMap { UInt64($0) }
        guard parts.count == 3 else { return nil }
        self.init(epoch: parts[0], n: parts[1], ordinal: parts[2])
    }

    private init(epoch: UInt64, n: UInt64, ordinal: UInt64) {
        self.epoch = epoch
        self.n = n
        self.ordinal = ordinal
    }

    package static func < (lhs: Self, rhs: Self) -> Bool {
        (lhs.epoch, lhs.n, lhs.ordinal) < (rhs.epoch, rhs.n, rhs.ordinal)
    }
}

/// One decision about an alarm, as routing sees it.
package struct AlarmTransition: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case raised, raisedSuppressed, returned, returnedSuppressed, acknowledged
        /// The state or the suppression changed; nobody is told of it.
        case changed
    }

    package var kind: Kind
    package var order: DecisionOrder
    /// Id of the alert that the decision makes.
    package var alertID: String
    package var alarmID: String
    /// `epoch:n.k`.
    package var activation: String
    package var priority: AlarmPriority
    /// What was found: of a rule the kind of its condition, else the kind of the alarm.
    package var condition: AlarmKind?
    package var state: AlarmState
    package var isSuppressed: Bool
    /// Whether what the alarm rests on is known to be so.
    package var isVerified: Bool
    package var at: MonotonicInstant
    package var wall: WallInstant
    /// The ledger body.
    package var record: [UInt8]

    /// Whether the alarm is a test, which takes no part in routing.
    package var isDrill: Bool {
        let end = self.alarmID.lastIndex(of: ":") ?? self.alarmID.endIndex
        return OwnPath.isDrill(String(self.alarmID[..<end]))
    }

    init?(_ json: JSONValue, kind: String, body: [UInt8]) {
        switch kind {
        case "alarmRaised": self.kind = .raised
        case "alarmRaisedSuppressed": self.kind = .raisedSuppressed
        case "alarmReturned": self.kind = .returned
        case "alarmReturnedSuppressed": self.kind = .returnedSuppressed
        case "alarmAcknowledged": self.kind = .acknowledged
        case "alarmReset", "alarmShelved", "alarmUnshelved", "alarmSuppressed",
            "alarmUnsuppressed", "alarmOutOfService", "alarmInService":
            self.kind = .changed
        default: return nil
        }
        guard let decision = json["decision"]?.string, let order = DecisionOrder(decision),
            let path = json["sensor"]?.string,
            let alarm = json["alarm"]?.string,
            let priority = json["priority"]?.string.flatMap(AlarmPriority.init(word:)),
            let state = json["to"]?.string.flatMap(AlarmState.init(word:)),
            let at = json["engineTime"]?.integer
        else { return nil }
        self.order = order
        self.alertID = "alert_" + String(decision.map { $0 == ":" || $0 == "." ? "_" : $0 })
        self.alarmID = "\(path):\(alarm)"
        self.activation = json["activation"]?.string ?? ""
        self.priority = priority
        self.condition = AlarmKind(word: json["condition"]?.string ?? alarm)
        self.state = state
        self.isSuppressed = !(json["suppression"]?.array ?? []).isEmpty
        let isSilence = AlarmKind(word: alarm) == .stale
        self.isVerified =
            isSilence
            || json["freshness"]?.string == Freshness.fresh.word
                && json["quality"]?.string == Quality.good.word
        self.at = MonotonicInstant(nanoseconds: UInt64(clamping: at))
        self.wall =
            WallInstant(rfc3339: json["at"]?.string ?? "") ?? WallInstant(nanoseconds: 0)
        self.record = body
    }
}

extension AlertSilence {
    /// The member `silence` of a ledger record, and what the operator API shows.
    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("id", self.id)
            json.field("author", self.author)
            json.field("reason", self.reason)
            json.field("includesCritical", self.includesCritical)
            switch self.period {
            case .once(let from, let until):
                json.field("from", from.rfc3339)
                json.field("until", until.rfc3339)
            case .weekly(let days, let startMinute, let minutes):
                json.field("days", days)
                json.field("startMinute", startMinute)
                json.field("minutes", minutes)
            }
            json.objectField("match") { json in self.matcher.encode(to: &json) }
        }
    }

    /// Reads what `encode` wrote; nil if it is not a silence.
    package init?(json: JSONValue) {
        guard let id = json["id"]?.string, let author = json["author"]?.string,
            let reason = json["reason"]?.string,
            let match = json["match"].flatMap(AlertMatcher.init(json:))
        else { return nil }
        let period: SilencePeriod
        if let from = json["from"]?.string.flatMap({ WallInstant(rfc3339: $0) }),
            let until = json["until"]?.string.flatMap({ WallInstant(rfc3339: $0) })
        {
            period = .once(from: from, until: until)
        } else if let days = json["days"]?.integer, let start = json["startMinute"]?.integer,
            let minutes = json["minutes"]?.integer
        {
            period = .weekly(
                days: UInt8(clamping: days), startMinute: UInt16(clamping: start),
                minutes: UInt16(clamping: minutes))
        } else {
            return nil
        }
        self.init(
            id: id, matcher: match, period: period, author: author, reason: reason,
            includesCritical: json["includesCritical"]?.bool ?? false)
    }
}

extension AlertMatcher {
    /// Writes the parts that ask something, as members.
    package func encode(to json: inout JSONWriter) {
        func list(_ name: String, _ words: [String]) {
            guard !words.isEmpty else { return }
            json.arrayField(name) { json in for word in words { json.value(word) } }
        }
        list("priorities", self.priorities.map(\.word))
        list("classes", self.classes)
        list("assets", self.assets)
        list("sensors", self.sensors)
        list("alarms", self.alarms)
        guard !self.labels.isEmpty else { return }
        json.objectField("labels") { json in
            for name in self.labels.keys.sorted() { json.field(name, self.labels[name] ?? "") }
        }
    }

    /// Reads what `encode` wrote; nil for what it does not know: a filter must not grow wider.
    package init?(json: JSONValue) {
        guard case .object(let members) = json else { return nil }
        self.init()
        for (name, value) in members {
            if name == "labels" {
                guard case .object(let labels) = value else { return nil }
                for (label, value) in labels {
                    guard let text = value.string else { return nil }
                    self.labels[label] = text
                }
                continue
            }
            guard let items = value.array else { return nil }
            let words = items.compactMap(\.string)
            guard words.count == items.count else { return nil }
            switch name {
            case "priorities":
                self.priorities = words.compactMap(AlarmPriority.init(word:))
                guard self.priorities.count == words.count else { return nil }
            case "classes": self.classes = words
            case "assets": self.assets = words
            case "sensors": self.sensors = words
            case "alarms": self.alarms = words
            default: return nil
            }
        }
    }
}
