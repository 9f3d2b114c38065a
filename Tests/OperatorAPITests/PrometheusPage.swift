// SPDX-License-Identifier: Apache-2.0

/// A strict reader of the Prometheus text format 0.0.4: families contiguous, described before
/// their samples, no sample twice.
struct PrometheusPage {
    struct Failure: Error { var line: String, reason: String }
    struct Family {
        var name: String
        var help: String?
        var type: String?
        var samples: [(identity: String, value: Double)] = []
    }

    var families: [Family] = []

    init(parsing text: String) throws {
        guard text.isEmpty || text.hasSuffix("\n") else {
            throw Failure(line: "", reason: "the last line does not end")
        }
        for line in text.split(separator: "\n") { try self.read(String(line)) }
        for family in self.families where family.type == nil || family.samples.isEmpty {
            throw Failure(line: family.name, reason: "no type or no samples")
        }
    }

    private mutating func read(_ line: String) throws {
        if line.hasPrefix("# ") {
            let words = line.dropFirst(2).split(separator: " ", maxSplits: 2)
            guard words.count >= 2, words[0] == "HELP" || words[0] == "TYPE" else {
                throw Failure(line: line, reason: "not HELP or TYPE")
            }
            let index = try self.openFamily(String(words[1]), line)
            let text = words.count == 3 ? String(words[2]) : ""
            if words[0] == "HELP" {
                guard self.families[index].help == nil else {
                    throw Failure(line: line, reason: "HELP twice")
                }
                self.families[index].help = text
            } else {
                guard self.families[index].type == nil,
                    ["counter", "gauge", "histogram", "summary", "untyped"].contains(text)
                else { throw Failure(line: line, reason: "TYPE twice or unknown") }
                self.families[index].type = text
            }
            return
        }
        try self.readSample(line)
    }

    /// Index of the family whose description goes on or begins; it must be the last one.
    private mutating func openFamily(_ name: String, _ line: String) throws -> Int {
        if let last = self.families.last, last.name == name, last.samples.isEmpty {
            return self.families.count - 1
        }
        guard !self.families.contains(where: { $0.name == name }) else {
            throw Failure(line: line, reason: "family not contiguous")
        }
        self.families.append(Family(name: name))
        return self.families.count - 1
    }

    private mutating func readSample(_ line: String) throws {
        let characters = Array(line.unicodeScalars)
        var index = 0
        func isName(_ scalar: Unicode.Scalar, first: Bool) -> Bool {
            switch scalar {
            case "a"..."z", "A"..."Z", "_", ":": true
            case "0"..."9": !first
            default: false
            }
        }
        var name = ""
        while index < characters.count, isName(characters[index], first: index == 0) {
            name.unicodeScalars.append(characters[index])
            index += 1
        }
        var labels = ""
        if index < characters.count, characters[index] == "{" {
            var inQuotes = false
            var isClosed = false
            while index < characters.count, !isClosed {
                let scalar = characters[index]
                labels.unicodeScalars.append(scalar)
                if inQuotes, scalar == "\\" {
                    index += 1
                    guard index < characters.count, ["\\", "\"", "n"].contains(characters[index])
                    else { throw Failure(line: line, reason: "bad escape") }
                    labels.unicodeScalars.append(characters[index])
                } else if scalar == "\"" {
                    inQuotes.toggle()
                } else if !inQuotes, scalar == "}" {
                    isClosed = true
                }
                index += 1
            }
            guard isClosed else { throw Failure(line: line, reason: "labels not closed") }
        }
        guard index < characters.count, characters[index] == " " else {
            throw Failure(line: line, reason: "no blank before the value")
        }
        var rest = String.UnicodeScalarView()
        rest.append(contentsOf: characters[(index + 1)...])
        let word = String(rest)
        let value: Double? =
            switch word {
            case "NaN": .nan
            case "+Inf": .infinity
            case "-Inf": -.infinity
            default: Double(word)
            }
        guard let value else { throw Failure(line: line, reason: "bad value") }
        guard let last = self.families.indices.last, self.families[last].type != nil,
            Self.belongs(name, to: self.families[last])
        else { throw Failure(line: line, reason: "sample outside its family") }
        guard !self.families[last].samples.contains(where: { $0.identity == name + labels }) else {
            throw Failure(line: line, reason: "sample twice")
        }
        self.families[last].samples.append((name + labels, value))
    }

    private static func belongs(_ name: String, to family: Family) -> Bool {
        guard family.type == "histogram" else { return name == family.name }
        return ["_bucket", "_sum", "_count"].contains { name == family.name + $0 }
    }

    // MARK: - Conventions

    /// What `promtool check metrics` would complain about, and what a histogram must keep to.
    func faults() -> [String] {
        var faults: [String] = []
        for family in self.families {
            let name = family.name
            func complain(_ text: String) { faults.append("\(name): \(text)") }
            if !name.hasPrefix("midwatch_") { complain("foreign prefix") }
            if name != name.lowercased() || name.contains("__") || name.contains(":") {
                complain("not in snake case")
            }
            if (family.help ?? "").isEmpty { complain("no help") }
            for unit in ["_milliseconds", "_nanoseconds", "_kilobytes", "_percent", "_ms"]
            where name.contains(unit) {
                complain("not a base unit")
            }
            switch family.type {
            case "counter":
                if !name.hasSuffix("_total") { complain("a counter without _total") }
                if family.samples.contains(where: { !($0.value >= 0) }) { complain("below zero") }
            case "gauge", "histogram":
                for suffix in ["_total", "_bucket", "_count", "_sum"] where name.hasSuffix(suffix) {
                    complain("no counter, yet \(suffix)")
                }
            default: complain("of no kind")
            }
            if family.type == "histogram" { faults += Self.histogramFaults(family) }
        }
        return faults
    }

    /// Buckets ascend and grow, `+Inf` comes last and equals the count, a sum is there.
    private static func histogramFaults(_ family: Family) -> [String] {
        var series: [String: [(bound: Double, value: Double)]] = [:]
        var counts: [String: Double] = [:]
        var sums: Set<String> = []
        for (identity, value) in family.samples {
            let (name, labels) = Self.split(identity)
            let others = labels.filter { !$0.hasPrefix("le=") }.joined(separator: ",")
            switch String(name.dropFirst(family.name.count)) {
            case "_bucket":
                let text = labels.first { $0.hasPrefix("le=") }?.dropFirst(4).dropLast() ?? ""
                let bound = text == "+Inf" ? Double.infinity : Double(text) ?? .nan
                series[others, default: []].append((bound, value))
            case "_count": counts[others] = value
            default: sums.insert(others)
            }
        }
        var faults: [String] = []
        for (labels, buckets) in series {
            let pairs = zip(buckets, buckets.dropFirst())
            if !pairs.allSatisfy({ $0.bound < $1.bound && $0.value <= $1.value }) {
                faults.append("\(family.name){\(labels)}: buckets do not ascend")
            }
            if buckets.last?.bound != .infinity || buckets.last?.value != counts[labels] {
                faults.append("\(family.name){\(labels)}: +Inf is not the count")
            }
            if !sums.contains(labels) { faults.append("\(family.name){\(labels)}: no sum") }
        }
        if Set(series.keys) != Set(counts.keys) { faults.append("\(family.name): series differ") }
        return faults
    }

    /// Name and labels of a sample; no label value of ours has a comma or a brace in it.
    private static func split(_ identity: String) -> (name: Substring, labels: [Substring]) {
        guard let brace = identity.firstIndex(of: "{") else { return (identity[...], []) }
        let labels = identity[identity.index(after: brace)...].dropLast()
        return (identity[..<brace], labels.split(separator: ","))
    }

    /// Value of the sample with exactly this identity.
    subscript(_ identity: String) -> Double? {
        self.families.lazy.flatMap(\.samples).first { $0.identity == identity }?.value
    }
}
