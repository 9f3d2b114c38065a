// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

extension IntegrationTests {
    /// What operators do, from the command to the ledger.
    @Suite struct ActionTests {
        private static let path = "plant/tank/level"
        private static let alarmID = "plant/tank/level:high"

        /// A sensor whose limit is lower in one mode of its area.
        private static func site(_ more: String = "") throws -> Site {
            var options = Site.Options(
                sensors: """
                      - path: \(Self.path)
                        deadline: 30s
                        limits: {high: {setpoint: 80, priority: high}}
                        limitSets:
                          - mode: filling
                            high: {setpoint: 40, priority: high}
                            highHigh: {setpoint: 95, priority: high}

                    """)
            options.more = """
                areas:
                  - name: tanks
                    sensors: ["plant/#"]
                    modes: [normal, filling]
                \(more)
                """
            return try Site(options)
        }

        private static func midwatch(
            _ site: Site, _ arguments: String..., statuses: Set<Int32> = [0]
        ) throws -> String {
            try ChildProcess.run(
                [try Places.program("midwatch")] + arguments
                    + ["--socket", site.client.socketPath], statuses: statuses)
        }

        @Test func `every action is recorded with who did it, and replay repeats it`()
            async throws
        {
            let site = try Self.site()
            try await site.start()
            let device = try FieldDevice(site)
            func alarm() throws -> AlarmView { try site.client.alarm(Self.alarmID) }
            device.send(Self.path, 90)
            #expect(try await waits(10) { (try? alarm().state) == .unacknowledged })
            _ = try Self.midwatch(site, "alarms", "ack", Self.alarmID, "--comment", "going there")
            _ = try Self.midwatch(site, "alarms", "comment", Self.alarmID, "valve stuck")
            _ = try Self.midwatch(
                site, "alarms", "shelve", Self.alarmID, "--for", "30m", "--reason", "repair")
            #expect(try await waits(10) { try alarm().shelved?.comment == "repair" })
            let shelved = try alarm()
            #expect(shelved.suppression == .shelved)
            #expect(shelved.ackComment == "going there")
            #expect(shelved.comment?.comment == "valve stuck")
            let until = try #require(shelved.shelvedUntil)
            let left = (until.nanoseconds - (shelved.shelved?.at.nanoseconds ?? 0)) / 1_000_000_000
            #expect((1_799...1_801).contains(left), "\(left)")
            _ = try Self.midwatch(site, "alarms", "unshelve", Self.alarmID)
            _ = try Self.midwatch(
                site, "alarms", "out-of-service", Self.alarmID, "--reason", "removed", "--yes")
            #expect(try await waits(10) { try alarm().outOfService?.comment == "removed" })
            _ = try Self.midwatch(site, "alarms", "return", Self.alarmID)
            #expect(try await waits(10) { try alarm().suppression.isEmpty })
            // A limit of another mode, and a refusal.
            device.send(Self.path, 50)
            #expect(try await waits(10) { try alarm().state == .returnedUnacknowledged })
            // Not those of Midwatch itself, which a machine under load may have.
            _ = try Self.midwatch(
                site, "alarms", "ack", "--all", "--filter", "plant/#", "--yes")
            #expect(try await waits(10) { try alarm().state == .normal })
            _ = try Self.midwatch(site, "mode", "tanks", "filling", "--yes")
            device.send(Self.path, 50)
            #expect(try await waits(10) { try alarm().state == .unacknowledged })
            #expect(try site.client.areas().items.map(\.mode) == ["filling"])
            let refused = try Self.midwatch(
                site, "alarms", "reset", Self.alarmID, statuses: [1])
            #expect(refused.contains("not known to be over"), "\(refused)")
            #expect(try await site.stop() == 0)
            let commands = try site.ledger().filter { $0.body["command"] != nil }
            #expect(
                commands.map(\.kind) == [
                    "alarmAcknowledged", "alarmCommented", "alarmShelved", "alarmUnshelved",
                    "alarmOutOfService", "alarmInService", "alarmAcknowledged", "areaModeChanged",
                    "commandRefused",
                ])
            for command in commands {
                #expect(command.body.value(atPath: "command.user")?.string == "root")
                let origin = command.body.value(atPath: "command.origin")?.string ?? ""
                #expect(origin.hasPrefix("unix:pid=") && origin.contains(",uid=0"), "\(origin)")
            }
            try site.expectRecordsVerify()
        }

        @Test func `the limits of a mode are shown at once, and no alarm twice`() async throws {
            let site = try Self.site()
            try await site.start()
            try FieldDevice(site).send(Self.path, 90)
            func alarm() throws -> AlarmView { try site.client.alarm(Self.alarmID) }
            #expect(try await waits(10) { (try? alarm().state) == .unacknowledged })
            // The alarm stands in both modes, so that no decision about it shows it anew.
            for (mode, setpoint) in [("filling", 40.0), ("normal", 80), ("filling", 40)] {
                _ = try Self.midwatch(site, "mode", "tanks", mode, "--yes")
                #expect(try await waits(10) { try alarm().setpoint == setpoint }, "\(mode)")
                var query = AlarmQuery(limit: 1_000)
                query.filter = Self.path
                query.includesNormal = true
                let names = try site.client.allAlarms(query).map(\.alarmID)
                #expect(names.count == (mode == "filling" ? 4 : 3), "\(names)")
                #expect(Set(names).count == names.count)
            }
            #expect(try await site.stop() == 0)
        }

        @Test func `a token does over TCP what its role allows, and a revoked one nothing`()
            async throws
        {
            let folder = try TemporaryFolder()
            let tokens = folder.file("tokens")
            func add(_ name: String, _ role: String) throws -> String {
                try ChildProcess.run([
                    try Places.program("midwatch"), "token", "add", tokens, name, "--role", role,
                ]).split(separator: "\n").first { $0.hasPrefix("mwt_") }.map { String($0) } ?? ""
            }
            let (reader, shift) = (try add("screen", "viewer"), try add("shift", "operator"))
            let port = try Places.freePort()
            let site = try Self.site(
                "api:\n  tcp: \"127.0.0.1:\(port)\"\n  tokenFile: \"\(tokens)\"")
            try await site.start()
            try FieldDevice(site).send(Self.path, 90)
            func alarm() throws -> AlarmView { try site.client.alarm(Self.alarmID) }
            #expect(try await waits(10) { (try? alarm().state) == .unacknowledged })
            let activation = try alarm().activation
            func status(_ token: String, _ arguments: [String], _ path: String) throws -> String {
                try ChildProcess.run(
                    [
                        try Places.tool("curl"), "-sS", "-o", "/dev/null", "-w", "%{http_code}",
                        "-H", "Authorization: Bearer \(token)",
                    ] + arguments + ["http://127.0.0.1:\(port)\(path)"]
                ).trimmed
            }
            let ack = "/v1/alarms/plant%2Ftank%2Flevel:high/ack"
            let post = [
                "-H", "Content-Type: application/json", "-d", "{\"activation\":\"\(activation)\"}",
            ]
            #expect(try status(reader, [], "/v1/alarms") == "200")
            #expect(try status(reader, post, ack) == "403")
            #expect(try status("mwt_wrong", post, ack) == "401")
            #expect(try status(shift, post, ack) == "200")
            #expect(try await waits(10) { try alarm().ackBy == "shift" })
            #expect(try alarm().ackOrigin.hasPrefix("tcp:127.0.0.1:"))
            // Revoked: the daemon is told and takes it no more.
            try ChildProcess.run([
                try Places.program("midwatch"), "token", "revoke", tokens, "shift",
            ])
            site.daemon?.send(SIGHUP)
            #expect(try await waits(10) { try status(shift, [], "/v1/alarms") == "401" })
            #expect(try status(reader, [], "/v1/alarms") == "200")
            // A file that others may write lets nobody in, and every screen says so.
            try ChildProcess.run([try Places.tool("chmod"), "666", tokens])
            site.daemon?.send(SIGHUP)
            #expect(try await waits(10) { try status(reader, [], "/v1/alarms") == "401" })
            #expect(try site.modes().contains { $0.hasPrefix("operator API takes no token") })
            #expect(try await site.stop() == 0)
            let rows = try site.entries(in: "access")
            #expect(
                rows.contains {
                    $0.body["access"]?.string == "command"
                        && $0.body["listener"]?.string == "api/tcp"
                        && $0.body["user"]?.string == "shift"
                })
            #expect(
                rows.contains {
                    $0.body["access"]?.string == "loginFailed"
                        && $0.body["listener"]?.string == "api/tcp"
                })
        }

        @Test func `a command sent again with its key is done once`() async throws {
            let site = try Self.site()
            try await site.start()
            try FieldDevice(site).send(Self.path, 90)
            #expect(
                try await waits(10) {
                    (try? site.client.alarm(Self.alarmID).state) == .unacknowledged
                })
            let activation = try site.client.alarm(Self.alarmID).activation
            func comment(_ text: String, key: String) throws -> JSONValue {
                let answer = try ChildProcess.run([
                    try Places.tool("curl"), "-sS", "--unix-socket", site.client.socketPath, "-H",
                    "Content-Type: application/json", "-H", "Idempotency-Key: \(key)", "-d",
                    "{\"activation\":\"\(activation)\",\"comment\":\"\(text)\"}",
                    "http://midwatch/v1/alarms/plant%2Ftank%2Flevel:high/comment",
                ])
                return try JSONValue(parsing: answer.trimmed)
            }
            let first = try comment("seen", key: "k1")
            #expect(first["position"]?.string != nil)
            #expect(try comment("seen", key: "k1")["position"] == first["position"])
            #expect(
                try comment("other", key: "k1")["type"]?.string
                    == "/problems/idempotency-key-reused")
            #expect(try await site.stop() == 0)
            #expect(try site.ledger().count { $0.kind == "alarmCommented" } == 1)
        }

        @Test func `promtool finds nothing to say of the metrics page`() async throws {
            // A large package that the tests do not install: where it is, it judges.
            guard let promtool = try? Places.tool("promtool") else { return }
            let site = try Self.site()
            try await site.start()
            try FieldDevice(site).send(Self.path, 90)
            #expect(try await waits(10) { try site.client.status().rates.received >= 0 })
            let page = site.folder.file("metrics")
            try File.write(
                page, String(decoding: try site.client.get("/metrics"), as: UTF8.self))
            let verdict = try ChildProcess.run(
                ["/bin/sh", "-c", "'\(promtool)' check metrics < '\(page)' 2>&1"])
            #expect(verdict.trimmed.isEmpty, "\(verdict)")
            #expect(try await site.stop() == 0)
        }
    }
}
