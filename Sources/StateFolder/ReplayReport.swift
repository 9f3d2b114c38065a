// SPDX-License-Identifier: Apache-2.0

package import AlarmEngine
package import MidwatchModel

/// What replay found when it compared a journal with the ledger made from it.
package struct ReplayReport: Equatable, Sendable {
    package enum Verdict: String, Sendable {
        case equal, different, notReproducible
    }

    /// Why replay cannot say for some decisions what they should have been.
    package enum Doubt: Equatable, Sendable, CustomStringConvertible {
        /// The beginning of the journal is deleted and no checkpoint fits what is left.
        case noBeginning(oldest: Position)
        /// Readings were evaluated but not journaled: their numbers are missing.
        case gap(after: UInt64, before: UInt64)
        case damage(String)
        /// A decision says itself that it rests on input that is not in the journal.
        case unrecordedInput(DecisionID)
        /// The text of a configuration is missing from `revisions/`.
        case missingRevision
        /// The journal has no record of the time that was asked for.
        case nothingInRange

        package var description: String {
            switch self {
            case .noBeginning(let oldest):
                "the journal begins at \(oldest) and no checkpoint reaches behind it"
            case .gap(let after, let before):
                "records \(after + 1) to \(before - 1) were evaluated but never journaled"
            case .damage(let words): "the journal is damaged: \(words)"
            case .unrecordedInput(let id): "decision \(id) rests on input that is not journaled"
            case .missingRevision: "the text of a configuration is missing from revisions/"
            case .nothingInRange: "the journal has no record of that time"
            }
        }
    }

    /// The first decision that is not the same.
    package struct Difference: Equatable, Sendable {
        /// What the ledger says, and in which line; nil: it has no such decision.
        package var recorded: (line: UInt64, body: [UInt8])?
        /// What replay decided; nil: nothing.
        package var replayed: [UInt8]?

        package static func == (left: Self, right: Self) -> Bool {
            left.recorded?.line == right.recorded?.line
                && left.recorded?.body == right.recorded?.body && left.replayed == right.replayed
        }
    }

    /// Where replay began: nil at the first record, else behind this checkpoint.
    package var checkpoint: Position?
    package var recordCount: UInt64 = 0
    /// The last record read.
    package var end = Position.zero
    package var equalCount: UInt64 = 0
    /// Decisions newer than the ledger's last one: a daemon that runs, or was killed, owes them.
    package var pendingCount: UInt64 = 0
    /// Ledger decisions about which nothing can be said.
    package var notReproducibleCount: UInt64 = 0
    /// Ledger decisions from before the checkpoint, or before the time that was asked for.
    package var uncheckedCount: UInt64 = 0
    /// Ledger lines that are no decisions.
    package var otherLineCount: UInt64 = 0
    /// The first reasons, at most `doubtsMax`; `doubtCount` counts all.
    package var doubts: [Doubt] = []
    package var doubtCount = 0
    package var difference: Difference?

    package static let doubtsMax = 16

    package var verdict: Verdict {
        if self.difference != nil { return .different }
        return self.doubtCount > 0 || self.notReproducibleCount > 0 ? .notReproducible : .equal
    }

    mutating func add(_ doubt: Doubt) {
        self.doubtCount += 1
        if self.doubts.count < Self.doubtsMax { self.doubts.append(doubt) }
    }

    mutating func forgetDoubts() {
        self.doubtCount = 0
        self.doubts = []
    }
}
