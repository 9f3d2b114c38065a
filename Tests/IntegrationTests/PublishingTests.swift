// SPDX-License-Identifier: Apache-2.0

import JSONText
import OperatorConsole
import OperatorViews
import Testing

extension IntegrationTests {
    /// Clients and receivers that others wrote.
    @Suite struct PublishingTests {
        /// One client, version and quality of service.
        struct Client {
            var name: String
            var version: String
            var qos: Int
            var path: String { "public/\(self.name)/v\(self.version)/q\(self.qos)" }

            func publish(_ value: Int, port: UInt16) throws {
                if self.name != "mosquitto" {
                    let script = self.name == "paho" ? "publish.py" : "publish_\(self.name).py"
                    try ChildProcess.run([
                        try Places.tool("python3"), Places.fixture(script), "\(port)",
                        self.version, "\(self.qos)", self.path, "\(value)",
                    ])
                } else {
                    try ChildProcess.run([
                        try Places.tool("mosquitto_pub"), "-h", "127.0.0.1", "-p", "\(port)",
                        "-V", self.version == "5" ? "mqttv5" : "mqttv311", "-q", "\(self.qos)",
                        "-t", self.path, "-m", "\(value)",
                    ])
                }
            }
        }

        static let clients = ["mosquitto", "paho", "aiomqtt", "gmqtt"].flatMap { name in
            ["3", "5"].flatMap { version in
                [0, 1, 2].map { Client(name: name, version: version, qos: $0) }
            }
        }

        @Test func `readings of public clients are seen, stored, alarmed and signed`() async throws
        {
            let postgres = try await Postgres()
            let folder = try TemporaryFolder()
            let sink = try await Sink(in: folder)
            let site = try Site(
                Site.options(
                    sensors: Self.clients.map { Site.limitSensor($0.path) }.joined(),
                    postgres: postgres, sink: sink), folder: folder)
            try await site.start()
            for client in Self.clients {
                // The next value waits for the one before: two connections have no order.
                for value in [20, 80, 21] {
                    try client.publish(value, port: site.mqttPort)
                    #expect(
                        try await waits(5) { try site.sensor(client.path)?.value == Double(value) },
                        "\(client.path) shows \(value)")
                }
            }
            try self.expectSeen(site)
            #expect(try await site.isArchived())
            for client in Self.clients {
                let rows = try postgres.query(
                    """
                    SELECT string_agg(value::int::text, ' ' ORDER BY epoch, n)
                    FROM midwatch.reading JOIN midwatch.sensor USING (sensor_id)
                    WHERE path = '\(client.path)'
                    """)
                #expect(rows == "20 80 21", "\(client.path) in PostgreSQL")
            }
            try await self.expectAlerts(sink)
            try site.expectBalance()
            #expect(try await site.stop() == 0)
            try postgres.expectExactlyOnce()
            try site.expectRecordsVerify()
        }

        /// The API, asked by curl and by the operator's command.
        private func expectSeen(_ site: Site) throws {
            let page = try ChildProcess.run([
                try Places.tool("curl"), "-sS", "--fail", "--unix-socket", site.client.socketPath,
                "http://localhost/v1/sensors?q=public&limit=100",
            ])
            let items = try JSONValue(parsing: page)["items"]?.array ?? []
            #expect(items.count == Self.clients.count)
            for item in items {
                #expect(item["value"]?.double == 21)
                #expect(item["freshness"]?.string == "fresh")
                #expect(item["readingsCount"]?.integer == 3)
            }
            let told = try ChildProcess.run([
                try Places.program("midwatch"), "sensors", "public/#", "--json", "--socket",
                site.client.socketPath,
            ])
            #expect(try JSONValue(parsing: told)["items"]?.array?.count == Self.clients.count)
        }

        /// One alert that raises and one that clears for each sensor, signed, in this order.
        private func expectAlerts(_ sink: Sink) async throws {
            let wanted = Self.clients.count
            #expect(
                try await waits(10) {
                    try sink.deliveries().count { $0.type == "alarm.returned" && !$0.isOwn }
                        == wanted
                })
            let deliveries = try sink.deliveries()
            #expect(deliveries.allSatisfy { $0.isVerified })
            #expect(Set(deliveries.map(\.id)).count == deliveries.count, "ids are unique")
            for client in Self.clients {
                let ofOne = deliveries.filter { $0.text("alarmID") == "\(client.path):high" }
                #expect(
                    ofOne.map(\.type) == ["alarm.raised", "alarm.returned"], "\(client.path)")
                #expect(ofOne.first?.body["data"]?["value"]?.double == 80)
            }
        }
    }
}
