// SPDX-License-Identifier: Apache-2.0

/// The daemon's metrics, as far as commands need them: names and labels to values.
struct MetricsPage {
    private var values: [Substring: Double] = [:]

    /// Reads Prometheus text; lines that are none are passed over.
    init(_ bytes: [UInt8]) {
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            guard !line.hasPrefix("#"), let space = line.lastIndex(of: " "),
                let value = Double(line[line.index(after: space)...])
            else { continue }
            self.values[line[..<space]] = value
        }
    }

    /// The count of one series, `name{label="value"}`; 0 if there is none.
    func count(_ series: String) -> UInt64 {
        self.values[series[...]].flatMap { UInt64(exactly: $0.rounded()) } ?? 0
    }

    /// The sum over all series of a name.
    func sum(_ name: String) -> UInt64 {
        self.values.reduce(0) { sum, item in
            let isOne = item.key == name || item.key.hasPrefix("\(name){")
            return sum + (isOne ? UInt64(exactly: item.value.rounded()) ?? 0 : 0)
        }
    }

    /// The bound that a share of a histogram's samples does not exceed, of one stage; nil without any.
    func quantile(_ share: Double, ofStage stage: String) -> Double? {
        let buckets = self.series("midwatch_stage_latency_seconds_bucket")
            .filter { $0.labels["stage"] == stage }
            .compactMap { item in
                (item.labels["le"] == "+Inf" ? .infinity : item.labels["le"].flatMap { Double($0) })
                    .map { (bound: $0, count: item.count) }
            }.sorted { $0.bound < $1.bound }
        guard let total = buckets.last?.count, total > 0 else { return nil }
        return buckets.first { Double($0.count) >= share * Double(total) }?.bound
    }

    /// Every series of a name: its labels and its count.
    func series(_ name: String) -> [(labels: [String: String], count: UInt64)] {
        self.values.compactMap { key, value in
            guard key.hasPrefix("\(name){"), key.hasSuffix("}"),
                let count = UInt64(exactly: value.rounded())
            else { return nil }
            return (Self.labels(key.dropFirst(name.count + 1).dropLast()), count)
        }
    }

    /// `a="1",b="2"` as the page writes it: values with \\, \" and \n.
    private static func labels(_ text: Substring) -> [String: String] {
        var labels: [String: String] = [:]
        var rest = text
        while let equals = rest.firstIndex(of: "=") {
            let name = String(rest[..<equals])
            rest = rest[equals...].dropFirst(2)
            var value = ""
            while let character = rest.popFirst(), character != "\"" {
                guard character == "\\", let escaped = rest.popFirst() else {
                    value.append(character)
                    continue
                }
                value.append(escaped == "n" ? "\n" : escaped)
            }
            labels[name] = value
            if rest.first == "," { rest = rest.dropFirst() }
        }
        return labels
    }
}
