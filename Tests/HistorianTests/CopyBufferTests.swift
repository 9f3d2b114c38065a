// SPDX-License-Identifier: Apache-2.0

import Historian
import MidwatchModel
import Testing

@Suite struct CopyBufferTests {
    private func hex(_ buffer: borrowing CopyBuffer) throws -> String {
        let bytes = try unsafe buffer.withBytes { bytes throws(ArchiveError) in unsafe Array(bytes)
        }
        return HexDigits.text(bytes)
    }

    @Test func `the documented vector of COPY BINARY`() throws {
        var buffer = CopyBuffer(capacity: 1)
        buffer.begin()
        buffer.reserve(100)
        buffer.beginRow(fieldCount: 6)
        buffer.put(Int32(1))
        buffer.put(21.5)
        buffer.put(timestamp: 1_704_067_200_000_000_000)  // 2024-01-01T00:00:00Z
        buffer.put("ok")
        buffer.put(true)
        buffer.putNull()
        buffer.end()
        #expect(
            try self.hex(buffer) == "5047434f50590aff0d0a000000000000000000"
                + "0006" + "0000000400000001" + "000000084035800000000000"
                + "000000080002b0d5d4e94000" + "000000026f6b" + "0000000101" + "ffffffff" + "ffff")
        buffer.begin()
        buffer.end()
        #expect(try self.hex(buffer) == "5047434f50590aff0d0a000000000000000000ffff")
    }

    @Test(arguments: [
        (Int64(0), Int64(-946_684_800_000_000)), (-1, -946_684_800_000_001),
        (999, -946_684_800_000_000), (946_684_800_000_001_000, 1),
    ])
    func `instants are cut to microseconds towards the past`(
        nanoseconds: Int64, microseconds: Int64
    ) throws {
        var buffer = CopyBuffer()
        buffer.put(timestamp: nanoseconds)
        let digits = HexDigits.text(of: UInt64(bitPattern: microseconds))
        #expect(try self.hex(buffer) == "00000008" + digits)
    }

    @Test func `small integers are big-endian`() throws {
        var buffer = CopyBuffer()
        buffer.put(Int16(-2))
        buffer.put(Int64(1))
        #expect(try self.hex(buffer) == "00000002fffe000000080000000000000001")
    }
}
