// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension JournalReader {
    /// Numbers of the segments in the folder, ascending.
    func segmentNumbers() throws(JournalError) -> [UInt32] {
        do throws(DiskError) {
            return try self.disk.list(self.folder.path).compactMap(JournalFolder.segmentNumber)
                .sorted()
        } catch {
            if error.isMissing { return [] }
            throw .disk(error)
        }
    }

    /// The header of a segment; nil if it fails its checksum or the segment was just removed.
    func header(_ number: UInt32) throws(JournalError) -> SegmentHeader? {
        let path = self.folder.segment(number)
        do throws(JournalError) {
            return try SegmentHeader.read(try self.disk.opened(path, .read), path: path)
        } catch {
            if case .disk(let cause) = error, cause.isMissing { return nil }
            throw error
        }
    }

    func oldestHeader() throws(JournalError) -> SegmentHeader? {
        for number in try self.segmentNumbers() {
            if let header = try self.header(number) { return header }
        }
        return nil
    }

    func newestHeader() throws(JournalError) -> SegmentHeader? {
        for number in try self.segmentNumbers().reversed() {
            if let header = try self.header(number) { return header }
        }
        return nil
    }

    /// Opens the segment that holds `nextN`; false if the journal has no segment yet.
    func openFirst() throws(JournalError) -> Bool {
        let numbers = try self.segmentNumbers()
        guard !numbers.isEmpty else { return false }
        var oldest: SegmentHeader?
        var damagedBelowOldest: UInt32?
        for number in numbers.reversed() {
            guard let header = try self.header(number) else {
                damagedBelowOldest = number
                continue
            }
            if header.firstN <= self.nextN {
                try self.open(number)
                return true
            }
            oldest = header
            damagedBelowOldest = nil
        }
        if let number = damagedBelowOldest {
            try self.open(number)
            return true
        }
        guard let oldest else { return false }
        throw .positionTooOld(oldest: Position(epoch: oldest.epoch, n: oldest.firstN))
    }

    /// Goes on with the segment behind number `number`, if there is one.
    func open(after number: UInt32) throws(JournalError) {
        // A segment that failed before it held a record is removed; then the list is read again.
        for _ in 0..<Self.openAttemptsMax {
            guard let next = try self.segmentNumbers().first(where: { $0 > number }) else {
                self.following = nil
                return
            }
            do throws(JournalError) {
                try self.open(next)
                return
            } catch {
                guard case .disk(let cause) = error, cause.isMissing else { throw error }
            }
        }
    }

    private static let openAttemptsMax = 8

    private func open(_ number: UInt32) throws(JournalError) {
        let segment = try SegmentFile(
            number: number, folder: self.folder, disk: self.disk, window: self.window)
        self.segment = segment
        self.offset = UInt64(SegmentHeader.byteCount)
        self.expectedChecksum = segment.header?.checksum
        self.following = nil
        try self.lookForFollowing(number)
        guard let header = segment.header else {
            try self.throwDamage(
                .segmentHeader, segment, bytes: 0, lost: self.nextN..<self.nextN,
                resume: .block(self.offset, n: self.nextN))
        }
        self.highestArrival = max(self.highestArrival, header.highestArrival)
        if self.nextN >= header.previousThrough { self.nextN = max(self.nextN, header.firstN) }
    }

    /// Learns where the segment behind number `number` begins.
    func lookForFollowing(_ number: UInt32) throws(JournalError) {
        guard let next = try self.segmentNumbers().first(where: { $0 > number }) else { return }
        self.following = try self.header(next)
    }

    /// Reports damage at `offset` of `segment`; `resume` is where `skipDamage` goes on.
    func throwDamage(
        _ reason: JournalDamage.Reason, _ segment: SegmentFile, bytes: UInt64,
        lost: Range<UInt64>, resume: Resume
    ) throws(JournalError) -> Never {
        var watermark: UInt64 = 0
        switch resume {
        case .block(let at, _): watermark = try segment.watermark(from: at)
        case .segment: break
        case .number(let limit): watermark = limit
        }
        if let following = self.following, let header = segment.header,
            following.epoch == header.epoch
        {
            watermark = max(watermark, following.previousThrough)
        }
        let damage = JournalDamage(
            reason: reason, segment: segment.number,
            byteOffset: reason == .segmentHeader ? 0 : self.offset, byteCount: bytes, lost: lost,
            wasDurable: reason == .segmentHeader || lost.lowerBound < watermark,
            sensors: reason == .chainBroken || reason == .segmentHeader
                ? [] : try self.sensors(segment, at: self.offset))
        self.pending = (damage, resume)
        throw .damaged(damage)
    }

    /// Sensors named by what looks like records in a damaged block.
    private func sensors(
        _ segment: SegmentFile, at offset: UInt64
    ) throws(JournalError) -> [SensorIndex] {
        let bytes = try segment.bytes(at: offset, count: JournalFormat.blockBytesMax)
        var sensors: Set<SensorIndex> = []
        var at = JournalFormat.blockHeaderBytes
        while at + Slot.byteCount <= bytes.count, sensors.count < JournalDamage.sensorsMax {
            let slot = unsafe bytes.withUnsafeBytes {
                unsafe $0.loadUnaligned(fromByteOffset: at, as: Slot.self)
            }
            if slot.kind == .reading, slot.sensor.rawValue < SystemLimits.sensorCountMax {
                sensors.insert(slot.sensor)
            }
            at += Slot.byteCount
        }
        return sensors.sorted()
    }
}
