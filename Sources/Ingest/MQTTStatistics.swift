// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import TelemetryWire

/// What an MQTT endpoint counts.
package enum MQTTCounter: Int, Sendable, CaseIterable {
    case connectionsOpened = 0
    case connectionsClosed = 1
    /// Closed at once: as many connections as there may be.
    case connectionsBeyondLimit = 2
    /// Closed at once: as many connections of one address as there may be.
    case connectionsBeyondAddressLimit = 3
    case connectTimeouts = 4
    case keepAliveTimeouts = 5
    case authenticationFailures = 6
    case takeovers = 7
    case bytesReceived = 8
    case messagesReceived = 9
    case messagesRefused = 10
    case duplicatesReceived = 11
    case readingsReceived = 12
    case readingsAccepted = 13
    case readingsRejected = 14
    case linesRejected = 15
    /// Times a connection was not read because the ring was full.
    case ringPauses = 16
    /// Times a connection was not read because too many acknowledgements were due to it.
    case inflightPauses = 17
    /// Evidence records that found no room and were given up.
    case evidenceLost = 18
    /// Connections whose client has no source of its own, because there are too many.
    case clientsBeyondLimit = 19
    /// Source times that could not be used: left out, the value stands.
    case sourceTimesIgnored = 20
    /// Will messages for which there was no room while they waited.
    case willsLost = 21
    case willsPublished = 22
    /// Bytes of a connection that held more than `MQTTConnection.heldBytesMax`, and was ended.
    case heldBytesLost = 23
    /// Readings of messages with the retain flag, taken as history.
    case readingsRetained = 24

    /// Name in metrics, without prefix and suffix.
    var word: String { String(describing: self) }

    /// What the metric says, for whoever reads `/metrics`.
    var help: String {
        switch self {
        case .connectionsOpened: "Connections accepted."
        case .connectionsClosed: "Connections that ended."
        case .connectionsBeyondLimit: "Closed at once: as many connections as there may be."
        case .connectionsBeyondAddressLimit: "Closed at once: the address has as many as it may."
        case .connectTimeouts: "Ended: no CONNECT in time."
        case .keepAliveTimeouts: "Ended: silent beyond the keep alive."
        case .authenticationFailures: "CONNECTs refused: user or password."
        case .takeovers: "Ended: the client connected again."
        case .bytesReceived: "Bytes received."
        case .messagesReceived: "Messages received."
        case .messagesRefused: "Messages of which nothing was kept."
        case .duplicatesReceived: "Messages sent again (DUP)."
        case .readingsReceived: "Readings received."
        case .readingsAccepted: "Readings taken into the ring."
        case .readingsRejected: "Readings refused; causes apart."
        case .linesRejected: "Lines of line protocol refused."
        case .ringPauses: "Times a connection was not read: the ring was full."
        case .inflightPauses: "Times a connection was not read: too many acknowledgements due."
        case .evidenceLost: "Evidence about sources that found no room."
        case .clientsBeyondLimit: "Clients without a source of their own: too many."
        case .sourceTimesIgnored: "Source times that could not be used; the value stands."
        case .willsLost: "Will messages that found no room."
        case .willsPublished: "Will messages published."
        case .heldBytesLost: "Bytes lost with connections that held too many."
        case .readingsRetained: "Readings taken as history: their message has the retain flag."
        }
    }
}

/// The counters of one MQTT endpoint; any thread.
package final class MQTTStatistics: Sendable {
    /// What one message came to, before it is counted.
    struct MessageTally {
        var receivedCount = 0
        var rejectedCount = 0
        var linesRejectedCount = 0
        var ignoredTimestampCount = 0
        /// Why a reading was refused first, and where it stands in the payload.
        var firstRejection: (cause: ReadingRejection, offset: Int)?
        private var causes: [ReadingRejection: UInt64] = [:]

        init() {}

        init(_ summary: PayloadSummary) {
            self.receivedCount =
                summary.readingCount + summary.stringFieldCount + summary.duplicateFieldCount
            self.linesRejectedCount = summary.rejectedLineCount
            self.ignoredTimestampCount = summary.ignoredTimestampCount
            self.reject(.textValue, summary.stringFieldCount)
            self.reject(.duplicateField, summary.duplicateFieldCount)
        }

        mutating func reject(_ cause: ReadingRejection, _ count: Int = 1) {
            guard count > 0 else { return }
            self.rejectedCount += count
            self.causes[cause, default: 0] += UInt64(count)
        }

        /// What MQTT 5 is told when nothing of the message was kept.
        var reasonCode: MQTTReasonCode {
            for cause in self.causes.keys {
                switch cause {
                case .undeclaredLimit, .sensorLimit, .sourceLimit: return .quotaExceeded
                case .reservedSensor, .accessDenied: return .notAuthorized
                case .noTopicRule, .malformedPath, .pathTooLong: return .topicNameInvalid
                case .textValue, .duplicateField, .beyondMessageLimit, .notUTF8, .duplicateTagKey,
                    .missingTag, .malformedPayload, .otherUnit:
                    continue
                }
            }
            return .payloadFormatInvalid
        }

        fileprivate func count(in counters: CounterBlock<ReadingRejection>) {
            for (cause, count) in self.causes { counters.add(cause, count) }
        }
    }

    let counters = CounterBlock<MQTTCounter>()
    let rejections = CounterBlock<ReadingRejection>()
    let payloadErrors = CounterBlock<PayloadError>()
    let payloadNotes = CounterBlock<PayloadNote>()
    let faults = CounterBlock<MQTTFault>()
    /// The last refused input.
    package let rejects = RejectLog()

    package init() {}

    package subscript(_ counter: MQTTCounter) -> UInt64 { self.counters[counter] }

    /// Counts a message that has its outcome.
    func record(
        _ tally: MessageTally, acceptedCount: Int, of publish: IncomingPublish,
        _ services: IngestServices
    ) {
        let sources = services.sources.tally
        self.counters.add(.messagesReceived)
        if publish.isDuplicate { self.counters.add(.duplicatesReceived) }
        self.counters.add(.readingsReceived, UInt64(tally.receivedCount))
        self.counters.add(.readingsAccepted, UInt64(acceptedCount))
        services.run.receive(UInt64(tally.receivedCount))
        services.run.reject(UInt64(tally.rejectedCount))
        sources.add(.received, UInt64(tally.receivedCount), of: publish.source)
        sources.add(.accepted, UInt64(acceptedCount), of: publish.source)
        if acceptedCount == 0 { self.counters.add(.messagesRefused) }
        if publish.isHistorical { self.counters.add(.readingsRetained, UInt64(acceptedCount)) }
        if tally.ignoredTimestampCount > 0 {
            self.counters.add(.sourceTimesIgnored, UInt64(tally.ignoredTimestampCount))
        }
        guard tally.rejectedCount > 0 || tally.linesRejectedCount > 0 else { return }
        self.counters.add(.readingsRejected, UInt64(tally.rejectedCount))
        self.counters.add(.linesRejected, UInt64(tally.linesRejectedCount))
        sources.add(.rejected, UInt64(tally.rejectedCount), of: publish.source)
        sources.add(.linesRejected, UInt64(tally.linesRejectedCount), of: publish.source)
        tally.count(in: self.rejections)
    }

    /// Remembers refused input.
    func log(
        _ cause: RejectLog.Cause, _ publish: IncomingPublish, topic: borrowing Span<UInt8>,
        _ bytes: borrowing Span<UInt8>
    ) {
        self.rejects.append(
            at: publish.arrival, source: publish.source, cause: cause, topic: topic, input: bytes)
    }

    /// Readings received; readings, lines and payloads refused.
    package var rejectionTotals: RejectionTotals {
        var totals = RejectionTotals()
        totals.received = self.counters[.readingsReceived]
        totals.rejected = self.counters[.readingsRejected] + self.counters[.linesRejected]
        return totals
    }

    /// Every counter; causes only if they occurred.
    func metrics(listener: String) -> [MetricSample] {
        let label = (name: "listener", value: listener)
        var samples = MQTTCounter.allCases.map { counter in
            MetricSample(
                "midwatch_mqtt_\(Self.snake(counter.word))_total", help: counter.help,
                kind: .counter, labels: [label], value: Double(self.counters[counter]))
        }
        func add(_ name: String, _ help: String, _ cause: String, _ value: UInt64) {
            guard value > 0 else { return }
            samples.append(
                MetricSample(
                    name, help: help, kind: .counter,
                    labels: [label, (name: "cause", value: cause)], value: Double(value)))
        }
        for cause in ReadingRejection.allCases {
            add(
                "midwatch_mqtt_reading_rejections_total", "Readings refused, by cause.",
                cause.word, self.rejections[cause])
        }
        for error in PayloadError.allCases {
            add(
                "midwatch_mqtt_payload_errors_total", "Payloads refused, by cause.",
                String(describing: error), self.payloadErrors[error])
        }
        for note in PayloadNote.allCases {
            add(
                "midwatch_mqtt_payload_notes_total", "Payloads taken although something is odd.",
                String(describing: note), self.payloadNotes[note])
        }
        for fault in MQTTFault.allCases {
            add(
                "midwatch_mqtt_faults_total", "Connections ended by what they sent, by cause.",
                String(describing: fault), self.faults[fault])
        }
        return samples
    }

    static func snake(_ word: String) -> String {
        var text = ""
        for character in word {
            if character.isUppercase {
                text += "_" + character.lowercased()
            } else {
                text.append(character)
            }
        }
        return text
    }
}
