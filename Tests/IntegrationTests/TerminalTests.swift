// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

extension IntegrationTests {
    /// The dashboard in real terminals, driven by keys.
    @Suite struct TerminalTests {
        private static let sensors =
            Site.limitSensor("tunnel/west/co") + Site.limitSensor("tunnel/west/no2")
            + Site.limitSensor("tunnel/east/co", deadline: "3s") + Site.limitSensor("hall/temp")

        /// A site with one alarm over its limit, one by silence soon, and one sensor in order.
        private static func site(_ sink: Sink? = nil) async throws -> (Site, FieldDevice) {
            let site = try Site(Site.options(sensors: Self.sensors, sink: sink))
            try await site.start()
            let device = try FieldDevice(site)
            for path in ["tunnel/east/co", "hall/temp"] { device.send(path, 20) }
            for path in ["tunnel/west/co", "tunnel/west/no2"] { device.send(path, 88) }
            let isRaised = try await waits(10) {
                try site.client.status().alarms.unacknowledged >= 2
            }
            #expect(isRaised)
            return (site, device)
        }

        private static func dashboard(
            _ site: Site, columns: Int, rows: Int, environment: [String] = []
        ) throws -> Terminal {
            try Terminal(
                [
                    try Places.program("midwatch"), "top", "--socket",
                    site.folder.file("run/midwatch.sock"),
                ], columns: columns, rows: rows,
                environment: ["TERM=screen-256color"] + environment, in: try TemporaryFolder())
        }

        @Test(arguments: [(80, 24), (120, 40), (200, 60)])
        func `every view shows the site, at three sizes`(columns: Int, rows: Int) async throws {
            let (site, device) = try await Self.site()
            let terminal = try Self.dashboard(site, columns: columns, rows: rows)
            #expect(try await terminal.shows(["1 overview", "tunnel/west/co:high", "MONITOR"]))
            #expect(try await terminal.shows(["88 ppm", "UNACK", "medium"]))
            try terminal.press("2")
            #expect(try await terminal.shows(["UNACKNOWLEDGED", "tunnel/west/co:high"]))
            // Which alarm is the first one changes meanwhile: this one is looked at.
            try terminal.press("/", "west/co", "Enter")
            #expect(try await terminal.shows("filter \"west/co\""))
            try terminal.press("Enter")
            #expect(try await terminal.shows(["ALARM  tunnel/west", "limit 50", "tells"]))
            // A small screen shows the rest a page down.
            try terminal.press(" ")
            #expect(try await terminal.shows(["timeline", "RAISED", "why"]))
            try terminal.press("Escape", "3")
            #expect(
                try await terminal.shows(["SENSORS", "tunnel", "age/deadline", "(20)", "STALE"]))
            try terminal.press("/", "hall")
            #expect(try await terminal.shows(["filter: hall_", "hall"]))
            try terminal.press("Enter", "End", "Enter")
            for value in 20..<26 { device.send("hall/temp", Double(value)) }
            #expect(try await terminal.shows(["SENSOR  hall/temp", "freshness", "10m ago"]))
            try terminal.press("-")
            #expect(try await terminal.shows(["last 1h", "1h ago"]))
            try terminal.press("End")
            #expect(try await terminal.shows(["Not raised: the last live", "next change unless"]))
            try terminal.press("Escape", "4")
            #expect(try await terminal.shows(["EVENTS", "RAISED", "run started"]))
            try terminal.press("5")
            #expect(try await terminal.shows(["DELIVERY", "no endpoint is configured"]))
            try terminal.press("6")
            #expect(try await terminal.shows(["INGEST", "REFUSED", "udp/field"]))
            try terminal.press("?", "ackn")
            #expect(try await terminal.shows(["HELP  \"ackn\"", "acknowledge the alarm"]))
            try terminal.press("Escape", "q")
            #expect(try await terminal.shows("status=0"))
            #expect(try !terminal.screen().contains("MONITOR"), "the screen is given back")
            try await site.stop()
        }

        @Test func `an alarm is acknowledged with a comment, and all with one`() async throws {
            let (site, _) = try await Self.site()
            let terminal = try Self.dashboard(site, columns: 100, rows: 30)
            try terminal.press("2")
            #expect(try await terminal.shows("UNACKNOWLEDGED"))
            try terminal.press("a", "fans started")
            #expect(try await terminal.shows("comment: fans started_"))
            let before = try site.client.status().alarms.acknowledged
            try terminal.press("Enter")
            #expect(try await terminal.shows(["acknowledged", "ACKNOWLEDGED  "]))
            #expect(
                try await waits(5) { try site.client.status().alarms.acknowledged == before + 1 })
            try terminal.press("A", "Enter")
            #expect(try await terminal.shows("y yes, any other key no"))
            try terminal.press("y")
            #expect(try await waits(5) { try site.client.status().alarms.unacknowledged == 0 })
            let comments = try site.ledger().compactMap {
                $0.body["command"]?["comment"]?.string
            }
            #expect(comments.contains("fans started"))
            try await site.stop()
        }

        @Test func `the dashboard outlives the daemon, says how long, and goes on by itself`()
            async throws
        {
            let (site, device) = try await Self.site()
            let terminal = try Self.dashboard(site, columns: 80, rows: 24)
            #expect(try await terminal.shows("tunnel/west/co:high"))
            // Screens show what is decided; only what is recorded survives a kill.
            #expect(
                try await waits(20) {
                    try site.ledger().contains {
                        $0.kind == "alarmRaised" && $0.body["sensor"]?.string == "tunnel/west/co"
                    }
                })
            try await site.kill()
            #expect(try await terminal.shows(["BLIND for", "nothing below is live"]))
            #expect(try await terminal.shows("BLIND for 4", within: 15), "it counts")
            try terminal.press("2", "a")
            #expect(try await terminal.shows("cannot act: the daemon does not answer"))
            try await site.start()
            device.send("hall/temp", 21)
            #expect(try await terminal.shows(["saw nothing for", "was restarted"], within: 20))
            #expect(try !terminal.screen().contains("BLIND"))
            #expect(try await terminal.shows("tunnel/west/co:high"))
            try await site.stop()
        }

        @Test(arguments: [SIGTERM, SIGSEGV])
        func `a signal gives the terminal back`(number: Int32) async throws {
            let (site, _) = try await Self.site()
            // The runtime's own picture of a crash would ask for a key first.
            let terminal = try Self.dashboard(
                site, columns: 80, rows: 24, environment: ["SWIFT_BACKTRACE=enable=no"])
            #expect(try await terminal.shows("MONITOR"))
            let program = try #require(try terminal.program())
            Glibc.kill(program, number)
            #expect(try await terminal.shows("status=\(128 + number)"))
            #expect(try !terminal.screen().contains("MONITOR"))
            try await site.stop()
        }

        @Test func `a window that changes its size, a narrow one and one without colours`()
            async throws
        {
            let (site, _) = try await Self.site()
            let terminal = try Self.dashboard(
                site, columns: 120, rows: 40, environment: ["NO_COLOR=1"])
            #expect(try await terminal.shows("MONITOR"))
            for (columns, rows) in [(40, 12), (200, 60), (20, 5), (80, 24)] {
                try terminal.resize(columns: columns, rows: rows)
                let isWhole = try await waits(5) {
                    let lines = try terminal.screen().split(
                        separator: "\n", omittingEmptySubsequences: false)
                    return lines.count >= rows && lines[0].contains("midwatch")
                        && lines[rows - 1].hasSuffix("q quit")
                }
                let shown = try terminal.screen()
                #expect(isWhole, "\(columns)x\(rows):\n\(shown)")
            }
            try await site.stop()
        }
    }
}
