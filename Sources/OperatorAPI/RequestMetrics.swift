// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel
package import OperatorViews
internal import Synchronization

/// Counters of the operator API.
package final class RequestMetrics: Sendable {
    /// What is counted.
    package enum Name: Int, CaseIterable, Sendable {
        case status2xx, status4xx, status5xx
        case streamsOpened, streamsRefused, streamEvents, writesStalled
        case samplesRefused
        case loginsFailed, requestsRefused
    }

    private let counters = CounterBlock<Name>()
    /// Commands by what they ask for, done and not done.
    private let commands = Mutex<[String: (done: UInt64, refused: UInt64)]>([:])
    private let streamsOpen = StreamSeats()

    /// Label of the metrics for a change of an area's mode.
    private static let modeAction = "mode"

    package init() {}

    package subscript(_ name: Name) -> UInt64 { self.counters[name] }

    func add(_ name: Name, _ amount: UInt64 = 1) { self.counters.add(name, amount) }

    func count(_ action: AlarmAction, isDone: Bool) { self.count(action.rawValue, isDone) }

    func countModeChange(isDone: Bool) { self.count(Self.modeAction, isDone) }

    private func count(_ action: String, _ isDone: Bool) {
        self.commands.withLock { commands in
            var count = commands[action] ?? (0, 0)
            if isDone { count.done += 1 } else { count.refused += 1 }
            commands[action] = count
        }
    }

    /// Commands of this kind so far, done and not done.
    package func commandCount(_ action: AlarmAction) -> (done: UInt64, refused: UInt64) {
        self.commands.withLock { $0[action.rawValue] ?? (0, 0) }
    }

    private func commandMetrics() -> [MetricSample] {
        let counts = self.commands.withLock { $0 }
        return (AlarmAction.allCases.map(\.rawValue) + [Self.modeAction]).flatMap { action in
            let count = counts[action] ?? (0, 0)
            return [("done", count.done), ("refused", count.refused)].map { outcome, value in
                MetricSample(
                    "midwatch_api_commands_total",
                    help: "Commands of operators, by what they ask for and what became of them.",
                    kind: .counter, labels: [("action", action), ("outcome", outcome)],
                    value: Double(value))
            }
        }
    }

    func countStatus(_ status: Int) {
        switch status {
        case ..<400: self.add(.status2xx)
        case ..<500: self.add(.status4xx)
        default: self.add(.status5xx)
        }
    }

    /// Takes a place among the streams; false if all are taken, or too many by this address.
    func openStream(address: String) -> Bool {
        guard
            self.streamsOpen.take(
                max: OperatorAPILimits.streamSubscribersMax,
                perAddressMax: OperatorAPILimits.streamsPerAddressMax, address: address)
        else {
            self.add(.streamsRefused)
            return false
        }
        self.add(.streamsOpened)
        return true
    }

    func closeStream(address: String) { self.streamsOpen.giveBack(address: address) }

    package var openStreamCount: Int { self.streamsOpen.count }

    package func metrics() -> [MetricSample] {
        func requests(_ status: String, _ name: Name) -> MetricSample {
            MetricSample(
                "midwatch_api_requests_total", help: "Requests answered, by class of status.",
                kind: .counter, labels: [("status", status)], value: Double(self[name]))
        }
        func plain(_ name: String, _ help: String, _ value: Name) -> MetricSample {
            MetricSample(name, help: help, kind: .counter, value: Double(self[value]))
        }
        return [
            requests("2xx", .status2xx), requests("4xx", .status4xx), requests("5xx", .status5xx),
            plain(
                "midwatch_api_logins_failed_total", "Requests of those who may not send them.",
                .loginsFailed),
            plain(
                "midwatch_api_requests_refused_total",
                "Requests beyond the budget of their caller.", .requestsRefused),
            plain("midwatch_api_streams_opened_total", "Event streams opened.", .streamsOpened),
            plain(
                "midwatch_api_streams_refused_total", "Event streams refused: too many were open.",
                .streamsRefused),
            plain("midwatch_api_stream_events_total", "Events sent to streams.", .streamEvents),
            plain(
                "midwatch_api_writes_stalled_total",
                "Connections closed because the client did not take the answer.", .writesStalled),
            plain(
                "midwatch_metrics_refused_total",
                "Samples left out of this page because they would make it invalid.",
                .samplesRefused),
            MetricSample(
                "midwatch_api_streams_open", help: "Event streams open now.", kind: .gauge,
                value: Double(self.openStreamCount)),
        ] + self.commandMetrics()
    }
}
