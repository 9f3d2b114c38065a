// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Identity of a decision, and of the activation that a raise begins; never used twice.
///
/// It is the input that the decision rests on and its number among the decisions of that input.
package struct DecisionID: Hashable, Comparable, Sendable, BitwiseCopyable, CustomStringConvertible
{
    package var position: Position
    package var ordinal: UInt32

    package init(position: Position, ordinal: UInt32) {
        self.position = position
        self.ordinal = ordinal
    }

    /// Names no decision.
    package static var none: DecisionID { DecisionID(position: .zero, ordinal: 0) }

    /// `epoch:n.ordinal`.
    package var description: String { "\(self.position).\(self.ordinal)" }

    /// Parses `epoch:n.ordinal`; nil if it is not one.
    package init?(_ text: String) {
        let parts = text.split(whereSeparator: { $0 == ":" || $0 == "." })
        guard parts.count == 3, let epoch = UInt32(parts[0]), let n = UInt64(parts[1]),
            let ordinal = UInt32(parts[2])
        else { return nil }
        self.init(position: Position(epoch: epoch, n: n), ordinal: ordinal)
    }

    package static func < (lhs: Self, rhs: Self) -> Bool {
        (lhs.position, lhs.ordinal) < (rhs.position, rhs.ordinal)
    }
}

/// What the engine decided, with the facts it rests on: one ledger record.
package struct Decision: Sendable, BitwiseCopyable {
    /// Raw values are part of checkpoints and never change.
    package enum Kind: UInt8, Sendable, BitwiseCopyable {
        case alarmRaised = 2
        case alarmReturned = 3
        case alarmAcknowledged = 4
        case commandRefused = 5
        case sourceClockRebased = 6
        case runStarted = 7
        case runStopped = 8
        case configurationApplied = 9
        case clockStepped = 10
        case monitorDegraded = 11
        case readingsLost = 12
        case readingsUnrecorded = 13
        /// An area is in another mode; `amount` is its number, `name` that of the area.
        case areaModeChanged = 30
        /// A new activation that is not annunciated: `suppression` says what keeps it back.
        case alarmRaisedSuppressed = 14
        /// The return of an activation that was never annunciated.
        case alarmReturnedSuppressed = 15
        case alarmReset = 16
        case alarmShelved = 17
        case alarmUnshelved = 18
        case alarmSuppressed = 19
        case alarmUnsuppressed = 20
        case alarmOutOfService = 21
        case alarmInService = 22
        case alarmCommented = 23
    }

    /// Why it was decided.
    package enum Cause: UInt8, Sendable, BitwiseCopyable {
        case none = 0
        case valueBeyondLimit = 1
        case onDelayElapsed = 2
        /// Over the limit, then lost: the on-delay is not waited for.
        case lostWhileBeyondLimit = 3
        case valueWithinLimit = 4
        case offDelayElapsed = 5
        case deadlinePassed = 6
        case readingArrived = 7
        case notVerifiable = 8
        case verifiableAgain = 9
        case operatorCommand = 10
        case restart = 11
        case ownLag = 12
        /// Acknowledged long ago, and still there.
        case reAlarm = 13
        /// The time of a shelving ended.
        case shelvingElapsed = 14
        /// A one-shot shelving ended with the return of the alarm.
        case oneShotEnded = 15
        /// The source of the sensor is lost.
        case sourceLost = 16
        /// Its stale alarm waits for the verdict about its source.
        case awaitingSource = 17
        /// The source is back, or was not lost, and the sensor is silent all the same.
        case sourceNotLost = 18
        /// A suppression rule of the alarm.
        case suppressionRule = 19
        // Causes of a refused command.
        case malformedCommand = 20
        case unknownAlarm = 21
        case otherActivation = 22
        case nothingToAcknowledge = 23
        /// The alarm's rule is no longer in the configuration.
        case ruleRemoved = 24
        // Causes of a rule's alarm.
        case conditionMet = 40
        case conditionNotMet = 41
        /// The value is beyond the limit still, and a more severe one speaks for it (exclusive
        /// limits).
        case moreSevereLimit = 42
        case mustAcknowledgeFirst = 25
        case conditionStillMet = 26
        case nothingToReset = 27
        case shelvingNotAllowed = 28
        case shelvingTimeOutOfRange = 29
        case reasonMissing = 30
        case notShelved = 31
        case alreadyOutOfService = 32
        case notOutOfService = 33
        case unknownArea = 60
        case unknownMode = 61
        case alreadyInMode = 62
        /// A sensor that is fresh says which mode the area is in.
        case modeFollowsSensor = 63
    }

    package var id: DecisionID
    package var kind: Kind
    package var cause: Cause
    /// Engine time of the decision: of the reading, or of the timer that was due.
    package var time: MonotonicInstant
    /// Wall time made from the last anchor in the journal.
    package var wall: WallInstant
    package var sensor: SensorIndex
    package var alarm: AlarmKind
    package var priority: AlarmPriority
    package var stateFrom: AlarmState
    package var stateTo: AlarmState
    package var freshnessFrom: Freshness
    package var freshnessTo: Freshness
    package var quality: Quality
    package var sourceTimeStatus: SourceTimeStatus
    package var valueKind: ValueKind
    package var valueBits: UInt64
    package var sourceTime: Int64
    package var setpoint: Double
    package var worst: Double
    /// Arrival of the last live reading of the sensor.
    package var lastArrival: MonotonicInstant
    package var lastArrivalWall: WallInstant
    package var activation: DecisionID
    /// Activations of this alarm so far.
    package var activationCount: UInt64
    /// As the kind says: step, lag, losses.
    package var amount: Int64
    package var source: SourceIndex
    /// What keeps the alarm from being annunciated after this decision.
    package var suppression: AlarmSuppression
    /// The sensor whose alarm explains this one: a lost source, a first-out; `.none` if nothing does.
    package var causeSensor: SensorIndex
    /// The alarm of that sensor.
    package var causeAlarm: AlarmKind
    /// Number of its name in the engine; 0: named by its kind.
    package var causeName: UInt32 = 0
    /// Number of the alarm's name in the engine; 0: named by its kind.
    package var name: UInt32 = 0
    /// What the rule measured; not a number if nothing.
    package var measured = Double.nan
    /// The odd one out of a redundant group.
    package var oddOne = SensorIndex.none
    /// Until when an alarm is shelved, by the calendar; 0 if it is not, or for one activation.
    package var until: WallInstant

    /// A decision of `kind` with every fact empty.
    package init(_ kind: Kind, cause: Cause = .none, time: MonotonicInstant) {
        self.id = .none
        self.kind = kind
        self.cause = cause
        self.time = time
        self.wall = WallInstant(nanoseconds: 0)
        self.sensor = .none
        self.alarm = .stale
        self.priority = .low
        self.stateFrom = .normal
        self.stateTo = .normal
        self.freshnessFrom = .neverReceived
        self.freshnessTo = .neverReceived
        self.quality = .good
        self.sourceTimeStatus = .absent
        self.valueKind = .float64
        self.valueBits = 0
        self.sourceTime = Slot.noSourceTime
        self.setpoint = 0
        self.worst = 0
        self.lastArrival = .zero
        self.lastArrivalWall = WallInstant(nanoseconds: 0)
        self.activation = .none
        self.activationCount = 0
        self.amount = 0
        self.source = .own
        self.suppression = []
        self.causeSensor = .none
        self.causeAlarm = .stale
        self.until = WallInstant(nanoseconds: 0)
    }
}
