// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Ingest

@Suite struct TopicTemplateTests {
    @Test(arguments: [
        ("a/#", "a", true), ("a/#", "a/", true), ("a/#", "a/b/c", true), ("a/#", "ab", false),
        ("a/+", "a/b", true), ("a/+", "a/", true), ("a/+", "a", false), ("a/+", "a/b/c", false),
        ("+/+", "/b", true), ("+/+", "a/b", true), ("+/+", "/b/c", false),
        ("/+", "/b", true), ("/+", "b", false), ("+", "b", true), ("+", "/b", false),
        ("#", "a/b", true), ("#", "$SYS/a", false), ("+/x", "$SYS/x", false),
        ("$SYS/#", "$SYS/a", true), ("a/b", "a/b", true), ("a/b", "a/c", false),
    ])
    func `filters match as MQTT says`(filter: String, topic: String, isMatch: Bool) throws {
        let template = try TopicTemplate(filter: filter, path: "{topic}")
        #expect(template.path(for: topic) == (isMatch ? topic : nil))
    }

    @Test func `wildcards are put into the path in their order`() throws {
        let template = try TopicTemplate(filter: "plant/+/raw/#", path: "site/{1}/{2}/value")
        #expect(template.path(for: "plant/west/raw/fan/3") == "site/west/fan/3/value")
        let swapped = try TopicTemplate(filter: "+/+", path: "{2}/{1}")
        #expect(swapped.path(for: "a/b") == "b/a")
    }

    @Test func `what cannot work is refused when it is compiled`() {
        for filter in ["", "a+", "a/#/b", "#a"] {
            #expect(throws: TopicTemplate.Problem.malformedFilter) {
                try TopicTemplate(filter: filter, path: "x")
            }
        }
        for path in ["", "{", "{x}", "a/{0}", "{-1}"] {
            #expect(throws: TopicTemplate.Problem.malformedPath) {
                try TopicTemplate(filter: "+", path: path)
            }
        }
        #expect(throws: TopicTemplate.Problem.noSuchWildcard(2)) {
            try TopicTemplate(filter: "a/+", path: "{2}")
        }
    }
}
