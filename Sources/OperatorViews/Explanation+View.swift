// SPDX-License-Identifier: Apache-2.0

package import JSONText
package import MidwatchModel

extension Explanation: OperatorView {
    package func encode(to json: inout JSONWriter) {
        json.object { self.encodeMembers(to: &$0) }
    }

    /// The members alone: whoever writes the object may add others.
    package func encodeMembers(to json: inout JSONWriter) {
        json.field("path", self.path)
        json.field("title", self.title)
        json.field("unit", self.unit)
        json.field("time", self.time.rfc3339)
        json.field("revision", self.revision)
        json.field("declared", self.isDeclared)
        json.field("supervision", self.supervision.word)
        json.field("limitSet", self.limitSet)
        json.field("sensor", self.sensor)
        json.field("alarms", self.alarms)
        json.field("timers", self.timers)
        json.fieldIfPresent("nextChange", self.nextChange)
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "explanation")
        self.init(
            path: try reader.text("path"), time: try reader.wall("time"),
            sensor: try reader.view("sensor"))
        self.title = try reader.text("title")
        self.unit = try reader.text("unit")
        self.revision = try reader.text("revision")
        self.isDeclared = try reader.flag("declared")
        self.supervision = try reader.word("supervision")
        self.limitSet = try reader.text("limitSet")
        self.alarms = try reader.views("alarms")
        self.timers = try reader.views("timers")
    }
}

extension ExplainedInput: OperatorView {
    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("name", self.name)
            json.fieldIfPresent("value", self.value)
            json.field("unit", self.unit)
            json.field("quality", self.quality.word)
            json.field("freshness", self.freshness.word)
            json.fieldIfPresent("ageNanoseconds", self.ageNanoseconds)
            json.fieldIfPresent("arrivalTime", self.arrivalTime)
            json.field("live", self.isLive)
            json.fieldIfPresent("conditionResult", self.result?.word)
            if let isRaised = self.isRaised {
                json.field("raised", isRaised)
            } else {
                json.nullField("raised")
            }
            json.field("note", self.note)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "input")
        self.init(name: try reader.text("name"))
        self.value = try reader.numberIfPresent("value")
        self.unit = try reader.text("unit")
        self.quality = try reader.word("quality")
        self.freshness = try reader.word("freshness")
        self.ageNanoseconds = try reader.integerIfPresent("ageNanoseconds")
        self.arrivalTime = try reader.wallIfPresent("arrivalTime")
        self.isLive = try reader.flag("live")
        if reader.present("conditionResult") != nil {
            self.result = try reader.word("conditionResult")
        }
        if reader.present("raised") != nil { self.isRaised = try reader.flag("raised") }
        self.note = try reader.text("note")
    }
}

extension ExplainedAlarm: OperatorView {
    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("alarmID", self.alarmID)
            json.field("kind", self.kind)
            json.field("priority", self.priority.word)
            json.field("state", self.state.word)
            json.field("conditionResult", self.result.word)
            json.field("rule", self.rule)
            json.field("answer", self.answer)
            json.field("passive", self.isPassive)
            json.field("wouldAlarmCount", self.wouldAlarmCount)
            json.fieldIfPresent("measured", self.measured)
            json.field("activation", self.activation)
            json.field("activationCount", self.activationCount)
            json.field("annunciationCount", self.annunciationCount)
            json.fieldIfPresent("triggerValue", self.triggerValue)
            json.fieldIfPresent("worstValue", self.worstValue)
            json.fieldIfPresent("raisedAt", self.raisedAt)
            json.fieldIfPresent("acknowledgedAt", self.acknowledgedAt)
            json.fieldIfPresent("returnedAt", self.returnedAt)
            json.fieldIfPresent("lastTransitionAt", self.lastTransitionAt)
            json.fieldIfPresent("heldSince", self.heldSince)
            json.field("inputs", self.inputs)
            json.field("timers", self.timers)
            json.field("suppressions", self.suppressions)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "explained alarm")
        self.init(
            alarmID: try reader.text("alarmID"), kind: try reader.text("kind"),
            priority: try reader.word("priority"))
        self.state = try reader.word("state")
        self.result = try reader.word("conditionResult")
        self.rule = try reader.text("rule")
        self.answer = try reader.text("answer")
        self.isPassive = try reader.flag("passive")
        self.wouldAlarmCount = try reader.integer("wouldAlarmCount")
        self.measured = try reader.numberIfPresent("measured")
        self.activation = try reader.text("activation")
        self.activationCount = try reader.integer("activationCount")
        self.annunciationCount = try reader.integer("annunciationCount")
        self.triggerValue = try reader.numberIfPresent("triggerValue")
        self.worstValue = try reader.numberIfPresent("worstValue")
        self.raisedAt = try reader.wallIfPresent("raisedAt")
        self.acknowledgedAt = try reader.wallIfPresent("acknowledgedAt")
        self.returnedAt = try reader.wallIfPresent("returnedAt")
        self.lastTransitionAt = try reader.wallIfPresent("lastTransitionAt")
        self.heldSince = try reader.wallIfPresent("heldSince")
        self.inputs = try reader.views("inputs")
        self.timers = try reader.views("timers")
        self.suppressions = try reader.views("suppressions")
    }
}

extension ExplainedTimer: OperatorView {
    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("kind", self.kind.rawValue)
            json.field("owner", self.owner)
            json.field("remainingNanoseconds", self.remainingNanoseconds)
            json.field("endsAt", self.endsAt.rfc3339)
            json.field("effect", self.effect)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "timer")
        guard let kind = Kind(rawValue: try reader.text("kind")) else {
            throw reader.error("kind", "a kind of timer")
        }
        self.init(
            kind: kind, owner: try reader.text("owner"),
            remainingNanoseconds: try reader.integer("remainingNanoseconds"),
            endsAt: try reader.wall("endsAt"), effect: try reader.text("effect"))
    }
}

extension ExplainedSuppression: OperatorView {
    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("kind", self.kind.rawValue)
            json.field("inForce", self.isInForce)
            json.field("reason", self.reason)
            json.field("cause", self.cause)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "suppression")
        guard let kind = Kind(rawValue: try reader.text("kind")) else {
            throw reader.error("kind", "a kind of suppression")
        }
        self.init(
            kind: kind, isInForce: try reader.flag("inForce"),
            reason: try reader.text("reason"), cause: try reader.text("cause"))
    }
}
