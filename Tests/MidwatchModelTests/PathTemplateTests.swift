// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

/// Templates against paths, level by level.
@Suite struct PathTemplateTests {
    /// The rule itself: levels side by side.
    private func fits(_ pattern: String, _ path: String) -> Bool {
        let wanted = pattern.split(separator: "/", omittingEmptySubsequences: false)
        let levels = path.split(separator: "/", omittingEmptySubsequences: false)
        for (index, level) in wanted.enumerated() {
            if level == "#" { return true }
            guard index < levels.count, level == "+" || level == levels[index] else { return false }
        }
        return wanted.count == levels.count
    }

    /// Every text of up to `count` of these pieces.
    private func texts(_ pieces: [String], _ count: Int) -> [String] {
        var all = [""]
        var last = [""]
        for _ in 0..<count {
            last = last.flatMap { text in pieces.map { text + $0 } }
            all += last
        }
        return all
    }

    @Test func `every short pattern fits what the rule says, and nothing else`() {
        let paths = self.texts(["a", "b", "/"], 4)
        for pattern in self.texts(["a", "/", "+", "#"], 5) {
            for path in paths where PathTemplate.matches(pattern, path) != self.fits(pattern, path)
            {
                Issue.record("\(pattern) and \(path)")
            }
        }
    }

    @Test func `levels that are one text in other bytes are equal`() {
        let composed = "caf\u{E9}/x"
        let decomposed = "cafe\u{301}/x"
        #expect(PathTemplate.matches(composed, decomposed))
        #expect(PathTemplate.matches("+/x", decomposed) && PathTemplate.matches("#", composed))
        #expect(!PathTemplate.matches("caf\u{E8}/x", decomposed))
        #expect(!PathTemplate.matches("cafe/x", decomposed))
    }
}
