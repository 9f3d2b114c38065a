// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import Journal

/// Readers that must come through a damaged ledger: the operators' events, alerts, the start.
@Suite struct LedgerReaderTests {
    private static let path = LedgerTests.path(1)

    /// Numbers of the lines that `step` gives, and the gaps on the way.
    private func walk(
        _ disk: SimulatedDisk, from n: UInt64 = 1, through limit: UInt64
    ) throws -> (lines: [UInt64], gaps: [LedgerGap]) {
        let reader = LedgerReader(directory: LedgerTests.directory, fromLine: n, disk: disk)
        var lines: [UInt64] = []
        var gaps: [LedgerGap] = []
        // Bounded: a reader that stays where it is must fail, not hang.
        for _ in 0..<(2 * limit + 10) {
            switch try reader.step(through: limit) {
            case .line(let line): lines.append(line.n)
            case .gap(let gap): gaps.append(gap)
            case .end: return (lines, gaps)
            }
        }
        Issue.record("the reader does not come to the end")
        return (lines, gaps)
    }

    private func lineStarts(_ disk: SimulatedDisk, _ path: String = path) -> [Int] {
        let text = disk.contents(path)
        return [0] + text.indices.filter { text[$0] == 10 }.map { $0 + 1 }
    }

    @Test(arguments: [1, 2, 15, 30])
    func `a reader goes on behind a damaged line and names it`(_ n: Int) throws {
        let disk = try LedgerTests.make(30)
        disk.rot(Self.path, byte: self.lineStarts(disk)[n - 1] + 60)
        let (lines, gaps) = try self.walk(disk, through: 30)
        let whole = (1...30).filter { $0 != n }.map { UInt64($0) }
        #expect(lines == whole)
        #expect(gaps.map(\.missing) == [UInt64(n)..<UInt64(n + 1)])
        #expect(gaps.first?.fault?.n == UInt64(n))
        #expect(gaps.first?.fault?.file == "00000001.ledger")
    }

    @Test func `a damaged line feed costs both lines and no more`() throws {
        let disk = try LedgerTests.make(30)
        disk.rot(Self.path, byte: self.lineStarts(disk)[10] - 1)
        let (lines, gaps) = try self.walk(disk, through: 30)
        let whole = (1...30).filter { $0 != 10 && $0 != 11 }.map { UInt64($0) }
        #expect(lines == whole)
        #expect(gaps.map(\.missing) == [10..<12])
    }

    @Test func `who begins behind damage is not told of it again`() throws {
        let disk = try LedgerTests.make(30)
        disk.rot(Self.path, byte: self.lineStarts(disk)[10] - 1)
        let (lines, gaps) = try self.walk(disk, from: 12, through: 30)
        #expect(lines == Array(12...30))
        #expect(gaps == [])
    }

    @Test func `a page of zeros in the middle is passed`() throws {
        let disk = try LedgerTests.make(200)
        var text = disk.contents(Self.path)
        let starts = self.lineStarts(disk)
        text.replaceSubrange(8_192..<12_288, with: repeatElement(0, count: 4_096))
        disk.replace(Self.path, with: text)
        let first = try #require(starts.lastIndex { $0 <= 8_192 }) + 1
        let last = try #require(starts.firstIndex { $0 >= 12_288 })
        let (lines, gaps) = try self.walk(disk, through: 200)
        let whole = (1...200).filter { $0 < first || $0 > last }.map { UInt64($0) }
        #expect(lines == whole)
        #expect(gaps.map(\.missing) == [UInt64(first)..<UInt64(last + 1)])
    }

    @Test func `a line with another past breaks the chain and is given all the same`() throws {
        let disk = try LedgerTests.make(10)
        var text = disk.contents(Self.path)
        let starts = self.lineStarts(disk)
        var forged: [UInt8] = []
        // Line 4 says something else and carries a hash of its own: line 5 does not follow it.
        let third = try LedgerText.parse(text[starts[2]..<(starts[3] - 1)])
        _ = LedgerText.append(
            n: 4, written: LedgerTests.written.rfc3339, body: LedgerTests.body(9, bytes: 200),
            previous: third.hash, to: &forged)
        #expect(forged.count == starts[4] - starts[3])
        text.replaceSubrange(starts[3]..<starts[4], with: forged)
        disk.replace(Self.path, with: text)
        let (lines, gaps) = try self.walk(disk, through: 10)
        #expect(lines == Array(1...10))
        #expect(gaps.map(\.missing) == [5..<5])
        #expect(gaps.first?.fault?.reason == .chain)
    }

    @Test func `a missing file and a file without a whole first line are passed`() throws {
        var disk = try LedgerTests.make(900, bytes: 200)
        let second = disk.contents(LedgerTests.path(2))
        let third = try LedgerText.parse(
            disk.contents(LedgerTests.path(3)).prefix { $0 != 10 }[...])
        disk.replace(LedgerTests.path(2), with: nil)
        var found = try self.walk(disk, through: 900)
        #expect(found.gaps.count == 1 && found.gaps.first?.missing.upperBound == third.n)
        let lost = found.gaps.first?.missing.count ?? 0
        #expect(found.lines.count + lost == 900)
        disk = try LedgerTests.make(900, bytes: 200)
        disk.rot(LedgerTests.path(2), byte: 30)
        let from = try LedgerText.parse(second.prefix { $0 != 10 }[...]).n
        for start in [1, from, from + 1, 900] {
            found = try self.walk(disk, from: start, through: 900)
            #expect(found.lines.last == 900)
            let missing = found.gaps.reduce(0) { $0 + $1.missing.count }
            #expect(found.lines.count + missing == Int(901 - start))
            #expect(missing == (start <= from ? 1 : 0), "from \(start): \(found.gaps)")
        }
    }

    @Test func `lines that were cut off are a gap, and what comes later is read`() throws {
        let disk = try LedgerTests.make(30)
        var text = disk.contents(Self.path)
        let cut = self.lineStarts(disk)[20]
        text.replaceSubrange(cut..., with: repeatElement(0, count: text.count - cut))
        disk.replace(Self.path, with: text)
        let reader = LedgerReader(directory: LedgerTests.directory, fromLine: 21, disk: disk)
        #expect(try reader.step(through: 30) == .gap(LedgerGap(missing: 21..<31, fault: nil)))
        #expect(try reader.step(through: 30) == .end)
        let (writer, _) = try LedgerWriter.open(
            directory: LedgerTests.directory, options: LedgerTests.options, disk: disk)
        _ = try writer.append(body: LedgerTests.body(31), written: LedgerTests.written)
        #expect(writer.commit(now: .zero).durableThrough == 31)
        guard case .line(let line) = try reader.step(through: 31) else {
            Issue.record("line 31 is not read")
            return
        }
        #expect(line.n == 31 && line.body == LedgerTests.body(31))
    }

    @Test func `a reader begins close to its line and does not read the file before it`() throws {
        let options = LedgerOptions(fileBytes: 4 << 20)
        let disk = SimulatedDisk(seed: 1)
        let (writer, _) = try LedgerWriter.open(
            directory: LedgerTests.directory, options: options, disk: disk)
        for value in 1...10_000 {
            _ = try writer.append(
                body: LedgerTests.body(value, bytes: 100), written: LedgerTests.written)
        }
        #expect(writer.commit(now: .zero).durableThrough == 10_000)
        // Damage far in front of the line is not even seen.
        disk.rot(Self.path, byte: self.lineStarts(disk)[99] + 60)
        for start: UInt64 in [5_000, 9_000, 10_000] {
            let reader = LedgerReader(
                directory: LedgerTests.directory, fromLine: start, disk: disk)
            #expect(try reader.next()?.n == start)
        }
        let reader = LedgerReader(directory: LedgerTests.directory, fromLine: 50, disk: disk)
        #expect(try reader.next()?.n == 50)
    }
}
