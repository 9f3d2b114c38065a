// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import StateFolder
import Synchronization

/// Rules that stand in the sequence and that the engine has not come to yet.
///
/// The engine learns of a revision by its name. Its thread reads no file for it: whoever offers the
/// record has made the rules already and puts them here before. Only what a start reads out of the
/// journal is looked up among the kept texts.
final class OfferedRules: Sendable {
    /// Revisions that may wait; the engine takes them in microseconds unless it hangs.
    static let countMax = 4

    private let waiting = Mutex<[RuleBook]>([])

    /// Puts rules ready; false if too many wait.
    func offer(_ rules: RuleBook) -> Bool {
        self.waiting.withLock { waiting in
            guard waiting.count < Self.countMax else { return false }
            waiting.append(rules)
            return true
        }
    }

    /// The record of the rules found no place in the ring.
    func withdraw(_ revision: String) {
        self.waiting.withLock { waiting in
            if waiting.last?.revision == revision { waiting.removeLast() }
        }
    }

    /// Gives rules to the engine, and leaves what was offered before them.
    func take(_ revision: String) -> RuleBook? {
        self.waiting.withLock { waiting in
            guard let index = waiting.firstIndex(where: { $0.revision == revision }) else {
                return nil
            }
            let rules = waiting[index]
            waiting.removeFirst(index + 1)
            return rules
        }
    }

    /// Where the engine looks for the rules of a revision.
    func book(started: RuleBook, _ revisions: Revisions) -> @Sendable (String) -> RuleBook? {
        { revision in
            if let rules = self.take(revision) { return rules }
            return revision == started.revision ? started : revisions.rules(of: revision)
        }
    }
}
