// SPDX-License-Identifier: Apache-2.0

import FleetSimulation
import JSONText
import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

extension IntegrationTests {
    /// Rules about sources, from the socket to the screens and back from the journal.
    @Suite struct SourceRuleTests {
        private static let alarmID = "midwatch/source/udp/field/127.0.0.1:clock-off"

        private static let rules = """
            areas:
              - {name: hall, sensors: ["gw/#"], modes: [open, closed]}
            rules:
              - name: clock-off
                sources: [udp/field/+]
                clockSkew: {max: 5s}
                priority: high
                causes: [no time server, the battery is old]
                verification: Look at its display.
                owner: network duty
              - name: numbers
                sources: [udp/field/+]
                sequence: {sensor: gw/seq, faults: 2, window: 1m}

            """

        /// Readings of thirty sensors of a sender whose clock is behind by `behind` seconds.
        private func send(_ device: FieldDevice, _ number: Int, behind: Int64) {
            let time = device.send("gw/other", 1) - behind * 1_000_000_000
            let lines = (0..<30).map { "gw s\($0)=1 \(time)" } + ["gw seq=\(number) \(time)"]
            device.send(Array(lines.joined(separator: "\n").utf8))
        }

        @Test func `a sender whose clock is off is one alarm, and stays one over a crash`()
            async throws
        {
            var options = Site.Options(
                sensors: "  - {template: gw/+, supervision: periodic, deadline: 60s}\n"
                    + "  - {path: gw/seq, supervision: periodic, deadline: 60s}\n")
            options.more = Self.rules
            let site = try Site(options)
            try await site.start()
            let device = try FieldDevice(site)
            func raised(_ alarm: String) throws -> [LedgerEntry] {
                try site.ledger().filter { $0.kind == "alarmRaised" && $0.alarm == alarm }
            }
            var number = 0
            #expect(
                try await waits(15) {
                    number += 1
                    self.send(device, number, behind: 20)
                    return try !raised("clock-off").isEmpty
                })
            let view = try site.client.alarm(Self.alarmID)
            #expect(view.priority == .high && view.measureUnit == "s")
            #expect(abs((view.triggerValue ?? 0) - 20) < 1)
            #expect(view.causes == ["no time server", "the battery is old"])
            #expect(view.verification == "Look at its display." && view.owner == "network duty")
            try await site.kill()
            try await site.start()
            // The number that comes next, then two that are missing.
            number += 1
            self.send(device, number, behind: 20)
            #expect(
                try await waits(15) {
                    number += 3
                    self.send(device, number, behind: 20)
                    return try !raised("numbers").isEmpty
                })
            #expect(try raised("clock-off").count == 1)
            #expect(try raised("clock-off").first?.sensor == "midwatch/source/udp/field/127.0.0.1")
            #expect(try raised("numbers").count == 1)
            #expect(try await site.stop() == 0)
            try site.expectRecordsVerify()
            let text = try ChildProcess.run(
                [
                    try Places.program("midwatch"), "replay", "--at", "now", "--json", "--state",
                    site.state,
                ])
            // What is said beside it stands in lines of its own.
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("{") })
            let past = try JSONValue(parsing: String(line))
            #expect(past["areas"]?.array?.first?["name"]?.string == "hall")
            #expect(past["areas"]?.array?.first?["mode"]?.string == "open")
        }
    }
}
