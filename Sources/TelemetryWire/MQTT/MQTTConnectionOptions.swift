// SPDX-License-Identifier: Apache-2.0

import MidwatchModel

/// What a listener grants its MQTT connections.
package struct MQTTConnectionOptions: Equatable, Sendable {
    /// How long CONNECT may take to arrive.
    package var connectTimeoutNanoseconds: UInt64 = 5_000_000_000
    /// Bytes of the largest CONNECT: nobody is known yet who could be held to more.
    package var connectBytesMax = 65_536
    /// Bytes of the largest packet afterwards; CONNACK of 5.0 says so.
    package var packetBytesMax = SystemLimits.mqttPacketBytesMax
    /// QoS 1 and 2 messages that may be unacknowledged, 1 or more.
    ///
    /// In 5.0 CONNACK says so and more is an error.
    package var receiveMaximum: UInt16 = 1_024
    /// The same in 3.1.1, where it cannot be said: the machine stops taking packets instead.
    package var unannouncedInflightMax: UInt16 = 256
    package var maximumQoS = QoS.exactlyOnce
    package var topicAliasMaximum: UInt16 = 32
    /// Bytes of all topics kept for the aliases of one connection.
    package var topicAliasBytesMax = 16_384
    /// Seconds; in 5.0 a longer keep alive, or none, is replaced by this one.
    ///
    /// 0: as the client asks.
    package var keepAliveMax: UInt16 = 0
    /// QoS 2 messages of one session that are held until their release.
    ///
    /// Further ones are taken and not remembered. The receive maximum counts each connection anew
    /// and holds no resend; this holds for all together.
    package var flowCountMax = 4_096
    /// Whether refusals of 5.0 come with a reason string.
    package var sendsReasonStrings = false

    package init() {}
}

/// What the machine wants done next.
package enum MQTTStep: Equatable, Sendable {
    /// Everything received is processed. Write what is outbound, then read on.
    case needsBytes
    /// Decide who this is: answer with `connectAccepted` or `connectRefused`, also later.
    case connect(MQTTConnect)
    /// Take these readings: answer with `publishAccepted` or `publishRefused`.
    ///
    /// Not answered, the same comes again at the next call: a full ring is waited for so.
    case publish(MQTTPublish)
    /// Record that this QoS 2 message is released: answer with `releaseAccepted`.
    ///
    /// Not answered, the same comes again. Only recorded sessions have it.
    case release(UInt16)
    /// As many acknowledgements wait for the journal as may. Stop reading until `durable`.
    case stalled
    /// Write what is outbound, then close the connection.
    case close(MQTTClose)
}

/// Why a connection ends.
///
/// Raw values are 0 ..< number of cases, for counting.
package enum MQTTCloseCause: Int, CaseIterable, Sendable, BitwiseCopyable {
    /// DISCONNECT, all in order.
    case disconnected
    /// DISCONNECT that asks for the will, or names an error.
    case disconnectedWithWill
    /// The peer closed, or the network did, without DISCONNECT.
    case transportClosed
    /// CONNECT did not come in time.
    case connectTimeout
    case keepAliveTimeout
    /// The peer broke the protocol: `MQTTClose.fault` says how.
    case fault
    case connectRefused
    /// Another connection has the same client identifier.
    case takenOver
    case serverStopping
}

/// The end of a connection; what must still be written is in `outbound`.
package struct MQTTClose: Equatable, Sendable, BitwiseCopyable {
    package var cause: MQTTCloseCause
    package var fault: MQTTFault?
    /// As sent, or as it would have been in 5.0.
    package var reasonCode: MQTTReasonCode
    /// The will message is to be published; `MQTTConnectionMachine.will` has it.
    ///
    /// It is due at the earlier of its delay and the end of the session (MQTT 5.0, 3.1.3.2.2).
    package var willIsDue: Bool
}

/// A will message, kept until its connection ends.
package struct MQTTWill: Equatable, Sendable {
    package var topic: [UInt8]
    package var payload: [UInt8]
    package var qos: QoS
    package var isRetained: Bool
    /// Time in which the client may come back and take it away.
    package var delaySeconds: UInt32
}
