// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import TelemetryWire

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

    @Test func `named wildcards are put into the path by their names`() throws {
        let template = try TopicTemplate(
            filter: "plant/+site/raw/#rest", path: "hall/{site}/{rest}/{name}.{unit}{2}")
        #expect(
            template.path(for: "plant/west/raw/fan/3", name: "n", unit: "V")
                == "hall/west/fan/3/n.Vfan/3")
        #expect(template.hasName)
        #expect(template.hasUnit)
    }

    @Test func `the first rule that matches applies, however specific a later one is`() throws {
        let rules = ["a/+", "a/b", "#", "$SYS/x"].map {
            TopicRule(filter: $0, path: "{topic}", payload: .plain)
        }
        let router = try TopicRouter(rules)
        #expect(router.rule(for: "a/b") == 0)
        #expect(router.rule(for: "a/b/c") == 2)
        #expect(router.rule(for: "$SYS/x") == 3)
        #expect(router.rule(for: "$SYS/y") == nil)
    }

    @Test func `names of a payload become levels of a path`() throws {
        let rule = TopicRule(filter: "+site", path: "{site}/{name}/{unit}", payload: .senML)
        let route = try TopicRouter([rule]).routes[0]
        #expect(try route.sensor(for: "w", name: "a+b//c#", unit: "m/s2").path == "w/a_b/_/c_/m_s2")
        #expect(try route.sensor(for: "w", name: "", unit: "").path == "w/_/_")
        #expect(throws: SeriesPathError.pathTooLong) {
            try route.sensor(for: "w", name: String(repeating: "n", count: 255), unit: "")
        }
    }

    @Test func `what cannot work is refused when it is compiled`() {
        for filter in ["", "a+", "a/#/b", "#a/b", "+a/+a"] {
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
