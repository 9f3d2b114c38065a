// SPDX-License-Identifier: Apache-2.0

/// What a client that comes in finds of its session, and what it is promised.
package struct MQTTSessionGrant: Equatable, Sendable {
    /// A QoS 2 message that was received and not released yet.
    package struct Flow: Equatable, Sendable, BitwiseCopyable {
        package var identifier: UInt16
        /// `MQTTConnectionMachine.identity(of:)` of the message.
        package var identity: UInt64
        /// Journal number of the record that says so.
        package var number: UInt64

        package init(identifier: UInt16, identity: UInt64, number: UInt64) {
            self.identifier = identifier
            self.identity = identity
            self.number = number
        }
    }

    /// The identifier given to a client that came without one; 5.0 tells it [MQTT-3.1.3-7].
    package var assignedIdentifier: String?
    /// State of an earlier connection was found [MQTT-3.2.2-2].
    package var isPresent = false
    /// Seconds for which the session outlives the connection.
    package var expirySeconds: UInt32 = 0
    /// The session is in the journal: what changes it is handed out and waited for.
    package var isRecorded = false
    package var flows: [Flow] = []
    /// Number of the youngest record of the session: no answer leaves before it is durable.
    ///
    /// What an earlier connection recorded may still be on its way to the disk.
    package var lastNumber: UInt64 = 0

    package init() {}
}

/// QoS 2 messages of one session, received and not released (MQTT 5.0, 4.3.3), by identifier.
struct MQTTFlowTable: Sendable {
    struct Flow: Equatable, Sendable, BitwiseCopyable {
        var identity: UInt64
        /// PUBREC leaves when this journal number is durable.
        var number: UInt64
        /// Its end must be recorded as well.
        var isRecorded: Bool
        /// Its PUBLISH came on this connection, and it counts towards the receive maximum.
        var isOfThisConnection: Bool
    }

    private var flows: [UInt16: Flow] = [:]

    var count: Int { self.flows.count }

    subscript(_ identifier: UInt16) -> Flow? {
        get { self.flows.isEmpty ? nil : self.flows[identifier] }
        set { self.flows[identifier] = newValue }
    }

    /// Takes over what an earlier connection left.
    mutating func restore(_ grant: MQTTSessionGrant) {
        for flow in grant.flows {
            self.flows[flow.identifier] = Flow(
                identity: flow.identity, number: flow.number, isRecorded: true,
                isOfThisConnection: false)
        }
    }
}
