// SPDX-License-Identifier: Apache-2.0

/// The rings of the tree, from the inside out.
enum Ring: String, CaseIterable {
    case model
    case foreign
    case core
    case logs
    case edges
    case support
    case programs

    /// Imports go to a lower rank.
    var rank: Int {
        switch self {
        case .model, .foreign: 0
        case .core: 1
        case .logs: 2
        case .edges: 3
        case .support: 4
        case .programs: 5
        }
    }

    /// Whether a target may use the system or a package.
    var isPure: Bool { self == .model || self == .core }
}

/// The table in ARCHITECTURE.md that says which target may import what.
struct ImportTable {
    struct Row {
        var ring: Ring
        var ours: Set<String>
        var outside: Set<String>
    }

    /// Modules of the toolchain that are the language.
    static let language: Set<String> = ["Swift", "Synchronization"]

    private(set) var rows: [String: Row] = [:]
    /// Rows that could not be read.
    private(set) var faults: [String] = []

    /// Reads the table below the heading `## Imports`.
    init(markdown: String) {
        let section =
            markdown.split(separator: "\n", omittingEmptySubsequences: false)
            .drop { $0 != "## Imports" }.dropFirst().prefix { !$0.hasPrefix("## ") }
        for line in section where line.hasPrefix("| `") {
            let cells = line.split(separator: "|").map { String($0) }
            guard cells.count == 4, let name = Self.names(cells[0]).first,
                let ring = Ring(rawValue: String(cells[1].filter { $0 != " " }))
            else {
                self.faults.append("cannot read the row: \(line)")
                continue
            }
            let row = Row(
                ring: ring, ours: Set(Self.names(cells[2])), outside: Set(Self.names(cells[3])))
            if self.rows.updateValue(row, forKey: name) != nil {
                self.faults.append("\(name) has two rows")
            }
        }
    }

    /// Words between backticks.
    private static func names(_ cell: String) -> [String] {
        cell.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }

    /// Edges of the table itself that point outward.
    func ringViolations() -> [String] {
        var found: [String] = []
        for (name, row) in self.rows.sorted(by: { $0.key < $1.key }) {
            for other in row.ours.sorted() {
                guard let to = self.rows[other] else {
                    found.append("\(name) → \(other), which has no row")
                    continue
                }
                let isInward = to.ring.rank < row.ring.rank
                // A leaf knows nothing of ours but foreign code: whoever imports it learns no more.
                let isLeaf = to.ours.allSatisfy { self.rows[$0]?.ring == .foreign }
                if !isInward, !(isLeaf && to.ring.rank == row.ring.rank && row.ring != .model) {
                    found.append("\(name) (\(row.ring)) → \(other) (\(to.ring))")
                }
            }
            if row.ring.isPure, !row.outside.isEmpty {
                found.append("\(name) is \(row.ring) and may use nothing from outside")
            }
            if row.outside.contains("Foundation") { found.append("\(name) lists Foundation") }
            if row.outside.contains("FoundationEssentials"), row.ring.rank < Ring.edges.rank {
                found.append("\(name) is \(row.ring) and lists FoundationEssentials")
            }
        }
        return found
    }

    /// Imports of a file that the table does not allow.
    func violations(in file: SourceFile) -> [String] {
        guard let row = self.rows[file.target] else {
            return ["\(file.path): \(file.target) has no row"]
        }
        return Self.imports(of: file.text).compactMap { module in
            if Self.language.contains(module) || row.ours.contains(module)
                || row.outside.contains(module)
            {
                return nil
            }
            return "\(file.path): imports \(module)"
        }
    }

    /// Edges that no file uses any more; programs may know all.
    func unused(in files: [SourceFile]) -> [String] {
        var used: [String: Set<String>] = [:]
        for file in files { used[file.target, default: []].formUnion(Self.imports(of: file.text)) }
        return self.rows.sorted { $0.key < $1.key }.flatMap { name, row -> [String] in
            guard row.ring != .programs, row.ring != .foreign else { return [] }
            return row.ours.union(row.outside).subtracting(used[name] ?? []).sorted()
                .map { "\(name) → \($0)" }
        }
    }

    /// Modules that a Swift text imports, whatever stands before and after the word.
    static func imports(of text: String) -> [String] {
        let kinds: Set<Substring> = [
            "struct", "class", "enum", "protocol", "func", "var", "let", "typealias", "actor",
        ]
        let levels: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
        return text.split(separator: "\n").compactMap { line in
            var words = line.split(separator: " ")[...]
            while let word = words.first, word.hasPrefix("@") || levels.contains(word) {
                words = words.dropFirst()
            }
            guard words.popFirst() == "import" else { return nil }
            if let kind = words.first, kinds.contains(kind) { words = words.dropFirst() }
            return words.first?.split(separator: ".").first.map(String.init)
        }
    }
}
