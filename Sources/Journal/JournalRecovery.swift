// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Brings a journal's folder into a state to go on from.
///
/// Steps: lock, remove what a crash left half made, identity, registry and link table, read the
/// newest segments, sync what was read, epoch. Nothing is overwritten except the epoch: a torn tail
/// is cut by the header of the next segment, which names its own first number, so the bytes stay
/// for whoever wants to look.
struct JournalRecovery {
    let folder: JournalFolder
    let options: JournalOptions
    let disk: any JournalDisk

    private var registry = JournalRegistry()
    private var registryThrough: UInt64 = 0
    /// Whether `registry` itself was read, and how many entries it held.
    private var fileEntryCount: Int?
    private let links = LinkTable()
    private var linksThrough: UInt64 = 0
    private var damage: [JournalDamage] = []
    private var furtherDamageCount = 0
    private let tail = UnprovenTail()

    /// Records that one read takes.
    private static let batchRecords = 16_384
    /// Segments that are read for links when no links file is whole.
    private static let linkSegmentsMax = 8
    /// Damaged ranges that are copied aside, and bytes of each.
    private static let asideFilesMax = 64
    private static let asideBytesMax = 1 << 20

    init(folder: JournalFolder, options: JournalOptions, disk: any JournalDisk) {
        self.folder = folder
        self.options = options
        self.disk = disk
    }

    mutating func run(
        _ progress: (_ done: UInt64, _ total: UInt64) -> Void
    ) throws(JournalError) -> OpenJournal {
        try onDisk { () throws(DiskError) in
            try self.disk.makeFolder(self.folder.path)
            try self.disk.syncFolder(Self.parent(of: self.folder.path))
        }
        let lock = try self.takeLock()
        let supply = try onDisk { () throws(DiskError) in
            try SegmentSupply.recover(
                directory: self.folder.path, disk: self.disk, fileBytes: self.options.segmentBytes)
        }
        let reader = JournalReader(folder: self.folder, position: .zero, disk: self.disk)
        let journal = try self.identity(reader)
        try self.loadRegistry()
        try self.loadLinks()
        let end = try self.scan(reader, progress)
        try self.makeDurable(reader)
        let epoch = try self.beginEpoch(reader)
        self.keepDamageAside(reader)
        let report = JournalReport(
            journal: journal, epoch: epoch, nextN: end.position.n, durableEnd: end.position,
            lastArrival: end.highestArrival, sensorPaths: self.registry.sensors,
            sources: self.registry.sources, lostSensors: self.registry.lostSensors,
            damage: self.damage, furtherDamageCount: self.furtherDamageCount,
            tornBytes: end.tornBytes, linksFrom: end.linksFrom)
        let staging = JournalStaging(
            firstN: end.position.n, byteCount: self.options.stagingBytes,
            ringCapacity: self.options.ringCapacity)
        let start = CommitterStart(
            folder: self.folder, disk: self.disk, lock: lock, journal: journal, epoch: epoch,
            segmentBytes: self.options.segmentBytes, links: self.links, registry: self.registry,
            writtenEntryCount: self.fileEntryCount,
            hasRegistryFile: self.fileEntryCount != nil,
            nextSegmentNumber: (try reader.segmentNumbers().last ?? 0) + 1,
            lastChecksum: reader.lastChecksum, highestArrival: end.highestArrival,
            nextN: end.position.n)
        return OpenJournal(
            report: report, staging: staging,
            committer: JournalCommitter(start, staging: staging, supply: supply), supply: supply)
    }

    // MARK: Folder, identity, epoch

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private func takeLock() throws(JournalError) -> any DiskFile {
        let file = try self.disk.opened(self.folder.path + "/lock", .create)
        let isOurs = try onDisk { () throws(DiskError) in try file.lock() }
        guard isOurs else { throw .lockedByAnother }
        return file
    }

    private func identity(_ reader: JournalReader) throws(JournalError) -> JournalID {
        let known = try onDisk { () throws(DiskError) -> JournalID? in
            guard let file = try self.openIfPresent(self.folder.identity) else { return nil }
            return try IdentityFile.read(file)
        }
        if let known { return known }
        let id: JournalID
        if let header = try reader.newestHeader() {
            // Segments know whose they are; the file is made again.
            id = header.journal
        } else if try reader.segmentNumbers().isEmpty {
            let (hasRun, random) = try onDisk { () throws(DiskError) in
                (
                    try self.openIfPresent(self.folder.epoch) != nil,
                    SegmentUUID(try self.disk.randomBytes())
                )
            }
            if hasRun { throw .identityDamaged }
            id = JournalID(high: random.high, low: random.low)
        } else {
            throw .identityDamaged
        }
        try onDisk { () throws(DiskError) in
            let preparing = self.folder.identity + ".preparing"
            let file = try self.disk.open(preparing, .create)
            try IdentityFile.write(id, to: file)
            try self.disk.rename(preparing, to: self.folder.identity)
            try self.disk.syncFolder(self.folder.path)
        }
        return id
    }

    /// Makes the next epoch durable and returns it.
    ///
    /// A place of the file that cannot be read may have held a newer epoch than the other one, so
    /// one epoch is passed over: no position is ever given out twice.
    private func beginEpoch(_ reader: JournalReader) throws(JournalError) -> UInt32 {
        let newest = try reader.newestHeader()?.epoch ?? 0
        do throws(DiskError) {
            if let file = try self.openIfPresent(self.folder.epoch, .update) {
                let stored = try EpochFile.read(file)
                let known = max(stored.epoch, newest, reader.epoch, self.options.epochAbove)
                let epoch = known + (stored.isWhole ? 1 : 2) + self.options.epochsPassed
                try EpochFile.write(epoch, to: file)
                return epoch
            }
            // Both places are made whole at first, so that a place that is not is always a sign. A
            // journal whose epoch file is lost may have begun an epoch that holds no record.
            let known = max(newest, reader.epoch, self.options.epochAbove)
            let epoch = (known == 0 ? 1 : known + 2) + self.options.epochsPassed
            let preparing = self.folder.epoch + ".preparing"
            let file = try self.disk.open(preparing, .create)
            try EpochFile.write(epoch - 1, to: file)
            try EpochFile.write(epoch, to: file)
            try self.disk.rename(preparing, to: self.folder.epoch)
            try self.disk.syncFolder(self.folder.path)
            return epoch
        } catch {
            throw .disk(error)
        }
    }

    private func openIfPresent(
        _ path: String, _ mode: DiskOpenMode = .read
    ) throws(DiskError) -> (any DiskFile)? {
        do throws(DiskError) {
            return try self.disk.open(path, mode)
        } catch {
            if error.isMissing { return nil }
            throw error
        }
    }

    // MARK: Registry and links

    private mutating func loadRegistry() throws(JournalError) {
        var wasDamaged = false
        do throws(DiskError) {
            for path in [self.folder.registry, self.folder.registryBefore] {
                guard let file = try self.openIfPresent(path) else { continue }
                if let (registry, through) = try JournalRegistry.read(file) {
                    self.registry = registry
                    self.registryThrough = through
                    if path == self.folder.registry {
                        self.fileEntryCount = registry.sensors.count + registry.sources.count
                    }
                    break
                }
                wasDamaged = true
            }
        } catch {
            throw .disk(error)
        }
        if wasDamaged { self.note(Self.registryDamage(segment: 0)) }
    }

    private static func registryDamage(segment: UInt32) -> JournalDamage {
        JournalDamage(
            reason: .registry, segment: segment, byteOffset: 0, byteCount: 0, lost: 0..<0,
            wasDurable: true, sensors: [])
    }

    private mutating func loadLinks() throws(JournalError) {
        do throws(DiskError) {
            var found: [(through: UInt64, file: any DiskFile)] = []
            for slot in 0..<2 {
                if let file = try self.openIfPresent(self.folder.links(slot)),
                    let through = try LinkTable.through(of: file)
                {
                    found.append((through, file))
                }
            }
            for (through, file) in found.sorted(by: { $0.through > $1.through }) {
                if try self.links.load(from: file) {
                    self.linksThrough = through
                    return
                }
            }
        } catch {
            throw .disk(error)
        }
    }

    private mutating func note(_ damage: JournalDamage) {
        if self.damage.count < JournalReport.damageMax {
            self.damage.append(damage)
        } else {
            self.furtherDamageCount += 1
        }
    }

    // MARK: Segments

    private struct End {
        var position: Position
        var highestArrival: MonotonicInstant
        var tornBytes: UInt64
        var linksFrom: UInt64
    }

    /// Reads what the start needs: registrations behind the registry file, links behind the links
    /// file, the newest segment, and what `verifyFrom` asks for.
    private mutating func scan(
        _ reader: JournalReader, _ progress: (_ done: UInt64, _ total: UInt64) -> Void
    ) throws(JournalError) -> End {
        guard let oldest = try reader.oldestHeader() else {
            return try self.scanWithoutHeader(reader, progress)
        }
        let newest = try reader.newestHeader() ?? oldest
        if newest.sensors == self.registry.sensorDigest,
            newest.sources == self.registry.sourceDigest
        {
            // The file was not written again because nothing was registered since.
            self.registryThrough = max(self.registryThrough, newest.registryThrough)
        }
        var from = min(newest.firstN, self.registryThrough)
        if self.linksThrough > 0 {
            from = min(from, self.linksThrough)
        } else {
            let numbers = try reader.segmentNumbers().suffix(Self.linkSegmentsMax)
            let first = try numbers.first.flatMap { number throws(JournalError) in
                try reader.header(number)
            }
            from = min(from, first?.firstN ?? from)
        }
        if let wanted = self.options.verifyFrom { from = min(from, wanted.n) }
        reader.nextN = max(from, oldest.firstN, JournalFormat.firstNumber)
        let scannedFrom = reader.nextN
        var assembler = ControlAssembler()
        // The newest segment is not read yet; until then its room says how much there may be.
        let inNewest = UInt64(self.options.segmentBytes) / UInt64(Slot.byteCount)
        try self.readAll(reader, &assembler) { done in
            progress(done, max(done, newest.firstN + inNewest))
        }
        var end = Position(epoch: reader.epoch, n: reader.nextN)
        if reader.watermark > end.n {
            self.note(
                JournalDamage(
                    reason: .endMissing, segment: reader.segment?.number ?? 0,
                    byteOffset: reader.offset, byteCount: 0, lost: end.n..<reader.watermark,
                    wasDurable: true, sensors: []))
            end.n = reader.watermark
        }
        end.n = max(end.n, newest.firstN)
        if !self.registry.hasSensorPrefix(newest.sensors) {
            self.note(Self.registryDamage(segment: newest.number))
        }
        let hasAllLinks = self.linksThrough > 0 || scannedFrom <= oldest.firstN
        return End(
            position: end, highestArrival: reader.highestArrival,
            tornBytes: try reader.segment?.usedBytes(from: reader.offset) ?? 0,
            linksFrom: hasAllLinks ? 0 : scannedFrom)
    }

    /// A journal without a readable header: new, or every run before failed to write, or the headers
    /// rotted.
    ///
    /// Blocks say themselves whose they are, so those behind a bad header are used.
    private mutating func scanWithoutHeader(
        _ reader: JournalReader, _ progress: (_ done: UInt64, _ total: UInt64) -> Void
    ) throws(JournalError) -> End {
        guard let oldest = try reader.segmentNumbers().first else {
            let n = max(JournalFormat.firstNumber, self.registryThrough)
            return End(
                position: Position(epoch: 0, n: n), highestArrival: .zero, tornBytes: 0,
                linksFrom: 0)
        }
        reader.nextN = JournalFormat.firstNumber
        var assembler = ControlAssembler()
        try self.readAll(reader, &assembler) { progress($0, $0) }
        let end = max(reader.nextN, reader.watermark, self.registryThrough, self.linksThrough)
        if end > reader.nextN {
            self.note(
                JournalDamage(
                    reason: .endMissing, segment: reader.segment?.number ?? oldest,
                    byteOffset: reader.offset, byteCount: 0, lost: reader.nextN..<end,
                    wasDurable: true, sensors: []))
        }
        return End(
            position: Position(epoch: reader.epoch, n: end),
            highestArrival: reader.highestArrival,
            tornBytes: try reader.segment?.usedBytes(from: reader.offset) ?? 0,
            // Whatever the links file does not cover may lie in what was lost.
            linksFrom: end)
    }

    private mutating func readAll(
        _ reader: JournalReader, _ assembler: inout ControlAssembler,
        _ progress: (_ done: UInt64) -> Void
    ) throws(JournalError) {
        let tail = self.tail
        reader.onBlock = { segment, offset, header in tail.note(segment, offset, header) }
        defer { reader.onBlock = nil }
        var buffer = [Slot](
            repeating: Slot(kind: .empty, arrival: .zero), count: Self.batchRecords)
        while true {
            var failure: JournalError?
            let batch = unsafe buffer.withUnsafeMutableBufferPointer { slots -> ReadBatch? in
                do throws(JournalError) {
                    return unsafe try reader.read(into: slots, through: UInt64.max)
                } catch {
                    failure = error
                    return nil
                }
            }
            if case .damaged(let damage)? = failure {
                self.note(damage)
                try reader.skipDamage()
                continue
            }
            if let failure { throw failure }
            guard let batch, batch.count > 0 else { return }
            unsafe buffer.withUnsafeBufferPointer { slots in
                unsafe self.take(slots, batch, &assembler)
            }
            progress(reader.nextN)
        }
    }

    private mutating func take(
        _ slots: UnsafeBufferPointer<Slot>, _ batch: ReadBatch, _ assembler: inout ControlAssembler
    ) {
        for index in 0..<batch.count {
            let kind = unsafe slots[index].kindRaw
            let n = batch.firstN + UInt64(index)
            if kind == SlotKind.reading.rawValue {
                _ = unsafe self.links.advance(slots[index].sensor, to: n)
            } else if kind == SlotKind.registerSensor.rawValue
                || kind == SlotKind.registerSource.rawValue
                || kind == SlotKind.continuation.rawValue && assembler.isMidRecord
            {
                if let record = unsafe assembler.push(slots[index], n: n) {
                    self.registry.register(record)
                }
            }
        }
    }

    /// Makes durable what was read.
    ///
    /// A killed process may have left blocks in the page cache only. Blocks below a watermark are
    /// on the disk: the watermark was written after their sync. The others are written again
    /// before the sync, with the same bytes: after a sync that failed, the kernel shows blocks that
    /// it gave up writing, and a sync alone would report success without having written them.
    private func makeDurable(_ reader: JournalReader) throws(JournalError) {
        for place in self.tail.places {
            let path = self.folder.segment(place.segment)
            try onDisk { () throws(DiskError) in
                let file = try self.disk.open(path, .update)
                if let bytes = try file.bytes(at: place.offset, count: place.byteCount) {
                    try file.write(bytes, at: place.offset)
                }
            }
        }
        for number in try reader.segmentNumbers().suffix(2) {
            let file = try self.disk.opened(self.folder.segment(number), .update)
            try onDisk { () throws(DiskError) in try file.sync() }
        }
    }

    /// Copies damaged bytes to `damaged/`, as long as there is room for a few.
    ///
    /// A failure changes
    /// nothing: the segment itself stays as it is.
    private func keepDamageAside(_ reader: JournalReader) {
        for damage in self.damage.prefix(Self.asideFilesMax) where damage.segment > 0 {
            do throws(DiskError) {
                try self.disk.makeFolder(self.folder.damaged)
                guard try self.disk.list(self.folder.damaged).count < Self.asideFilesMax else {
                    return
                }
                let name = JournalFolder.padded(damage.segment, JournalFolder.numberDigits)
                let source = try self.disk.open(self.folder.segment(damage.segment), .read)
                let size = try source.size()
                guard size > damage.byteOffset else { continue }
                let wanted = max(damage.byteCount, UInt64(JournalFormat.blockBytesMax))
                let count = min(wanted, UInt64(Self.asideBytesMax), size - damage.byteOffset)
                let bytes = try source.bytes(at: damage.byteOffset, count: Int(count)) ?? []
                let file = try self.disk.open(
                    self.folder.damaged + "/\(name)-\(damage.byteOffset)", .createNew)
                try file.write(bytes, at: 0)
            } catch {
                continue
            }
        }
    }
}

/// Blocks that no watermark has covered yet, while recovery reads.
///
/// Bounded by the records of one transaction: every transaction's blocks carry the watermark of the
/// one before.
private final class UnprovenTail {
    private(set) var places: [(segment: UInt32, offset: UInt64, byteCount: Int, endN: UInt64)] = []

    func note(_ segment: UInt32, _ offset: UInt64, _ header: BlockHeader) {
        self.places.removeAll { $0.endN <= header.committedThrough }
        self.places.append((segment, offset, header.byteCount, header.endN))
    }
}
