// SPDX-License-Identifier: Apache-2.0

package import JSONText
package import MidwatchModel

/// Who did something with an alarm, when, from where, and in what words.
package struct OperatorMark: OperatorView {
    package var by: String
    package var origin: String
    package var at: WallInstant
    package var comment: String

    package init(by: String, origin: String, at: WallInstant, comment: String) {
        self.by = by
        self.origin = origin
        self.at = at
        self.comment = comment
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("by", self.by)
            json.field("origin", self.origin)
            json.field("at", self.at.rfc3339)
            json.field("comment", self.comment)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "mark")
        self.init(
            by: try reader.text("by"), origin: try reader.text("origin"),
            at: try reader.wall("at"), comment: try reader.text("comment"))
    }
}

/// What became of a command about an alarm.
package struct AlarmCommandView: OperatorView {
    /// A raw value of `AlarmAction`.
    package var action: String
    package var alarmID: String
    /// The activation that the alarm has now; empty if it was never raised.
    package var activation: String
    /// Position of the command in the journal, `epoch:n`.
    package var position: String
    /// False: the answer did not wait for the disk (effects wait 250 ms at most).
    package var recorded: Bool
    /// The state after it.
    package var state: AlarmState
    /// What keeps the alarm out of view after it.
    package var suppression: AlarmSuppression
    /// When a shelving ends by itself.
    package var shelvedUntil: WallInstant?

    package init(
        action: String, alarmID: String, activation: String, position: String, recorded: Bool,
        state: AlarmState, suppression: AlarmSuppression = [], shelvedUntil: WallInstant? = nil
    ) {
        self.action = action
        self.alarmID = alarmID
        self.activation = activation
        self.position = position
        self.recorded = recorded
        self.state = state
        self.suppression = suppression
        self.shelvedUntil = shelvedUntil
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("action", self.action)
            json.field("alarmID", self.alarmID)
            json.field("activation", self.activation)
            json.field("position", self.position)
            json.field("recorded", self.recorded)
            json.field("state", self.state.word)
            json.field("suppression", self.suppression.words)
            json.fieldIfPresent("shelvedUntil", self.shelvedUntil)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "command")
        self.init(
            action: try reader.text("action"), alarmID: try reader.text("alarmID"),
            activation: try reader.text("activation"), position: try reader.text("position"),
            recorded: try reader.flag("recorded"), state: try reader.word("state"),
            suppression: AlarmSuppression(words: try reader.texts("suppression")),
            shelvedUntil: try reader.wallIfPresent("shelvedUntil"))
    }
}

/// What an acknowledgement did.
package typealias AcknowledgementView = AlarmCommandView

/// One of several alarms that were acknowledged at once: done, or why not.
package struct AlarmCommandResult: OperatorView {
    package var alarmID: String
    package var done: AlarmCommandView?
    package var problem: Problem?

    package init(alarmID: String, done: AlarmCommandView? = nil, problem: Problem? = nil) {
        self.alarmID = alarmID
        self.done = done
        self.problem = problem
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("alarmID", self.alarmID)
            json.fieldIfPresent("done", self.done)
            json.fieldIfPresent("problem", self.problem)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "result")
        self.init(
            alarmID: try reader.text("alarmID"), done: try reader.viewIfPresent("done"),
            problem: try reader.viewIfPresent("problem"))
    }
}

/// An area whose mode chooses the limits of its sensors.
package struct AreaView: OperatorView {
    package var name: String
    /// The mode that holds.
    package var mode: String
    package var modes: [String]
    /// Paths and templates of the sensors that belong to it.
    package var sensors: [String]
    /// The sensor whose value is the mode; nil: an operator says it.
    package var modeSensor: String?
    /// Who or what put it into this mode, as far as it is known since the start.
    package var changedBy = ""
    package var changedAt: WallInstant?

    package init(name: String, mode: String, modes: [String], sensors: [String]) {
        self.name = name
        self.mode = mode
        self.modes = modes
        self.sensors = sensors
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("name", self.name)
            json.field("mode", self.mode)
            json.field("modes", self.modes)
            json.field("sensors", self.sensors)
            json.fieldIfPresent("modeSensor", self.modeSensor)
            json.field("changedBy", self.changedBy)
            json.fieldIfPresent("changedAt", self.changedAt)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "area")
        self.init(
            name: try reader.text("name"), mode: try reader.text("mode"),
            modes: try reader.texts("modes"), sensors: try reader.texts("sensors"))
        self.modeSensor = try reader.textIfPresent("modeSensor")
        self.changedBy = try reader.text("changedBy")
        self.changedAt = try reader.wallIfPresent("changedAt")
    }
}

/// What became of a change of an area's mode.
package struct AreaCommandView: OperatorView {
    package var area: String
    package var mode: String
    /// Position of the command in the journal, `epoch:n`.
    package var position: String
    /// False: the answer did not wait for the disk.
    package var recorded: Bool

    package init(area: String, mode: String, position: String, recorded: Bool) {
        self.area = area
        self.mode = mode
        self.position = position
        self.recorded = recorded
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("area", self.area)
            json.field("mode", self.mode)
            json.field("position", self.position)
            json.field("recorded", self.recorded)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "area command")
        self.init(
            area: try reader.text("area"), mode: try reader.text("mode"),
            position: try reader.text("position"), recorded: try reader.flag("recorded"))
    }
}
