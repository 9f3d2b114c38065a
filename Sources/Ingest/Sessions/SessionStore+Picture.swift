// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// A picture of all sessions as bytes, and the way back.
///
/// Little-endian, version 1: magic `MWSS`, u32 version, u64 next n (every record below it is in),
/// u64 engine time and i64 wall time of the last anchor (both 0: none), u32 sessions. Of each: u64
/// number, u64 last number, u32 listener, u32 expiry in seconds, u64 end in engine time (all bits
/// set: connected), u16 bytes of the client identifier and these, u16 flows; of each u16
/// identifier, u64 identity, u64 number (0: torn). Sessions and flows ascend. The file around it has the
/// checksum.
extension SessionStore {
    private static let magic: UInt32 = 0x5353_574D
    private static let version: UInt32 = 1

    /// Why bytes are no picture.
    package enum PictureError: Error, Equatable {
        case notAPicture
        case unknownVersion(UInt32)
        /// Cut off, too long, or out of the limits.
        case malformed
    }

    /// The bytes; every record below `n` has been applied.
    package func picture(before n: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(64 + self.sessions.count * 64 + self.flowCount * 18)
        Self.append(Self.magic, to: &bytes)
        Self.append(Self.version, to: &bytes)
        Self.append(n, to: &bytes)
        Self.append(self.anchor?.engine.nanoseconds ?? 0, to: &bytes)
        Self.append(self.anchor?.wall ?? 0, to: &bytes)
        Self.append(UInt32(self.sessions.count), to: &bytes)
        for (number, session) in self.sessions.sorted(by: { $0.key < $1.key }) {
            Self.append(number, to: &bytes)
            Self.append(session.lastNumber, to: &bytes)
            Self.append(session.key.listener.rawValue, to: &bytes)
            Self.append(session.expirySeconds, to: &bytes)
            Self.append(session.endsAt?.nanoseconds ?? UInt64.max, to: &bytes)
            let client = Array(session.key.client.utf8)
            Self.append(UInt16(client.count), to: &bytes)
            bytes += client
            Self.append(UInt16(session.flows.count), to: &bytes)
            for (identifier, flow) in session.flows.sorted(by: { $0.key < $1.key }) {
                Self.append(identifier, to: &bytes)
                Self.append(flow.identity, to: &bytes)
                Self.append(flow.number, to: &bytes)
            }
        }
        return bytes
    }

    /// Reads a picture; the number of the first record that is not in it.
    package static func restore(
        _ bytes: [UInt8]
    ) throws(PictureError) -> (store: SessionStore, next: UInt64) {
        var reader = PictureReader(bytes: bytes)
        guard (try? reader.number(UInt32.self)) == Self.magic else { throw .notAPicture }
        let version = try reader.number(UInt32.self)
        guard version == Self.version else { throw .unknownVersion(version) }
        var store = SessionStore()
        let next = try reader.number(UInt64.self)
        let engine = try reader.number(UInt64.self)
        let wall = try reader.number(Int64.self)
        if engine != 0 || wall != 0 {
            store.anchored(engine: MonotonicInstant(nanoseconds: engine), wall: wall)
        }
        let count = Int(try reader.number(UInt32.self))
        for _ in 0..<count {
            let number = try reader.number(UInt64.self)
            store.insert(try Self.session(&reader), number: number)
        }
        guard reader.isAtEnd, store.count == count else { throw .malformed }
        return (store, next)
    }

    private static func session(_ reader: inout PictureReader) throws(PictureError) -> Session {
        let lastNumber = try reader.number(UInt64.self)
        let listener = SourceIndex(rawValue: try reader.number(UInt32.self))
        let expirySeconds = try reader.number(UInt32.self)
        let endsAt = try reader.number(UInt64.self)
        let bytes = try reader.bytes(Int(try reader.number(UInt16.self)))
        guard let client = String(validating: bytes, as: UTF8.self), !client.isEmpty else {
            throw .malformed
        }
        var session = Session(
            key: SessionKey(listener: listener, client: client), lastNumber: lastNumber,
            expirySeconds: expirySeconds)
        session.endsAt = endsAt == UInt64.max ? nil : MonotonicInstant(nanoseconds: endsAt)
        let count = Int(try reader.number(UInt16.self))
        for _ in 0..<count {
            let identifier = try reader.number(UInt16.self)
            let identity = try reader.number(UInt64.self)
            let flow = Flow(identity: identity, number: try reader.number(UInt64.self))
            guard session.flows.updateValue(flow, forKey: identifier) == nil else {
                throw .malformed
            }
        }
        return session
    }

    private static func append(_ number: some FixedWidthInteger, to bytes: inout [UInt8]) {
        for shift in stride(from: 0, to: number.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }
}

/// Reads the fields of a picture in order; short is malformed.
private struct PictureReader {
    private let source: [UInt8]
    private var position = 0

    init(bytes: [UInt8]) { self.source = bytes }

    var isAtEnd: Bool { self.position == self.source.count }

    mutating func number<Number: FixedWidthInteger>(
        _ type: Number.Type
    ) throws(SessionStore.PictureError) -> Number {
        let size = Number.bitWidth / 8
        guard self.source.count - self.position >= size else { throw .malformed }
        var number: Number = 0
        for offset in 0..<size {
            number |=
                Number(truncatingIfNeeded: self.source[self.position + offset])
                << (8 * offset)
        }
        self.position += size
        return number
    }

    mutating func bytes(_ count: Int) throws(SessionStore.PictureError) -> [UInt8] {
        guard self.source.count - self.position >= count else { throw .malformed }
        defer { self.position += count }
        return Array(self.source[self.position..<self.position + count])
    }
}
