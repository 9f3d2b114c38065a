// SPDX-License-Identifier: Apache-2.0

/// The shapes of what the operator API answers: members of objects and their types.
enum APIShapes {
    struct Member: Equatable {
        var name: String
        /// `string`, `integer`, `number`, `boolean`, `object`, `time`, or the name of a shape.
        var type: String
        var isOptional = false
        var isList = false
    }

    struct Shape {
        var name: String
        var members: [Member]
    }

    /// A line is a shape: `member type` each, `?` behind a type may be null or missing, `[]` is a list.
    private static let text = """
        Problem: type string, title string, status integer, detail string, instance string?, \
        currentActivation string?
        Health: level string, reasons string[]
        Description: openapi string, info object, paths object, components object
        Status: node string, site string, version string, configurationRevision string, \
        health string, modes string[], startedAt time, time time, engineTimeNanoseconds \
        integer, epoch integer, position string, sensors SensorCounts, alarms AlarmCounts, \
        load AlarmLoad, rates StageRates, queues QueueLevels, latencies Latency[], stages Stage[], watchdog \
        Watchdog, endpoints Endpoint[], archive Archive, disk Disk
        SensorCounts: fresh integer, stale integer, unverified integer, neverReceived \
        integer
        AlarmCounts: unacknowledged integer, acknowledged integer, returnedUnacknowledged \
        integer, latchedUnacknowledged integer, latchedAcknowledged integer, suppressed \
        integer, critical integer, high integer, medium integer, low integer
        AlarmLoad: inTenMinutes integer, flood boolean, floodCount integer, floodNanoseconds \
        integer, chatteringCount integer, fleetingCount integer
        StageRates: received number, accepted number, evaluated number, journaled number, \
        archived number
        QueueLevels: ringFill number, journalStagedBytes integer, archiveLagRecords integer, \
        archiveLagSeconds number, deliveryBacklog integer
        Latency: stage string, p50Nanoseconds integer, p99Nanoseconds integer, \
        p999Nanoseconds integer, maxNanoseconds integer
        Stage: name string, beatAgeNanoseconds integer, backlog integer
        Watchdog: alive boolean, ageNanoseconds integer?
        Endpoint: name string, breaker string, condition string, queue integer, \
        oldestAgeSeconds number
        Archive: store string, state string, breaker string, archivedThrough string
        Disk: bytesFree integer, ageNanoseconds integer?, timeToFullSeconds integer?
        Sensor: path string, index integer, title string, unit string, value number?, \
        valueKind string, quality string, statusCode integer, freshness string, heldSince \
        time?, ageNanoseconds integer?, deadlineNanoseconds integer, supervision string, \
        criticality string, sourceTime time?, sourceTimeStatus string, arrivalTime time?, \
        source string, backlogCount integer, declared boolean, limits Limits?, alarm \
        AlarmMark?, readingsCount integer
        Limits: lowLow number?, low number?, high number?, highHigh number?, lowLowDeadband \
        number?, lowDeadband number?, highDeadband number?, highHighDeadband number?
        History: path string, unit string, from time, to time, minutes HistoryMinute[], \
        truncated boolean
        HistoryMinute: at time, lowest number?, mean number?, highest number?, readings integer
        AlarmMark: state string, priority string
        Alarm: alarmID string, activation string, path string, kind string, state string, \
        priority string, suppression string[], conditionResult string, raisedAt time?, \
        lastTransitionAt time?, heldSince time?, ackBy string, ackComment string, ackAt \
        time?, ackOrigin string, triggerValue number?, setpoint number?, worstValue number?, \
        currentValue number?, unit string, title string, message string, consequence string, \
        operatorAction string, firstChecks string[], timeToRespondSeconds integer, runbook \
        string, activationCount integer, shelvedUntil time?, shelved Mark?, outOfService \
        Mark?, comment Mark?, shelvingMaxSeconds integer, causedBy string, measureUnit string, \
        causes string[], verification string, owner string
        Mark: by string, origin string, at time, comment string
        Event: n integer, written time, body object
        DeadLetter: alert string, alarmID string, endpoint string, priority string, type \
        string, occurredAt time, deadAt time, reason string, attemptCount integer, \
        lastStatus integer, lastAnswer string, message string, body object?
        DeadLetterPage: items DeadLetter[], next string?
        DeliveryOrder: alert string, endpoint string, outcome string
        Explanation: path string, title string, unit string, time time, revision string, \
        declared boolean, supervision string, limitSet string, sensor ExplainedInput, alarms \
        ExplainedAlarm[], timers ExplainedTimer[], nextChange ExplainedTimer?
        ExplainedInput: name string, value number?, unit string, quality string, freshness \
        string, ageNanoseconds integer?, arrivalTime time?, live boolean, conditionResult \
        string?, raised boolean?, note string
        ExplainedAlarm: alarmID string, kind string, priority string, state string, \
        conditionResult string, rule string, answer string, passive boolean, wouldAlarmCount \
        integer, measured number?, activation string, activationCount integer, \
        annunciationCount integer, triggerValue number?, worstValue number?, raisedAt time?, \
        acknowledgedAt time?, returnedAt time?, lastTransitionAt time?, heldSince time?, inputs \
        ExplainedInput[], timers ExplainedTimer[], suppressions ExplainedSuppression[]
        ExplainedTimer: kind string, owner string, remainingNanoseconds integer, endsAt time, \
        effect string
        ExplainedSuppression: kind string, inForce boolean, reason string, cause string
        SensorPage: items Sensor[], next string?
        AlarmPage: items Alarm[], next string?
        EventPage: items Event[], next string?
        Reject: listener string, number integer, time time, source string, topic string, cause \
        string, detail string, offset integer?, inputBytes integer, excerpt string
        AreaPage: items Area[], next string?
        RejectPage: items Reject[], next string?
        AlarmCommandResultPage: items AlarmCommandResult[], next string?
        CommandRequest: comment string?
        ActivationRequest: activation string, comment string?
        ShelveRequest: seconds integer, comment string, oneShot boolean?
        SeveralRequest: alarms ActivationOf[], comment string?
        ActivationOf: alarmID string, activation string
        ModeRequest: mode string, comment string?
        AlarmCommand: action string, alarmID string, activation string, position string, \
        recorded boolean, state string, suppression string[], shelvedUntil time?
        AlarmCommandResult: alarmID string, done AlarmCommand?, problem Problem?
        AreaCommand: area string, mode string, position string, recorded boolean
        Area: name string, mode string, modes string[], sensors string[], modeSensor string?, \
        changedBy string, changedAt time?
        AlertRoute: route string?, tellsNobody boolean?, sendsReturned boolean?, sendsAcknowledged \
        boolean?, repeatSeconds integer?, standingSeconds integer?, groupedBy string[]?, stages \
        AlertStage[]?, alarmID string?, priority string?, class string?, asset string?, unrouted \
        boolean?, withheld string?, routes AlertRoute[]?
        AlertStage: level integer, endpoints string[], unacknowledgedSeconds integer?, \
        undeliveredSeconds integer
        AlertRoutePage: items AlertRoute[], next string?
        AlertSilence: id string, holds boolean, silence object
        AlertSilencePage: items AlertSilence[], next string?
        SilenceRequest: match object, seconds integer, reason string, includesCritical boolean?
        SilenceAdded: id string, until time, recorded boolean?
        SilenceRemoved: id string, recorded boolean?
        AlertTestRequest: route string?, endpoint string?, priority string?
        AlertTestBegun: id string, endpoints string[]
        AlertTest: id string, open string[], attempts AlertTestAttempt[]
        AlertTestAttempt: endpoint string, attempt integer, status integer, failure string, \
        milliseconds integer, answer string, delivered boolean
        Configuration: revision string, file string, settings object, next string?
        ReloadRequest: dryRun boolean?
        Reload: outcome string, file string, revisionBefore string, revisionAfter string, \
        issues ConfigurationIssue[], changes ConfigurationChange[], changesLeftOut integer, \
        needRestart string[]
        ConfigurationIssue: kind string, refused boolean, line integer, column integer, key \
        string, message string
        ConfigurationChange: kind string, key string, before string, after string
        """

    static let all: [Shape] = APIShapes.text.split(separator: "\n").compactMap { line in
        guard let colon = line.firstIndex(of: ":") else { return nil }
        let members = line[line.index(after: colon)...].split(separator: ",")
        return Shape(
            name: String(line[..<colon]), members: members.compactMap { APIShapes.member($0) })
    }

    private static func member(_ text: Substring) -> Member? {
        let words = text.split(separator: " ")
        guard words.count == 2, let name = words.first, var type = words.last else { return nil }
        let isOptional = type.hasSuffix("?")
        if isOptional { type.removeLast() }
        let isList = type.hasSuffix("[]")
        if isList { type.removeLast(2) }
        return Member(
            name: String(name), type: String(type), isOptional: isOptional, isList: isList)
    }
}
