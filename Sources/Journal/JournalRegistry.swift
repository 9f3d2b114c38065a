// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Length and hash of a part of the registry, as a segment header carries them.
struct RegistryDigest: Equatable, Sendable {
    static let byteCount = 48

    var entryCount: UInt64
    var byteLength: UInt64
    /// SHA-256 of the encoded entries, 32 bytes.
    var hash: [UInt8]

    func put(in record: inout FixedRecord, at offset: Int) {
        record.put(self.entryCount, at: offset)
        record.put(self.byteLength, at: offset + 8)
        record.put(self.hash, at: offset + 16)
    }

    init(entryCount: UInt64, byteLength: UInt64, hash: [UInt8]) {
        self.entryCount = entryCount
        self.byteLength = byteLength
        self.hash = hash
    }

    init(from record: FixedRecord, at offset: Int) {
        self.entryCount = record.u64(offset)
        self.byteLength = record.u64(offset + 8)
        self.hash = record.slice(offset + 16, ContentHash.byteCount)
    }
}

/// A source as the journal knows it.
package struct RegisteredSource: Equatable, Sendable {
    package var name: String
    /// The source it is behind; its own index or `SourceIndex.own` for none.
    package var behind: SourceIndex

    package init(name: String, behind: SourceIndex) {
        self.name = name
        self.behind = behind
    }
}

/// Names that records carry as dense indexes, in index order.
///
/// It grows only, so the registry that an older segment knew is a prefix of the newest one.
struct JournalRegistry: Sendable {
    private(set) var sensors: [String] = []
    private(set) var sources: [RegisteredSource] = []
    /// Encoded entries, kept so that a file or a hash needs no second pass over the names.
    private var sensorBytes: [UInt8] = []
    private var sourceBytes: [UInt8] = []
    /// Entries whose registration was lost with a damaged block.
    private(set) var lostSensors: [SensorIndex] = []

    /// Stands for a sensor whose registration is lost; not a path that a sensor can have.
    static func lostPath(_ index: UInt32) -> String { "#lost-\(index)" }

    /// Takes a registration.
    ///
    /// An index that is taken already, or that no registry gives out, changes nothing. Indexes that
    /// were passed over are filled with `lostPath`, so that the indexes behind them keep their
    /// meaning.
    mutating func register(_ record: ControlAssembler.Record) {
        let text = record.payload
        guard text.count > 0, text.count <= SystemLimits.sensorPathBytesMax else { return }
        switch record.head.kind {
        case .registerSensor:
            let index = record.head.sensor.rawValue
            guard index < SystemLimits.sensorCountMax else { return }
            while self.sensors.count < Int(index) {
                let lost = UInt32(self.sensors.count)
                self.lostSensors.append(SensorIndex(rawValue: lost))
                self.appendSensor(Self.lostPath(lost))
            }
            guard self.sensors.count == Int(index) else { return }
            self.appendSensor(String(decoding: text, as: UTF8.self))
        case .registerSource:
            let index = record.head.source.rawValue
            guard index < SystemLimits.sourceCountMax else { return }
            while self.sources.count < Int(index) {
                self.appendSource(
                    RegisteredSource(
                        name: Self.lostPath(UInt32(self.sources.count)), behind: .own))
            }
            guard self.sources.count == Int(index) else { return }
            let behind = UInt32(truncatingIfNeeded: record.head.valueBits)
            self.appendSource(
                RegisteredSource(
                    name: String(decoding: text, as: UTF8.self),
                    behind: SourceIndex(rawValue: behind)))
        default: return
        }
    }

    var sensorDigest: RegistryDigest {
        RegistryDigest(
            entryCount: UInt64(self.sensors.count), byteLength: UInt64(self.sensorBytes.count),
            hash: ContentHash.sha256(self.sensorBytes[...]))
    }

    var sourceDigest: RegistryDigest {
        RegistryDigest(
            entryCount: UInt64(self.sources.count), byteLength: UInt64(self.sourceBytes.count),
            hash: ContentHash.sha256(self.sourceBytes[...]))
    }

    /// Whether `digest` is of the first entries of the sensors here.
    func hasSensorPrefix(_ digest: RegistryDigest) -> Bool {
        digest.byteLength <= UInt64(self.sensorBytes.count)
            && ContentHash.sha256(self.sensorBytes[..<Int(digest.byteLength)]) == digest.hash
    }

    private mutating func appendSensor(_ path: String) {
        self.sensors.append(path)
        Self.append(text: path, to: &self.sensorBytes)
    }

    private mutating func appendSource(_ source: RegisteredSource) {
        self.sources.append(source)
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            self.sourceBytes.append(UInt8(truncatingIfNeeded: source.behind.rawValue >> shift))
        }
        Self.append(text: source.name, to: &self.sourceBytes)
    }

    private static func append(text: String, to bytes: inout [UInt8]) {
        let count = text.utf8.count
        bytes.append(UInt8(truncatingIfNeeded: count))
        bytes.append(UInt8(truncatingIfNeeded: count >> 8))
        bytes.append(contentsOf: text.utf8)
    }
}

// MARK: - The registry file

extension JournalRegistry {
    static let headerBytes = JournalFormat.blockAlignment
    /// Refuses a length that no registry reaches: a million paths and 65,536 sources.
    static let bodyBytesMax: UInt64 = 300_000_000

    /// The whole file: header, sensor entries, source entries.
    ///
    /// - Parameter through: Registrations that ended below this number are in it.
    func file(through: UInt64) -> [UInt8] {
        var record = FixedRecord(
            byteCount: Self.headerBytes, magic: JournalFormat.registryMagic)
        record.put(JournalFormat.version, at: 8)
        record.put(through, at: 16)
        self.sensorDigest.put(in: &record, at: 24)
        self.sourceDigest.put(in: &record, at: 72)
        return record.sealed + self.sensorBytes + self.sourceBytes
    }

    /// Reads a registry file; nil if it is not whole.
    static func read(_ file: any DiskFile) throws(DiskError) -> (JournalRegistry, UInt64)? {
        guard
            let header = FixedRecord(
                checking: try file.bytes(at: 0, count: self.headerBytes),
                byteCount: self.headerBytes, magic: JournalFormat.registryMagic),
            header.u32(8) == JournalFormat.version
        else { return nil }
        let sensors = RegistryDigest(from: header, at: 24)
        let sources = RegistryDigest(from: header, at: 72)
        let (total, overflow) = sensors.byteLength.addingReportingOverflow(sources.byteLength)
        guard !overflow, total <= self.bodyBytesMax,
            let body = try file.bytes(at: UInt64(self.headerBytes), count: Int(total))
        else { return nil }
        var registry = JournalRegistry()
        registry.sensorBytes = Array(body[..<Int(sensors.byteLength)])
        registry.sourceBytes = Array(body[Int(sensors.byteLength)...])
        guard ContentHash.sha256(registry.sensorBytes[...]) == sensors.hash,
            ContentHash.sha256(registry.sourceBytes[...]) == sources.hash,
            registry.decodeEntries(), registry.sensors.count == Int(sensors.entryCount),
            registry.sources.count == Int(sources.entryCount)
        else { return nil }
        return (registry, header.u64(16))
    }

    private mutating func decodeEntries() -> Bool {
        var offset = 0
        while offset < self.sensorBytes.count {
            guard let text = Self.text(in: self.sensorBytes, at: &offset) else { return false }
            if text == Self.lostPath(UInt32(self.sensors.count)) {
                self.lostSensors.append(SensorIndex(rawValue: UInt32(self.sensors.count)))
            }
            self.sensors.append(text)
        }
        offset = 0
        while offset < self.sourceBytes.count {
            guard offset + 4 <= self.sourceBytes.count else { return false }
            var behind: UInt32 = 0
            for index in 0..<4 {
                behind |= UInt32(self.sourceBytes[offset + index]) << UInt32(8 * index)
            }
            offset += 4
            guard let name = Self.text(in: self.sourceBytes, at: &offset) else { return false }
            self.sources.append(
                RegisteredSource(name: name, behind: SourceIndex(rawValue: behind)))
        }
        return true
    }

    private static func text(in bytes: [UInt8], at offset: inout Int) -> String? {
        guard offset + 2 <= bytes.count else { return nil }
        let count = Int(bytes[offset]) | Int(bytes[offset + 1]) << 8
        guard offset + 2 + count <= bytes.count else { return nil }
        defer { offset += 2 + count }
        return String(decoding: bytes[(offset + 2)..<(offset + 2 + count)], as: UTF8.self)
    }
}
