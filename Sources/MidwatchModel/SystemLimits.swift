// SPDX-License-Identifier: Apache-2.0

/// Every limit of the system that is not configuration, in one place.
package enum SystemLimits {
    /// Bytes of one sensor path (SenML names to impose: 255).
    package static let sensorPathBytesMax = 255
    /// Bytes of one source name.
    package static let sourceNameBytesMax = 255
    /// Payload bytes of one control record: 64 continuation slots.
    ///
    /// Comments and user names fit; long texts are stored as files and named by hash.
    package static let controlPayloadBytesMax = 64 * ControlRecord.bytesPerContinuation
    /// Sensors one node takes at most.
    package static let sensorCountMax = 1_000_000
    /// Sources one node remembers at most.
    package static let sourceCountMax = 65_536
    /// Bytes of one UDP datagram that is read; longer ones are counted and dropped.
    package static let datagramBytesMax = 65_507
    /// Bytes of one MQTT control packet by default.
    package static let mqttPacketBytesMax = 256 * 1_024
    /// Readings that one PUBLISH or one datagram may carry.
    package static let readingsPerMessageMax = 4_096
    /// How long a decision waits for its cause to be durable before its alert leaves unrecorded.
    package static let effectHoldMaxNanoseconds: UInt64 = 250_000_000
    /// How long an unknown holds an alarm state silently before "cannot verify" is raised.
    package static let unknownGraceMaxNanoseconds: UInt64 = 10_000_000_000
    /// The once-only addition to every deadline after a restart.
    package static let restartGraceMaxNanoseconds: UInt64 = 30_000_000_000
    /// The most by which Midwatch's own lag extends a deadline.
    package static let ownLagExtensionMaxNanoseconds: UInt64 = 5_000_000_000
    /// Source times further ahead of our wall clock than this are implausible.
    package static let sourceTimeAheadMaxNanoseconds: Int64 = 2_000_000_000
    /// Source times before 2020-01-01 are implausible: a clock that was never set.
    package static let sourceTimeEarliestNanoseconds: Int64 = 1_577_836_800_000_000_000
    /// Interval of clock anchors in the journal; also the most engine time a crash can forget.
    package static let anchorIntervalNanoseconds: UInt64 = 1_000_000_000
    /// Publishes of one client among which a resend is known: no listener may announce a
    /// greater Receive Maximum.
    package static let resentPublishesMax = 256
    /// The longest time for which an alarm may be shelved, unless its rule says less: one shift.
    package static let shelvingMaxNanoseconds: UInt64 = 12 * 3_600 * 1_000_000_000
    /// How long a stale alarm waits for its source to be found lost, and the window in which the
    /// sensors of a source fall silent together.
    package static let sourceWaitNanoseconds: UInt64 = 2_000_000_000
    /// Sensors of a source that must fall silent together before the source is found lost.
    package static let sourceSilentSensorsMin: UInt32 = 3
    /// Sources nested behind each other; deeper ones are judged alone.
    package static let sourceDepthMax = 8
    /// Suppression rules of one alarm.
    package static let suppressionsPerAlarmMax = 16
}
