// SPDX-License-Identifier: Apache-2.0

/// Trust in a value (OPC UA severity).
@frozen @usableFromInline
package enum Quality: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case good = 0
    case uncertain = 1
    case bad = 2

    /// Lower-case word used in JSON, SQL and on screens.
    package var word: String {
        switch self {
        case .good: "good"
        case .uncertain: "uncertain"
        case .bad: "bad"
        }
    }
}

/// What the sender's time of a reading is worth.
///
/// It says nothing about the value.
@frozen @usableFromInline
package enum SourceTimeStatus: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// The reading carried no source time.
    case absent = 0
    /// Inside the accepted window and newer than the newest accepted one of the sensor.
    case accepted = 1
    /// 1970 or the future: the value is evaluated, the time is kept raw beside it.
    case implausible = 2
    /// Older than the newest accepted one of this sensor: history only.
    case regressed = 3
    /// Redelivered, retained or declared historical by its sender: history only.
    case historical = 4

    /// Lower-case word used in JSON, SQL and on screens.
    package var word: String {
        switch self {
        case .absent: "absent"
        case .accepted: "accepted"
        case .implausible: "implausible"
        case .regressed: "regressed"
        case .historical: "historical"
        }
    }
}

/// Recency of a sensor.
///
/// `neverReceived` and `unverified` hold only within the deadline; after it a sensor is always
/// `stale`, with or without a last value.
@frozen @usableFromInline
package enum Freshness: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case neverReceived = 0
    case unverified = 1
    case fresh = 2
    case stale = 3

    /// Word used in JSON, SQL and on screens.
    package var word: String {
        switch self {
        case .neverReceived: "neverReceived"
        case .unverified: "unverified"
        case .fresh: "fresh"
        case .stale: "stale"
        }
    }
}

/// OPC UA status codes that Midwatch gives (OPC 10000-4, StatusCodes).
package enum StatusCode {
    package static let good: UInt32 = 0x0000_0000
    package static let uncertainLastUsableValue: UInt32 = 0x4090_0000
    package static let badWaitingForInitialData: UInt32 = 0x8032_0000
    package static let badSensorFailure: UInt32 = 0x808C_0000
    package static let badInvalidTimestamp: UInt32 = 0x8023_0000
    package static let bad: UInt32 = 0x8000_0000
    package static let uncertain: UInt32 = 0x4000_0000
}
