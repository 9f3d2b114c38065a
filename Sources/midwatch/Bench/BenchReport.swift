// SPDX-License-Identifier: Apache-2.0

internal import JSONText

/// What a run of `midwatch bench` saw on one path.
struct BenchReport {
    /// A stage of the daemon and the words for the time it took.
    static let stages = [
        ("arrivalToEvaluated", "evaluated after"), ("arrivalToDurable", "durable after"),
        ("publishToAcknowledged", "acknowledged after"), ("durableToArchived", "archived after"),
    ]

    var path: String
    /// Readings per second that were asked for.
    var rate: Double
    var seconds = 0.0
    var sent: UInt64 = 0
    var received: UInt64 = 0
    var accepted: UInt64 = 0
    var shed: UInt64 = 0
    var rejected: UInt64 = 0
    var stored: UInt64 = 0
    /// Until the archive held everything, after the last reading was sent; nil: it did not.
    var settleSeconds: Double?
    /// Of the daemon, per reading.
    var processorSeconds: Double?
    /// Bounds of histogram buckets in seconds, by stage.
    var quantiles: [(stage: String, p50: Double, p99: Double)] = []

    /// Readings per second that were sent.
    var sentRate: Double { self.seconds > 0 ? Double(self.sent) / self.seconds : 0 }

    /// What keeps the machine from holding this rate; empty if nothing does.
    var faults: [String] {
        var faults: [String] = []
        if self.sentRate < 0.95 * self.rate {
            faults.append("only \(Int(self.sentRate)) a second could be sent")
        }
        if self.received < self.sent { faults.append("\(self.sent - self.received) never arrived") }
        if self.shed > 0 { faults.append("\(self.shed) were shed") }
        if self.rejected > 0 { faults.append("\(self.rejected) were refused") }
        if self.settleSeconds == nil { faults.append("the archive did not catch up") }
        return faults
    }

    var lines: [String] {
        var lines = [
            "\(self.path): \(Int(self.sentRate)) readings/s for \(Self.tenths(self.seconds)) s; "
                + "\(self.sent) sent, \(self.accepted) accepted, \(self.stored) stored"
        ]
        if let cost = self.processorSeconds, self.accepted > 0 {
            let each = Self.tenths(cost * 1e6 / Double(self.accepted))
            let share = self.seconds > 0 ? Int(100 * cost / self.seconds) : 0
            lines.append("  processor: \(each) us a reading, \(share) % of one core")
        }
        for (stage, words) in Self.stages {
            guard let found = self.quantiles.first(where: { $0.stage == stage }) else { continue }
            lines.append(
                "  \(words): 50 % within \(Self.milliseconds(found.p50)), "
                    + "99 % within \(Self.milliseconds(found.p99))")
        }
        if let settle = self.settleSeconds {
            lines.append("  archive complete \(Self.tenths(settle)) s after the last reading")
        }
        lines.append(
            self.faults.isEmpty ? "  held" : "  not held: " + self.faults.joined(separator: "; "))
        return lines
    }

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.field("path", self.path)
            json.field("rateWanted", self.rate)
            json.field("rateSent", self.sentRate)
            json.field("seconds", self.seconds)
            json.field("sent", self.sent)
            json.field("received", self.received)
            json.field("accepted", self.accepted)
            json.field("shed", self.shed)
            json.field("rejected", self.rejected)
            json.field("stored", self.stored)
            if let settle = self.settleSeconds { json.field("settleSeconds", settle) }
            if let cost = self.processorSeconds { json.field("processorSeconds", cost) }
            json.arrayField("latencies") { json in
                for found in self.quantiles {
                    json.object { json in
                        json.field("stage", found.stage)
                        json.field("p50Seconds", found.p50)
                        json.field("p99Seconds", found.p99)
                    }
                }
            }
            json.arrayField("faults") { json in for fault in self.faults { json.value(fault) } }
        }
    }

    private static func tenths(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    private static func milliseconds(_ seconds: Double) -> String {
        guard seconds.isFinite else { return "more than the longest measured" }
        return seconds < 0.001 ? "\(Int(seconds * 1e6)) us" : "\(Self.tenths(seconds * 1e3)) ms"
    }
}
