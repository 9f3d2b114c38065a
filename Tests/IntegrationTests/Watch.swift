// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import OperatorConsole
import OperatorViews
import Testing

/// A site, its watchdog and where the watchdog's messages arrive.
struct Watch {
    var site: Site
    var sink: Sink
    var watchdog: ChildProcess

    /// Starts everything and waits until the daemon is ready and watched; `more` goes into the
    /// watchdog's configuration.
    init(_ site: Site? = nil, more: String = "") async throws {
        self.site = try site ?? Site(Site.Options(sensors: Site.loadSensors()))
        let folder = self.site.folder
        self.sink = try await Sink(in: folder, name: "watchdog-sink", secret: nil)
        try File.write(
            folder.file("watchdog.conf"),
            """
            node = integration
            page = \(self.site.vitalsPath)
            state = \(folder.file("ladder"))
            supervisor = self
            daemon.argument = \(try Places.program("midwatchd"))
            daemon.argument = --config
            daemon.argument = \(self.site.configurationPath)
            route.sink.url = \(self.sink.url)
            tick = 100ms
            realtime = no
            \(more)

            """)
        self.watchdog = try ChildProcess(
            [
                try Places.program("midwatch-watchdog"), "--config",
                folder.file("watchdog.conf"),
            ], log: folder.file("watchdog.log"))
        try await self.isWatched()
    }

    /// Waits until the daemon takes readings and knows its watchdog alive.
    func isWatched() async throws {
        try await self.site.isReady { self.watchdog.exitStatus() != nil }
        let site = self.site
        guard
            try await waits(
                20, until: { (try? site.client.status())?.watchdog.alive == true })
        else { throw Trouble("no watchdog beats: \(self.watchdog.logText)") }
    }

    /// The daemon: the watchdog's only lasting child.
    func daemon() throws -> Int32 {
        let pid = self.watchdog.processID
        let words = File.text("/proc/\(pid)/task/\(pid)/children").split(separator: " ")
        let found = words.compactMap { Int32($0) }.filter {
            File.text("/proc/\($0)/comm").trimmed == "midwatchd"
        }
        guard found.count == 1, let daemon = found.first else {
            throw Trouble("children of the watchdog: \(words)")
        }
        return daemon
    }

    func epoch() throws -> UInt32 { try self.site.client.status().epoch }

    /// The first message about a problem in a state.
    func message(_ problem: String, _ state: String) throws -> Sink.Delivery? {
        try self.sink.deliveries().first {
            $0.body["problem"]?.string == problem && $0.body["state"]?.string == state
        }
    }

    func end() async throws {
        self.watchdog.send(SIGTERM)
        let daemon = try? self.daemon()
        #expect(try await self.watchdog.ends(30) == 0, "\(self.watchdog.logText)")
        // An ordered end of the watchdog may leave the daemon to others.
        if let daemon, Glibc.kill(daemon, 0) == 0 { Glibc.kill(daemon, SIGKILL) }
    }
}
