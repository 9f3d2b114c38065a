// SPDX-License-Identifier: Apache-2.0

import FleetSimulation
import Glibc
import OperatorConsole
import OperatorViews
import Testing

extension IntegrationTests {
    /// Listeners with TLS, certificates, passwords and access rules, and clients that others wrote.
    @Suite struct SecuredListenerTests {
        private struct Installation {
            let site: Site
            let authority: Certificates

            /// A daemon that asks for what `keys` say, six spaces in.
            init(_ keys: (TemporaryFolder, Certificates) throws -> String) throws {
                let folder = try TemporaryFolder()
                self.authority = try Certificates(in: folder, named: "plant")
                try self.authority.issue("server")
                var options = Site.Options(sensors: Site.limitSensor("press/a"))
                options.mqtt = try keys(folder, self.authority)
                self.site = try Site(options, folder: folder)
            }

            static func tls(_ authority: Certificates, more: [String] = []) -> String {
                let keys =
                    [
                        "certificate: \(authority.certificate("server"))",
                        "key: \(authority.key("server"))",
                    ] + more
                return "      tls:\n" + keys.map { "        \($0)\n" }.joined()
            }

            /// Starts the daemon and waits until its listener is open too.
            func start() async throws {
                try await self.site.start()
                guard
                    try await waits(
                        20,
                        until: {
                            try self.site.client.status().modes.allSatisfy { $0 != "starting" }
                        })
                else { throw Trouble("the listeners stay closed: \(self.site.logTail)") }
            }

            func mosquitto(
                _ more: [String], topic: String = "press/a", value: Int,
                statuses: Set<Int32> = [0]
            ) throws -> String {
                try ChildProcess.run(
                    [
                        try Places.tool("mosquitto_pub"), "-h", "127.0.0.1", "-p",
                        "\(self.site.mqttPort)", "-q", "1", "-t", topic, "-m", "\(value)",
                    ] + more, statuses: statuses)
            }

            func paho(
                _ version: String, topic: String = "press/a", _ words: [String]
            ) throws -> [String] {
                try ChildProcess.run(
                    [
                        try Places.tool("python3"), Places.fixture("secured.py"),
                        "\(self.site.mqttPort)", version, topic,
                    ] + words
                ).split(separator: "\n").map(String.init)
            }

            func shows(_ value: Int, of path: String = "press/a") async throws -> Bool {
                try await waits(5) { try self.site.sensor(path)?.value == Double(value) }
            }

            func reload() { self.site.daemon?.send(SIGHUP) }
        }

        @Test func `passwords made by either tool let their users in, over TLS, to their topics`()
            async throws
        {
            let setup = try Installation { folder, authority in
                let passwords = folder.file("passwords")
                try File.write(passwords, "")
                try ChildProcess.run([
                    try Places.tool("mosquitto_passwd"), "-b", passwords, "press", "their s3cret",
                ])
                try Self.passwd(folder, passwords, "paho", "our s3cret")
                try File.write(
                    folder.file("access"),
                    "user press\ntopic write press/#\nuser paho\npattern write %u/%c\n")
                return Installation.tls(authority) + "      passwordFile: \(passwords)\n"
                    + "      accessFile: \(folder.file("access"))"
            }
            try await setup.start()
            let trust = ["--cafile", setup.authority.authority]
            for (version, value) in [("mqttv311", 11), ("mqttv5", 12)] {
                _ = try setup.mosquitto(
                    trust + ["-V", version, "-u", "press", "-P", "their s3cret"], value: value)
                #expect(try await setup.shows(value))
            }
            let ca = "ca=\(setup.authority.authority)"
            for version in ["3", "5"] {
                let own = ["user=paho", "password=our s3cret", ca, "13"]
                let path = "paho/secured-\(version)"
                #expect(
                    try setup.paho(version, topic: path, own) == ["connect 0", "publish 0"])
                #expect(try await setup.shows(13, of: path))
                // Another topic: 5.0 is told, 3.1.1 has no word for it.
                #expect(
                    try setup.paho(version, own)
                        == ["connect 0", version == "5" ? "publish 135" : "publish 0"])
                let wrong = ["user=paho", "password=their s3cret", ca, "14"]
                #expect(try setup.paho(version, wrong) == ["connect 134"])
                #expect(try setup.paho(version, [ca, "14"]) == ["connect 135"])
            }
            #expect(try await setup.shows(12))
            // Who does not speak TLS does not come in at all.
            let plain = try setup.mosquitto(
                ["-u", "press", "-P", "their s3cret"], value: 15, statuses: Set(1...255))
            #expect(!plain.isEmpty)
            let refused = "midwatch_mqtt_logins_failed_total{listener=\"mqtt/gateways\"}"
            #expect(try setup.site.metric(refused) == 4)
            #expect(!File.text(setup.site.daemonLog).contains("s3cret"), "no password in the log")
            #expect(File.text(setup.site.daemonLog).contains("login refused"))
            try setup.site.expectBalance()
            #expect(try await setup.site.stop() == 0)
        }

        @Test func `a password file made here lets its users into mosquitto too`() async throws {
            let folder = try TemporaryFolder()
            let (passwords, settings) = (folder.file("passwords"), folder.file("mosquitto.conf"))
            for user in ["press", "gone"] {
                try Self.passwd(folder, passwords, user, "their s3cret")
            }
            let midwatch = try Places.program("midwatch")
            try ChildProcess.run([midwatch, "passwd", "--delete", passwords, "gone"])
            let port = try Places.freePort()
            try File.write(
                settings,
                "user root\nlistener \(port) 127.0.0.1\nallow_anonymous false\n"
                    + "password_file \(passwords)\n")
            let broker = try ChildProcess(
                [try Places.tool("mosquitto"), "-c", settings], log: folder.file("mosquitto.log"))
            #expect(try await waits(10) { broker.logText.contains("running") })
            let publish = [
                try Places.tool("mosquitto_pub"), "-h", "127.0.0.1", "-p", "\(port)", "-q", "1",
                "-t", "a", "-m", "1",
            ]
            try ChildProcess.run(publish + ["-u", "press", "-P", "their s3cret"])
            for (user, password) in [("press", "other"), ("gone", "their s3cret")] {
                try ChildProcess.run(
                    publish + ["-u", user, "-P", password], statuses: Set(1...255))
            }
            broker.send(SIGTERM)
        }

        @Test func `check names file, line and remedy of what secures a listener`() throws {
            let folder = try TemporaryFolder()
            let configuration = folder.file("midwatch.yaml")
            try File.write(folder.file("passwords"), "# users\npress:s3cret\n")
            try File.write(folder.file("access"), "topic wrote x\n")
            try File.write(
                configuration,
                """
                node: {name: n}
                ingest:
                  mqtt:
                    - passwordFile: \(folder.file("passwords"))
                      accessFile: \(folder.file("access"))
                      tls: {certificate: /nowhere, key: \(configuration)}
                """)
            let midwatch = try Places.program("midwatch")
            let told = try ChildProcess.run([midwatch, "check", configuration], statuses: [1])
            for line in [
                "\(folder.file("passwords")):2: user \"press\": a password without hash",
                "set the password again with midwatch passwd",
                "\(folder.file("access")):1: expected read, write, readwrite or deny",
                "/nowhere: cannot be read", "\(configuration): not in PEM form",
            ] { #expect(told.contains(line), "\(line)") }
            #expect(!told.contains("s3cret"))
        }

        @Test func `a client certificate is asked for, and its name is the user`() async throws {
            let setup = try Installation { folder, authority in
                try authority.issue("press")
                try File.write(folder.file("access"), "user press\ntopic write press/a\n")
                return Installation.tls(
                    authority,
                    more: ["clientCA: \(authority.authority)", "useCommonNameAsUser: true"])
                    + "      accessFile: \(folder.file("access"))"
            }
            try await setup.start()
            let stranger = try Certificates(in: setup.site.folder, named: "strange")
            try stranger.issue("stranger")
            let trust = ["--cafile", setup.authority.authority]
            func identity(_ authority: Certificates, _ name: String) -> [String] {
                ["--cert", authority.certificate(name), "--key", authority.key(name)]
            }
            _ = try setup.mosquitto(trust + identity(setup.authority, "press"), value: 21)
            #expect(try await setup.shows(21))
            #expect(
                try setup.paho(
                    "5",
                    [
                        "ca=\(setup.authority.authority)",
                        "cert=\(setup.authority.certificate("press"))",
                        "key=\(setup.authority.key("press"))", "22",
                    ]) == ["connect 0", "publish 0"])
            #expect(try await setup.shows(22))
            // No certificate, and one that another authority signed.
            for words in [[], identity(stranger, "stranger")] {
                _ = try setup.mosquitto(trust + words, value: 23, statuses: Set(1...255))
            }
            // A certificate of ours whose name has no rights.
            try setup.authority.issue("other")
            _ = try setup.mosquitto(
                trust + identity(setup.authority, "other") + ["-V", "mqttv5"], value: 24)
            #expect(try await setup.shows(22))
            let failures = "midwatch_mqtt_tls_failures_total{listener=\"mqtt/gateways\"}"
            #expect(try await waits(5) { try setup.site.metric(failures) >= 2 })
            #expect(try await setup.site.stop() == 0)
        }

        @Test func `new certificates are taken without dropping anybody, bad ones are not`()
            async throws
        {
            let setup = try Installation { _, authority in Installation.tls(authority) }
            try await setup.start()
            let old = setup.authority.authority
            let signal = setup.site.folder.file("again")
            let standing = try ChildProcess(
                [
                    try Places.tool("python3"), Places.fixture("secured.py"),
                    "\(setup.site.mqttPort)", "5", "standing", "ca=\(old)", "again=\(signal)", "1",
                ], log: setup.site.folder.file("standing.log"))
            #expect(try await waits(10) { standing.logText.contains("publish 0") })
            _ = try setup.mosquitto(["--cafile", old], value: 31)
            #expect(try await setup.shows(31))
            let expiry = "midwatch_mqtt_certificate_expiry_seconds{listener=\"mqtt/gateways\"}"
            #expect(try setup.site.metric(expiry) > 29 * 86_400)

            // Damaged: what is in force stays, and says so.
            let certificate = setup.authority.certificate("server")
            let good = File.text(certificate)
            try File.write(certificate, "-----BEGIN CERTIFICATE-----\nrubbish\n")
            setup.reload()
            #expect(
                try await waits(5) {
                    try setup.site.modes().contains { $0.contains("not reloaded") }
                })
            _ = try setup.mosquitto(["--cafile", old], value: 32)
            #expect(try await setup.shows(32))

            // Whole again, from another authority and with few days left.
            try File.write(certificate, good)
            let next = try Certificates(in: setup.site.folder, named: "next")
            try next.issue("server", days: 3)
            setup.reload()
            #expect(
                try await waits(5) {
                    try setup.site.modes().contains { $0.contains("certificate expires in 2 days") }
                })
            #expect(try setup.site.modes().count == 1)
            _ = try setup.mosquitto(["--cafile", next.authority], value: 33)
            #expect(try await setup.shows(33))
            _ = try setup.mosquitto(["--cafile", old], value: 34, statuses: Set(1...255))
            #expect(try setup.site.sensor("press/a")?.value == 33)
            // Who came in with the first certificate is still there.
            try File.write(signal, "")
            #expect(try await waits(10) { standing.logText.contains("again: publish 0") })
            #expect(try await setup.site.stop() == 0)
        }

        @Test func `a thousand connections that never finish disturb nobody`() async throws {
            let site = try Site(Site.Options(sensors: Site.loadSensors()))
            try await site.start()
            let fleet = try site.fleet(connections: 10, rate: 2_000)
            try fleet.start()
            #expect(try await waits(20) { fleet.acknowledgedCount > 4_000 })
            let idlers = try Self.idlers(site)
            defer { idlers.send(SIGTERM) }
            #expect(try await waits(30) { idlers.logText.contains("standing") })
            let (before, began) = (fleet.acknowledgedCount, bootNow())
            #expect(try await waits(10) { fleet.acknowledgedCount > before + 6_000 })
            let rate = Double(fleet.acknowledgedCount - before) / Double(bootNow() - began) * 1e9
            figure("acknowledged/s beside 1,000 idle connections: \(Int(rate)) of 2000")
            #expect(rate > 1_500)
            // A newcomer finds its way in.
            for value in 1...5 {
                let began = bootNow()
                try ChildProcess.run(
                    [
                        try Places.tool("mosquitto_pub"), "-h", "127.0.0.1", "-p",
                        "\(site.mqttPort)", "-q", "1", "-t", "late", "-m", "\(value)",
                    ], within: 5)
                figure(
                    "newcomer beside 1,000 idle connections: \((bootNow() - began) / 1_000_000) ms")
                #expect(try await waits(5) { try site.sensor("late")?.value == Double(value) })
            }
            let halfOpen = "midwatch_mqtt_half_open{listener=\"mqtt/gateways\"}"
            #expect(try site.metric(halfOpen) <= 512)
            let report = await fleet.finish()
            #expect(report.connectionsLost == 0, "no connection of the fleet was lost")
            #expect(try site.modes() == [])
            #expect(try await site.stop() == 0)
        }

        @Test func `a thousand half handshakes leave TLS to those who finish`() async throws {
            let setup = try Installation { _, authority in Installation.tls(authority) }
            try await setup.start()
            let idlers = try Self.idlers(setup.site)
            defer { idlers.send(SIGTERM) }
            #expect(try await waits(30) { idlers.logText.contains("standing") })
            for value in 41...45 {
                _ = try setup.mosquitto(["--cafile", setup.authority.authority], value: value)
                #expect(try await setup.shows(value))
            }
            #expect(try await setup.site.stop() == 0)
        }

        private static func idlers(_ site: Site) throws -> ChildProcess {
            try ChildProcess(
                [
                    try Places.tool("python3"), Places.fixture("idlers.py"), "\(site.mqttPort)",
                    "1000",
                ], log: site.folder.file("idlers.log"))
        }

        /// Makes a user with the operator's command.
        private static func passwd(
            _ folder: TemporaryFolder, _ file: String, _ user: String, _ password: String
        ) throws {
            let input = folder.file("password.txt")
            try File.write(input, password + "\n")
            try ChildProcess.run([
                try Places.tool("sh"), "-c", "exec \"$0\" passwd --batch \"$1\" \"$2\" < \"$3\"",
                try Places.program("midwatch"), file, user, input,
            ])
        }
    }
}
