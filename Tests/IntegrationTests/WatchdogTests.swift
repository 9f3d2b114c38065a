// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import OperatorConsole
import OperatorViews
import Testing

extension IntegrationTests {
    /// The watchdog beside the real daemon, which it starts itself.
    @Suite struct WatchdogTests {
        /// How late an alert may be after its deadline.
        private static let latenessMaxNanoseconds: UInt64 = 2_000_000_000
        /// A stage that does not beat for this long is stuck.
        private static let beatDeadlineNanoseconds: UInt64 = 3_000_000_000

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
            // The canary of a frozen daemon may miss its deadline, as long as the beats', first.
            #expect(Set(problems).isSubset(of: ["daemonFrozen", "canaryNotEvaluated"]))
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

        /// A restart would come two seconds after the deadline, so that the tests need not wait.
        private static let hasty = """
            stage.journal.restart_after = 2s
            stage.ledger.restart_after = 2s
            """

        @Test func `a journal that stays wedged is replaced`() async throws {
            let watch = try await Watch(more: Self.hasty)
            let (daemon, epoch) = (try watch.daemon(), try watch.epoch())
            let wedge = try await Wedge("journal", of: daemon, in: watch.site.folder)
            #expect(
                try await waits(30) { ((try? watch.site.client.status())?.epoch ?? 0) > epoch },
                "replaced: \(watch.watchdog.logText)")
            #expect(try watch.message("stageStuck.journal", "raised") != nil)
            #expect(try watch.message("diskStalled", "raised") == nil)
            #expect(try watch.daemon() != daemon)
            withExtendedLifetime(wedge) {}
            try await watch.isWatched()
            try await watch.end()
        }

        @Test func `a disk that does not answer is told; the monitor goes on and is left alone`()
            async throws
        {
            let folder = try TemporaryFolder()
            let alerts = try await Sink(in: folder)
            let site = try Site(
                Site.options(
                    sensors: Site.loadSensors() + Site.limitSensor("alarm/frozen"), sink: alerts),
                folder: folder)
            let disk = try LoopDisk(at: site.state, image: folder.file("disk.img"))
            let watch = try await Watch(site, more: Self.hasty)
            let daemon = try watch.daemon()
            let device = try FieldDevice(site)
            try disk.freeze()
            #expect(
                try await waits(15) { try watch.message("diskStalled", "raised") != nil },
                "\(watch.watchdog.logText)")
            // Twice as long as a wedged thread would be left.
            try await lasts(5) {
                let now = try watch.daemon()
                #expect(now == daemon)
            }
            let modes = (try? site.modes()) ?? []
            #expect(
                modes.contains("journal waits for the disk"),
                "\(modes), \(watch.watchdog.logText)")
            _ = device.send("alarm/frozen", 90)
            #expect(
                try await waits(2) {
                    try !alerts.alerts("alarm.raised", of: "alarm/frozen:high").isEmpty
                }, "it still evaluates and alerts")
            try disk.thaw()
            #expect(try await waits(20) { try watch.message("diskStalled", "cleared") != nil })
            #expect(try watch.message("stageStuck.journal", "raised") == nil)
            #expect(try watch.daemon() == daemon, "nothing was restarted")
            try await watch.end()
            withExtendedLifetime(disk) {}
        }
    }
}
