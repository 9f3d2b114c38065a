// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Blocks that stand in the committer's buffer and are not durable yet.
struct FormedBlocks {
    var recordCount = 0
    /// Readings among them, the canary's excepted.
    var readingCount = 0
    var byteCount = 0
    /// One more than the number of the last record.
    var endN: UInt64 = 0
    var highestArrival: MonotonicInstant
    var hasRegistrations = false
}

extension JournalCommitter {
    /// Forms blocks from the first staged slots: as many as fit in the buffer and in the segment.
    ///
    /// Records of one block have consecutive numbers; a gap begins a new block. The chain goes on
    /// in `open`, a copy that the caller keeps only when the blocks are durable.
    func form(_ head: Int, _ stagedCount: Int, _ open: inout OpenSegment) -> FormedBlocks {
        var formed = FormedBlocks(highestArrival: self.highestArrival)
        let room = unsafe min(self.buffer.bytes.count, Int(self.segmentBytes - open.offset))
        while formed.recordCount < stagedCount,
            room - formed.byteCount >= JournalFormat.blockAlignment
        {
            let fitting =
                (room - formed.byteCount - JournalFormat.blockHeaderBytes) / Slot.byteCount
            let limit = min(
                stagedCount - formed.recordCount, fitting, JournalFormat.blockRecordsMax)
            self.formBlock(head, limit, &formed, &open)
        }
        return formed
    }

    private func formBlock(
        _ head: Int, _ limit: Int, _ formed: inout FormedBlocks, _ open: inout OpenSegment
    ) {
        guard
            let block = unsafe self.buffer.bytes.baseAddress.map({
                unsafe $0 + formed.byteCount
            })
        else { preconditionFailure("the buffer has no memory") }
        let firstN = self.staging.slot(head: head, offset: formed.recordCount).link
        var highest = formed.highestArrival
        var hasRegistrations = false
        var readingCount = 0
        var count = 0
        while count < limit {
            var slot = self.staging.slot(head: head, offset: formed.recordCount &+ count)
            let n = slot.link
            if n != firstN &+ UInt64(truncatingIfNeeded: count) { break }
            if slot.kindRaw == SlotKind.reading.rawValue {
                slot.link = self.links.advance(slot.sensor, to: n)
                highest = max(highest, slot.arrival)
                // Readings about Midwatch itself were not received from anyone.
                if !slot.flags.contains(.canary),
                    slot.criticalityRaw != SensorCriticality.own.rawValue
                {
                    readingCount &+= 1
                }
            } else {
                slot.link = Slot.noPrevious
                // The arrival of a continuation is payload.
                if slot.kindRaw == SlotKind.continuation.rawValue {
                    hasRegistrations = true
                } else {
                    highest = max(highest, slot.arrival)
                    hasRegistrations =
                        hasRegistrations || slot.kindRaw == SlotKind.registerSensor.rawValue
                        || slot.kindRaw == SlotKind.registerSource.rawValue
                }
            }
            unsafe block.storeBytes(
                of: slot, toByteOffset: JournalFormat.blockHeaderBytes + count * Slot.byteCount,
                as: Slot.self)
            count &+= 1
        }
        let used = JournalFormat.blockHeaderBytes + count * Slot.byteCount
        let size = JournalFormat.blockBytes(recordCount: count)
        unsafe (block + used).initializeMemory(as: UInt8.self, repeating: 0, count: size - used)
        let header = BlockHeader(
            checksum: 0, uuid: open.uuid, epoch: self.epoch, recordCount: count, firstN: firstN,
            previousChecksum: open.previousChecksum, index: open.blockIndex,
            committedThrough: self.durableThrough, highestArrival: highest)
        open.previousChecksum = unsafe header.seal(block)
        open.blockIndex += 1
        formed.recordCount += count
        formed.readingCount += readingCount
        formed.byteCount += size
        formed.endN = header.endN
        formed.highestArrival = highest
        formed.hasRegistrations = formed.hasRegistrations || hasRegistrations
    }

    /// Takes back what forming did to the link table: last record first, each to its own link.
    func undo(_ formed: FormedBlocks) {
        var blocks: [(offset: Int, count: Int)] = []
        var offset = 0
        while offset < formed.byteCount {
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: self.buffer.bytes[offset...])
            guard case .block(let header) = unsafe BlockHeader.decode(bytes) else {
                preconditionFailure("a block that was just formed is not one")
            }
            blocks.append((offset, header.recordCount))
            offset += header.byteCount
        }
        for block in blocks.reversed() {
            for index in (0..<block.count).reversed() {
                let slot = unsafe self.buffer.bytes.loadUnaligned(
                    fromByteOffset: block.offset + JournalFormat.blockHeaderBytes
                        + index * Slot.byteCount, as: Slot.self)
                if slot.kindRaw == SlotKind.reading.rawValue {
                    self.links.restore(slot.sensor, to: slot.link)
                }
            }
        }
    }

    // MARK: Segments

    /// Makes a fresh segment whose first record will be `firstN`; on return it is durable.
    ///
    /// Order: registry, zero-filled file, header, name, folder. A crash between two steps leaves a
    /// file that recovery removes, never a segment without a header.
    func beginSegment(firstN: UInt64) throws(DiskError) {
        precondition(self.segment == nil, "the segment before it is still open")
        precondition(firstN >= self.durableThrough, "a segment begins in front of the watermark")
        try self.writeRegistry()
        let number = self.nextSegmentNumber
        self.nextSegmentNumber += 1
        let uuid = SegmentUUID(try self.disk.randomBytes())
        let digests = self.currentDigests()
        let header = SegmentHeader(
            journal: self.journal, uuid: uuid, number: number, epoch: self.epoch, firstN: firstN,
            previousThrough: self.durableThrough, segmentBytes: self.segmentBytes,
            highestArrival: self.highestArrival, previousChecksum: self.lastChecksum,
            sensors: digests.sensors, sources: digests.sources,
            registryThrough: self.pendingHeadN ?? self.durableThrough)
        let target = self.folder.segment(number)
        let preparing = target + ".preparing"
        let file = try self.supply.take(as: preparing)
        try file.write(header.encoded, at: 0)
        try file.sync()
        try self.disk.rename(preparing, to: target)
        try self.disk.syncFolder(self.folder.path)
        self.segment = OpenSegment(
            file: file, number: number, uuid: uuid, offset: UInt64(SegmentHeader.byteCount),
            previousChecksum: header.checksum)
        // A help for the next start only; without it more segments are read.
        try? self.writeLinks(number)
    }

    /// Length and hash of the registry; hashed again only when it grew.
    private func currentDigests() -> (sensors: RegistryDigest, sources: RegistryDigest) {
        let entryCount = self.registry.sensors.count + self.registry.sources.count
        if let digests = self.digests, digests.entryCount == entryCount {
            return (digests.sensors, digests.sources)
        }
        let fresh = (self.registry.sensorDigest, self.registry.sourceDigest)
        self.digests = (entryCount, fresh.0, fresh.1)
        return fresh
    }

    private func writeLinks(_ number: UInt32) throws(DiskError) {
        let file = try self.disk.open(self.folder.links(Int(number % 2)), .create)
        try self.links.write(to: file, through: self.durableThrough)
        self.supply.syncLater(file)
    }

    /// Replaces the registry file if registrations became durable since it was written.
    ///
    /// A registration whose last slots are not durable yet is not in it; then the file covers only
    /// what ended before its head, and recovery reads on from there.
    private func writeRegistry() throws(DiskError) {
        let entryCount = self.registry.sensors.count + self.registry.sources.count
        if self.writtenEntryCount == entryCount { return }
        let through = self.pendingHeadN ?? self.durableThrough
        let file = try self.disk.open(self.folder.registryNew, .create)
        let bytes = self.registry.file(through: through)
        try file.write(bytes, at: 0)
        try file.sync()
        if self.hasRegistryFile {
            do throws(DiskError) {
                try self.disk.rename(self.folder.registry, to: self.folder.registryBefore)
            } catch {
                // An attempt that failed after this step has moved it already.
                if !error.isMissing { throw error }
            }
        }
        try self.disk.rename(self.folder.registryNew, to: self.folder.registry)
        try self.disk.syncFolder(self.folder.path)
        self.writtenEntryCount = entryCount
        self.hasRegistryFile = true
    }
}
