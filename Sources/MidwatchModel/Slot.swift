// SPDX-License-Identifier: Apache-2.0

/// What a 64-byte record is.
///
/// Raw values are part of the journal format and never change.
@frozen @usableFromInline
package enum SlotKind: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// Never written: a zero-filled page reads as this.
    case empty = 0
    case reading = 1
    /// Payload bytes of the control record before it.
    case continuation = 2
    /// Payload: the path of `sensor`.
    case registerSensor = 3
    /// Payload: the name of `source`; value: the source it is behind.
    case registerSource = 4
    /// An operator's command; payload: one JSON object.
    case command = 5
    /// A configuration revision takes effect; payload: SHA-256 of its text, 32 bytes.
    case configuration = 6
    /// Wall clock beside engine time: `sourceTime` is the wall clock at `arrival`.
    case clockAnchor = 7
    /// The wall clock was set: value is the step in nanoseconds (int64).
    case clockStep = 8
    /// Midwatch was late: value is the lateness in nanoseconds (int64).
    case lagObserved = 9
    /// Readings were lost before the ring: value is how many (int64), `source` where.
    case lossObserved = 10
    /// A run begins; `arrival` is its first engine time, `sourceTime` the wall clock then, value the
    /// BOOTTIME offset (int64), `aux` the epoch.
    case start = 11
    /// A run ends in order.
    case stop = 12
    /// Engine time reaches `arrival`: timers up to it fire, `aux` of them at most, 0 for all.
    case tick = 13
    /// Records from value (int64, inclusive) up to `aux` (exclusive) were not journaled.
    case gap = 14
    /// Evidence about a source or about `sensor`: value is a `SourceEvidence` raw value (int64).
    case sourceEvidence = 15
    /// A claim that its producer gave back.
    case padding = 16
    /// A session of an MQTT client begins; payload: the client identifier, `source`: the listener,
    /// `aux`: seconds it lives on without a connection. Its number names the session from now on.
    case sessionBegin = 17
    /// A session changes: value is the session's number (int64), `qualityRaw` what happened, `aux`
    /// and `sourceTime` as that says, `packetIdentifier` of which message, `source` the listener.
    case sessionChange = 18
}

/// What became known about a source.
///
/// Raw values are part of the journal format.
@frozen @usableFromInline
package enum SourceEvidence: UInt8, Sendable, BitwiseCopyable {
    case connected = 1
    case disconnected = 2
    case closedAbnormally = 3
    case keepAliveTimeout = 4
    /// The will of a client was published: its broker or bridge lost it.
    case willPublished = 5
    /// Proof of life without a value: heartbeat, integrity report, SenML update time, Sparkplug.
    ///
    /// With `sensor` set it speaks for that sensor, otherwise for the source.
    case alive = 6
}

/// How the 64 value bits are read.
@frozen @usableFromInline
package enum ValueKind: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case float64 = 0
    case int64 = 1
    case bool = 2
    case mappedState = 3
}

/// Facts about a reading that the sender or the transport stated.
@frozen @usableFromInline
package struct ReadingFlags: OptionSet, Sendable, BitwiseCopyable {
    @usableFromInline package let rawValue: UInt8

    @inlinable
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The sender says the reading is from the past: retained, queued, marked historical.
    @inlinable package static var historical: Self { Self(rawValue: 1 << 0) }
    /// MQTT DUP was set.
    @inlinable package static var duplicateDelivery: Self { Self(rawValue: 1 << 1) }
    /// The canary of the watchdog: evaluated and journaled, neither archived nor counted.
    @inlinable package static var canary: Self { Self(rawValue: 1 << 2) }
    /// Arrived by MQTT with QoS above 0: `packetIdentifier` and `payloadHash` are set.
    @inlinable package static var acknowledgedDelivery: Self { Self(rawValue: 1 << 3) }
    /// The source is declared dual-homed: two copies of a reading are one.
    @inlinable package static var dualHomed: Self { Self(rawValue: 1 << 4) }
}

/// One 64-byte record: a slot of the ring and, with another first word, a record of the journal.
///
/// Layout (little-endian; frozen, version 1):
///
///      0  u64  link: in the ring the publish stamp, in the journal the number `n` of the record
///              that holds the sensor's previous reading (`Slot.noPrevious` if there is none)
///      8  u8   kind            9  u8  quality        10  u8  flags      11  u8  value kind
///     12  u32  sensor
///     16  u64  value bits
///     24  i64  source time, nanoseconds since 1970, `Slot.noSourceTime` if absent
///     32  u64  arrival, engine time in nanoseconds
///     40  u32  source
///     44  u16  packet identifier (MQTT, QoS above 0)
///     46  u8   criticality
///     47  u8   promised interval of a reading (`PromisedInterval`), else 0
///     48  u64  payload hash (MQTT) or, in a control record, its payload's byte count
///     56  u64  aux: number of this reading within its message, or as the kind says
///
/// A continuation slot keeps bytes 0 ..< 16 and carries payload in bytes 16 ..< 64.
@frozen @usableFromInline
package struct Slot: Sendable, BitwiseCopyable {
    @usableFromInline package var link: UInt64
    @usableFromInline package var kindRaw: UInt8
    @usableFromInline package var qualityRaw: UInt8
    @usableFromInline package var flags: ReadingFlags
    @usableFromInline package var valueKindRaw: UInt8
    @usableFromInline package var sensor: SensorIndex
    @usableFromInline package var valueBits: UInt64
    @usableFromInline package var sourceTime: Int64
    @usableFromInline package var arrival: MonotonicInstant
    @usableFromInline package var source: SourceIndex
    @usableFromInline package var packetIdentifier: UInt16
    @usableFromInline package var criticalityRaw: UInt8
    @usableFromInline package var reserved: UInt8
    @usableFromInline package var payloadHash: UInt64
    @usableFromInline package var aux: UInt64

    /// Bytes of one slot and of one journal record.
    @inlinable package static var byteCount: Int { 64 }
    /// `sourceTime` of a reading that carried none.
    @inlinable package static var noSourceTime: Int64 { Int64.min }
    /// `link` of a journal record whose sensor has no earlier reading.
    @inlinable package static var noPrevious: UInt64 { UInt64.max }

    /// A record of `kind` with every other field empty.
    @inlinable
    package init(kind: SlotKind, arrival: MonotonicInstant, source: SourceIndex = .own) {
        self.link = 0
        self.kindRaw = kind.rawValue
        self.qualityRaw = 0
        self.flags = []
        self.valueKindRaw = 0
        self.sensor = .none
        self.valueBits = 0
        self.sourceTime = Slot.noSourceTime
        self.arrival = arrival
        self.source = source
        self.packetIdentifier = 0
        self.criticalityRaw = SensorCriticality.own.rawValue
        self.reserved = 0
        self.payloadHash = 0
        self.aux = 0
    }

    /// A float64 reading, quality good.
    @inlinable
    package init(
        reading value: Double, of sensor: SensorIndex, from source: SourceIndex,
        arrival: MonotonicInstant, sourceTime: Int64 = Slot.noSourceTime,
        criticality: SensorCriticality = .normal
    ) {
        self.init(kind: .reading, arrival: arrival, source: source)
        self.sensor = sensor
        self.valueBits = value.bitPattern
        self.sourceTime = sourceTime
        self.criticalityRaw = criticality.rawValue
    }

    /// nil for a value no version of this format has given out.
    @inlinable package var kind: SlotKind? { SlotKind(rawValue: self.kindRaw) }
    @inlinable package var quality: Quality { Quality(rawValue: self.qualityRaw) ?? .bad }
    @inlinable package var valueKind: ValueKind? { ValueKind(rawValue: self.valueKindRaw) }
    /// The value bits as a signed integer: what control records carry.
    @inlinable package var signedValue: Int64 { Int64(bitPattern: self.valueBits) }

    /// The value as the engine compares it; integers and states above 2^53 lose low digits.
    @inlinable package var number: Double {
        switch self.valueKind {
        case .float64: Double(bitPattern: self.valueBits)
        case .int64, .mappedState: Double(Int64(bitPattern: self.valueBits))
        case .bool: self.valueBits == 0 ? 0 : 1
        case nil: Double.nan
        }
    }
}
