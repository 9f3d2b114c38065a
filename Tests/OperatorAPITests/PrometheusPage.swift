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
}
