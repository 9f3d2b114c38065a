// SPDX-License-Identifier: Apache-2.0

/// A source as the configuration names it: a listener, a client or sender, or what lies between
/// them and the sensors, a bus, a switch, a radio link.
package struct SourceDeclaration: Equatable, Sendable {
    /// Path under which a sensor stands for a source: the rest of the path is the source's name.
    package static let pathPrefix = "midwatch/source/"

    /// As readings and screens name it: `mqtt/gateways`, `mqtt/gateways/gw-7`, or any other word.
    package var name: String
    /// The source it is reached through; empty for none.
    package var behind: String
    /// It is a listener of this node; other sources may appear behind it by themselves.
    package var isListener: Bool
    /// A sign of life of it counts for the `exception` sensors behind it.
    package var isTrusted = false

    package init(name: String, behind: String = "", isListener: Bool = false) {
        self.name = name
        self.behind = behind
        self.isListener = isListener
    }
}

/// The sources of a configuration and what they are behind.
package struct SourceTree: Equatable, Sendable {
    /// In file order, listeners first.
    package let sources: [SourceDeclaration]
    private let numbers: [String: Int]
    private let listeners: [SourceDeclaration]
    /// Whether a sign of life of any source counts for the sensors behind it.
    package let hasTrusted: Bool

    package init(_ sources: [SourceDeclaration] = []) {
        self.sources = sources
        self.listeners = sources.filter(\.isListener)
        self.hasTrusted = sources.contains(where: \.isTrusted)
        self.numbers = Dictionary(
            sources.enumerated().map { ($0.element.name, $0.offset) },
            uniquingKeysWith: { first, _ in first })
    }

    package var isEmpty: Bool { self.sources.isEmpty }

    package subscript(_ name: String) -> SourceDeclaration? {
        self.numbers[name].map { self.sources[$0] }
    }

    /// Name of the source that the source `name` is behind; nil if the tree does not say.
    ///
    /// One that appeared by itself, a client or a sender, is behind its listener.
    package func behind(_ name: String) -> String? {
        if let declared = self[name], !declared.behind.isEmpty { return declared.behind }
        return self.listener(of: name)?.name
    }

    /// Whether a sign of life of the source counts for the sensors behind it.
    package func isTrusted(_ name: String) -> Bool {
        guard self.hasTrusted else { return false }
        return self[name]?.isTrusted ?? self.listener(of: name)?.isTrusted ?? false
    }

    /// The listener that a client or a sender comes in by; of several names the longest.
    private func listener(of name: String) -> SourceDeclaration? {
        var found: SourceDeclaration?
        for listener in self.listeners
        where name.utf8.count > listener.name.utf8.count + 1
            && name.hasPrefix(listener.name + "/")
            && listener.name.utf8.count > found?.name.utf8.count ?? 0
        {
            found = listener
        }
        return found
    }
}
