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
            for name in FileBytes.list(folder) { unsafe unlink("\(folder)/\(name)") }
            unsafe rmdir(folder)
        }
        for n in UInt64(1)...5 {
            try CheckpointFile.write(
                [UInt8(n), 0xFF], position: Position(epoch: 1, n: n),
                journal: JournalID(high: 1, low: 2), folder: folder)
        }
        #expect(
            CheckpointFile.load(folder: folder).map(\.body) == [[5, 0xFF], [4, 0xFF], [3, 0xFF]])
        let newest = try #require(FileBytes.list(folder).max())
        var bytes = try #require(FileBytes.read("\(folder)/\(newest)"))
        bytes[12] ^= 1
        try FileBytes.replace("\(folder)/\(newest)", with: bytes)
        #expect(CheckpointFile.load(folder: folder).map(\.body) == [[4, 0xFF], [3, 0xFF]])
    }
}
