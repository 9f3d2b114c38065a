// SPDX-License-Identifier: Apache-2.0

import Glibc
import MidwatchModel
import StateFolder
import Testing

struct CheckpointFileTests {
    @Test
    func `the last ones stay, and a damaged one is passed over`() throws {
        let folder = "/tmp/midwatch-checkpoints-\(getpid())"
        try FileBytes.makeFolder(folder)
        defer {
            for folder in ["\(folder)/replay", folder] {
                for name in FileBytes.list(folder) { unsafe unlink("\(folder)/\(name)") }
                unsafe rmdir(folder)
            }
        }
        for n in UInt64(1)...5 {
            try CheckpointFile.write(
                [UInt8(n), 0xFF], position: Position(epoch: 1, n: n),
                journal: JournalID(high: 1, low: 2), folder: folder)
        }
        #expect(
            CheckpointFile.load(folder: folder).map(\.body) == [[5, 0xFF], [4, 0xFF], [3, 0xFF]])
        let newest = try #require(
            FileBytes.list(folder).filter { $0.hasSuffix(".checkpoint") }.max())
        var bytes = try #require(FileBytes.read("\(folder)/\(newest)"))
        bytes[12] ^= 1
        try FileBytes.replace("\(folder)/\(newest)", with: bytes)
        #expect(CheckpointFile.load(folder: folder).map(\.body) == [[4, 0xFF], [3, 0xFF]])
        // A start says so, and only of what it looks at.
        var damaged: [String] = []
        var files = CheckpointFile.each(folder: folder, settingAside: true) {
            damaged.append($0)
        }.makeIterator()
        #expect(damaged.isEmpty)
        #expect(files.next()?.body == [4, 0xFF])
        #expect(damaged == [newest])
        #expect(FileBytes.list(folder).contains("\(newest).aside"))
    }

    @Test
    func `one in twelve hours stays for replay, with its bytes, and no more than may`() throws {
        let folder = "/tmp/midwatch-checkpoints-kept-\(getpid())"
        let kept = "\(folder)/replay"
        try FileBytes.makeFolder(folder)
        defer {
            for folder in [kept, folder] {
                for name in FileBytes.list(folder) { unsafe unlink("\(folder)/\(name)") }
                unsafe rmdir(folder)
            }
        }
        func write(_ n: UInt64) throws {
            try CheckpointFile.write(
                [UInt8(n), 0xFF], position: Position(epoch: 1, n: n),
                journal: JournalID(high: 1, low: 2), folder: folder)
        }
        for n in UInt64(1)...5 { try write(n) }
        #expect(FileBytes.list(kept).sorted().map { $0.suffix(12) } == ["1.checkpoint"])
        // Each is made a day old, so that the next is kept as well.
        for n in UInt64(6)...40 {
            for name in FileBytes.list(kept) {
                var times = [timespec](repeating: timespec(), count: 2)
                for place in 0..<2 { times[place].tv_sec = time(nil) - 86_400 }
                #expect(unsafe utimensat(AT_FDCWD, "\(kept)/\(name)", times, 0) == 0)
            }
            try write(n)
        }
        let names = FileBytes.list(kept).sorted()
        #expect(names.count == 16)
        #expect(names.last?.hasPrefix("00000000000000000040.") == true)
        #expect(CheckpointFile.load(folder: kept).last?.body == [25, 0xFF])
        #expect(
            CheckpointFile.load(folder: folder).map(\.body) == [[40, 255], [39, 255], [38, 255]])
    }
}
