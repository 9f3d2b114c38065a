// SPDX-License-Identifier: Apache-2.0

import Glibc
import OperatorViews
import Testing

extension IntegrationTests {
    /// The watchdog beside the real daemon, which it starts itself.
    @Suite struct WatchdogTests {
        /// How late an alert may be after its deadline.
        private static let latenessMaxNanoseconds: UInt64 = 2_000_000_000
        /// A stage that does not beat for this long is stuck.
        private static let beatDeadlineNanoseconds: UInt64 = 3_000_000_000

        /// A site, its watchdog and where the watchdog's messages arrive.
        private struct Watch {
            var site: Site
            var sink: Sink
            var watchdog: ChildProcess

            /// Starts everything and waits until the daemon is ready and watched.
            init() async throws {
                let folder = try TemporaryFolder()
                self.site = try Site(Site.Options(sensors: Site.loadSensors()), folder: folder)
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

        @Test func `a killed daemon is told at once and started again`() async throws {
            let watch = try await Watch()
            let (daemon, epoch) = (try watch.daemon(), try watch.epoch())
            let began = bootNow()
            kill(daemon, SIGKILL)
            #expect(try await waits(10) { try watch.message("daemonDied", "raised") != nil })
            let age = bootNow() - began
            #expect(age < Self.latenessMaxNanoseconds, "\(age / 1_000_000) ms")
            #expect(
                try await waits(20) {
                    let now = (try? watch.site.client.status())?.epoch ?? 0
                    return now > epoch
                }, "started again: \(watch.watchdog.logText)")
            let back = bootNow() - began
            try await watch.isWatched()
            #expect(try watch.daemon() != daemon)
            #expect(try await waits(20) { try watch.message("daemonDied", "cleared") != nil })
            try await watch.end()
            figure(
                "watchdog, kill -9: told after \(age / 1_000_000) ms, a new daemon answers after "
                    + "\(back / 1_000_000) ms")
        }

        @Test func `a frozen daemon is told within two seconds of its deadline and replaced`()
            async throws
        {
            let watch = try await Watch()
            let (daemon, epoch) = (try watch.daemon(), try watch.epoch())
            let began = bootNow()
            kill(daemon, SIGSTOP)
            #expect(try await waits(15) { try watch.message("daemonFrozen", "raised") != nil })
            let age = bootNow() - began
            #expect(
                age < Self.beatDeadlineNanoseconds + Self.latenessMaxNanoseconds,
                "\(age / 1_000_000) ms")
            #expect(
                try await waits(30) { ((try? watch.site.client.status())?.epoch ?? 0) > epoch },
                "replaced: \(watch.watchdog.logText)")
            try await watch.isWatched()
            #expect(try await waits(20) { try watch.message("daemonFrozen", "cleared") != nil })
            let problems = try watch.sink.deliveries().compactMap { $0.body["problem"]?.string }
            #expect(Set(problems) == ["daemonFrozen"], "one fault, one alert")
            try await watch.end()
            figure("watchdog, SIGSTOP: told after \(age / 1_000_000) ms")
        }

        @Test func `a wedged journal is told within two seconds of its deadline`() async throws {
            let watch = try await Watch()
            let daemon = try watch.daemon()
            let wedge = try await Wedge("journal", of: daemon, in: watch.site.folder)
            let began = bootNow()
            #expect(
                try await waits(15) { try watch.message("stageStuck.journal", "raised") != nil },
                "\(watch.watchdog.logText)")
            let age = bootNow() - began
            #expect(
                age < Self.beatDeadlineNanoseconds + Self.latenessMaxNanoseconds,
                "\(age / 1_000_000) ms")
            try await wedge.release()
            #expect(
                try await waits(15) { try watch.message("stageStuck.journal", "cleared") != nil })
            #expect(try watch.daemon() == daemon, "it came back, so nothing is restarted")
            try await watch.end()
            figure("watchdog, journal wedged: told after \(age / 1_000_000) ms")
        }
    }
}
