// SPDX-License-Identifier: Apache-2.0

extension MQTTConnectionMachine {
    /// Another connection came with the same client identifier [MQTT-3.1.4-3].
    package mutating func takenOver() -> MQTTClose {
        self.end(.takenOver, code: .sessionTakenOver)
    }

    /// We stop.
    package mutating func serverStopping() -> MQTTClose {
        self.end(.serverStopping, code: .serverShuttingDown)
    }

    /// The transport is gone, whoever closed it.
    package mutating func transportClosed() -> MQTTClose {
        self.end(.transportClosed, sendsDisconnect: false)
    }

    /// Whether the connection has ended.
    package var isClosed: Bool {
        if case .closed = self.state { return true }
        return false
    }

    /// Goes to `closed`; in 5.0 a DISCONNECT with the code goes before (MQTT 5.0, 4.13).
    mutating func end(
        _ cause: MQTTCloseCause, fault: MQTTFault? = nil, code: MQTTReasonCode? = nil,
        sendsDisconnect: Bool = true
    ) -> MQTTClose {
        let code = code ?? fault?.reasonCode ?? .success
        var willIsDue = false
        switch self.state {
        case .connected(let session), .publishing(let session, _), .releasing(let session, _):
            willIsDue = self.will != nil  // [MQTT-3.1.2-8]; DISCONNECT took it back
            // 3.1.1 has no DISCONNECT from a server.
            if session.version == .v5, sendsDisconnect {
                self.disconnect(code, fault.map { "\($0)" } ?? code.explanation, session)
            }
        case .awaitingConnect, .awaitingVerdict, .closed: break
        }
        self.state = .closed
        return MQTTClose(cause: cause, fault: fault, reasonCode: code, willIsDue: willIsDue)
    }

    /// Writes DISCONNECT; a reason is left out where the client has no room for it.
    private mutating func disconnect(_ code: MQTTReasonCode, _ reason: String?, _ session: Session)
    {
        let before = self.outbound.count
        if let reason, self.options.sendsReasonStrings {
            MQTTEncoder.disconnect(
                code, properties: [.text(.reasonString, reason)], version: .v5,
                into: &self.outbound)
            // [MQTT-3.14.2-3]
            if self.outbound.count - before <= session.peerPacketBytesMax { return }
            self.outbound.truncate(to: before)
        }
        guard session.peerPacketBytesMax >= 3 else { return }
        MQTTEncoder.disconnect(code, version: .v5, into: &self.outbound)
    }
}
