// SPDX-License-Identifier: Apache-2.0

import Journal
import Logging
import Synchronization

/// What a start could not do because of its disk: the monitor runs all the same, and says so.
///
/// A missed alarm weighs more than a missing record, so nothing of this ends the start; each shows in
/// the status and the screens as long as the run lasts, and as an alarm of Midwatch's own.
final class StartTroubles: Sendable {
    /// How an alarm tells it.
    enum Kind: Sendable {
        /// A log cannot be written: its own figure says so from the first write on.
        case notWritten
        /// Something was found that cannot be read: counted as damage.
        case damaged
        /// The text of the configuration in force is not kept.
        case revision
    }

    private struct State {
        var words: [String] = []
        var damageCount = 0
        var revisionCount = 0
        /// What may still come, by what it is about.
        var standing: [String: String] = [:]
    }

    private let state = Mutex(State())
    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    /// For people, as `midwatch status` shows them.
    var words: [String] {
        self.state.withLock { state in
            state.words + state.standing.keys.sorted().compactMap { state.standing[$0] }
        }
    }

    /// Places found damaged, those the disk did not give back since included.
    var damageCount: Int {
        self.state.withLock { $0.damageCount } + Int(clamping: LinuxDisk.unreadableCount)
    }

    /// What keeps the rules in force from being those of the configuration file: a text that is not
    /// kept, sensors that find no place.
    var ruleCount: Int { self.state.withLock { $0.revisionCount + $0.standing.count } }

    /// Says that something of the configuration is not in force yet; nil: it is now.
    func stand(_ words: String?, about name: String) {
        self.state.withLock { $0.standing[name] = words }
    }

    func note(_ kind: Kind, _ words: String, error: any Error) {
        self.state.withLock { state in
            state.words.append(words)
            switch kind {
            case .notWritten: break
            case .damaged: state.damageCount += 1
            case .revision: state.revisionCount += 1
            }
        }
        self.logger.critical(
            "start with trouble", metadata: ["start.trouble": "\(words)", "error": "\(error)"])
    }
}
