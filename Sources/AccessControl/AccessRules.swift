// SPDX-License-Identifier: Apache-2.0

/// Who may publish and read which topics, in the form of mosquitto's access control files.
///
///     topic [read|write|readwrite|deny] FILTER     before any user: clients without a name
///     user NAME                                    the topics that follow are this user's
///     pattern [read|write|readwrite|deny] FILTER   everybody; %c client, %u user, a whole level
///
/// What no rule allows is refused; a deny wins over every other rule.
package struct AccessRules: Equatable, Sendable {
    enum Access: String, CaseIterable, Equatable, Sendable {
        case read, write, readwrite, deny

        var allowsWrite: Bool { self == .write || self == .readwrite }
        var allowsRead: Bool { self == .read || self == .readwrite }
    }

    struct Rule: Equatable, Sendable {
        var access: Access
        var filter: AccessFilter
    }

    private var anonymous: [Rule] = []
    private var users: [String: [Rule]] = [:]
    private var patterns: [Rule] = []

    /// Reads a file; nil and the reasons if any line of it cannot be used.
    package static func parse(
        _ bytes: [UInt8], file: String
    ) -> (rules: Self?, issues: [AccessFileIssue]) {
        var issues = IssueCollector(file: file)
        var result = Self()
        var user: String?
        var ruleCount = 0
        for line in numberedLines(bytes, &issues) ?? [] {
            let text = Self.trimmed(line.text[...])
            guard !text.isEmpty, text.first != "#" else { continue }
            let (word, rest) = Self.split(text)
            switch word {
            case "user":
                if rest.isEmpty {
                    issues.add("expected user NAME", line: line.number)
                } else {
                    user = String(rest)
                }
            case "topic", "pattern":
                ruleCount += 1
                guard ruleCount <= AccessLimits.ruleCountMax else {
                    issues.add("more than \(AccessLimits.ruleCountMax) rules", line: line.number)
                    return (nil, issues.finished())
                }
                if let rule = Self.rule(rest, isPattern: word == "pattern", line.number, &issues) {
                    result.add(rule, isPattern: word == "pattern", user, line.number, &issues)
                }
            default:
                issues.add(
                    "expected topic, user, pattern or #, got \(shown(word))", line: line.number)
            }
        }
        if ruleCount == 0, !issues.hasErrors {
            issues.add("no rule: nobody may publish anything", line: 0, isError: false)
        }
        return (issues.hasErrors ? nil : result, issues.finished())
    }

    private mutating func add(
        _ rule: Rule, isPattern: Bool, _ user: String?, _ line: Int,
        _ issues: inout IssueCollector
    ) {
        var count = 0
        if isPattern {
            self.patterns.append(rule)
            count = self.patterns.count
        } else if let user {
            self.users[user, default: []].append(rule)
            count = self.users[user]?.count ?? 0
        } else {
            self.anonymous.append(rule)
            count = self.anonymous.count
        }
        if count == AccessLimits.clientRuleCountMax / 2 + 1 {
            issues.add(
                "more than \(AccessLimits.clientRuleCountMax / 2) rules for one user or as "
                    + "patterns; use wildcards", line: line)
        }
    }

    private static func rule(
        _ text: Substring, isPattern: Bool, _ line: Int, _ issues: inout IssueCollector
    ) -> Rule? {
        var access = Access.readwrite
        var filterText = text
        let (word, rest) = Self.split(text)
        if !rest.isEmpty {
            guard let named = Access(rawValue: String(word)) else {
                issues.add(
                    "expected read, write, readwrite or deny before the topic, got \(shown(word))",
                    line: line)
                return nil
            }
            access = named
            filterText = rest
        }
        guard let filter = AccessFilter(filterText, isPattern: isPattern) else {
            issues.add(
                filterText.isEmpty
                    ? "expected a topic"
                    : "\(shown(filterText)) is no topic filter: + and %c, %u stand alone in a "
                        + "level, # alone and last", line: line)
            return nil
        }
        if isPattern, !filter.hasSubstitution {
            issues.add(
                "this pattern has neither %c nor %u: it holds for every client alike", line: line,
                isError: false)
        }
        return Rule(access: access, filter: filter)
    }

    /// What one client may do, with its names put into the patterns.
    ///
    /// A name that holds `+`, `#` or `/` would widen a pattern: those patterns give it nothing.
    package func permissions(
        user: String?, clientIdentifier: String
    ) -> TopicPermissions {
        var rules = user.map { self.users[$0] ?? [] } ?? self.anonymous
        for pattern in self.patterns {
            guard
                let filter = pattern.filter.substituting(
                    client: clientIdentifier, user: user)
            else {
                // A deny that cannot be applied as written must not open anything.
                if pattern.access == .deny { return TopicPermissions([]) }
                continue
            }
            rules.append(Rule(access: pattern.access, filter: filter))
        }
        return TopicPermissions(rules)
    }

    // MARK: - Words

    private static func isBlank(_ character: Character) -> Bool {
        character == " " || character == "\t"
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop(while: Self.isBlank)
        while let last = text.last, Self.isBlank(last) { text.removeLast() }
        return text
    }

    /// The first word and what follows; topics may hold blanks.
    private static func split(_ text: Substring) -> (word: Substring, rest: Substring) {
        let word = text.prefix { !Self.isBlank($0) }
        return (word, Self.trimmed(text[word.endIndex...]))
    }
}

/// What one client may publish and read.
package struct TopicPermissions: Equatable, Sendable {
    /// Nothing at all.
    package static let none = Self([])

    private let denied: [AccessFilter]
    private let writable: [AccessFilter]
    private let readable: [AccessFilter]

    init(_ rules: [AccessRules.Rule]) {
        self.denied = rules.filter { $0.access == .deny }.map(\.filter)
        self.writable = rules.filter { $0.access.allowsWrite }.map(\.filter)
        self.readable = rules.filter { $0.access.allowsRead }.map(\.filter)
    }

    /// Whether the client may publish a message to `topic`.
    ///
    /// - Complexity: O(rules of the client), at most `AccessLimits.clientRuleCountMax`, each at
    ///   most the length of the topic.
    package func allowsPublish(_ topic: borrowing Span<UInt8>) -> Bool {
        Self.matches(self.writable, topic) && !Self.matches(self.denied, topic)
    }

    /// Whether the client may receive messages of `topic`.
    package func allowsReceive(_ topic: borrowing Span<UInt8>) -> Bool {
        Self.matches(self.readable, topic) && !Self.matches(self.denied, topic)
    }

    private static func matches(_ filters: [AccessFilter], _ topic: borrowing Span<UInt8>) -> Bool {
        for filter in filters where filter.matches(topic) { return true }
        return false
    }
}
