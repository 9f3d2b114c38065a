// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AccessControl

struct AccessRulesTests {
    static let text = """
        # Read-only for those without a name.
        topic read public/#
        topic write open/box

        user press-4
        topic write plant/press-4/#
        topic plant/shared
        topic deny plant/press-4/secret/#

        user reader
        topic read #

        pattern write site/%u/+/value
        pattern readwrite device/%c
        """

    private func rules(_ text: String = Self.text) throws -> AccessRules {
        let (rules, issues) = AccessRules.parse(Array(text.utf8), file: "acl")
        #expect(issues.filter(\.isError).isEmpty)
        return try #require(rules)
    }

    @Test(
        arguments: [
            (nil, "c1", "open/box", true), (nil, "c1", "public/a", false),
            (nil, "c1", "device/c1", true),
            (nil, "c1", "device/c2", false), (nil, "c1", "site//x/value", false),
            ("press-4", "c1", "plant/press-4/a/b", true), ("press-4", "c1", "plant/press-4", true),
            ("press-4", "c1", "plant/press-44", false), ("press-4", "c1", "plant/shared", true),
            ("press-4", "c1", "plant/press-4/secret/x", false),
            ("press-4", "c1", "plant/press-4/secret", false),
            ("press-4", "c1", "site/press-4/co/value", true),
            ("press-4", "c1", "site/press-5/co/value", false),
            ("press-4", "c1", "open/box", false),
            ("reader", "c1", "anything", false), ("reader", "c1", "device/c1", true),
            ("stranger", "c1", "plant/shared", false),
            // Names that would widen a pattern give nothing.
            ("+", "c1", "site/press-4/co/value", false), ("a/b", "c1", "site/a/b/value", false),
            ("#", "#", "device/x", false), ("", "", "device/", false),
        ] as [(String?, String, String, Bool)])
    func `who may publish what`(
        user: String?, client: String, topic: String, isAllowed: Bool
    ) throws {
        let permissions = try self.rules().permissions(user: user, clientIdentifier: client)
        #expect(permissions.publishes(topic) == isAllowed)
    }

    @Test func `reading and publishing are different rights`() throws {
        let reader = try self.rules().permissions(user: "reader", clientIdentifier: "c1")
        #expect(reader.receives("plant/press-4/a"))
        #expect(!reader.publishes("plant/press-4/a"))
        let press = try self.rules().permissions(user: "press-4", clientIdentifier: "c1")
        #expect(!press.receives("plant/press-4/a"))
        #expect(press.receives("plant/shared"))
    }

    @Test func `a deny pattern that cannot be applied takes everything away`() throws {
        let rules = try self.rules("topic #\nuser a/b\ntopic #\npattern deny %u/x\n")
        let odd = rules.permissions(user: "a/b", clientIdentifier: "c")
        #expect(!odd.publishes("y"))
        // Without a user there is no name to put into the pattern.
        let nobody = rules.permissions(user: nil, clientIdentifier: "c")
        #expect(!nobody.publishes("y"))
    }

    @Test(arguments: [
        ("a/b", "a/b", true), ("a/b", "a/b/c", false), ("a/b", "a", false), ("+", "a", true),
        ("+", "a/b", false), ("+/+", "/a", true), ("+", "", true), ("a/+", "a/", true),
        ("a/+", "a", false), ("a/+/c", "a/b/c", true), ("a/+/c", "a//c", true),
        ("a/#", "a", true), ("a/#", "a/", true), ("a/#", "a/b/c", true), ("a/#", "ab", false),
        ("#", "a/b", true), ("#", "$SYS/x", false), ("+/x", "$SYS/x", false),
        ("$SYS/#", "$SYS/x", true), ("a/b/#", "a", false), ("/", "/", true), ("/", "a", false),
        ("+/#", "a", true), ("a/+/#", "a/b", true), ("a/+/#", "a", false),
    ])
    func `filters match as the standard says`(filter: String, topic: String, isMatch: Bool) throws {
        let compiled = try #require(AccessFilter(filter[...], isPattern: false))
        #expect(compiled.matches(text: topic) == isMatch)
    }

    @Test(arguments: [
        ("topic a+", 1), ("topic a/#/b", 1), ("topic", 1), ("topic wrote a", 1), ("user", 1),
        ("user \n", 1), ("pattern x%u", 1), ("pattern a/%c%u", 1), ("publish a", 1),
        ("# c\ntopic a\nTOPIC b", 3),
    ])
    func `a line that cannot be used is named`(text: String, line: Int) {
        let (rules, issues) = AccessRules.parse(Array(text.utf8), file: "acl")
        #expect(rules == nil)
        #expect(issues.filter(\.isError).map(\.line) == [line])
        #expect(issues.first?.description.hasPrefix("acl:\(line): ") == true)
    }

    @Test func `topics may hold blanks; words are separated by any of them`() throws {
        let rules = try self.rules("\t topic  write \t two words/x \r\nuser  a b \ntopic c\n")
        let nobody = rules.permissions(user: nil, clientIdentifier: "c")
        #expect(nobody.publishes("two words/x"))
        let named = rules.permissions(user: "a b", clientIdentifier: "c")
        #expect(named.publishes("c"))
    }

    @Test func `what opens nothing or everything alike is mentioned`() throws {
        #expect(AccessRules.parse([], file: "acl").issues.map(\.line) == [0])
        let alike = AccessRules.parse(Array("pattern write a/b\n".utf8), file: "acl")
        #expect(alike.rules != nil)
        #expect(alike.issues.map(\.isError) == [false])
    }

    @Test func `more rules for one user than a publish may cost are refused`() {
        let count = AccessLimits.clientRuleCountMax / 2
        let few = String(repeating: "topic a\n", count: count)
        #expect(AccessRules.parse(Array(few.utf8), file: "acl").rules != nil)
        let many = AccessRules.parse(Array((few + "topic a\n").utf8), file: "acl")
        #expect(many.rules == nil)
        #expect(many.issues.map(\.line) == [count + 1])
    }

    @Test func `any bytes are refused or read, none trap`() {
        var random = SystemRandomNumberGenerator()
        let words = [
            "topic", "user", "pattern", " ", "\t", "read", "deny", "%c", "%u", "/", "+", "#",
            "\n", "\r", "a", "\u{e9}", "$",
        ]
        for _ in 0..<2_000 {
            let text = (0..<Int.random(in: 0...20, using: &random))
                .map { _ in words.randomElement(using: &random) ?? "" }.joined()
            let (rules, issues) = AccessRules.parse(Array(text.utf8), file: "acl")
            #expect(rules != nil || issues.contains { $0.isError })
            let permissions = rules?.permissions(user: "a", clientIdentifier: "b")
            _ = permissions?.publishes(text)
        }
        #expect(AccessRules.parse([0x74, 0xFF], file: "acl").rules == nil)
    }
}

// Spans cannot stand in an expectation.

extension TopicPermissions {
    fileprivate func publishes(_ topic: String) -> Bool {
        self.allowsPublish(Array(topic.utf8).span)
    }

    fileprivate func receives(_ topic: String) -> Bool {
        self.allowsReceive(Array(topic.utf8).span)
    }
}

extension AccessFilter {
    fileprivate func matches(text: String) -> Bool { self.matches(Array(text.utf8).span) }
}
