// SPDX-License-Identifier: Apache-2.0

import MidwatchConfiguration

/// Where the daemon keeps what: everything below the state directory but the vitals page and the
/// sockets.
struct Folders: Sendable {
    let state: String
    let run: String
    private let vitals: String

    init(_ configuration: MidwatchConfiguration) {
        self.state = configuration.stateDirectory
        self.run = configuration.runDirectory
        self.vitals = configuration.vitals.path
    }

    var journal: String { "\(self.state)/journal" }
    var ledger: String { "\(self.state)/ledger" }
    var accessLog: String { "\(self.state)/access" }
    var checkpoints: String { "\(self.state)/checkpoints" }
    var revisions: String { "\(self.state)/revisions" }
    var outbox: String { "\(self.state)/outbox.sqlite" }
    var archive: String { "\(self.state)/archive.sqlite" }
    var archiveIdentity: String { "\(self.state)/archive.identity" }

    func make() throws {
        for folder in [
            self.state, self.run, self.journal, self.ledger, self.accessLog, self.checkpoints,
            self.revisions,
        ] {
            try FileBytes.makeFolder(folder)
        }
        if let slash = self.vitals.lastIndex(of: "/"), slash > self.vitals.startIndex {
            try FileBytes.makeFolder(String(self.vitals[..<slash]))
        }
    }
}
