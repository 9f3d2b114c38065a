// SPDX-License-Identifier: Apache-2.0

/// How one topic filter names sensors: matching and substitution, compiled once.
///
/// The filter has the wildcards of MQTT 5.0, 4.7.1: `+` for one level, a trailing `#` for all that
/// follows (the parent level too); neither matches a first level that begins with `$`. In the path
/// template `{1}`, `{2}`, … stand for what the wildcards matched, in order, `{topic}` for the whole
/// topic, and `{series}` for the path that a line of line protocol gives.
///
///     filter plant/+/raw/#   path site/{1}/{2}   topic plant/west/raw/fan/3 → site/west/fan/3
struct TopicTemplate: Sendable {
    /// Why a filter or a path template cannot be used.
    enum Problem: Error, Equatable, Sendable {
        /// Empty, or a wildcard that does not stand alone in its level, or `#` not last.
        case malformedFilter
        /// Empty, or an unclosed or unknown `{…}`.
        case malformedPath
        /// `{n}` where the filter has fewer wildcards.
        case noSuchWildcard(Int)
    }

    private enum Level: Equatable {
        case exact(String)
        case one
        case rest
    }

    private enum Piece: Equatable {
        case text(String)
        case wildcard(Int)
        case topic
        case series
    }

    private let levels: [Level]
    private let pieces: [Piece]

    init(filter: String, path: String) throws(Problem) {
        self.levels = try Self.levels(of: filter)
        self.pieces = try Self.pieces(of: path)
        let wildcardCount = self.levels.count { $0 == .one || $0 == .rest }
        for case .wildcard(let number) in self.pieces where number > wildcardCount {
            throw .noSuchWildcard(number)
        }
    }

    /// The path a topic gives; nil if the filter does not match.
    ///
    /// It need not be a well-formed sensor path.
    func path(for topic: String, series: String = "") -> String? {
        guard let matched = self.match(topic) else { return nil }
        var path = ""
        for piece in self.pieces {
            switch piece {
            case .text(let text): path += text
            case .wildcard(let number): path += matched[number - 1]
            case .topic: path += topic
            case .series: path += series
            }
        }
        return path
    }

    /// Whether the path has a place for what a line gives.
    var hasSeries: Bool { self.pieces.contains(.series) }

    // MARK: - Helpers

    /// What each wildcard matched; nil if the filter does not match.
    private func match(_ topic: String) -> [Substring]? {
        let names = topic.split(separator: "/", omittingEmptySubsequences: false)
        var matched: [Substring] = []
        for (index, level) in self.levels.enumerated() {
            if index == 0, topic.utf8.first == UInt8(ascii: "$"), level == .one || level == .rest {
                return nil
            }
            switch level {
            case .rest:
                // "a/#" matches "a" too: nothing is left then [MQTT-4.7.1-2].
                matched.append(
                    index < names.count ? topic[names[index].startIndex...] : Substring())
                return matched
            case .one:
                guard index < names.count else { return nil }
                matched.append(names[index])
            case .exact(let name):
                guard index < names.count, names[index] == name else { return nil }
            }
        }
        return names.count == self.levels.count ? matched : nil
    }

    private static func levels(of filter: String) throws(Problem) -> [Level] {
        guard !filter.isEmpty else { throw .malformedFilter }
        let names = filter.split(separator: "/", omittingEmptySubsequences: false)
        var levels: [Level] = []
        for (index, name) in names.enumerated() {
            if name == "#" {
                guard index == names.count - 1 else { throw .malformedFilter }
                levels.append(.rest)
            } else if name == "+" {
                levels.append(.one)
            } else {
                guard !name.contains("+"), !name.contains("#") else { throw .malformedFilter }
                levels.append(.exact(String(name)))
            }
        }
        return levels
    }

    private static func pieces(of path: String) throws(Problem) -> [Piece] {
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
            } else if name == "series" {
                pieces.append(.series)
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
