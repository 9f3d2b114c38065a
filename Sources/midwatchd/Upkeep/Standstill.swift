// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Synchronization

/// Finds out that the machine was suspended, or the process stopped, from the clocks of a loop.
///
/// CLOCK_BOOTTIME goes on in a suspend, CLOCK_MONOTONIC does not: the first running ahead of the
/// second is a suspend. Both running on while the loop does not turn is a process that got no time.
struct StandstillJudge {
    /// What happened since the turn before, and how long it took.
    enum Verdict: Equatable {
        case none
        case suspended(nanoseconds: UInt64)
        case stopped(nanoseconds: UInt64)
    }

    /// Less is the clocks' own noise, or a suspend nobody needs to know.
    static let suspendedMinNanoseconds: UInt64 = 100_000_000
    /// A turn that comes later than this was held up.
    static let stoppedMinNanoseconds: UInt64 = 1_000_000_000

    private var last: (boot: UInt64, running: UInt64)?

    init() {}

    /// One turn of the loop: both clocks, read one after the other.
    mutating func turn(boot: UInt64, running: UInt64) -> Verdict {
        defer { self.last = (boot, running) }
        guard let last = self.last else { return .none }
        let bootPassed = boot > last.boot ? boot - last.boot : 0
        let runningPassed = running > last.running ? running - last.running : 0
        let asleep = bootPassed > runningPassed ? bootPassed - runningPassed : 0
        if asleep >= Self.suspendedMinNanoseconds { return .suspended(nanoseconds: asleep) }
        if runningPassed >= Self.stoppedMinNanoseconds {
            return .stopped(nanoseconds: runningPassed)
        }
        return .none
    }
}

/// How often and how long the monitor stood still, for screens and metrics.
final class Standstills: Sendable {
    /// A standstill is shown this long after it ended.
    static let shownNanoseconds: UInt64 = 60_000_000_000

    private struct State {
        var suspended: UInt64 = 0
        var stopped: UInt64 = 0
        var last: (text: String, at: MonotonicInstant)?
    }

    private let state = Mutex(State())

    func note(_ verdict: StandstillJudge.Verdict, at now: MonotonicInstant) {
        self.state.withLock { state in
            switch verdict {
            case .none: return
            case .suspended(let nanoseconds):
                state.suspended += nanoseconds
                state.last = ("machine was suspended for \(Self.seconds(nanoseconds))", now)
            case .stopped(let nanoseconds):
                state.stopped += nanoseconds
                state.last = ("monitor stood still for \(Self.seconds(nanoseconds))", now)
            }
        }
    }

    /// What happened within the last minute, in words.
    func mode(now: MonotonicInstant) -> String? {
        self.state.withLock { $0.last }.flatMap {
            now.nanosecondsSince($0.at) < Self.shownNanoseconds ? $0.text : nil
        }
    }

    func metrics() -> [MetricSample] {
        let state = self.state.withLock { $0 }
        return [("suspended", state.suspended), ("stopped", state.stopped)].map {
            MetricSample(
                "midwatch_standstill_seconds_total",
                help: "Time in which the machine was suspended or the process got no time.",
                kind: .counter, labels: [("kind", $0.0)], value: Double($0.1) / 1e9)
        }
    }

    private static func seconds(_ nanoseconds: UInt64) -> String {
        let tenths = nanoseconds / 100_000_000
        return "\(tenths / 10).\(tenths % 10) s"
    }
}
