// SPDX-License-Identifier: Apache-2.0

import Ingest
import MidwatchModel
import Synchronization

/// The listeners that are open, to stop them and to add up what they counted.
final class Listeners: Sendable {
    private struct Open {
        var udp: [UDPListener] = []
        var mqtt: [MQTTEndpoint] = []
        var security: [ListenerSecurity] = []
        /// What the last reload could not put in force.
        var reloadProblems: [String] = []
        var canary: CanaryListener?
    }

    private let open = Mutex(Open())

    func add(_ listener: UDPListener) { self.open.withLock { $0.udp.append(listener) } }

    func add(_ endpoint: MQTTEndpoint, _ security: ListenerSecurity) {
        self.open.withLock {
            $0.mqtt.append(endpoint)
            $0.security.append(security)
        }
    }

    /// Reads certificates, passwords and access rules again; returns what could not be used.
    func reloadSecurity() -> [String] {
        let open = self.open.withLock { $0 }
        let problems = zip(open.mqtt, open.security).flatMap { $1.reload($0) }
        self.open.withLock { $0.reloadProblems = problems }
        return problems
    }

    /// What every screen says of the listeners: certificates that end, files that are unusable,
    /// sensors that never become live.
    func warnings() -> [String] {
        let open = self.open.withLock { $0 }
        return open.mqtt.compactMap(ListenerSecurity.warning)
            + open.mqtt.compactMap(\.retainedWarning)
            + open.reloadProblems.map { "not reloaded, the old stays in force: \($0)" }
    }

    func add(_ listener: CanaryListener) { self.open.withLock { $0.canary = listener } }

    func stop() async {
        let open = self.open.withLock { $0 }
        for listener in open.udp { listener.stop() }
        for endpoint in open.mqtt { await endpoint.stop() }
        open.canary?.stop()
    }

    /// received = accepted + rejected + shed, in readings.
    func totals() -> StatusReporter.IngestTotals {
        let open = self.open.withLock { $0 }
        var totals = StatusReporter.IngestTotals()
        for listener in open.udp {
            totals.received += listener[.readingsReceived]
            totals.accepted += listener[.readingsAccepted]
            totals.rejected += listener[.readingsRejected]
            totals.shed +=
                listener[.readingsShedLow] + listener[.readingsShedNormal]
                + listener[.readingsShedCritical]
            totals.shedCritical += listener[.readingsShedCritical]
            totals.linesRejected += listener[.linesRejected]
            totals.kernelDrops += listener[.datagramsDroppedByKernel]
        }
        for endpoint in open.mqtt {
            totals.received += endpoint.statistics[.readingsReceived]
            totals.accepted += endpoint.statistics[.readingsAccepted]
            totals.rejected += endpoint.statistics[.readingsRejected]
            totals.linesRejected += endpoint.statistics[.linesRejected]
        }
        return totals
    }

    /// What was received and refused, for the rate of refusals.
    func rejectionTotals() -> RejectionTotals {
        let open = self.open.withLock { $0 }
        let totals =
            open.udp.map(\.rejectionTotals) + open.mqtt.map(\.statistics.rejectionTotals)
        return totals.reduce(RejectionTotals(), +)
    }

    /// The last refused input with the name of its listener, newest first, at most `limit`.
    func rejects(limit: Int) -> [(listener: String, entry: RejectLog.Entry)] {
        let open = self.open.withLock { $0 }
        let udp = open.udp.flatMap { listener in
            listener.rejects.entries.map { (listener.configuration.name, $0) }
        }
        let mqtt = open.mqtt.flatMap { endpoint in
            endpoint.statistics.rejects.entries.map { (endpoint.configuration.name, $0) }
        }
        let newest = (udp + mqtt).sorted { ($0.1.at, $0.1.number) > ($1.1.at, $1.1.number) }
        return newest.prefix(limit).map { (listener: $0.0, entry: $0.1) }
    }

    func metrics() -> [MetricSample] {
        let open = self.open.withLock { $0 }
        return open.udp.flatMap { $0.metrics() } + open.mqtt.flatMap { $0.metrics() }
            + (open.canary?.metrics() ?? [])
    }
}
