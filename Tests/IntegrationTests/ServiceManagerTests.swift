// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Testing

/// A socket as systemd has one, and what the service told it.
struct NotifySocket {
    let path: String
    private let process: ChildProcess

    init(in folder: TemporaryFolder) async throws {
        self.path = folder.file("notify")
        self.process = try ChildProcess(
            [try Places.tool("python3"), Places.fixture("notify.py"), self.path],
            log: folder.file("notify.log"))
        guard try await waits(10, until: { self.lines.first == "bound" }) else {
            throw Trouble("no notify socket: \(self.process.logText)")
        }
    }

    private var lines: [String] {
        self.process.logText.split(separator: "\n").map(String.init)
    }

    var messages: [String] { Array(self.lines.dropFirst()) }

    func count(_ message: String) -> Int { self.messages.count { $0.hasPrefix(message) } }

    /// Variables with which a service finds it.
    func environment(watchdogMicroseconds: UInt64) -> [String] {
        ["NOTIFY_SOCKET=\(self.path)", "WATCHDOG_USEC=\(watchdogMicroseconds)"]
    }
}

extension IntegrationTests {
    /// The real daemon under something that behaves like systemd.
    @Suite struct ServiceManagerTests {
        /// A sign of life is due every half second.
        private static let watchdogMicroseconds: UInt64 = 1_500_000

        @Test func `the daemon feeds systemd while its critical stages move, and not otherwise`()
            async throws
        {
            let folder = try TemporaryFolder()
            let notify = try await NotifySocket(in: folder)
            let site = try Site(Site.Options(sensors: Site.loadSensors()), folder: folder)
            let daemon = try await site.start(
                environment: notify.environment(
                    watchdogMicroseconds: Self.watchdogMicroseconds))
            #expect(try await waits(5) { notify.count("READY=1") == 1 })
            let beforeReady = notify.messages.prefix { !$0.hasPrefix("READY=1") }
            #expect(
                beforeReady.contains { $0.hasPrefix("EXTEND_TIMEOUT_USEC=") }, "\(beforeReady)")
            let fed = notify.count("WATCHDOG=1")
            #expect(try await waits(3) { notify.count("WATCHDOG=1") >= fed + 3 })

            let wedge = try await Wedge("engine", of: daemon.processID, in: folder)
            // Silent for 3 s is stuck; what was under way by then has come.
            try await lasts(4.5)
            let last = notify.count("WATCHDOG=1")
            try await lasts(2)
            #expect(notify.count("WATCHDOG=1") == last, "a blind monitor is not fed")
            try await wedge.release()
            #expect(try await waits(5) { notify.count("WATCHDOG=1") > last })

            #expect(try await site.stop() == 0)
            #expect(try await waits(5) { notify.count("STOPPING=1") == 1 })
        }

        @Test func `the thread that decides runs in real time where it may, and no other does`()
            async throws
        {
            let site = try Site(Site.Options(sensors: Site.loadSensors()))
            let daemon = try await site.start()
            let isAllowed =
                clinux_realtime_allowed() == 1 && sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1
            let metric = try site.metric("midwatch_realtime{part=\"engine\"}")
            #expect(metric == (isAllowed ? 1 : 0))
            let fifo = try File.names("/proc/\(daemon.processID)/task").filter { thread in
                let text = File.text("/proc/\(daemon.processID)/task/\(thread)/stat")
                // Behind the name in brackets: the policy is field 41 of the line.
                let bracket = try #require(text.lastIndex(of: ")"))
                let fields = text[bracket...].split(separator: " ")
                return fields.count > 39 && fields[39] == "1"
            }.map { File.text("/proc/\(daemon.processID)/task/\($0)/comm").trimmed }
            #expect(fifo == (isAllowed ? ["engine"] : []))
            #expect(try await site.stop() == 0)
        }
    }
}
