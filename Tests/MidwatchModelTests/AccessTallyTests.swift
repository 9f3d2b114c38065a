// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@Suite struct AccessTallyTests {
    private static func event(
        _ address: String, _ detail: String = "", kind: AccessEvent.Kind = .read, user: String = ""
    ) -> AccessEvent {
        AccessEvent(kind, listener: "api/tcp", address: address, user: user, detail: detail)
    }

    @Test func `accesses of one address are one row, with what was asked`() throws {
        var tally = AccessTally()
        for _ in 0..<3 { tally.add(Self.event("10.0.0.1", "GET /v1/status")) }
        tally.add(Self.event("10.0.0.1", "GET /metrics"))
        tally.add(Self.event("10.0.0.1", kind: .loginFailed, user: "eve"))
        let rows = tally.take()
        #expect(rows.map(\.count.total) == [1, 4])
        #expect(rows.map(\.row.kind) == [.loginFailed, .read])
        #expect(rows[0].row.user == "eve")
        #expect(rows[1].count.details == ["GET /v1/status": 3, "GET /metrics": 1])
        #expect(tally.isEmpty)
    }

    @Test func `a flood of addresses and of details costs no more than the bound`() {
        var tally = AccessTally()
        for index in 0..<5_000 { tally.add(Self.event("10.0.\(index)", "GET /\(index)")) }
        for index in 0..<100 { tally.add(Self.event("10.0.0", "GET /x\(index)")) }
        #expect(tally.rows.count == AccessTally.rowCountMax + 1)
        let rows = tally.take()
        #expect(rows.reduce(0) { $0 + $1.count.total } == 5_100, "nothing is left out")
        let others = rows.first { $0.row.address == AccessTally.others }
        #expect(others?.count.total == UInt64(5_000 - AccessTally.rowCountMax))
        #expect(
            rows.allSatisfy { $0.count.details.count <= AccessTally.detailCountMax + 1 })
        let named = rows.first { $0.row.address == "10.0.0" }
        #expect(named?.count.total == 101)
        #expect(
            named?.count.details[AccessTally.others] == 101 - UInt64(AccessTally.detailCountMax))
    }

    @Test func `long texts are cut`() {
        var tally = AccessTally()
        let long = String(repeating: "ä", count: 1_000)
        tally.add(Self.event("10.0.0.1", long, user: long))
        for (row, count) in tally.take() {
            #expect(row.user.utf8.count <= AccessTally.textBytesMax + 2)
            #expect(
                count.details.keys.allSatisfy { $0.utf8.count <= AccessTally.textBytesMax + 2 })
        }
    }
}
