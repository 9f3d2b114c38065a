// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel
internal import Synchronization
internal import TelemetryWire

extension UDPListener {
    /// Counters of the listener and its causes of rejection; senders are with `SourceRegistry`.
    ///
    /// Any thread.
    package func metrics() -> [MetricSample] {
        var samples = self.totals()
        for error in LineProtocolError.allCases where self.lineErrors[error] > 0 {
            samples.append(
                self.sample(
                    "midwatch_udp_line_errors_total", "Lines refused, by cause.",
                    [(name: "cause", value: String(describing: error))], self.lineErrors[error]))
        }
        for cause in ReadingRejection.allCases where self.rejections[cause] > 0 {
            samples.append(
                self.sample(
                    "midwatch_udp_reading_rejections_total", "Readings refused, by cause.",
                    [(name: "cause", value: cause.word)], self.rejections[cause]))
        }
        return samples
    }

    /// Readings received; readings and lines refused.
    package var rejectionTotals: RejectionTotals {
        var totals = RejectionTotals()
        totals.received = self.counters[.readingsReceived]
        totals.rejected = self.counters[.readingsRejected] + self.counters[.linesRejected]
        return totals
    }

    private func totals() -> [MetricSample] {
        let shed = "Readings shed because the ring was full."
        var samples = [
            self.counter("datagrams_received_total", "Datagrams received.", .datagramsReceived),
            self.counter("bytes_received_total", "Payload bytes received.", .bytesReceived),
            self.counter(
                "datagrams_truncated_total", "Datagrams longer than is read.", .datagramsTruncated),
            self.counter(
                "datagrams_dropped_by_kernel_total", "Datagrams the socket had no room for.",
                .datagramsDroppedByKernel),
            self.counter("receive_errors_total", "Failed receive calls.", .receiveErrors),
            self.counter("lines_received_total", "Lines received.", .linesReceived),
            self.counter("lines_rejected_total", "Lines refused.", .linesRejected),
            self.counter("readings_received_total", "Readings decoded.", .readingsReceived),
            self.counter("readings_accepted_total", "Readings in the ring.", .readingsAccepted),
            self.counter("readings_rejected_total", "Readings refused.", .readingsRejected),
            self.counter(
                "stamps_not_believed_total", "Arrivals without a usable kernel time.",
                .stampsNotBelieved),
            self.counter(
                "source_times_ignored_total", "Source times out of range.", .sourceTimesIgnored),
            self.counter(
                "series_cache_overflows_total", "Series caches emptied for want of room.",
                .seriesCacheOverflows),
        ]
        for criticality in [SensorCriticality.low, .normal, .critical] {
            samples.append(
                self.sample(
                    "midwatch_udp_readings_shed_total", shed,
                    [(name: "criticality", value: criticality.word)],
                    self[UDPCounter.shed(criticality)]))
        }
        samples.append(
            self.sample(
                "midwatch_udp_senders_beyond_limit_total",
                "Datagrams of senders without a row of their own.", [],
                self.senders.beyondLimitCount.load(ordering: .relaxed)))
        var buffer = self.sample(
            "midwatch_udp_receive_buffer_bytes", "Receive buffer the kernel grants.", [],
            self[.receiveBufferBytes])
        buffer.kind = .gauge
        samples.append(buffer)
        return samples
    }

    private func counter(_ name: String, _ help: String, _ counter: UDPCounter) -> MetricSample {
        self.sample("midwatch_udp_" + name, help, [], self[counter])
    }

    private func sample(
        _ name: String, _ help: String, _ labels: [(name: String, value: String)],
        _ value: UInt64
    ) -> MetricSample {
        let listener = (name: "listener", value: self.configuration.name)
        return MetricSample(
            name, help: help, kind: .counter, labels: [listener] + labels, value: Double(value))
    }
}
