// SPDX-License-Identifier: Apache-2.0

/// Why a sensor and its alarms are as they are at one moment, and what can change that.
///
/// A picture of facts in words and numbers; it answers "why did it alarm" and "why did it not" alike.
/// The engine makes it (`AlarmEngine.explain`), the operator API carries it.
package struct Explanation: Equatable, Sendable {
    package var path: String
    package var title = ""
    package var unit = ""
    /// The moment that is explained.
    package var time: WallInstant
    /// SHA-256 of the configuration in force, lower-case hex.
    package var revision = ""
    package var isDeclared = false
    package var supervision = SupervisionMode.periodic
    /// What decides the limits in force, if they depend on the mode of an area; else empty.
    package var limitSet = ""
    /// The sensor itself.
    package var sensor: ExplainedInput
    package var alarms: [ExplainedAlarm] = []
    /// Everything that can change by the passing of time alone, the earliest first.
    package var timers: [ExplainedTimer] = []

    package init(path: String, time: WallInstant, sensor: ExplainedInput) {
        self.path = path
        self.time = time
        self.sensor = sensor
    }

    /// The next moment at which anything can change unless something arrives; nil if none is.
    package var nextChange: ExplainedTimer? { self.timers.first }
}

/// A sensor, or an alarm of one, that a condition looks at.
package struct ExplainedInput: Equatable, Sendable {
    /// Path of the sensor, or `path:name` of an alarm.
    package var name: String
    /// The last live value; nil if there is none, or it is not finite.
    package var value: Double?
    package var unit = ""
    package var quality = Quality.good
    package var freshness = Freshness.neverReceived
    /// Age of the last live reading; nil if there never was one.
    package var ageNanoseconds: UInt64?
    package var arrivalTime: WallInstant?
    /// The value may be used now: the sensor is fresh and the value is none that says nothing.
    package var isLive = false
    /// The state of its condition, if the input is an alarm.
    package var result: ConditionResult?
    package var isRaised: Bool?
    /// What is to be said of it, one sentence or none.
    package var note = ""

    package init(name: String) { self.name = name }
}

/// One alarm, or one rule on trial, explained.
package struct ExplainedAlarm: Equatable, Sendable {
    /// `path:name`.
    package var alarmID: String
    package var kind: String
    package var priority: AlarmPriority
    package var state = AlarmState.normal
    package var result = ConditionResult.error
    /// The rule in force, in words.
    package var rule = ""
    /// Why it is raised, or why it is not: whole sentences.
    package var answer = ""
    /// A rule on trial: evaluated, never alarmed.
    package var isPassive = false
    package var wouldAlarmCount: UInt32 = 0
    /// What a rule measured last: rate, mean, distance.
    package var measured: Double?
    /// `epoch:n.k` of the last activation; empty if there was none.
    package var activation = ""
    package var activationCount: UInt64 = 0
    /// Times that people were told of it.
    package var annunciationCount: UInt64 = 0
    package var triggerValue: Double?
    package var worstValue: Double?
    // The last transitions.
    package var raisedAt: WallInstant?
    package var acknowledgedAt: WallInstant?
    package var returnedAt: WallInstant?
    package var lastTransitionAt: WallInstant?
    /// The condition is unknown since then; the state is held.
    package var heldSince: WallInstant?
    package var inputs: [ExplainedInput] = []
    package var timers: [ExplainedTimer] = []
    /// What keeps it back from people, and what could but does not.
    package var suppressions: [ExplainedSuppression] = []

    package init(alarmID: String, kind: String, priority: AlarmPriority) {
        self.alarmID = alarmID
        self.kind = kind
        self.priority = priority
    }
}

/// A timer that runs, and what its end does.
package struct ExplainedTimer: Equatable, Sendable {
    /// What kind of timer it is.
    ///
    /// The raw value is the word in JSON.
    package enum Kind: String, CaseIterable, Sendable {
        /// Silence makes the sensor stale.
        case deadline
        /// Time that is added to the deadline once.
        case grace
        case onDelay, offDelay, reAlarm, shelving
        /// A condition over a time is judged again.
        case condition
        /// The wait for the verdict about a source, or what its return gave.
        case sourceWait
    }

    package var kind: Kind
    /// Path of the sensor, or `path:name` of the alarm, that it belongs to.
    package var owner: String
    /// 0 for one that is due now.
    package var remainingNanoseconds: UInt64
    package var endsAt: WallInstant
    /// What happens then.
    package var effect: String

    package init(
        kind: Kind, owner: String, remainingNanoseconds: UInt64, endsAt: WallInstant,
        effect: String
    ) {
        self.kind = kind
        self.owner = owner
        self.remainingNanoseconds = remainingNanoseconds
        self.endsAt = endsAt
        self.effect = effect
    }
}

/// Something that keeps an alarm back, or could.
package struct ExplainedSuppression: Equatable, Sendable {
    /// What kind of suppression it is.
    ///
    /// The raw value is the word in JSON.
    package enum Kind: String, CaseIterable, Sendable {
        case shelved, outOfService
        /// A rule of the alarm: while another alarm is raised, in a mode, first-out.
        case rule
        /// Its source is lost, or the verdict about it is awaited.
        case source
    }

    package var kind: Kind
    package var isInForce: Bool
    /// Why it is in force, or why it is not.
    package var reason: String
    /// Alarm or sensor that causes it; empty if none does.
    package var cause = ""

    package init(kind: Kind, isInForce: Bool, reason: String, cause: String = "") {
        self.kind = kind
        self.isInForce = isInForce
        self.reason = reason
        self.cause = cause
    }
}
