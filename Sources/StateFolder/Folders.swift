// SPDX-License-Identifier: Apache-2.0

package import MidwatchConfiguration

/// Where the daemon keeps what: everything below the state directory but the vitals page and the
/// sockets.
package struct Folders: Sendable {
    package let state: String
    private let run: String
    private let vitals: String

    package init(_ configuration: MidwatchConfiguration) {
        self.state = configuration.stateDirectory
        self.run = configuration.runDirectory
        self.vitals = configuration.vitals.path
    }

    /// The folders below a state directory, for programs that only read there.
    package init(stateDirectory: String) {
        self.state = stateDirectory
        self.run = stateDirectory
        self.vitals = ""
    }

    package var journal: String { "\(self.state)/journal" }
    package var ledger: String { "\(self.state)/ledger" }
    package var accessLog: String { "\(self.state)/access" }
    package var checkpoints: String { "\(self.state)/checkpoints" }
    package var sessions: String { "\(self.state)/sessions" }
    package var revisions: String { "\(self.state)/revisions" }
    package var outbox: String { "\(self.state)/outbox.sqlite" }
    package var routing: String { "\(self.state)/routing.picture" }
    package var linkSecret: String { "\(self.state)/links.secret" }
    package var archive: String { "\(self.state)/archive.sqlite" }
    package var archiveIdentity: String { "\(self.state)/archive.identity" }

    /// Makes what is kept: the first folder that cannot be made is thrown, the others are made.
    package func makeState() throws {
        var failure: FileError?
        for folder in [
            self.state, self.journal, self.ledger, self.accessLog, self.checkpoints,
            self.sessions, self.revisions,
        ] {
            do throws(FileError) {
                try FileBytes.makeFolder(folder)
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    /// Makes what lives as long as the machine runs: sockets and the vitals page.
    package func makeRun() throws {
        try FileBytes.makeFolder(self.run)
        if let slash = self.vitals.lastIndex(of: "/"), slash > self.vitals.startIndex {
            try FileBytes.makeFolder(String(self.vitals[..<slash]))
        }
    }
}
