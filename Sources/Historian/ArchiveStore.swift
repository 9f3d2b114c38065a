// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Engine time beside wall time, from a clock anchor of the journal.
package struct ClockAnchor: Sendable, Equatable, BitwiseCopyable {
    package var arrival: MonotonicInstant
    /// Nanoseconds since 1970 at `arrival`.
    package var wall: Int64

    package init(arrival: MonotonicInstant, wall: Int64) {
        self.arrival = arrival
        self.wall = wall
    }

    /// Wall time of an engine time, before or after the anchor.
    package func wallTime(of instant: MonotonicInstant) -> Int64 {
        let delta = Int64(truncatingIfNeeded: instant.nanoseconds &- self.arrival.nanoseconds)
        let (sum, overflow) = self.wall.addingReportingOverflow(delta)
        return overflow ? (delta < 0 ? Int64.min + 1 : Int64.max) : sum
    }
}

/// How far the archive holds a journal.
///
/// Both positions move only with what they speak of.
package struct ArchiveCursor: Sendable, Equatable {
    /// Last record whose row is stored (or that gives no row).
    package var stored: Position
    /// Last record that the minute rows, the sensors' newest source times and `anchor` contain.
    ///
    /// Never after `stored`.
    package var summarised: Position
    /// The clock anchor in force at `summarised`.
    package var anchor: ClockAnchor?

    package init(stored: Position, summarised: Position, anchor: ClockAnchor?) {
        self.stored = stored
        self.summarised = summarised
        self.anchor = anchor
    }
}

/// A sensor of one journal as the archive knows it.
package struct ArchivedSensor: Sendable, Equatable {
    package var index: SensorIndex
    package var path: String
    package var unit: String
    /// Newest accepted source time at the summarised cursor; nil if there is none.
    package var newestSourceTime: Int64?

    package init(index: SensorIndex, path: String, unit: String, newestSourceTime: Int64? = nil) {
        self.index = index
        self.path = path
        self.unit = unit
        self.newestSourceTime = newestSourceTime
    }
}

/// A source of one journal, by name.
package struct ArchivedSource: Sendable, Equatable {
    package var index: SourceIndex
    package var name: String

    package init(index: SourceIndex, name: String) {
        self.index = index
        self.name = name
    }
}

/// What the archive holds of a journal, read at every connection.
package struct ArchiveState: Sendable {
    /// Identity of the database: changes when another one answers.
    package var identity: String
    /// nil: the archive has never seen this journal.
    package var cursor: ArchiveCursor?
    package var sensors: [ArchivedSensor]
    package var sources: [ArchivedSource]
    /// Records after `summarised` that are in quarantine and so in no minute row.
    package var quarantined: Set<Position>

    package init(
        identity: String, cursor: ArchiveCursor?, sensors: [ArchivedSensor] = [],
        sources: [ArchivedSource] = [], quarantined: Set<Position> = []
    ) {
        self.identity = identity
        self.cursor = cursor
        self.sensors = sensors
        self.sources = sources
        self.quarantined = quarantined
    }
}

/// A row that the store refused for its content.
package struct QuarantinedRow: Sendable {
    package var row: ArchivedReading
    /// SQLSTATE or SQLite code.
    package var code: String
    package var message: String

    package init(row: ArchivedReading, code: String, message: String) {
        self.row = row
        self.code = code
        self.message = message
    }
}

/// What one transaction stores: the rows after `from` up to `to`, and the cursor.
package struct ArchiveBatch: Sendable {
    package var from: Position
    package var to: Position
    package var rows: ArraySlice<ArchivedReading>
    package var quarantine: QuarantinedRow?

    package init(
        from: Position, to: Position, rows: ArraySlice<ArchivedReading>,
        quarantine: QuarantinedRow? = nil
    ) {
        self.from = from
        self.to = to
        self.rows = rows
        self.quarantine = quarantine
    }
}

/// Minute rows and the state that goes with them; moves the summarised cursor to `through`.
package struct ArchiveSummary: Sendable {
    /// The summarised cursor so far.
    package var from: Position
    /// The stored cursor, which is also what the summarised one becomes.
    package var through: Position
    package var minutes: [MinuteRow]
    package var newestSourceTimes: [(sensor: SensorIndex, sourceTime: Int64)]
    package var anchor: ClockAnchor?

    package init(
        from: Position, through: Position, minutes: [MinuteRow],
        newestSourceTimes: [(sensor: SensorIndex, sourceTime: Int64)], anchor: ClockAnchor?
    ) {
        self.from = from
        self.through = through
        self.minutes = minutes
        self.newestSourceTimes = newestSourceTimes
        self.anchor = anchor
    }
}

/// Outcome of a transaction that was fenced by the cursor.
package enum ArchiveWriteOutcome: Sendable, Equatable {
    case stored
    /// The cursor was not where the historian thought: nothing was written, read it and follow.
    case cursorMoved
}

/// Why the archive stands still until a person acts.
///
/// Nothing is guessed.
package enum ArchiveCondition: Sendable, Equatable, CustomStringConvertible {
    /// The cursor names a record that the journal does not have (yet).
    case cursorAheadOfJournal(cursor: Position, newest: Position?)
    /// Records after the cursor are no longer in the journal.
    case cursorOlderThanJournal(cursor: Position, oldest: Position?)
    /// The database answers with another identity than the one archived into before.
    case identityChanged(expected: String, found: String)
    /// The database is the known one, but its cursor for this journal is gone.
    case cursorMissing
    case schemaOutdated(found: Int, needed: Int)
    case schemaNewer(found: Int, known: Int)
    case schemaMismatch(detail: String)
    /// The store reports damage.
    case storeDamaged(detail: String)
    /// The file that remembers the identity cannot be read or written.
    case identityFileUnusable(detail: String)

    /// Lower-case word for metrics and JSON.
    package var word: String {
        switch self {
        case .cursorAheadOfJournal: "cursorAheadOfJournal"
        case .cursorOlderThanJournal: "cursorOlderThanJournal"
        case .identityChanged: "identityChanged"
        case .cursorMissing: "cursorMissing"
        case .schemaOutdated: "schemaOutdated"
        case .schemaNewer: "schemaNewer"
        case .schemaMismatch: "schemaMismatch"
        case .storeDamaged: "storeDamaged"
        case .identityFileUnusable: "identityFileUnusable"
        }
    }

    package var description: String {
        switch self {
        case .cursorAheadOfJournal(let cursor, let newest):
            "the archive is at \(cursor), the journal ends at \(Self.text(newest))"
        case .cursorOlderThanJournal(let cursor, let oldest):
            "the archive is at \(cursor), the journal begins at \(Self.text(oldest))"
        case .identityChanged(let expected, let found):
            "the archive was \(expected), now \(found) answers"
        case .cursorMissing: "the archive lost its cursor for this journal"
        case .schemaOutdated(let found, let needed):
            "the archive has schema \(found), \(needed) is needed: run midwatch migrate"
        case .schemaNewer(let found, let known):
            "the archive has schema \(found), this program knows \(known)"
        case .schemaMismatch(let detail): "the archive's tables differ: \(detail)"
        case .storeDamaged(let detail): "the archive reports damage: \(detail)"
        case .identityFileUnusable(let detail): "the identity file is unusable: \(detail)"
        }
    }

    private static func text(_ position: Position?) -> String {
        position.map(\.description) ?? "nothing"
    }
}

/// What a store refused, and what to do about it.
package struct ArchiveError: Error, Sendable, CustomStringConvertible {
    package enum Disposition: Sendable, Equatable {
        /// The connection is gone or useless: make a new one, read the cursor, go on.
        case reconnect
        /// Do the same transaction again.
        case retry
        /// Do less at once.
        case retrySmaller
        /// Disk or memory of the store is short: wait long between attempts.
        case backOffLong
        /// Credentials or rights: nothing helps but a person; try once a minute.
        case retrySlowly
        /// A partition is missing: make it, then do the same again.
        case createPartition
        /// Some row's content is refused: find it and quarantine it.
        case quarantine
        case stop(ArchiveCondition)
    }

    package var disposition: Disposition
    /// SQLSTATE, SQLite code, or a word of ours.
    package var code: String
    package var message: String
    package var action: String

    package init(_ disposition: Disposition, code: String, message: String, action: String) {
        self.disposition = disposition
        self.code = code
        self.message = message
        self.action = action
    }

    package var description: String { "\(self.code) in \(self.action): \(self.message)" }
}

/// One archive, as the historian drives it.
///
/// Every call is made on the historian's thread.
///
/// Calls that wait for the store call `onWait` at least once a second and give up (disposition
/// `reconnect`) when it answers false.
package protocol ArchiveStore: AnyObject {
    /// `postgresql` or `sqlite`.
    var word: String { get }
    var onWait: () -> Bool { get set }

    /// Connects, checks the schema, and reads what the archive holds of `journal`.
    ///
    /// Waits for a transaction in doubt, so that the answer is final.
    func open(journal: JournalID) throws(ArchiveError) -> ArchiveState
    /// Makes the cursor of a journal never seen before.
    func begin(at position: Position) throws(ArchiveError)
    /// Adds or renames sensors and sources. Idempotent; in a transaction of its own.
    func register(
        sensors: [ArchivedSensor], sources: [ArchivedSource]
    ) throws(ArchiveError)
    /// Makes sure that rows of these days can be stored.
    func prepare(days: Set<ArchiveDay>) throws(ArchiveError)
    /// Forgets which days are prepared: something removed one behind our back.
    func forgetDays()
    func write(_ batch: ArchiveBatch) throws(ArchiveError) -> ArchiveWriteOutcome
    func write(_ summary: ArchiveSummary) throws(ArchiveError) -> ArchiveWriteOutcome
    /// Days ahead, closed days, retention. Called about once a minute; does little at a time.
    func maintain(now: WallInstant) throws(ArchiveError)
    /// Gives up the connection; safe at any time.
    func close()
}
