// SPDX-License-Identifier: Apache-2.0

package import AlarmEngine
internal import Journal
package import MidwatchConfiguration
internal import MidwatchModel

/// The full text of every configuration that was ever in force, by its SHA-256.
///
/// The journal names a revision by hash; replay finds the text here.
package struct Revisions: Sendable {
    package let folder: String

    package init(folder: String) { self.folder = folder }

    /// Keeps `text` and returns its hash, lower-case hex.
    ///
    /// Durable before it returns.
    package func keep(_ text: [UInt8]) throws -> String {
        let revision = HexText.encode(ContentHash.sha256(text[...]))
        let path = "\(self.folder)/\(revision).yaml"
        if FileBytes.read(path) == text { return revision }
        try FileBytes.makeFolder(self.folder)
        try FileBytes.replace(path, with: text, mode: 0o640)
        return revision
    }

    /// The rules of a revision; nil if its text is missing or does not parse any more.
    package func rules(of revision: String) -> RuleBook? {
        guard let text = FileBytes.read("\(self.folder)/\(revision).yaml"),
            HexText.encode(ContentHash.sha256(text[...])) == revision,
            let configuration = MidwatchConfiguration.parse(
                bytes: text, fileName: "\(revision).yaml"
            ).configuration
        else { return nil }
        return Self.rules(of: configuration, revision: revision)
    }

    /// The rules that a configuration states, and those of Midwatch's own sensors.
    package static func rules(of configuration: MidwatchConfiguration, revision: String) -> RuleBook
    {
        var canary = SensorDeclaration(
            pattern: self.canaryPath(of: configuration),
            deadlineNanoseconds: configuration.ingest.undeclaredDeadlineNanoseconds)
        // The watchdog judges the canary; the engine only echoes it (RULES 27).
        canary.supervision = .event
        canary.criticality = .own
        canary.title = "Canary of the watchdog"
        return RuleBook(
            revision: revision, declarations: [canary] + configuration.sensors,
            undeclaredDeadlineNanoseconds: configuration.ingest.undeclaredDeadlineNanoseconds,
            rules: configuration.rules, areas: configuration.areas)
    }

    /// Whether a path is a canary's: the watchdog judges it, no person needs to see it.
    package static func isCanary(_ path: String) -> Bool {
        path.hasPrefix("midwatch/") && path.hasSuffix("/canary")
    }

    /// The reserved sensor of the watchdog's canary.
    package static func canaryPath(of configuration: MidwatchConfiguration) -> String {
        "midwatch/\(configuration.node.name)/canary"
    }
}
