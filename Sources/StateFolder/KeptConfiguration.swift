// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import Journal
package import MidwatchConfiguration

/// The configuration that was in force last, found in a state folder without the daemon.
package enum KeptConfiguration {
    /// Ledger records that are looked through for a revision, the newest.
    private static let recordsMax: UInt64 = 4_096

    /// The newest revision that the ledger names and whose text is kept; nil if there is none.
    package static func newest(_ folders: Folders) throws -> MidwatchConfiguration? {
        guard let end = try LedgerAudit.anchoredEnd(directory: folders.ledger), end > 0 else {
            return nil
        }
        let first = end > self.recordsMax ? end - self.recordsMax : 0
        let reader = LedgerReader(directory: folders.ledger, fromLine: first + 1)
        var newest = ""
        while true {
            let step = try reader.step(through: end)
            if step == .end { break }
            guard case .line(let line) = step, let json = try? JSONValue(parsing: line.body.span),
                let revision = json["revision"]?.string, !revision.isEmpty
            else { continue }
            newest = revision
        }
        guard let file = self.file(of: newest, folders), let bytes = FileBytes.read(file) else {
            return nil
        }
        return MidwatchConfiguration.parse(bytes: bytes, fileName: file).configuration
    }

    /// The kept text of a revision, named by its first digits; nil if there is none.
    package static func file(of revision: String, _ folders: Folders) -> String? {
        guard revision.utf8.count >= 8, revision.allSatisfy(\.isHexDigit) else { return nil }
        return FileBytes.list(folders.revisions).sorted().first {
            $0.hasPrefix(revision) && $0.hasSuffix(".yaml")
        }.map { "\(folders.revisions)/\($0)" }
    }
}
