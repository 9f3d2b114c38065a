// SPDX-License-Identifier: Apache-2.0

/// Control records: a head slot and the continuation slots that carry its payload.
///
/// The slots of one record are claimed together, so they are consecutive in the ring and in the
/// journal. The head's `payloadHash` field holds the payload's byte count.
package enum ControlRecord {
    /// Payload bytes that one continuation slot carries.
    package static let bytesPerContinuation = 48

    /// Slots of a record with `payloadBytes` bytes: the head and its continuations.
    package static func slotCount(payloadBytes: Int) -> Int {
        1 + (payloadBytes + self.bytesPerContinuation - 1) / self.bytesPerContinuation
    }

    /// The slots of one control record.
    ///
    /// - Parameters:
    ///   - head: Kind, source, arrival and fields of the record.
    ///   - payload: 0 ... `SystemLimits.controlPayloadBytesMax` bytes.
    /// - Returns: The head, then its continuations; `slotCount(payloadBytes:)` in all.
    package static func slots(head: Slot, payload: [UInt8]) -> [Slot] {
        precondition(payload.count <= SystemLimits.controlPayloadBytesMax, "control payload size")
        var head = head
        head.payloadHash = UInt64(payload.count)
        var slots = [head]
        var offset = 0
        while offset < payload.count {
            let end = min(offset + self.bytesPerContinuation, payload.count)
            slots.append(self.continuation(of: head, bytes: payload[offset..<end]))
            offset = end
        }
        return slots
    }

    /// Appends the payload bytes of one continuation slot, at most `remaining` of them.
    package static func appendPayload(of slot: Slot, remaining: Int, to bytes: inout [UInt8]) {
        precondition(slot.kind == .continuation, "not a continuation")
        let words: [6 of UInt64] = [
            slot.valueBits, UInt64(bitPattern: slot.sourceTime), slot.arrival.nanoseconds,
            self.word(slot), slot.payloadHash, slot.aux,
        ]
        for index in 0..<min(remaining, self.bytesPerContinuation) {
            let word = words[index / 8]
            bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(index % 8 * 8)))
        }
    }

    private static func continuation(of head: Slot, bytes: ArraySlice<UInt8>) -> Slot {
        var slot = Slot(kind: .continuation, arrival: head.arrival, source: head.source)
        var words: [6 of UInt64] = [0, 0, 0, 0, 0, 0]
        for (index, byte) in bytes.enumerated() {
            words[index / 8] |= UInt64(byte) << UInt64(index % 8 * 8)
        }
        slot.valueBits = words[0]
        slot.sourceTime = Int64(bitPattern: words[1])
        slot.arrival = MonotonicInstant(nanoseconds: words[2])
        slot.source = SourceIndex(rawValue: UInt32(truncatingIfNeeded: words[3]))
        slot.packetIdentifier = UInt16(truncatingIfNeeded: words[3] >> 32)
        slot.criticalityRaw = UInt8(truncatingIfNeeded: words[3] >> 48)
        slot.reserved = UInt8(truncatingIfNeeded: words[3] >> 56)
        slot.payloadHash = words[4]
        slot.aux = words[5]
        return slot
    }

    private static func word(_ slot: Slot) -> UInt64 {
        UInt64(slot.source.rawValue) | UInt64(slot.packetIdentifier) << 32
            | UInt64(slot.criticalityRaw) << 48 | UInt64(slot.reserved) << 56
    }
}

/// Puts control records together again from slots that come one by one.
///
/// Not promised: anything about readings; the caller handles those itself.
package struct ControlAssembler: Sendable {
    /// A whole control record.
    package struct Record: Sendable {
        package var head: Slot
        /// Number of the head slot.
        package var n: UInt64
        package var payload: [UInt8]
    }

    private var pending: Record?
    private var missing = 0

    package init() {}

    /// Whether the last slot left a record unfinished.
    package var isMidRecord: Bool { self.missing > 0 }

    /// Takes a control slot and returns a record when it is whole.
    ///
    /// A continuation without a head, or a head inside an unfinished record (both follow a gap),
    /// drops what was pending.
    package mutating func push(_ slot: Slot, n: UInt64) -> Record? {
        if slot.kind == .continuation {
            guard var record = self.pending else { return nil }
            let take = min(self.missing, ControlRecord.bytesPerContinuation)
            ControlRecord.appendPayload(of: slot, remaining: take, to: &record.payload)
            self.missing -= take
            guard self.missing == 0 else {
                self.pending = record
                return nil
            }
            self.pending = nil
            return record
        }
        self.pending = nil
        self.missing = 0
        guard slot.payloadHash <= UInt64(SystemLimits.controlPayloadBytesMax) else { return nil }
        let record = Record(head: slot, n: n, payload: [])
        guard slot.payloadHash > 0 else { return record }
        self.pending = record
        self.missing = Int(slot.payloadHash)
        return nil
    }
}
