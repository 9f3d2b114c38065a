// SPDX-License-Identifier: Apache-2.0

import FleetSimulation
import Glibc
import JSONText
import OperatorViews
import Testing

extension IntegrationTests {
    /// Trouble around the daemon is no reason to restart it.
    @Suite struct QuietTests {
        /// What is wrong around the daemon.
        private struct Trials: OptionSet {
            var rawValue: Int
            static let archiveAway = Self(rawValue: 1)
            static let endpointsDown = Self(rawValue: 2)
            static let coresBusy = Self(rawValue: 4)
            static let noInput = Self(rawValue: 8)
        }

        /// The long form tries each alone; MIDWATCH_SOAK_TRIAL names one.
        private static var chosen: [Int] {
            let one = Scale.number("TRIAL", 0)
            if one > 0 { return [one] }
            return Scale.quietSeconds > 60 ? [1, 2, 4, 8] : [7]
        }

        @Test(arguments: Self.chosen)
        func `the watchdog restarts nothing for an archive, endpoints, input or time that is short`(
            _ trial: Int
        ) async throws {
            let trials = Trials(rawValue: trial)
            let folder = try TemporaryFolder()
            var options = Site.Options(
                sensors: Site.loadSensors(deadline: "5s") + Site.limitSensor("alarm/one"))
            if trials.contains(.archiveAway) {
                options.postgresConnection = "host=\(folder.path) dbname=nobody"
            }
            if trials.contains(.endpointsDown) {
                options.sinkURL = "http://127.0.0.1:\(try Places.freePort())/nobody"
            }
            let site = try Site(options, folder: folder)
            let watch = try await Watch(site)
            let daemon = try watch.daemon()
            if !trials.contains(.noInput) { try FieldDevice(site).send("alarm/one", 90) }
            let load = try site.flood(sensors: 100, rate: 1_000)
            if !trials.contains(.noInput) { try load.start() }
            var burners: [ChildProcess] = []
            if trials.contains(.coresBusy) {
                for number in 0..<2 * sysconf(Int32(_SC_NPROCESSORS_ONLN)) {
                    burners.append(
                        try ChildProcess(
                            [try Places.tool("sh"), "-c", "while :; do :; done"],
                            log: folder.file("burner\(number).log")))
                }
            }
            try await lasts(Double(Scale.quietSeconds))
            burners.removeAll()
            if !trials.contains(.noInput) { _ = await load.finish() }
            #expect(try watch.daemon() == daemon, "restarted: \(watch.watchdog.logText)")
            let told = try watch.sink.deliveries().compactMap { $0.body["problem"]?.string }
            #expect(
                !told.contains { $0 == "daemonDied" || $0 == "daemonFrozen" }, "\(told)")
            try await watch.end()
            figure("quiet, trial \(trial): \(Scale.quietSeconds) s, no restart, told \(told)")
        }
    }
}
