// SPDX-License-Identifier: Apache-2.0

internal import FleetSimulation
internal import JSONText

/// What a simulated fleet did, for people and for scripts.
struct SimulationReport {
    private var fields: [(name: String, value: UInt64)]
    private let seconds: Double
    private let sent: UInt64
    private var latency: FleetLatency?

    init(udp report: UDPFleetReport) {
        self.sent = report.readings
        self.seconds = Double(report.elapsedNanoseconds) / 1e9
        self.fields = [
            ("sent", report.readings), ("datagrams", report.datagrams),
            ("sendErrors", report.sendErrors),
        ]
    }

    init(mqtt report: MQTTFleetReport, isAcknowledged: Bool) {
        self.sent = report.sent
        self.seconds = Double(report.elapsedNanoseconds) / 1e9
        self.fields = [("sent", report.sent)]
        if isAcknowledged {
            self.fields += [
                ("acknowledged", report.acknowledged), ("refused", report.refused),
                ("unacknowledged", report.unacknowledged), ("resent", report.resent),
                ("strayAcknowledgements", report.strayAcknowledgements),
            ]
            self.latency = report.latency
        }
        self.fields += [
            ("dropped", report.dropped), ("connects", report.connects),
            ("connectFailures", report.connectFailures),
            ("connectionsLost", report.connectionsLost),
            ("connectionsUnconfirmed", report.connectionsUnconfirmed),
        ]
    }

    private var rate: UInt64 { self.seconds > 0 ? UInt64(Double(self.sent) / self.seconds) : 0 }

    private var quantiles: [(name: String, nanoseconds: UInt64)] {
        guard let latency = self.latency, latency.count > 0 else { return [] }
        return [
            ("p50", latency.quantile(0.5)), ("p99", latency.quantile(0.99)),
            ("p999", latency.quantile(0.999)), ("max", latency.maximum),
        ]
    }

    func print(json asJSON: Bool) {
        guard asJSON else {
            let parts = self.fields.filter { $0.value > 0 || $0.name == "sent" }.map {
                "\($0.value) \(Self.words($0.name))"
            }
            CommandOutput.line(parts.joined(separator: ", "))
            let tenths = UInt64(self.seconds * 10)
            CommandOutput.line("\(tenths / 10).\(tenths % 10) s, \(self.rate) a second")
            if !self.quantiles.isEmpty {
                let texts = self.quantiles.map { "\($0.name) \(Self.milliseconds($0.nanoseconds))" }
                CommandOutput.line("to the acknowledgement: " + texts.joined(separator: ", "))
            }
            return
        }
        var json = JSONWriter()
        json.object { json in
            for field in self.fields { json.field(field.name, field.value) }
            json.field("seconds", self.seconds)
            json.field("rate", self.rate)
            guard !self.quantiles.isEmpty else { return }
            json.objectField("latencyNanoseconds") { json in
                for item in self.quantiles { json.field(item.name, item.nanoseconds) }
            }
        }
        CommandOutput.line(json.text)
    }

    /// `strayAcknowledgements` becomes `stray acknowledgements`.
    private static func words(_ name: String) -> String {
        name.reduce(into: "") { text, character in
            if character.isUppercase {
                text += " " + character.lowercased()
            } else {
                text.append(character)
            }
        }
    }

    static func milliseconds(_ nanoseconds: UInt64) -> String {
        let hundredths = nanoseconds / 10_000
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) ms"
    }
}
