// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// How one topic filter names sensors: matching and substitution, compiled once.
///
/// In the path `{1}`, `{2}`, … stand for what the wildcards of the filter matched, in order,
/// `{site}` for what the wildcard called `site` did, `{topic}` for the whole topic, `{name}` or
/// `{series}` for what the payload calls the reading, and `{unit}` for its unit.
///
///     filter plant/+site/raw/#   path hall/{site}/{2}   topic plant/west/raw/fan/3 → hall/west/fan/3
struct TopicTemplate: Sendable {
    /// Why a filter or a path template cannot be used.
    enum Problem: Error, Equatable, Sendable {
        /// Empty, a wildcard that shares its level with more than its name, or `#` not last.
        case malformedFilter
        /// Empty, or an unclosed or unknown `{…}`.
        case malformedPath
        /// `{n}` where the filter has fewer wildcards.
        case noSuchWildcard(Int)
    }

    private enum Piece: Equatable {
        case text(String)
        case wildcard(Int)
        case topic
        case name
        case unit
    }

    private let filter: TopicFilter
    private let pieces: [Piece]

    init(filter: String, path: String) throws(Problem) {
        guard let compiled = TopicFilter(filter) else { throw .malformedFilter }
        self.filter = compiled
        self.pieces = try Self.pieces(of: path, compiled)
        for case .wildcard(let number) in self.pieces where number > compiled.names.count {
            throw .noSuchWildcard(number)
        }
    }

    func matches(_ topic: String) -> Bool { self.filter.match(topic) != nil }

    /// The path a topic gives; nil if the filter does not match.
    ///
    /// It need not be a well-formed sensor path.
    func path(for topic: String, name: String = "", unit: String = "") -> String? {
        guard let matched = self.filter.match(topic) else { return nil }
        var path = ""
        for piece in self.pieces {
            switch piece {
            case .text(let text): path += text
            case .wildcard(let number): path += matched[number - 1]
            case .topic: path += topic
            case .name: path += name
            case .unit: path += unit
            }
        }
        return path
    }

    /// Whether the path has a place for what the payload calls a reading.
    var hasName: Bool { self.pieces.contains(.name) }
    /// Whether the path has a place for the unit.
    var hasUnit: Bool { self.pieces.contains(.unit) }

    private static func pieces(
        of path: String, _ filter: TopicFilter
    ) throws(Problem) -> [Piece] {
        guard !path.isEmpty else { throw .malformedPath }
        var pieces: [Piece] = []
        var text = ""
        var rest = path[...]
        while let character = rest.popFirst() {
            guard character == "{" else {
                text.append(character)
                continue
            }
            guard let end = rest.firstIndex(of: "}") else { throw .malformedPath }
            let name = rest[..<end]
            rest = rest[rest.index(after: end)...]
            if !text.isEmpty { pieces.append(.text(text)) }
            text = ""
            if name == "topic" {
                pieces.append(.topic)
            } else if name == "series" || name == "name" {
                pieces.append(.name)
            } else if name == "unit" {
                pieces.append(.unit)
            } else if let number = filter.number(of: name) {
                pieces.append(.wildcard(number))
            } else if let number = Int(name), number > 0 {
                pieces.append(.wildcard(number))
            } else {
                throw .malformedPath
            }
        }
        if !text.isEmpty { pieces.append(.text(text)) }
        return pieces
    }
}
