// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

/// Tables fit the terminal and keep what tells rows apart.
@Suite struct TableTests {
    private func table(_ rows: Int = 3) -> TextTable {
        var table = TextTable(
            titles: ["PRIORITY", "ALARM", "ACTIVATION", "MESSAGE"], flexible: 3, paths: [1],
            spare: [2])
        for row in 0..<rows {
            table.add([
                "CRITICAL", "midwatch/tunnel-west-\(row)/alerts/endpointsDown:highHigh",
                "1:26\(row).0",
                "cannot be verified, last known 12.5 ppm, held since this morning",
            ])
        }
        return table
    }

    @Test(arguments: [40, 60, 80, 100, 132])
    func `no line is wider than the terminal, and alarms keep their end`(columns: Int) {
        let lines = self.table().text(columns: columns).split(separator: "\n")
        #expect(lines.count == 4)
        for line in lines { #expect(TerminalText.width(String(line)) <= columns, "\(line)") }
        for line in lines.dropFirst() { #expect(line.contains("Down:highHigh")) }
        // A column that can be spared goes whole or stays whole.
        #expect(lines[0].contains("ACTIVATION") == lines[1].contains("1:260.0"))
    }

    @Test func `without a width nothing is cut and nothing is left out`() {
        let text = self.table(1).text(columns: nil)
        #expect(text.contains("held since this morning") && text.contains("1:260.0"))
        #expect(text.contains("midwatch/tunnel-west-0/alerts/endpointsDown:highHigh"))
    }
}
