// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@Suite struct TopicFilterTests {
    @Test(arguments: [
        "+site", "a/+site/b", "#rest", "a/#rest", "+a/+b/#c", "$SYS/#", "/", "a//b", "+a1_B",
    ])
    func `wildcards may have names`(text: String) {
        #expect(TopicFilter(text) != nil)
    }

    @Test(arguments: [
        "", "a+", "a/#/b", "a#", "+ site", "+1", "+_a", "#rest/b", "+a/+a", "+a/#a", "+ä", "+a-b",
        "a/b\0",
    ])
    func `what is no filter is none`(text: String) {
        #expect(TopicFilter(text) == nil)
    }

    @Test func `names are found by their wildcard's number`() throws {
        let filter = try #require(TopicFilter("a/+site/+/#rest"))
        #expect(filter.number(of: "site") == 1)
        #expect(filter.number(of: "rest") == 3)
        #expect(filter.number(of: "topic") == nil)
        #expect(filter.match("a/x/y/z/w").map { $0.map(String.init) } == ["x", "y", "z/w"])
    }

    @Test(arguments: [
        ("#", "a/b", true), ("#", "+/#", true), ("+/#", "#", true), ("a/#", "a", true),
        ("a/#", "a/+", true), ("a/#", "#", false), ("a/+", "a/#", false), ("+/b", "a/b", true),
        ("a/b", "+/b", false), ("#", "$SYS/a", false), ("+/a", "$SYS/a", false),
        ("$SYS/#", "$SYS/a", true), ("a/+x/c", "a/+y/c", true), ("a", "a/b", false),
        ("a/+/#", "a/#", false),
    ])
    func `a filter covers another or does not`(first: String, later: String, covers: Bool) throws {
        let (first, later) = (try #require(TopicFilter(first)), try #require(TopicFilter(later)))
        #expect(first.covers(later) == covers)
    }

    /// Every filter and topic of up to three levels over two names.
    @Test func `covering means matching every topic that the other matches`() throws {
        func texts(_ levels: [String]) -> [String] {
            let two = levels.flatMap { a in levels.map { a + "/" + $0 } }
            return levels + two + two.flatMap { a in levels.map { a + "/" + $0 } }
        }
        // A name that no filter has stands for all others.
        let topics = texts(["a", "$b", "c", ""])
        let filters = texts(["a", "$b", "+", "#"]).compactMap { TopicFilter($0) }
        #expect(filters.count > 50)
        let matches = filters.map { filter in topics.map { filter.match($0) != nil } }
        for (index, filter) in filters.enumerated() {
            for (other, otherFilter) in filters.enumerated() {
                let isCovered = zip(matches[index], matches[other]).allSatisfy { $0 || !$1 }
                #expect(filter.covers(otherFilter) == isCovered, "\(filter) \(otherFilter)")
            }
        }
    }
}
