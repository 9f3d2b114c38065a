// SPDX-License-Identifier: Apache-2.0

package import JSONText
package import MidwatchModel

/// What an operator sees of one alarm.
package struct AlarmView: OperatorView {
    /// `<path>:<kind>`.
    package var alarmID: String
    /// The activation an acknowledgement must name, `epoch:n.k`; empty while the alarm is normal
    /// and never was raised.
    package var activation: String
    package var path: String
    /// A word of `AlarmKind`, or one that a newer daemon has added: an alarm whose kind is not
    /// known here is shown all the same.
    package var kind: String
    package var state: AlarmState
    package var priority: AlarmPriority
    package var suppression: AlarmSuppression = []
    package var conditionResult = ConditionResult.met
    package var raisedAt: WallInstant?
    package var lastTransitionAt: WallInstant?
    /// The condition cannot be verified since then; the state is held.
    package var heldSince: WallInstant?
    package var ackBy = ""
    package var ackComment = ""
    /// When the acknowledgement was decided.
    package var ackAt: WallInstant?
    /// From where it came, as the ledger has it.
    package var ackOrigin = ""
    /// Value that raised the alarm; of a rule, what it measured then.
    package var triggerValue: Double?
    package var setpoint: Double?
    /// The value furthest beyond the setpoint during this activation; of a rule, what it measured at
    /// worst.
    package var worstValue: Double?
    /// Unit of these two: the sensor's, of a rule that of what it measures.
    package var measureUnit = ""
    package var currentValue: Double?
    package var unit = ""
    package var title = ""
    package var message = ""
    package var consequence = ""
    package var operatorAction = ""
    package var firstChecks: [String] = []
    package var timeToRespondSeconds: UInt32 = 0
    package var runbook = ""
    /// What usually causes it.
    package var causes: [String] = []
    /// How to tell that it is real.
    package var verification = ""
    /// Who looks after it.
    package var owner = ""
    package var activationCount: UInt64 = 0
    /// When the shelving ends by itself.
    package var shelvedUntil: WallInstant?
    /// Who shelved it, and why.
    package var shelved: OperatorMark?
    /// Who took it out of service, and why.
    package var outOfService: OperatorMark?
    /// The last comment on this activation.
    package var comment: OperatorMark?
    /// The longest shelving that its configuration allows; 0: none.
    package var shelvingMaxSeconds: UInt64 = 0
    /// The sensor whose alarm explains this one; empty if nothing does.
    package var causedBy = ""

    package init(
        alarmID: String, activation: String, path: String, kind: String, state: AlarmState,
        priority: AlarmPriority
    ) {
        self.alarmID = alarmID
        self.activation = activation
        self.path = path
        self.kind = kind
        self.state = state
        self.priority = priority
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("alarmID", self.alarmID)
            json.field("activation", self.activation)
            json.field("path", self.path)
            json.field("kind", self.kind)
            json.field("state", self.state.word)
            json.field("priority", self.priority.word)
            json.field("suppression", self.suppression.words)
            json.field("conditionResult", self.conditionResult.word)
            json.fieldIfPresent("raisedAt", self.raisedAt)
            json.fieldIfPresent("lastTransitionAt", self.lastTransitionAt)
            json.fieldIfPresent("heldSince", self.heldSince)
            json.field("ackBy", self.ackBy)
            json.field("ackComment", self.ackComment)
            json.fieldIfPresent("ackAt", self.ackAt?.rfc3339)
            json.field("ackOrigin", self.ackOrigin)
            json.fieldIfPresent("triggerValue", self.triggerValue)
            json.fieldIfPresent("setpoint", self.setpoint)
            json.fieldIfPresent("worstValue", self.worstValue)
            json.field("measureUnit", self.measureUnit)
            json.fieldIfPresent("currentValue", self.currentValue)
            json.field("unit", self.unit)
            json.field("title", self.title)
            json.field("message", self.message)
            json.field("consequence", self.consequence)
            json.field("operatorAction", self.operatorAction)
            json.field("firstChecks", self.firstChecks)
            json.field("timeToRespondSeconds", self.timeToRespondSeconds)
            json.field("runbook", self.runbook)
            json.field("causes", self.causes)
            json.field("verification", self.verification)
            json.field("owner", self.owner)
            json.field("activationCount", self.activationCount)
            json.fieldIfPresent("shelvedUntil", self.shelvedUntil)
            json.fieldIfPresent("shelved", self.shelved)
            json.fieldIfPresent("outOfService", self.outOfService)
            json.fieldIfPresent("comment", self.comment)
            json.field("shelvingMaxSeconds", self.shelvingMaxSeconds)
            json.field("causedBy", self.causedBy)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "alarm")
        self.init(
            alarmID: try reader.text("alarmID"), activation: try reader.text("activation"),
            path: try reader.text("path"), kind: try reader.text("kind"),
            state: try reader.word("state"), priority: try reader.word("priority"))
        self.suppression = AlarmSuppression(words: try reader.texts("suppression"))
        self.conditionResult = try reader.word("conditionResult")
        self.raisedAt = try reader.wallIfPresent("raisedAt")
        self.lastTransitionAt = try reader.wallIfPresent("lastTransitionAt")
        self.heldSince = try reader.wallIfPresent("heldSince")
        self.ackBy = try reader.text("ackBy")
        self.ackComment = try reader.text("ackComment")
        self.ackAt = try reader.wallIfPresent("ackAt")
        self.ackOrigin = try reader.textIfPresent("ackOrigin") ?? ""
        self.triggerValue = try reader.numberIfPresent("triggerValue")
        self.setpoint = try reader.numberIfPresent("setpoint")
        self.worstValue = try reader.numberIfPresent("worstValue")
        self.measureUnit = try reader.textIfPresent("measureUnit") ?? ""
        self.currentValue = try reader.numberIfPresent("currentValue")
        self.unit = try reader.text("unit")
        self.title = try reader.text("title")
        self.message = try reader.text("message")
        self.consequence = try reader.text("consequence")
        self.operatorAction = try reader.text("operatorAction")
        self.firstChecks = try reader.texts("firstChecks")
        self.timeToRespondSeconds = try reader.integer("timeToRespondSeconds")
        self.runbook = try reader.text("runbook")
        self.causes = reader.present("causes") == nil ? [] : try reader.texts("causes")
        self.verification = try reader.textIfPresent("verification") ?? ""
        self.owner = try reader.textIfPresent("owner") ?? ""
        self.activationCount = try reader.integer("activationCount")
        self.shelvedUntil = try reader.wallIfPresent("shelvedUntil")
        self.shelved = try reader.viewIfPresent("shelved")
        self.outOfService = try reader.viewIfPresent("outOfService")
        self.comment = try reader.viewIfPresent("comment")
        self.shelvingMaxSeconds = try reader.integerIfPresent("shelvingMaxSeconds") ?? 0
        self.causedBy = try reader.textIfPresent("causedBy") ?? ""
    }
}

extension AlarmSuppression {
    private static let named: [(set: AlarmSuppression, word: String)] = [
        (.shelved, "shelved"), (.suppressedByDesign, "suppressedByDesign"),
        (.outOfService, "outOfService"),
    ]

    /// Words of the set's members, as JSON and screens show them.
    package var words: [String] {
        Self.named.filter { self.contains($0.set) }.map(\.word)
    }

    /// The set with these members; words it does not know are skipped, so that an alarm with a
    /// newer kind of suppression is shown rather than refused.
    package init(words: [String]) {
        self = []
        for (set, word) in Self.named where words.contains(word) { self.insert(set) }
    }
}

extension AlarmState {
    /// Place in lists: what needs a hand first, normal last.
    package var rank: Int {
        switch self {
        case .unacknowledged: 0
        case .latchedUnacknowledged: 1
        case .returnedUnacknowledged: 2
        case .acknowledged: 3
        case .latchedAcknowledged: 4
        case .normal: 5
        }
    }

    /// Whether an acknowledgement is awaited.
    package var needsAcknowledgement: Bool {
        switch self {
        case .unacknowledged, .latchedUnacknowledged, .returnedUnacknowledged: true
        case .normal, .acknowledged, .latchedAcknowledged: false
        }
    }
}

extension AlarmView {
    private var urgency: Int {
        Self.urgency(suppression: self.suppression, state: self.state, priority: self.priority)
    }

    /// How soon an alarm needs a hand: lower is sooner; what is out of view comes last.
    package static func urgency(
        suppression: AlarmSuppression, state: AlarmState, priority: AlarmPriority
    ) -> Int {
        ((suppression.isEmpty ? 0 : 8) + state.rank) * 4 + (3 - Int(priority.rawValue))
    }

    /// Unacknowledged first, then by priority, then the newest, then by id: a total order.
    package static func comesFirst(_ a: AlarmView, _ b: AlarmView) -> Bool {
        let (urgencyA, urgencyB) = (a.urgency, b.urgency)
        if urgencyA != urgencyB { return urgencyA < urgencyB }
        if a.raisedAt != b.raisedAt {
            return (a.raisedAt?.nanoseconds ?? .min) > (b.raisedAt?.nanoseconds ?? .min)
        }
        return a.alarmID < b.alarmID
    }
}
