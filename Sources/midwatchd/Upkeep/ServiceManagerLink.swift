// SPDX-License-Identifier: Apache-2.0

import Glibc
import MidwatchModel
import Vitals

/// Tells systemd how the daemon fares, from the first step of the start to the end.
///
/// A thread of its own looks at the vitals page as the watchdog does: it reads memory, sends
/// datagrams that nobody waits for, and touches no disk, so it speaks while everything else hangs
/// and is silent when the process does not run.
enum ServiceManagerLink {
    private static let intervalNanoseconds: UInt64 = 250_000_000

    /// Starts the thread; nil outside systemd.
    ///
    /// It is not joined: an ordered stop is fed, too.
    @discardableResult
    static func start(_ vitals: VitalsPage) -> LoopThread? {
        guard let notifier = SystemdNotifier() else { return nil }
        let interval = SystemdWatchdog.interval(processID: getpid())
        return LoopThread("systemd") {
            var notices = ServiceNotices(watchdogMicroseconds: interval, now: BootClock.now())
            let pause = WakeWord()
            while true {
                let due = notices.look(
                    vitals.observe(), watchdogBeatAt: vitals.watchdogBeatAt, now: BootClock.now())
                for notice in due {
                    switch notice {
                    case .extendTimeout(let nanoseconds):
                        notifier.extendTimeout(microseconds: nanoseconds / 1_000)
                    case .alive: notifier.watchdog()
                    }
                }
                pause.sleep(nanoseconds: self.intervalNanoseconds)
            }
        }
    }
}
