// SPDX-License-Identifier: Apache-2.0

/// A topic filter (OASIS MQTT 5.0, 4.7) of the access file, as bytes: every message is held to it,
/// so it is matched without allocation.
///
/// `TopicFilter`, which topic rules are made of, is another language: its wildcards have names and
/// give what they stand for, and none of it depends on the client.
struct AccessFilter: Equatable, Sendable {
    private static let separator = UInt8(ascii: "/")
    private static let one = UInt8(ascii: "+")
    private static let rest = UInt8(ascii: "#")
    private static let dollar = UInt8(ascii: "$")
    private static let client = "%c"
    private static let user = "%u"

    private let bytes: [UInt8]
    /// Whether `%c` or `%u` is to be replaced.
    let hasSubstitution: Bool

    /// Checks a filter; nil if it is none.
    init?(_ text: Substring, isPattern: Bool) {
        let levels = text.split(separator: "/", omittingEmptySubsequences: false)
        guard !text.isEmpty, text.utf8.count <= Int(UInt16.max) else { return nil }
        var hasSubstitution = false
        for (index, level) in levels.enumerated() {
            if level == "#" {
                guard index == levels.count - 1 else { return nil }
            } else if level != "+", level.contains("+") || level.contains("#") {
                return nil
            } else if isPattern, level == Self.client || level == Self.user {
                hasSubstitution = true
            } else if isPattern, level.contains(Self.client) || level.contains(Self.user) {
                return nil
            }
        }
        self.bytes = Array(text.utf8)
        self.hasSubstitution = hasSubstitution
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
        self.hasSubstitution = false
    }

    /// The filter with a client's names in it; nil if a name it needs is absent or would be more
    /// than one plain level.
    func substituting(client: String, user: String?) -> Self? {
        guard self.hasSubstitution else { return self }
        var levels: [ArraySlice<UInt8>] = []
        for level in self.bytes.split(separator: Self.separator, omittingEmptySubsequences: false) {
            var name: String?
            if level.elementsEqual(Self.client.utf8) {
                name = client
            } else if level.elementsEqual(Self.user.utf8) {
                name = user ?? ""
            }
            guard let name else {
                levels.append(level)
                continue
            }
            let plain = Array(name.utf8)
            guard !plain.isEmpty,
                !plain.contains(where: {
                    $0 == Self.separator || $0 == Self.one || $0 == Self.rest
                })
            else { return nil }
            levels.append(plain[...])
        }
        return Self(bytes: Array(levels.joined(separator: [Self.separator])))
    }

    /// Whether the filter matches a topic name [MQTT-4.7.1-2], [MQTT-4.7.2-1].
    func matches(_ topic: borrowing Span<UInt8>) -> Bool {
        var place = 0
        var filterPlace = 0
        let bytes = self.bytes.span
        if !topic.isEmpty, topic[0] == Self.dollar, bytes[0] == Self.one || bytes[0] == Self.rest {
            return false
        }
        while filterPlace < bytes.count {
            let byte = bytes[filterPlace]
            if byte == Self.rest { return true }
            if byte == Self.one {
                while place < topic.count, topic[place] != Self.separator { place += 1 }
                filterPlace += 1
            } else if place < topic.count, topic[place] == byte {
                place += 1
                filterPlace += 1
            } else {
                // "a/#" takes the parent "a" too.
                return place == topic.count && byte == Self.separator
                    && filterPlace + 2 == bytes.count && bytes[filterPlace + 1] == Self.rest
            }
        }
        return place == topic.count
    }
}
