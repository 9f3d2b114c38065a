// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import TelemetryWire

/// What a UDP listener counts.
package enum UDPCounter: Int, Sendable, CaseIterable {
    case datagramsReceived = 0
    case bytesReceived = 1
    case datagramsTruncated = 2
    case datagramsDroppedByKernel = 3
    case receiveErrors = 4
    case linesReceived = 5
    case linesRejected = 6
    case readingsReceived = 7
    case readingsAccepted = 8
    case readingsShedLow = 9
    case readingsShedNormal = 10
    case readingsShedCritical = 11
    case readingsRejected = 12
    /// Arrival stamps that were absent or not believed: the time of the read was taken.
    case stampsNotBelieved = 13
    case seriesCacheOverflows = 14
    /// Gauge: bytes the kernel grants to the socket.
    case receiveBufferBytes = 15
    /// Source times beyond what 64 bits of nanoseconds hold: left out, the value stands.
    case sourceTimesIgnored = 16

    /// The counter of readings of a class that the ring refused.
    static func shed(_ criticality: SensorCriticality) -> Self {
        switch criticality {
        case .low: .readingsShedLow
        case .normal: .readingsShedNormal
        case .critical, .own: .readingsShedCritical
        }
    }
}

/// What was odd about payloads that were taken all the same.
package enum PayloadNote: Int, Sendable, CaseIterable {
    /// Readings of quality bad because their text is no declared state.
    case undeclaredStates = 0
}

/// Why a reading that was decoded is not accepted, on every kind of socket.
package enum ReadingRejection: Int, Sendable, CaseIterable {
    case malformedPath = 0
    case undeclaredLimit = 1
    case sensorLimit = 2
    /// The path is one of Midwatch's own sensors, which nobody else may write.
    case reservedSensor = 3
    /// A text value, which needs a declared map.
    case textValue = 4
    /// A later field of the same line has the same key.
    case duplicateField = 5
    /// More than `SystemLimits.readingsPerMessageMax` in one message.
    case beyondMessageLimit = 6
    case notUTF8 = 7
    case duplicateTagKey = 8
    case missingTag = 9
    case pathTooLong = 10
    /// No rule matches the topic of the message.
    case noTopicRule = 11
    /// The payload gives no reading; `PayloadError` says why.
    case malformedPayload = 12
    /// The access file does not allow this client the topic.
    case accessDenied = 13
    /// The source has brought as many undeclared sensors as it may.
    case sourceLimit = 14
    /// The reading states another unit than its rule, or than the sensor's readings before it.
    case otherUnit = 15

    /// Word used in metrics and in the reject log.
    package var word: String { String(describing: self) }

    init(_ cause: SensorRegistry.Rejection) {
        switch cause {
        case .malformedPath: self = .malformedPath
        case .undeclaredLimit: self = .undeclaredLimit
        case .sensorLimit: self = .sensorLimit
        case .reservedPath: self = .reservedSensor
        case .sourceLimit: self = .sourceLimit
        }
    }

    init(_ cause: SeriesPathError) {
        switch cause {
        case .notUTF8: self = .notUTF8
        case .duplicateTagKey: self = .duplicateTagKey
        case .missingTag: self = .missingTag
        case .pathTooLong: self = .pathTooLong
        }
    }
}
