// SPDX-License-Identifier: Apache-2.0

/// An MQTT topic filter whose wildcards may have names (OASIS MQTT 5.0, 4.7.1).
///
/// `+` stands for one level, a trailing `#` for all that follows, the parent level too. A name may
/// follow: `plant/+site/#rest` matches what `plant/+/#` matches. No topic holds `+` or `#`, so the
/// spelling means nothing else.
package struct TopicFilter: Equatable, Sendable {
    package enum Level: Equatable, Sendable {
        case exact(String)
        case one
        case rest
    }

    /// 1 or more.
    package let levels: [Level]
    /// One per wildcard, in order; nil without a name.
    package let names: [String?]

    /// Bytes of one filter (OASIS MQTT 5.0, 1.5.4).
    private static let bytesMax = 65_535

    /// Reads a filter; nil if it is none, or if a name is malformed or there twice.
    ///
    /// A name is a letter, then letters, digits and `_`.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard !text.isEmpty, text.utf8.count <= Self.bytesMax else { return nil }
        var levels: [Level] = []
        var names: [String?] = []
        for (index, part) in parts.enumerated() {
            guard let first = part.first, first == "+" || first == "#" else {
                guard !part.contains("+"), !part.contains("#"), !part.contains("\0") else {
                    return nil
                }
                levels.append(.exact(String(part)))
                continue
            }
            if first == "#", index != parts.count - 1 { return nil }
            let name = String(part.dropFirst())
            guard name.isEmpty || Self.isName(name), name.isEmpty || !names.contains(name) else {
                return nil
            }
            names.append(name.isEmpty ? nil : name)
            levels.append(first == "+" ? .one : .rest)
        }
        self.levels = levels
        self.names = names
    }

    /// The number, from 1, of the wildcard called `name`.
    package func number(of name: some StringProtocol) -> Int? {
        self.names.firstIndex { $0.map { $0 == name } ?? false }.map { $0 + 1 }
    }

    /// What each wildcard stands for in `topic`; nil if the filter does not match.
    package func match(_ topic: String) -> [Substring]? {
        let parts = topic.split(separator: "/", omittingEmptySubsequences: false)
        var matched: [Substring] = []
        for (index, level) in self.levels.enumerated() {
            // [MQTT-4.7.2-1]
            if index == 0, topic.utf8.first == UInt8(ascii: "$"), level == .one || level == .rest {
                return nil
            }
            switch level {
            case .rest:
                // "a/#" matches "a" too: nothing is left then [MQTT-4.7.1-2].
                matched.append(
                    index < parts.count ? topic[parts[index].startIndex...] : Substring())
                return matched
            case .one:
                guard index < parts.count else { return nil }
                matched.append(parts[index])
            case .exact(let name):
                guard index < parts.count, parts[index] == name else { return nil }
            }
        }
        return parts.count == self.levels.count ? matched : nil
    }

    /// Whether every topic that `other` matches is matched by this filter too.
    package func covers(_ other: TopicFilter) -> Bool {
        let mine = Self.shortest(self.levels)
        let others = Self.shortest(other.levels)
        for (index, level) in mine.enumerated() {
            if index == 0, level == .one || level == .rest,
                case .exact(let name)? = others.first, name.utf8.first == UInt8(ascii: "$")
            {
                return false
            }
            switch level {
            case .rest: return true
            case .one:
                guard index < others.count, others[index] != .rest else { return false }
            case .exact:
                guard index < others.count, others[index] == level else { return false }
            }
        }
        return mine.count == others.count
    }

    /// A topic has a first level, so that `+/#` and `#` are the same.
    private static func shortest(_ levels: [Level]) -> [Level] {
        levels == [.one, .rest] ? [.rest] : levels
    }

    private static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, Self.isLetter(first) else { return false }
        return name.utf8.allSatisfy {
            Self.isLetter($0) || $0 == UInt8(ascii: "_")
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}
