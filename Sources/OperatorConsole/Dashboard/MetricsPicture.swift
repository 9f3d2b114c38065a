// SPDX-License-Identifier: Apache-2.0

/// The daemon's figures at one moment, from its Prometheus page (text format 0.0.4).
package struct MetricsPicture: Sendable, Equatable {
    /// One figure.
    package struct Sample: Sendable, Equatable {
        package var name: String
        package var labels: [String: String]
        package var value: Double
    }

    /// Figures kept of one page.
    package static let samplesMax = 4_096
    /// What the views show; the rest of the page is skipped.
    private static let wantedPrefixes = [
        "midwatch_source_", "midwatch_delivery_", "midwatch_alert_", "midwatch_readings_total",
        "midwatch_udp_", "midwatch_mqtt_", "midwatch_listener_up", "midwatch_queue_depth",
        "midwatch_sensor_rejections",
    ]

    package private(set) var samples: [Sample] = []
    /// When it was asked for.
    package let at: UInt64

    package init(page: [UInt8], at: UInt64) {
        self.at = at
        let newline = UInt8(ascii: "\n")
        for line in page.split(separator: newline) where line.first != UInt8(ascii: "#") {
            guard self.samples.count < Self.samplesMax else { return }
            let text = String(decoding: line, as: UTF8.self)
            guard Self.wantedPrefixes.contains(where: { text.hasPrefix($0) }),
                let sample = Self.sample(text)
            else { continue }
            self.samples.append(sample)
        }
    }

    private static func sample(_ line: String) -> Sample? {
        guard let space = line.lastIndex(of: " "),
            let value = Double(line[line.index(after: space)...])
        else { return nil }
        let head = line[..<space]
        guard let brace = head.firstIndex(of: "{") else {
            return Sample(name: String(head), labels: [:], value: value)
        }
        guard head.last == "}" else { return nil }
        var labels: [String: String] = [:]
        var rest = head[head.index(after: brace)...].dropLast()
        while let equals = rest.firstIndex(of: "=") {
            let name = String(rest[..<equals])
            rest = rest[rest.index(after: equals)...].dropFirst()
            var text = ""
            var isEscaped = false
            while let character = rest.popFirst() {
                if isEscaped {
                    text.append(character == "n" ? "\n" : character)
                    isEscaped = false
                } else if character == "\\" {
                    isEscaped = true
                } else if character == "\"" {
                    break
                } else {
                    text.append(character)
                }
            }
            labels[name] = text
            if rest.first == "," { rest = rest.dropFirst() }
        }
        return Sample(name: String(head[..<brace]), labels: labels, value: value)
    }

    /// The figures of one name.
    package func family(_ name: String) -> [Sample] { self.samples.filter { $0.name == name } }

    /// The sum of the figures of one name that have these labels; nil if there is none.
    package func sum(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        var sum: Double?
        for sample in self.samples where sample.name == name {
            let fits = labels.allSatisfy { sample.labels[$0.key] == $0.value }
            if fits { sum = (sum ?? 0) + sample.value }
        }
        return sum
    }

    /// How much a counter grew per second since `before`; nil without a picture before, or if the
    /// daemon began anew in between.
    package func rate(
        _ name: String, _ labels: [String: String], since before: MetricsPicture?
    ) -> Double? {
        guard let before, self.at > before.at, let new = self.sum(name, labels),
            let old = before.sum(name, labels), new >= old
        else { return nil }
        return (new - old) / (Double(self.at - before.at) / 1e9)
    }
}
