// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import Journal

@Suite struct LedgerTests {
    static let directory = "/ledger"
    static let options = LedgerOptions(fileBytes: LedgerOptions.fileBytesMin)
    static let written = WallInstant(nanoseconds: 1_795_230_245_123_456_000)

    static func body(_ value: Int, bytes: Int = 0) -> [UInt8] {
        let filler = String(repeating: "x", count: bytes)
        return Array(#"{"value":\#(value),"text":"\#(filler)"}"#.utf8)
    }

    /// A ledger with `count` lines of about `bytes` bytes.
    static func make(_ count: Int, bytes: Int = 200, seed: UInt64 = 1) throws -> SimulatedDisk {
        let disk = SimulatedDisk(seed: seed)
        let (writer, report) = try LedgerWriter.open(
            directory: self.directory, options: self.options, disk: disk)
        #expect(report.broken == nil)
        for value in 1...count {
            #expect(
                try writer.append(body: self.body(value, bytes: bytes), written: self.written)
                    == UInt64(value))
            if value % 7 == 0 { #expect(writer.commit(now: .zero).mode == .normal) }
        }
        #expect(writer.commit(now: .zero).durableThrough == UInt64(count))
        disk.kill()
        return disk
    }

    static func verify(_ disk: SimulatedDisk) throws -> LedgerAudit.Report {
        try LedgerAudit.verify(directory: self.directory, disk: disk)
    }

    static func path(_ number: UInt32) -> String {
        "\(self.directory)/" + LedgerFolder.name(number)
    }

    @Test func `a line has the frozen form and hash`() throws {
        var text: [UInt8] = []
        let hash = LedgerText.append(
            n: 1, written: Self.written.rfc3339, body: Array(#"{"a":1}"#.utf8),
            previous: LedgerText.noHash, to: &text)
        let zeros = String(repeating: "0", count: 64)
        let hashed =
            #"{"n":1,"written":"2026-11-21T03:04:05.123456Z","body":{"a":1},"prev":"\#(zeros)""#
        #expect(hash == ContentHash.sha256(Array(hashed.utf8)[...]))
        #expect(
            String(decoding: text, as: UTF8.self)
                == hashed + #","hash":"\#(HexDigits.text(hash))"}"# + "\n")
        let line = try LedgerText.parse(text.dropLast())
        #expect(line.n == 1 && line.body == Array(#"{"a":1}"#.utf8) && line.hash == hash)
        #expect(
            HexDigits.text(hash)
                == "d300016ce785573e329fcb259b4193f8d4fee24b5607edfd8579efb07e8ce154")
    }

    @Test func `lines read back in order from any line on, over several files`() throws {
        let disk = try Self.make(900, bytes: 200)
        let report = try Self.verify(disk)
        #expect(report.isWhole && report.recordCount == 900 && report.fileCount >= 3)
        for start in [1, 2, 777, 899, 900] {
            let reader = LedgerReader(
                directory: Self.directory, fromLine: UInt64(start), disk: disk)
            var expected = UInt64(start)
            while let line = try reader.next() {
                #expect(line.n == expected)
                #expect(line.body == Self.body(Int(line.n), bytes: 200))
                expected += 1
            }
            #expect(expected == 901)
        }
    }

    @Test func `a reader stops at its limit and goes on when the limit moves`() throws {
        let disk = try Self.make(20)
        let reader = LedgerReader(directory: Self.directory, disk: disk)
        for n in 1...UInt64(5) { #expect(try reader.next(through: 5)?.n == n) }
        #expect(try reader.next(through: 5) == nil)
        #expect(try reader.next(through: 6)?.n == 6)
        #expect(try reader.next(through: 6) == nil)
    }

    @Test func `a body that is not one JSON object of one line is refused`() throws {
        let (writer, _) = try LedgerWriter.open(
            directory: Self.directory, options: Self.options, disk: SimulatedDisk(seed: 1))
        for bad in ["", "1", "{", "{\"a\":1}\n", "{\n}", "{} ", "{\"a\":1,\"a\":2}"] {
            #expect(throws: LedgerError.bodyRefused) {
                try writer.append(body: Array(bad.utf8), written: Self.written)
            }
        }
        #expect(throws: LedgerError.bodyRefused) {
            try writer.append(body: Self.body(1, bytes: 70_000), written: Self.written)
        }
        #expect(try writer.append(body: Self.body(1, bytes: 65_000), written: Self.written) == 1)
    }

    @Test func `every kind of changed byte is found and named`() throws {
        let disk = try Self.make(30)
        let text = disk.contents(Self.path(1))
        let used = text.lastIndex { $0 != 0 } ?? 0
        let lineStarts = [0] + text[...used].indices.filter { text[$0] == 10 }.map { $0 + 1 }
        // Every byte of line 15, and every 97th byte of the whole text.
        let target = lineStarts[14]
        let places = Array(target..<lineStarts[15]) + Array(stride(from: 0, to: used, by: 97))
        for place in places {
            for mask: UInt8 in [1, 0x20] {
                disk.rot(Self.path(1), byte: place, mask: mask)
                let report = try Self.verify(disk)
                let line = lineStarts.lastIndex { $0 <= place } ?? 0
                #expect(report.firstBroken?.file == "00000001.ledger", "byte \(place)")
                #expect(report.firstBroken?.n == UInt64(line + 1), "byte \(place)")
                #expect(report.firstBroken?.byteOffset == UInt64(lineStarts[line]))
                disk.rot(Self.path(1), byte: place, mask: mask)
            }
        }
        #expect(try Self.verify(disk).isWhole)
        disk.rot(Self.path(1), byte: used + 500)
        #expect(try Self.verify(disk).firstBroken?.reason == .trailingBytes)
    }

    @Test func `a chain that was computed again after a change is found by the anchor`() throws {
        let disk = try Self.make(10)
        var forged: [UInt8] = []
        var previous = LedgerText.noHash
        for value in 1...10 {
            previous = LedgerText.append(
                n: UInt64(value), written: Self.written.rfc3339,
                body: Self.body(value == 4 ? 400 : value, bytes: 200), previous: previous,
                to: &forged)
        }
        let size = disk.contents(Self.path(1)).count
        disk.replace(
            Self.path(1),
            with: forged + [UInt8](repeating: 0, count: size - forged.count))
        #expect(try Self.verify(disk).firstBroken?.reason == .otherHead)
    }

    @Test func `lines that were cut off at the end are found by the anchor`() throws {
        let disk = try Self.make(30)
        var text = disk.contents(Self.path(1))
        let ends = text.indices.filter { text[$0] == 10 }
        for kept in [29, 17, 1] {
            text.replaceSubrange(
                (ends[kept - 1] + 1)...,
                with: repeatElement(0, count: text.count - ends[kept - 1] - 1))
            disk.replace(Self.path(1), with: text)
            let report = try Self.verify(disk)
            #expect(report.firstBroken?.reason == .cutOff)
            #expect(report.firstBroken?.n == UInt64(kept + 1))
            #expect(report.cutOffCount == UInt64(30 - kept))
        }
    }

    @Test func `a ledger that goes on behind lost lines never looks whole again`() throws {
        let disk = try Self.make(30)
        var text = disk.contents(Self.path(1))
        let ends = text.indices.filter { text[$0] == 10 }
        text.replaceSubrange(
            (ends[19] + 1)..., with: repeatElement(0, count: text.count - ends[19] - 1))
        disk.replace(Self.path(1), with: text)
        let (writer, report) = try LedgerWriter.open(
            directory: Self.directory, options: Self.options, disk: disk)
        #expect(report.broken?.reason == .cutOff && report.broken?.n == 21)
        #expect(try writer.append(body: Self.body(31), written: Self.written) == 31)
        #expect(writer.commit(now: .zero).durableThrough == 31)
        disk.kill()
        let audit = try Self.verify(disk)
        #expect(audit.firstBroken?.reason == .cutOff && audit.firstBroken?.n == 21)
        let reader = LedgerReader(directory: Self.directory, fromLine: 31, disk: disk)
        #expect(try reader.next()?.n == 31)
    }

    @Test func `a removed file is found, and a missing or damaged anchor`() throws {
        let disk = try Self.make(900, bytes: 200)
        let files = try Self.verify(disk).fileCount
        #expect(files >= 3)
        let second = disk.contents(Self.path(2))
        disk.replace(Self.path(2), with: nil)
        let broken = try Self.verify(disk).firstBroken
        #expect(broken?.reason == .fileMissing && broken?.file == "00000002.ledger")
        disk.replace(Self.path(2), with: second)

        let first = try Self.make(10)
        first.replace("\(Self.directory)/ledger.head", with: nil)
        #expect(try Self.verify(first).firstBroken?.reason == .anchorMissing)
        let other = try Self.make(10)
        other.rot("\(Self.directory)/ledger.head", byte: 30)
        #expect(try Self.verify(other).isWhole, "one of two places is enough")
        other.rot("\(Self.directory)/ledger.head", byte: 4_096 + 30)
        #expect(try Self.verify(other).firstBroken?.reason == .anchorDamaged)
    }

    @Test func `a torn last line is cut and reported, and the ledger goes on`() throws {
        let disk = try Self.make(10)
        var text = disk.contents(Self.path(1))
        let used = (text.lastIndex { $0 != 0 } ?? 0) + 1
        text.replaceSubrange(
            used..<(used + 40), with: Array(#"{"n":11,"written":"2026-11-21T03:04:05.1"#.utf8))
        disk.replace(Self.path(1), with: text)
        let (writer, report) = try LedgerWriter.open(
            directory: Self.directory, options: Self.options, disk: disk)
        #expect(report.tornBytes == 40 && report.broken == nil && report.head.n == 10)
        _ = try writer.append(body: Self.body(11), written: Self.written)
        #expect(writer.commit(now: .zero).durableThrough == 11)
        #expect(try Self.verify(disk).isWhole)
    }

    @Test func `a failed sync sends the same lines to a fresh file`() throws {
        let disk = SimulatedDisk(seed: 3)
        let (writer, _) = try LedgerWriter.open(
            directory: Self.directory, options: Self.options, disk: disk)
        _ = try writer.append(body: Self.body(1), written: Self.written)
        #expect(writer.commit(now: .zero).error == nil)
        _ = try writer.append(body: Self.body(2), written: Self.written)
        disk.failSync(after: 1)
        let outcome = writer.commit(now: .zero)
        #expect(outcome.error?.operation == .sync)
        #expect(outcome.durableThrough == 2 && outcome.mode == .normal)
        disk.losePower()
        let report = try Self.verify(disk)
        #expect(report.isWhole && report.lastN == 2 && report.fileCount == 2)
    }

    @Test func `two failures are storage failed, and a later attempt recovers`() throws {
        let disk = SimulatedDisk(seed: 3)
        let (writer, _) = try LedgerWriter.open(
            directory: Self.directory, options: Self.options, disk: disk)
        _ = try writer.append(body: Self.body(1), written: Self.written)
        disk.failWrite(after: 1, failures: 100)
        var outcome = writer.commit(now: .zero)
        #expect(outcome.mode == .storageFailed && outcome.durableThrough == 0)
        disk.healthy()
        outcome = writer.commit(now: .zero)
        #expect(outcome.mode == .storageFailed, "not before the pause is over")
        outcome = writer.commit(
            now: MonotonicInstant(nanoseconds: LedgerWriter.retryNanoseconds))
        #expect(outcome.mode == .normal && outcome.durableThrough == 1)
    }

    @Test func `a bounded log keeps its newest files and verifies from the first kept`() throws {
        let disk = SimulatedDisk(seed: 3)
        let options = LedgerOptions(fileBytes: LedgerOptions.fileBytesMin, fileCountMax: 2)
        let (writer, _) = try LedgerWriter.open(
            directory: Self.directory, options: options, disk: disk)
        for value in 1...1_500 {
            _ = try writer.append(body: Self.body(value, bytes: 200), written: Self.written)
            if value % 10 == 0 { _ = writer.commit(now: .zero) }
        }
        let report = try Self.verify(disk)
        #expect(report.isWhole && report.lastN == 1_500)
        #expect(report.fileCount <= 2 && report.firstN > 1)
        let reader = LedgerReader(directory: Self.directory, fromLine: 1, disk: disk)
        #expect(throws: LedgerError.lineTooOld(oldest: report.firstN)) { try reader.next() }
    }

    @Test func `two writers cannot open one ledger`() throws {
        let disk = SimulatedDisk(seed: 1)
        let first = try LedgerWriter.open(
            directory: Self.directory, options: Self.options, disk: disk)
        #expect(throws: LedgerError.lockedByAnother) {
            _ = try LedgerWriter.open(
                directory: Self.directory, options: Self.options, disk: disk)
        }
        withExtendedLifetime(first) {}
    }

    @Test(arguments: 0..<4)
    func `no crash loses a durable line or leaves a ledger that is not whole`(lane: Int) throws {
        for seed in 0..<64 { try Self.live(UInt64(lane * 1_000 + seed)) }
    }

    private static func live(_ seed: UInt64) throws {
        var numbers = SeededNumbers(seed: seed)
        let disk = SimulatedDisk(seed: seed)
        var durable: UInt64 = 0
        var clock: UInt64 = 0
        for _ in 0..<Int.random(in: 2...5, using: &numbers) {
            let (writer, report) = try LedgerWriter.open(
                directory: self.directory, options: self.options, disk: disk)
            #expect(report.broken == nil, "seed \(seed)")
            #expect(report.head.n >= durable, "seed \(seed)")
            durable = report.head.n
            for _ in 0..<Int.random(in: 1...15, using: &numbers) {
                for _ in 0..<Int.random(in: 1...5, using: &numbers) {
                    let bytes = Int.random(in: 0...(seed % 8 == 0 ? 8_000 : 400), using: &numbers)
                    let n = writer.head.n + UInt64(writer.pendingCount) + 1
                    _ = try writer.append(
                        body: self.body(Int(n), bytes: bytes), written: self.written)
                }
                if numbers.chance(10) {
                    disk.failSync(
                        after: Int.random(in: 1...3, using: &numbers),
                        failures: Int.random(in: 1...3, using: &numbers))
                } else if numbers.chance(5) {
                    disk.failWrite(after: 1, failures: Int.random(in: 1...3, using: &numbers))
                }
                clock += LedgerWriter.retryNanoseconds
                let outcome = writer.commit(now: MonotonicInstant(nanoseconds: clock))
                #expect(outcome.durableThrough >= durable)
                durable = outcome.durableThrough
            }
            disk.healthy()
            if numbers.chance(60) { disk.losePower() } else { disk.kill() }
        }
        let (_, report) = try LedgerWriter.open(
            directory: self.directory, options: self.options, disk: disk)
        #expect(report.broken == nil && report.head.n >= durable, "seed \(seed)")
        let audit = try self.verify(disk)
        #expect(audit.isWhole, "seed \(seed): \(String(describing: audit.firstBroken))")
        #expect(audit.lastN >= durable, "seed \(seed)")
        let reader = LedgerReader(directory: self.directory, disk: disk)
        var n: UInt64 = 0
        while let line = try reader.next() {
            n += 1
            let named = #"{"value":\#(n),"#
            #expect(line.n == n && line.body.starts(with: Array(named.utf8)), "seed \(seed)")
        }
        #expect(n == audit.lastN)
    }
}
