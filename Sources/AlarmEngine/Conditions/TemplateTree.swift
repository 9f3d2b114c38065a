// SPDX-License-Identifier: Apache-2.0

/// Templates as a tree of their levels: which of them a path fits, without a look at the others.
///
/// A thousand rules over a hundred thousand sensors are a hundred million pairs, of which few fit.
/// A path walks down the levels that it has; only `+` makes it walk two ways at once.
struct TemplateTree: Sendable {
    private struct Node: Sendable {
        var children: [Substring: Int] = [:]
        /// Behind a `+`.
        var any: Int?
        /// Templates that end here, and those that go on with `#`.
        var ending: [Int] = []
        var open: [Int] = []
    }

    private var nodes = [Node()]

    /// Takes in a template, or a path, under a number that others may have, too.
    mutating func insert(_ template: String, number: Int) {
        var node = 0
        for level in Self.levels(of: template) {
            if level == "#" { return self.nodes[node].open.append(number) }
            let known = level == "+" ? self.nodes[node].any : self.nodes[node].children[level]
            if let known {
                node = known
                continue
            }
            self.nodes.append(Node())
            let next = self.nodes.count - 1
            if level == "+" {
                self.nodes[node].any = next
            } else {
                self.nodes[node].children[level] = next
            }
            node = next
        }
        self.nodes[node].ending.append(number)
    }

    /// Cut at the bytes: three times as fast as at the characters.
    private static func levels(of path: String) -> [Substring] {
        path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map(Substring.init)
    }

    /// Numbers of the templates that `path` fits, ascending and each once.
    func numbers(for path: String) -> [Int] {
        let levels = Self.levels(of: path)
        var found = self.nodes[0].open
        var here = [0]
        for level in levels {
            var next: [Int] = []
            for node in here {
                if let child = self.nodes[node].children[level] { next.append(child) }
                if let child = self.nodes[node].any { next.append(child) }
            }
            for node in next { found += self.nodes[node].open }
            here = next
            if here.isEmpty { break }
        }
        for node in here { found += self.nodes[node].ending }
        guard found.count > 1 else { return found }
        found.sort()
        return found.enumerated().filter { $0.offset == 0 || found[$0.offset - 1] != $0.element }
            .map(\.element)
    }
}
