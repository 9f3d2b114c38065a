// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import TelemetryWire

extension PublishIntake {
    /// Refuses a message because of its topic.
    func refuse(
        _ cause: ReadingRejection, _ publish: IncomingPublish, _ topic: borrowing Span<UInt8>,
        _ payload: borrowing Span<UInt8>
    ) -> Outcome {
        var tally = MQTTStatistics.MessageTally()
        tally.receivedCount = 1
        tally.reject(cause)
        self.statistics.record(tally, acceptedCount: 0, of: publish, self.services)
        self.statistics.log(RejectLog.Cause(cause.word), publish, topic: topic, payload)
        return .refused(tally.reasonCode)
    }

    /// Refuses a message because of its payload.
    func refuse(
        _ fault: PayloadFault, _ publish: IncomingPublish, _ topic: borrowing Span<UInt8>,
        _ payload: borrowing Span<UInt8>
    ) -> Outcome {
        self.statistics.payloadErrors.add(fault.error)
        var tally = MQTTStatistics.MessageTally()
        tally.receivedCount = 1
        tally.reject(.malformedPayload)
        self.statistics.record(tally, acceptedCount: 0, of: publish, self.services)
        let cause = RejectLog.Cause(
            String(describing: fault.error), detail: fault.detail,
            offset: fault.offset)
        self.statistics.log(cause, publish, topic: topic, payload)
        return .refused(.payloadFormatInvalid)
    }

    /// Remembers what is odd about a payload whose readings have their outcome.
    func note(
        _ summary: PayloadSummary, _ tally: MQTTStatistics.MessageTally,
        _ publish: IncomingPublish, _ topic: borrowing Span<UInt8>,
        _ payload: borrowing Span<UInt8>
    ) {
        if let (cause, offset) = tally.firstRejection {
            self.statistics.log(
                RejectLog.Cause(cause.word, offset: offset), publish, topic: topic,
                payload.extracting(min(offset, payload.count)..<payload.count))
        }
        if let error = summary.firstLineError {
            let cause = RejectLog.Cause(
                String(describing: error), offset: summary.firstLineErrorOffset)
            self.statistics.log(
                cause, publish, topic: topic,
                payload.extracting(summary.firstRejectedLine.range))
        }
        if summary.unmappedStateCount > 0 {
            let count = UInt64(summary.unmappedStateCount)
            self.statistics.payloadNotes.add(.undeclaredStates, count)
            let cause = RejectLog.Cause(
                "undeclaredState", detail: "taken as a reading of quality bad",
                offset: summary.firstUnmappedState.lowerBound)
            self.statistics.log(
                cause, publish, topic: topic,
                payload.extracting(summary.firstUnmappedState.range))
        }
    }
}
