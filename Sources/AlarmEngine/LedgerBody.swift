// SPDX-License-Identifier: Apache-2.0

package import JSONText
package import MidwatchModel

extension AlarmEngine {
    /// The ledger record of a decision: one JSON object, a pure function of the engine's inputs.
    ///
    /// Call it for each decision before the next record is applied: an acknowledgement's author is
    /// read from the command applied last. Replay compares these bytes.
    package borrowing func ledgerBody(of decision: Decision) -> [UInt8] {
        var json = JSONWriter(reservingBytes: 640)
        json.object { json in
            json.field("decision", decision.id.description)
            json.field("kind", decision.kind.word)
            if decision.cause != .none { json.field("cause", decision.cause.word) }
            json.field("at", decision.wall.rfc3339)
            json.field("engineTime", decision.time.nanoseconds)
            json.field("revision", String(self.rules.revision.prefix(16)))
            if decision.sensor != .none { self.writeSensor(decision, to: &json) }
            switch decision.kind {
            case .alarmRaised, .alarmReturned, .alarmAcknowledged, .alarmRaisedSuppressed,
                .alarmReturnedSuppressed, .alarmReset, .alarmShelved, .alarmUnshelved,
                .alarmSuppressed, .alarmUnsuppressed, .alarmOutOfService, .alarmInService,
                .alarmCommented:
                self.writeAlarm(decision, to: &json)
            case .commandRefused:
                if decision.sensor != .none { self.writeAlarm(decision, to: &json) }
            case .sourceClockRebased, .clockStepped, .monitorDegraded:
                json.field("nanoseconds", decision.amount)
            case .readingsLost, .readingsUnrecorded: json.field("readings", decision.amount)
            case .areaModeChanged:
                json.field("area", self.alarmNames[Int(decision.name)])
                json.field("mode", self.modeName(of: decision))
            case .runStarted: json.field("epoch", decision.amount)
            case .configurationApplied: self.writeRevisions(to: &json)
            case .runStopped: break
            }
            if decision.isAnswer { self.writeCommand(to: &json) }
        }
        return json.bytes
    }

    private borrowing func writeSensor(_ decision: Decision, to json: inout JSONWriter) {
        json.field("sensor", self.names[Int(decision.sensor.rawValue)])
        let source = Int(decision.source.rawValue)
        if source < self.sourceNames.count, !self.sourceNames[source].isEmpty {
            json.field("source", self.sourceNames[source])
        }
    }

    private borrowing func writeAlarm(_ decision: Decision, to json: inout JSONWriter) {
        json.field("alarm", self.alarmName(of: decision))
        if decision.name != 0 { self.writeRule(decision, to: &json) }
        json.field("priority", decision.priority.word)
        json.field("activation", decision.activation.description)
        json.field("activationCount", decision.activationCount)
        json.field("from", decision.stateFrom.word)
        json.field("to", decision.stateTo.word)
        if !decision.suppression.isEmpty {
            json.arrayField("suppression") { json in
                for word in decision.suppression.words { json.value(word) }
            }
        }
        if decision.causeSensor != .none, Int(decision.causeSensor.rawValue) < self.names.count {
            let path = self.names[Int(decision.causeSensor.rawValue)]
            let name =
                decision.causeName == 0
                ? decision.causeAlarm.word : self.alarmNames[Int(decision.causeName)]
            json.field("causedBy", "\(path):\(name)")
        }
        if decision.until.nanoseconds != 0 { json.field("until", decision.until.rfc3339) }
        json.field("freshness", decision.freshnessTo.word)
        json.field("quality", decision.quality.word)
        if decision.lastArrival != .zero {
            json.name("value")
            decision.writeValue(to: &json)
            json.field("lastArrival", decision.lastArrivalWall.rfc3339)
            json.field("ageNanoseconds", decision.time.nanosecondsSince(decision.lastArrival))
            json.field("sourceTimeStatus", decision.sourceTimeStatus.word)
        }
        if decision.sourceTime != Slot.noSourceTime {
            json.field("sourceTime", WallInstant(nanoseconds: decision.sourceTime).rfc3339)
        }
        switch decision.alarm {
        case .lowLow, .low, .high, .highHigh:
            json.field("setpoint", decision.setpoint)
            json.field("worst", decision.worst)
        case .stale, .unverifiable, .rateOfChange, .flatLine, .deviation, .vote, .discrepancy,
            .offNormal, .badQuality, .clockSkew, .clockDrift, .sequence, .window, .drift,
            .expression:
            break
        }
    }

    private borrowing func writeRule(_ decision: Decision, to json: inout JSONWriter) {
        json.field("condition", decision.alarm.word)
        if decision.measured.isFinite { json.field("measured", decision.measured) }
        let odd = Int(decision.oddOne.rawValue)
        if decision.oddOne != .none, odd < self.names.count {
            json.field("oddOne", self.names[odd])
        }
        if let place = self.place(ofSourceSensor: decision.sensor) {
            json.field("sensorsBehind", UInt64(self.sources[place].sensorCount))
        }
    }

    private borrowing func writeRevisions(to json: inout JSONWriter) {
        if !self.revisionBefore.isEmpty { json.field("revisionBefore", self.revisionBefore) }
        json.field("revisionAfter", self.rules.revision)
        guard let order = self.lastOrder, !order.user.isEmpty || !order.origin.isEmpty else {
            return
        }
        json.field("user", order.user)
        json.field("origin", order.origin)
    }

    private borrowing func writeCommand(to json: inout JSONWriter) {
        guard let command = self.lastCommand else { return }
        json.objectField("command") { json in
            json.field("verb", command.verb.rawValue)
            if command.verb == .setMode {
                json.field("area", command.path)
                json.field("mode", command.mode)
            } else {
                json.field("alarm", "\(command.path):\(command.alarmName)")
                json.field("activation", command.activation.description)
            }
            json.field("user", command.user)
            json.field("origin", command.origin)
            json.field("comment", command.comment)
            if command.verb == .shelve { json.field("oneShot", command.isOneShot) }
        }
    }
}

extension Decision {
    /// Writes the value in its own kind: number, integer, boolean; null if it is not finite.
    package func writeValue(to json: inout JSONWriter) {
        switch self.valueKind {
        case .float64: json.value(Double(bitPattern: self.valueBits))
        case .int64, .mappedState: json.value(Int64(bitPattern: self.valueBits))
        case .bool: json.value(self.valueBits != 0)
        }
    }
}

extension Decision {
    /// Whether the decision answers an operator's command: it then says who, when, and from where.
    package var isAnswer: Bool {
        switch self.kind {
        case .alarmAcknowledged, .commandRefused, .alarmReset, .alarmShelved, .alarmOutOfService,
            .alarmInService, .alarmCommented:
            true
        case .alarmUnshelved, .areaModeChanged: self.cause == .operatorCommand
        case .alarmRaised, .alarmReturned, .alarmRaisedSuppressed, .alarmReturnedSuppressed,
            .alarmSuppressed, .alarmUnsuppressed, .sourceClockRebased, .runStarted, .runStopped,
            .configurationApplied, .clockStepped, .monitorDegraded, .readingsLost,
            .readingsUnrecorded:
            false
        }
    }
}

extension AlarmSuppression {
    /// Words used in the ledger.
    package var words: [String] {
        var words: [String] = []
        if self.contains(.shelved) { words.append("shelved") }
        if self.contains(.suppressedByDesign) { words.append("suppressedByDesign") }
        if self.contains(.outOfService) { words.append("outOfService") }
        return words
    }
}

extension Decision.Kind {
    /// Word used in the ledger.
    package var word: String { String(describing: self) }
}

extension Decision.Cause {
    /// Word used in the ledger and in alerts.
    package var word: String { String(describing: self) }
}
