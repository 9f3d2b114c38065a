// SPDX-License-Identifier: Apache-2.0

package import AlarmEngine
internal import Journal
package import MidwatchConfiguration
internal import MidwatchModel

/// The full text of every configuration that was ever in force, by its SHA-256.
///
/// The journal names a revision by hash; replay finds the text here. A comment behind the text
/// says which version of Midwatch's own rules was in force with it, and the hash covers it.
package struct Revisions: Sendable {
    /// What the comment behind a kept text begins with; the version follows.
    private static let stamp = "# rules about midwatch itself, version "

    package let folder: String

    package init(folder: String) { self.folder = folder }

    /// Keeps `text`, the version of the own rules behind it, and returns the hash, lower-case hex.
    ///
    /// Durable before it returns.
    package func keep(_ text: [UInt8]) throws -> String {
        let text = Self.stamped(text, ownRules: OwnRules.version)
        let revision = Self.name(ofKept: text)
        let path = "\(self.folder)/\(revision).yaml"
        if FileBytes.read(path) == text { return revision }
        try FileBytes.makeFolder(self.folder)
        try FileBytes.replace(path, with: text, mode: 0o640)
        return revision
    }

    /// The hash that `keep` would give a text; nothing is written.
    package static func name(of text: [UInt8]) -> String {
        self.name(ofKept: self.stamped(text, ownRules: OwnRules.version))
    }

    private static func name(ofKept text: [UInt8]) -> String {
        HexDigits.text(ContentHash.sha256(text[...]))
    }

    /// The rules of a revision; nil if its text is missing or does not parse any more.
    package func rules(of revision: String) -> RuleBook? {
        guard let text = FileBytes.read("\(self.folder)/\(revision).yaml"),
            HexDigits.text(ContentHash.sha256(text[...])) == revision,
            let configuration = MidwatchConfiguration.parse(
                bytes: text, fileName: "\(revision).yaml"
            ).configuration
        else { return nil }
        return Self.rules(
            of: configuration, revision: revision, ownRules: Self.ownRulesVersion(of: text))
    }

    /// The rules that a configuration states, and those of Midwatch's own sensors, as in force now.
    package static func rules(of configuration: MidwatchConfiguration, revision: String) -> RuleBook
    {
        self.book(
            of: configuration, revision: revision,
            own: OwnRules.declarations(for: configuration, version: OwnRules.version) ?? [])
    }

    /// The rules with the own ones of a version; nil if this Midwatch does not know that version.
    package static func rules(
        of configuration: MidwatchConfiguration, revision: String, ownRules version: Int
    ) -> RuleBook? {
        OwnRules.declarations(for: configuration, version: version).map {
            self.book(of: configuration, revision: revision, own: $0)
        }
    }

    /// The rules of a configuration that is not in force, under a name that no kept one has.
    package static func trialRules(of configuration: MidwatchConfiguration, text: [UInt8])
        -> RuleBook
    {
        let named = text + Array("\n# on trial\n".utf8)
        return self.rules(
            of: configuration, revision: HexDigits.text(ContentHash.sha256(named[...])))
    }

    private static func book(
        of configuration: MidwatchConfiguration, revision: String, own: [SensorDeclaration]
    ) -> RuleBook {
        var canary = SensorDeclaration(
            pattern: self.canaryPath(of: configuration),
            deadlineNanoseconds: configuration.ingest.undeclaredDeadlineNanoseconds)
        // The watchdog judges the canary; the engine only echoes it.
        canary.supervision = .event
        canary.criticality = .own
        canary.title = "Canary of the watchdog"
        return RuleBook(
            revision: revision,
            declarations: [canary] + configuration.sourceSensors
                + OwnRules.merged(configuration.sensors, with: own),
            undeclaredDeadlineNanoseconds: configuration.ingest.undeclaredDeadlineNanoseconds,
            rules: configuration.rules, areas: configuration.areas, assets: configuration.assets,
            sources: configuration.sourceTree)
    }

    /// Whether a path is a canary's: the watchdog judges it, no person needs to see it.
    package static func isCanary(_ path: String) -> Bool {
        OwnPath.isOwn(path) && path.hasSuffix("/canary")
    }

    /// The reserved sensor of the watchdog's canary.
    package static func canaryPath(of configuration: MidwatchConfiguration) -> String {
        OwnPath.path(node: configuration.node.name, "canary")
    }

    // MARK: - Version of the own rules

    static func stamped(_ text: [UInt8], ownRules version: Int) -> [UInt8] {
        var text = text
        if let last = text.last, last != UInt8(ascii: "\n") { text.append(UInt8(ascii: "\n")) }
        return text + Array("\(self.stamp)\(version)\n".utf8)
    }

    /// The version that the last line of a kept text names.
    ///
    /// 0 for texts kept before there were rules about Midwatch itself; -1, which nobody knows, for
    /// a version that is not a number.
    static func ownRulesVersion(of text: [UInt8]) -> Int {
        let lines = text.split(separator: UInt8(ascii: "\n"))
        guard let last = lines.last, last.starts(with: self.stamp.utf8) else { return 0 }
        return Int(String(decoding: last.dropFirst(self.stamp.utf8.count), as: UTF8.self)) ?? -1
    }
}
