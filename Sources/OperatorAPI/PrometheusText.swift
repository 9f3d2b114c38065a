// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// The metrics page in the Prometheus text format 0.0.4.
///
/// Families are contiguous and keep the order of their first sample; HELP and TYPE stand once,
/// before the samples (exposition formats, "Text-based format"). What would make the page invalid
/// is left out and counted: a name outside the grammar, a family whose kinds differ, a second
/// sample with the same name and labels.
package struct PrometheusText: Sendable {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// The page, UTF-8.
    package private(set) var text: String
    /// Samples that were left out.
    package private(set) var refusedCount: Int

    private struct Family {
        var help: String
        var kind: MetricSample.Kind
        var lines: [String] = []
        var seen: Set<String> = []
    }

    package init(_ samples: [MetricSample]) {
        var order: [String] = []
        var families: [String: Family] = [:]
        var refused = 0
        for sample in samples {
            let name = Self.familyName(of: sample)
            guard Self.isMetricName(sample.name), Self.areLabels(sample.labels) else {
                refused += 1
                continue
            }
            if families[name] == nil {
                order.append(name)
                families[name] = Family(help: sample.help, kind: sample.kind)
            }
            let labels = Self.labelText(sample.labels)
            let identity = sample.name + Self.labelText(sample.labels.sorted { $0.name < $1.name })
            guard families[name]?.kind == sample.kind,
                families[name]?.seen.insert(identity).inserted == true
            else {
                refused += 1
                continue
            }
            families[name]?.lines.append("\(sample.name)\(labels) \(Self.number(sample.value))\n")
        }
        var text = ""
        for name in order {
            guard let family = families[name], !family.lines.isEmpty else { continue }
            text += "# HELP \(name) \(Self.escapeHelp(family.help))\n"
            text += "# TYPE \(name) \(Self.word(family.kind))\n"
            for line in family.lines { text += line }
        }
        self.text = text
        self.refusedCount = refused
    }

    /// The family of a sample: of a histogram, its name without the suffix of the series.
    private static func familyName(of sample: MetricSample) -> String {
        guard sample.kind == .histogram else { return sample.name }
        for suffix in ["_bucket", "_sum", "_count"] where sample.name.hasSuffix(suffix) {
            return String(sample.name.dropLast(suffix.count))
        }
        return sample.name
    }

    private static func word(_ kind: MetricSample.Kind) -> String {
        switch kind {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        }
    }

    /// `NaN`, `+Inf`, `-Inf`, or the shortest decimal form that reads back equal.
    package static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }

    private static func labelText(_ labels: [(name: String, value: String)]) -> String {
        guard !labels.isEmpty else { return "" }
        let pairs = labels.map { "\($0.name)=\"\(self.escapeLabel($0.value))\"" }
        return "{" + pairs.joined(separator: ",") + "}"
    }

    private static func escapeHelp(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    private static func escapeLabel(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// Whether a name fits `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    private static func isMetricName(_ name: String) -> Bool {
        self.isName(name) { $0 == UInt8(ascii: ":") }
    }

    /// Names `[a-zA-Z_][a-zA-Z0-9_]*`, not `__` at the start (reserved), each once.
    private static func areLabels(_ labels: [(name: String, value: String)]) -> Bool {
        guard Set(labels.map(\.name)).count == labels.count else { return false }
        return labels.allSatisfy { label in
            !label.name.hasPrefix("__") && self.isName(label.name) { _ in false }
        }
    }

    private static func isName(_ name: String, _ isExtra: (UInt8) -> Bool) -> Bool {
        var isFirst = true
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "_"):
                break
            case UInt8(ascii: "0")...UInt8(ascii: "9"): if isFirst { return false }
            default: guard isExtra(byte) else { return false }
            }
            isFirst = false
        }
        return !isFirst
    }
}
