// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import MidwatchModel
import Vitals

/// `--once`: one look that takes as long as the longest beat deadline of a critical stage.
enum OnceReport {
    /// Prints what a look finds.
    ///
    /// - Parameters:
    ///   - configuration: Deadlines and the page's name.
    ///   - bootID: This boot.
    /// - Returns: Whether the monitor sees.
    static func run(_ configuration: WatchdogConfiguration, bootID: BootID) -> Bool {
        let link = DaemonLink(path: configuration.pagePath, bootID: bootID)
        _ = link.poll()
        guard link.descriptor >= 0, let page = link.page else {
            print("daemon      absent (page \(configuration.pagePath))")
            return false
        }
        // Looking asks for no canary: that is the business of the watchdog that runs.
        let first = page.observe()
        let critical = Stage.allCases.filter { $0.isCritical && first.stagesInUse.contains($0) }
        let longest = critical.map { configuration.policy.deadlines[$0.rawValue].beat }.max() ?? 0
        let deadline = BootClock.now().advanced(byNanoseconds: longest)
        var last = first
        while BootClock.now() < deadline {
            usleep(100_000)
            last = page.observe()
            let isMoving = critical.allSatisfy {
                last.stages[$0.rawValue].beats != first.stages[$0.rawValue].beats
            }
            if isMoving || link.poll().contains(.daemonExited) { break }
        }
        return Self.show(first, last, page: page, isAlive: link.descriptor >= 0)
    }

    private static func show(
        _ first: VitalsObservation, _ last: VitalsObservation, page: VitalsPage, isAlive: Bool
    ) -> Bool {
        var isWell = isAlive
        print(
            "daemon      \(isAlive ? "alive" : "ended"), pid \(page.owner.process.processID), "
                + "epoch \(page.epoch), phase \(last.phase.word)")
        let isJudged = last.phase == .running || last.phase == .storageFailed
        if last.phase != .running { isWell = false }
        for stage in Stage.allCases where last.stagesInUse.contains(stage) {
            let (before, now) = (first.stages[stage.rawValue], last.stages[stage.rawValue])
            let isMoving = now.beats != before.beats
            if isJudged, !isMoving, stage.isCritical { isWell = false }
            let name = stage.word + String(repeating: " ", count: 12 - stage.word.utf8.count)
            print(
                name
                    + (isMoving
                        ? "moving"
                        : !isJudged ? "not judged" : now.isCallingDisk ? "AT THE DISK" : "STILL")
                    + ", beats \(now.beats), backlog \(now.backlog), attempts \(now.attempts)")
        }
        let beat = page.watchdogBeatAt
        let age = BootClock.now().nanosecondsSince(beat) / 1_000_000
        print(
            "watchdog    "
                + (beat == .zero ? "none attends" : "pid \(page.watchdogProcessID), \(age) ms ago"))
        if let since = last.oldestUndeliveredCriticalSince {
            let age = BootClock.now().nanosecondsSince(since) / 1_000_000_000
            print("delivery    critical alert undelivered for \(age) s")
            isWell = false
        }
        return isWell
    }
}
