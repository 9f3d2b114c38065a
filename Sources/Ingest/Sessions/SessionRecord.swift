// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Whose session: a client of one listener.
///
/// Each listener is a server of its own, as its clients are sources of their own.
package struct SessionKey: Hashable, Sendable {
    package var listener: SourceIndex
    package var client: String

    package init(listener: SourceIndex, client: String) {
        self.listener = listener
        self.client = client
    }
}

/// What may happen to a session, as the journal holds it.
///
/// A session is named by the number of the record with which it began: no number is given twice.
package enum SessionChange: Equatable, Sendable {
    /// Seconds it lives on without a connection.
    case begin(SessionKey, expirySeconds: UInt32)
    /// A connection took the session over.
    case attached(UInt64, expirySeconds: UInt32)
    /// Its connection ended: the expiry runs.
    case detached(UInt64, expirySeconds: UInt32)
    /// A QoS 2 message was received: its identifier is held.
    ///
    /// Its readings are the next records, as many as `sourceTime` of the slot says. A torn commit
    /// that keeps fewer keeps no receipt.
    case received(UInt64, identifier: UInt16, identity: UInt64)
    /// PUBREL came: the identifier is free.
    case released(UInt64, identifier: UInt16)
    case ended(UInt64)

    /// `Slot.qualityRaw` of a `sessionChange`; part of the journal format.
    private enum Word: UInt8 {
        case attached = 1
        case detached = 2
        case received = 3
        case released = 4
        case ended = 5
    }

    /// The slots of the record, to be offered together.
    ///
    /// `listener` stands in it for whoever reads the journal. `isAwaited`: an answer waits for it,
    /// so the journal commits at once.
    func slots(listener: SourceIndex, at: MonotonicInstant, isAwaited: Bool) -> [Slot] {
        if case .begin(let key, let expirySeconds) = self {
            var head = Slot(kind: .sessionBegin, arrival: at, source: key.listener)
            head.aux = UInt64(expirySeconds)
            return ControlRecord.slots(head: head, payload: Array(key.client.utf8))
        }
        return [self.slot(listener: listener, at: at, isAwaited: isAwaited)]
    }

    /// The one slot of any change but `begin`.
    func slot(listener: SourceIndex, at: MonotonicInstant, isAwaited: Bool) -> Slot {
        var slot = Slot(kind: .sessionChange, arrival: at, source: listener)
        slot.valueKindRaw = ValueKind.int64.rawValue
        // It travels with readings and must not lift them into another class.
        slot.criticalityRaw = SensorCriticality.low.rawValue
        if isAwaited { slot.flags.insert(.acknowledgedDelivery) }
        switch self {
        case .begin: preconditionFailure("a session begins with more than one slot")
        case .attached(let session, let expirySeconds):
            slot.valueBits = session
            slot.qualityRaw = Word.attached.rawValue
            slot.aux = UInt64(expirySeconds)
        case .detached(let session, let expirySeconds):
            slot.valueBits = session
            slot.qualityRaw = Word.detached.rawValue
            slot.aux = UInt64(expirySeconds)
        case .received(let session, let identifier, let identity):
            slot.valueBits = session
            slot.qualityRaw = Word.received.rawValue
            slot.packetIdentifier = identifier
            slot.aux = identity
        case .released(let session, let identifier):
            slot.valueBits = session
            slot.qualityRaw = Word.released.rawValue
            slot.packetIdentifier = identifier
        case .ended(let session):
            slot.valueBits = session
            slot.qualityRaw = Word.ended.rawValue
        }
        return slot
    }

    /// Reads a `sessionChange`; nil for what no version has written.
    init?(_ slot: Slot) {
        guard slot.kind == .sessionChange, let word = Word(rawValue: slot.qualityRaw) else {
            return nil
        }
        let session = slot.valueBits
        switch word {
        case .attached:
            self = .attached(session, expirySeconds: UInt32(truncatingIfNeeded: slot.aux))
        case .detached:
            self = .detached(session, expirySeconds: UInt32(truncatingIfNeeded: slot.aux))
        case .received:
            self = .received(session, identifier: slot.packetIdentifier, identity: slot.aux)
        case .released: self = .released(session, identifier: slot.packetIdentifier)
        case .ended: self = .ended(session)
        }
    }

    /// Reads a `sessionBegin`; nil if its client identifier is no text.
    init?(_ record: ControlAssembler.Record) {
        guard record.head.kind == .sessionBegin,
            let client = String(validating: record.payload, as: UTF8.self), !client.isEmpty
        else { return nil }
        self = .begin(
            SessionKey(listener: record.head.source, client: client),
            expirySeconds: UInt32(truncatingIfNeeded: record.head.aux))
    }
}

/// Limits of session state.
package enum SessionLimits {
    /// Sessions kept; a client beyond them gets one that ends with its connection.
    package static let sessionCountMax = 16_384
    /// Unreleased QoS 2 messages of one session.
    package static let flowCountMax = 4_096
    /// The same of all sessions; beyond it messages are taken and not remembered, which costs
    /// exactly once over a crash, never a reading.
    package static let flowCountInAllMax = 1 << 18
}
