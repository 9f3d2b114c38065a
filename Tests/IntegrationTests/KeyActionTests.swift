// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

extension IntegrationTests {
    /// What operators do with the keys of the dashboard, from the terminal to the ledger.
    @Suite struct KeyActionTests {
        private static let path = "gas/room/methane"
        private static let alarmID = "gas/room/methane:high"

        /// A latching alarm, and an area in whose other mode its limit is lower.
        private static func site() throws -> Site {
            var options = Site.Options(
                sensors: """
                      - path: \(Self.path)
                        deadline: 120s
                        limits: {high: {setpoint: 20, priority: critical, class: trip}}
                        limitSets:
                          - mode: works
                            high: {setpoint: 10, priority: critical, class: trip}

                    """)
            options.more = """
                alarmClasses:
                  - name: trip
                    latching: true
                areas:
                  - name: room
                    sensors: ["gas/#"]
                    modes: [normal, works]

                """
            return try Site(options)
        }

        private static func terminal(_ site: Site, _ columns: Int, _ rows: Int) throws -> Terminal {
            try Terminal(
                [
                    try Places.program("midwatch"), "top", "--view", "alarms", "--socket",
                    site.folder.file("run/midwatch.sock"),
                ], columns: columns, rows: rows, environment: ["TERM=screen-256color"],
                in: try TemporaryFolder())
        }

        @Test(arguments: [(80, 24), (120, 40), (200, 60)])
        func `every action on an alarm is done from the keyboard and recorded with the terminal`(
            columns: Int, rows: Int
        ) async throws {
            let site = try Self.site()
            try await site.start()
            let device = try FieldDevice(site)
            func alarm() throws -> AlarmView { try site.client.alarm(Self.alarmID) }
            device.send(Self.path, 25)
            #expect(try await waits(10) { (try? alarm().state) == .unacknowledged })
            let terminal = try Self.terminal(site, columns, rows)
            try terminal.press("/", "methane", "Enter")
            #expect(try await terminal.shows(["UNACKNOWLEDGED  1", "CRITICAL UNACK"]))
            // What cannot be done says why.
            try terminal.press("r")
            #expect(try await terminal.shows("is not latched: it needs no reset"))
            try terminal.press("a", "going there", "Enter")
            #expect(try await waits(10) { try alarm().ackComment == "going there" })
            #expect(try await terminal.shows("ACKNOWLEDGED  1"))
            try terminal.press("c", "smells of gas", "Enter")
            #expect(try await waits(10) { try alarm().comment?.comment == "smells of gas" })
            try terminal.press("s", "Enter", "detector is cleaned", "Enter")
            #expect(try await terminal.shows("for 1h? y yes"))
            try terminal.press("y")
            #expect(try await terminal.shows("SHELVED  1"))
            #expect(try alarm().shelved?.comment == "detector is cleaned")
            try terminal.press("u", "y")
            #expect(try await terminal.shows("ACKNOWLEDGED  1"))
            try terminal.press("o", "detector removed", "Enter", "y")
            #expect(try await terminal.shows("OUT OF SERVICE  1"))
            try terminal.press("o", "y")
            #expect(try await terminal.shows("UNACKNOWLEDGED  1"))
            // Who brought it back has seen it; the plant wants to hear so.
            try terminal.press("a", "back in service", "Enter")
            #expect(try await waits(10) { try alarm().ackComment == "back in service" })
            device.send(Self.path, 5)
            #expect(try await terminal.shows("latched-"))
            try terminal.press("r", "y")
            #expect(try await terminal.shows("no alarm fits the filter"))
            try terminal.press("1")
            #expect(try await terminal.shows("MONITOR"))
            try terminal.press("L")
            #expect(try await terminal.shows("area: room_"))
            try terminal.press("Enter", "w")
            #expect(try await terminal.shows("mode: w_"))
            try terminal.press("Enter", "drill", "Enter")
            #expect(try await terminal.shows("mode works? y yes"))
            try terminal.press("y")
            #expect(try await waits(10) { try site.client.areas().items.first?.mode == "works" })
            try terminal.press("q")
            #expect(try await terminal.shows("status=0"))
            #expect(try await site.stop() == 0)
            let commands = try site.ledger().filter { $0.body["command"] != nil }
            #expect(
                commands.map(\.kind) == [
                    "alarmAcknowledged", "alarmCommented", "alarmShelved", "alarmUnshelved",
                    "alarmOutOfService", "alarmInService", "alarmAcknowledged", "alarmReset",
                    "areaModeChanged",
                ])
            for command in commands {
                #expect(command.body.value(atPath: "command.user")?.string == "root")
                let origin = command.body.value(atPath: "command.origin")?.string ?? ""
                #expect(origin.contains(",terminal=pts/"), "\(origin)")
            }
        }

        @Test(arguments: [(80, 24), (120, 40), (200, 60)])
        func `alerts are sent again, put away, tested and kept back by keys and recorded so`(
            columns: Int, rows: Int
        ) async throws {
            let folder = try TemporaryFolder()
            // It verifies with another secret and refuses everything: dead letters at once.
            let sink = try await Sink(in: folder, secret: "whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlYw==")
            let site = try Site(
                Site.options(
                    sensors: Site.limitSensor("tunnel/west/co") + Site.limitSensor("hall/temp"),
                    sink: sink))
            try await site.start()
            let device = try FieldDevice(site)
            for path in ["tunnel/west/co", "hall/temp"] { device.send(path, 88) }
            let terminal = try Self.terminal(site, columns, rows)
            try terminal.press("5")
            #expect(try await terminal.shows(["DEAD LETTERS  ", "given up", "status 400"]))
            #expect(
                try await waits(10) { try site.client.deadLetters(.init(limit: 9)).items.count > 1 }
            )
            let before = try sink.deliveries().count
            // Once again; the cursor goes on to the next one.
            try terminal.press("Home", "Down", "r")
            #expect(try await terminal.shows(["again? y yes", "to sink"]))
            try terminal.press("y")
            #expect(try await terminal.shows("to sink resent"))
            #expect(try await waits(10) { try sink.deliveries().count > before })
            let ids = try sink.deliveries().map(\.id)
            #expect(Set(ids).count < ids.count, "it keeps its id")
            try terminal.press("x")
            #expect(try await terminal.shows("away unsent? y yes"))
            try terminal.press("y")
            #expect(try await terminal.shows("to sink dropped"))
            try terminal.press("Home", "T")
            #expect(try await terminal.shows("send a DRILL to endpoint sink?"))
            try terminal.press("y")
            #expect(try await terminal.shows(["TEST  drill_", "given up: refused, status 400"]))
            try terminal.press("S", "tunnel/#", "Enter", "Enter", "fan works", "Enter")
            #expect(try await terminal.shows("keep alerts of tunnel/# back for 1h?"))
            try terminal.press("y")
            #expect(try await terminal.shows("alerts of tunnel/# are kept back"))
            // What does not fit is a key away, once it is there.
            let isUnderCursor = try await waits(10) {
                try terminal.press("End")
                return try terminal.screen().contains("keeps back    sensors tunnel/#")
            }
            #expect(isUnderCursor)
            #expect(try await terminal.shows(["KEPT BACK until", "fan works"]))
            try terminal.press("x")
            #expect(try await terminal.shows(["end silence-", "? y yes"]))
            try terminal.press("y")
            #expect(try await terminal.shows("SILENCES  0 in force"))
            try terminal.press("q")
            #expect(try await terminal.shows("status=0"))
            #expect(try await site.stop() == 0)
            let ledger = try site.ledger()
            let orders = ledger.filter { $0.kind == "deliveryOrdered" }
            #expect(orders.map { $0.body["order"]?.string } == ["resend", "drop"])
            let wanted = ["deliveryOrdered", "alertDrill", "silenceAdded", "silenceRemoved"]
            for kind in wanted {
                let records = ledger.filter { $0.kind == kind }
                #expect(!records.isEmpty, "\(kind)")
                for record in records {
                    let origin = record.body["origin"]?.string ?? ""
                    #expect(origin.contains(",terminal=pts/"), "\(kind): \(origin)")
                }
            }
        }
    }
}
