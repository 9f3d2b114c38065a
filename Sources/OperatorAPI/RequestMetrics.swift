// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Counters of the operator API.
package final class RequestMetrics: Sendable {
    /// What is counted.
    package enum Name: Int, CaseIterable, Sendable {
        case status2xx, status4xx, status5xx
        case acknowledged, acknowledgeRefused
        case streamsOpened, streamsRefused, streamEvents, writesStalled
        case samplesRefused
        case loginsFailed
    }

    private let counters = CounterBlock<Name>()
    private let streamsOpen = StreamSeats()

    package init() {}

    package subscript(_ name: Name) -> UInt64 { self.counters[name] }

    func add(_ name: Name, _ amount: UInt64 = 1) { self.counters.add(name, amount) }

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
                "midwatch_api_acknowledgements_total", "Acknowledgements the engine took.",
                .acknowledged),
            plain(
                "midwatch_api_acknowledgements_refused_total",
                "Acknowledgements that were not done, for whatever reason.", .acknowledgeRefused),
            plain(
                "midwatch_api_logins_failed_total", "Requests of those who may not send them.",
                .loginsFailed),
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
        ]
    }
}
