// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Testing

@Suite struct NameTableTests {
    @Test func `names stay where they were put, over many chunks`() {
        let table = NameTable()
        #expect(table.names.isEmpty)
        for number in 0..<5_000 { #expect(table.append("sensor/\(number)")) }
        let names = table.names
        #expect(names.count == 5_000)
        #expect(names.enumerated().allSatisfy { $1 == "sensor/\($0)" })
        #expect(NameTable.Names().isEmpty)
    }

    @Test func `names that were taken do not grow`() {
        let table = NameTable()
        table.append("first")
        let before = table.names
        table.append("second")
        #expect(Array(before) == ["first"])
        #expect(Array(table.names) == ["first", "second"])
    }

    @Test func `readers of other threads see whole names, and every one that is counted`()
        async
    {
        let table = NameTable()
        let total = 20_000
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    var seen = 0
                    while seen < total {
                        let names = table.names
                        guard names.count >= seen else { return false }
                        for number in seen..<names.count
                        where names[number] != "a/long/path/of/a/sensor/\(number)" { return false }
                        seen = names.count
                        await Task.yield()
                    }
                    return true
                }
            }
            group.addTask {
                for number in 0..<total {
                    table.append("a/long/path/of/a/sensor/\(number)")
                    if number % 64 == 0 { await Task.yield() }
                }
                return true
            }
            for await isWhole in group { #expect(isWhole) }
        }
    }
}
