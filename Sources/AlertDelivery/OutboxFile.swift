// SPDX-License-Identifier: Apache-2.0

internal import EmbeddedStore
package import MidwatchModel

/// One change to the outbox; applied in the order given.
enum OutboxWrite: Sendable {
    /// An alert and the endpoints it goes to; moves the cursor if the alert has a ledger number.
    case accept(QueuedAlert, endpoints: [String], at: WallInstant, movesCursor: Bool)
    /// An attempt failed; the next one comes at `nextAt`.
    case failed(DeliveryMark, nextAt: WallInstant)
    case delivered(DeliveryMark, StandingChange?)
    /// An Alertmanager is reminded of the mark's alarm, in whose labels it has the priority.
    case stands(DeliveryMark, AlarmPriority)
    /// An Alertmanager is not reminded of the mark's alarm any more.
    case ended(DeliveryMark)
    case dead(DeliveryMark, DeadLetterReason)
    /// A newer alert of its alarm went instead.
    case superseded(DeliveryMark)
    /// Every ledger record up to this number was taken in.
    case cursor(UInt64)

    /// Whether losing it costs a repetition or a line of history at most.
    var isExpendable: Bool {
        switch self {
        case .failed: true
        case .accept, .delivered, .stands, .ended, .dead, .superseded, .cursor: false
        }
    }
}

/// The state of one alert at one endpoint, as it is written.
struct DeliveryMark: Sendable {
    var item: QueuedAlert
    var endpoint: String
    var at: WallInstant
    /// Last HTTP status; 0 if there was none.
    var status: UInt16 = 0
    /// Beginning of the last answer, or what the network said.
    var answer: [UInt8] = []
}

/// An alert that was given up, as operators see it.
package struct DeadLetter: Sendable, Equatable {
    package var alert: Alert
    package var endpoint: String
    package var reason: DeadLetterReason
    package var attemptCount: UInt32
    /// 0 if there was no answer.
    package var lastStatus: UInt16
    package var lastAnswer: [UInt8]
    package var deadAt: WallInstant
    /// Number of the alert in the store; 0 if it does not come from there.
    package var order: UInt64 = 0

    /// Where it stands in the list of all.
    package var place: DeadLetterPlace {
        DeadLetterPlace(deadAt: self.deadAt, order: self.order, endpoint: self.endpoint)
    }
}

/// A place in the list of dead letters, newest first: the next page begins behind it.
///
/// It stays what it is when letters come, go or are settled: no letter is passed over.
package struct DeadLetterPlace: Sendable, Equatable {
    var deadAt: WallInstant
    var order: UInt64
    var endpoint: String

    init(deadAt: WallInstant, order: UInt64, endpoint: String) {
        self.deadAt = deadAt
        self.order = order
        self.endpoint = endpoint
    }

    /// Before the newest.
    static let beginning = Self(
        deadAt: WallInstant(nanoseconds: .max), order: UInt64(Int64.max), endpoint: "")

    /// From `text`; nil for any other one.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let deadAt = Int64(parts[0]), let order = UInt64(parts[1]) else {
            return nil
        }
        self.init(
            deadAt: WallInstant(nanoseconds: deadAt), order: order, endpoint: String(parts[2]))
    }

    package var text: String { "\(self.deadAt.nanoseconds).\(self.order).\(self.endpoint)" }
}

/// A pending delivery as it comes back from the file.
struct StoredDelivery: Sendable {
    var item: QueuedAlert
    /// What was left of the back-off and of the alert's life, by the wall clock.
    var nextAt: WallInstant
    var takenAt: WallInstant
    /// Whether some endpoint has delivered it.
    var isTold: Bool
}

/// What a start learns from the file.
struct OutboxKnowledge: Sendable {
    var cursor: UInt64
    var nextOrder: UInt64
    var recentIDs: [String]
    /// Alarms with pending alerts and the lowest pending order, by endpoint.
    var pending: [String: (alarms: [UInt64], from: UInt64)]
    /// Critical alerts that no endpoint has delivered: order and when they were taken.
    var untold: [(order: UInt64, takenAt: WallInstant)]
    var deadLetterCount: UInt64
    /// The newest of them, without their bodies.
    var deadLetters: [DeadLetter] = []
    /// Alarms that Alertmanagers are reminded of, by endpoint.
    var standing: [String: [(alert: Alert, labelled: AlarmPriority)]] = [:]
    /// Dead letters made now, because their endpoint is no longer configured.
    var buried: [DeadLetter]
}

/// `outbox.sqlite`: schema and statements.
///
/// One row an alert, one row a delivery (alert and endpoint). The cursor moves in the transaction
/// that takes the alert in, so a crash between the two is not possible. Owned by the store's
/// thread.
final class OutboxFile {
    enum State: Int64 {
        case pending = 0
        case delivered = 1
        case dead = 2
        case superseded = 3
    }

    static let migrations = [
        """
        CREATE TABLE ledger_cursor(
            id INTEGER PRIMARY KEY CHECK (id = 1), n INTEGER NOT NULL);
        INSERT INTO ledger_cursor VALUES (1, 0);
        CREATE TABLE alert(
            alert_order INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, alarm_key INTEGER NOT NULL,
            alarm_id TEXT NOT NULL, sequence INTEGER NOT NULL, priority INTEGER NOT NULL,
            type TEXT NOT NULL, occurred_at INTEGER NOT NULL, ledger_n INTEGER NOT NULL,
            is_recorded INTEGER NOT NULL, taken_at INTEGER NOT NULL, body BLOB);
        CREATE TABLE delivery(
            alert_order INTEGER NOT NULL REFERENCES alert(alert_order) ON DELETE CASCADE,
            endpoint TEXT NOT NULL, state INTEGER NOT NULL, alarm_key INTEGER NOT NULL,
            sequence INTEGER NOT NULL, attempt_count INTEGER NOT NULL DEFAULT 0,
            first_attempt_at INTEGER, next_attempt_at INTEGER NOT NULL DEFAULT 0,
            last_status INTEGER NOT NULL DEFAULT 0, last_answer BLOB, reason TEXT,
            is_revived INTEGER NOT NULL DEFAULT 0, superseded TEXT NOT NULL DEFAULT '',
            superseded_count INTEGER NOT NULL DEFAULT 0, changed_at INTEGER NOT NULL,
            PRIMARY KEY (alert_order, endpoint)) WITHOUT ROWID;
        CREATE INDEX delivery_pending ON delivery(endpoint, alert_order) WHERE state = 0;
        CREATE INDEX delivery_dead ON delivery(alert_order) WHERE state = 2;
        CREATE INDEX delivery_alarm ON delivery(alarm_key, endpoint, sequence) WHERE state = 1;
        """,
        """
        CREATE TABLE standing(
            endpoint TEXT NOT NULL, alarm_key INTEGER NOT NULL, labelled INTEGER NOT NULL,
            id TEXT NOT NULL, alarm_id TEXT NOT NULL, sequence INTEGER NOT NULL,
            priority INTEGER NOT NULL, type TEXT NOT NULL, occurred_at INTEGER NOT NULL,
            ledger_n INTEGER NOT NULL, is_recorded INTEGER NOT NULL, body BLOB NOT NULL,
            PRIMARY KEY (endpoint, alarm_key)) WITHOUT ROWID;
        """,
    ]

    let database: SQLiteDatabase
    private let insertAlert: SQLiteStatement
    private let insertDelivery: SQLiteStatement
    private let markDelivery: SQLiteStatement
    private let dropBody: SQLiteStatement
    private let moveCursor: SQLiteStatement

    init(path: String) throws(SQLiteError) {
        self.database = try SQLiteDatabase(path: path, durability: .full)
        try self.database.migrate(Self.migrations)
        self.insertAlert = try self.database.prepare(
            """
            INSERT INTO alert(alert_order, id, alarm_key, alarm_id, sequence, priority, type,
                occurred_at, ledger_n, is_recorded, taken_at, body)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
            ON CONFLICT(id) DO NOTHING
            """)
        self.insertDelivery = try self.database.prepare(
            """
            INSERT INTO delivery(alert_order, endpoint, state, alarm_key, sequence, changed_at)
            SELECT alert_order, ?2, 0, alarm_key, sequence, ?3 FROM alert WHERE id = ?1
            ON CONFLICT(alert_order, endpoint) DO NOTHING
            """)
        self.markDelivery = try self.database.prepare(
            """
            UPDATE delivery SET state = ?3, attempt_count = ?4, first_attempt_at = ?5,
                next_attempt_at = ?6, last_status = ?7, last_answer = ?8, reason = ?9,
                superseded = ?10, superseded_count = ?11, changed_at = ?12
            WHERE alert_order = (SELECT alert_order FROM alert WHERE id = ?1) AND endpoint = ?2
            """)
        self.dropBody = try self.database.prepare(
            """
            UPDATE alert SET body = NULL WHERE id = ?1 AND NOT EXISTS (
                SELECT 1 FROM delivery WHERE delivery.alert_order = alert.alert_order
                    AND state IN (0, 2))
            """)
        self.moveCursor = try self.database.prepare(
            "UPDATE ledger_cursor SET n = max(n, ?1) WHERE id = 1")
    }

    /// Applies `writes` in one transaction.
    func apply(_ writes: ArraySlice<OutboxWrite>) throws(SQLiteError) {
        try self.database.transaction { () throws(SQLiteError) in
            for write in writes { try self.apply(write) }
        }
    }

    private func apply(_ write: OutboxWrite) throws(SQLiteError) {
        switch write {
        case .accept(let item, let endpoints, let at, let movesCursor):
            try self.insert(item, at: at)
            for endpoint in endpoints { try self.insert(item, endpoint: endpoint, at: at) }
            if movesCursor { try self.move(to: item.alert.ledgerN) }
        case .failed(let mark, let nextAt):
            try self.mark(mark, .pending, nextAt: nextAt, reason: nil)
        case .delivered(let mark, let change):
            try self.finish(mark, .delivered, reason: nil)
            switch change {
            case .stands(let priority): try self.keepStanding(mark, labelled: priority)
            case .ended: try self.dropStanding(mark)
            case nil: break
            }
        case .stands(let mark, let priority): try self.keepStanding(mark, labelled: priority)
        case .ended(let mark): try self.dropStanding(mark)
        case .dead(let mark, let reason): try self.finish(mark, .dead, reason: reason)
        case .superseded(let mark): try self.finish(mark, .superseded, reason: nil)
        case .cursor(let n): try self.move(to: n)
        }
    }

    private func insert(_ item: QueuedAlert, at: WallInstant) throws(SQLiteError) {
        let alert = item.alert
        self.insertAlert.bind(1, Int64(bitPattern: item.order))
        self.insertAlert.bind(2, alert.id)
        self.insertAlert.bind(3, Int64(bitPattern: alert.alarmKey))
        self.insertAlert.bind(4, alert.alarmID)
        self.insertAlert.bind(5, Int64(bitPattern: alert.sequence))
        self.insertAlert.bind(6, Int64(alert.priority.rawValue))
        self.insertAlert.bind(7, alert.type)
        self.insertAlert.bind(8, alert.occurredAt.nanoseconds)
        self.insertAlert.bind(9, Int64(bitPattern: alert.ledgerN))
        self.insertAlert.bind(10, Int64(alert.isRecorded ? 1 : 0))
        self.insertAlert.bind(11, at.nanoseconds)
        self.insertAlert.bind(12, alert.body)
        try self.insertAlert.run()
    }

    private func insert(
        _ item: QueuedAlert, endpoint: String, at: WallInstant
    ) throws(SQLiteError) {
        self.insertDelivery.bind(1, item.alert.id)
        self.insertDelivery.bind(2, endpoint)
        self.insertDelivery.bind(3, at.nanoseconds)
        try self.insertDelivery.run()
    }

    private func finish(
        _ mark: DeliveryMark, _ state: State, reason: DeadLetterReason?
    ) throws(SQLiteError) {
        // The store may not have had room for the alert when it came; its end is remembered all
        // the same, so that the ledger offering it again does not send it again.
        try self.insert(mark.item, at: mark.at)
        try self.insert(mark.item, endpoint: mark.endpoint, at: mark.at)
        try self.mark(mark, state, nextAt: mark.at, reason: reason)
        try self.dropBodyIfSettled(id: mark.item.alert.id)
    }

    /// Frees the body once no endpoint waits for it or holds it as a dead letter.
    func dropBodyIfSettled(id: String) throws(SQLiteError) {
        self.dropBody.bind(1, id)
        try self.dropBody.run()
    }

    private func mark(
        _ mark: DeliveryMark, _ state: State, nextAt: WallInstant, reason: DeadLetterReason?
    ) throws(SQLiteError) {
        let item = mark.item
        self.markDelivery.bind(1, item.alert.id)
        self.markDelivery.bind(2, mark.endpoint)
        self.markDelivery.bind(3, state.rawValue)
        self.markDelivery.bind(4, Int64(item.attemptCount))
        if let first = item.firstAttemptAt {
            self.markDelivery.bind(5, first.nanoseconds)
        } else {
            self.markDelivery.bindNull(5)
        }
        self.markDelivery.bind(6, nextAt.nanoseconds)
        self.markDelivery.bind(7, Int64(mark.status))
        self.markDelivery.bind(8, mark.answer)
        if let reason {
            self.markDelivery.bind(9, reason.rawValue)
        } else {
            self.markDelivery.bindNull(9)
        }
        self.markDelivery.bind(10, item.supersededIDs.joined(separator: " "))
        self.markDelivery.bind(11, Int64(bitPattern: item.supersededCount))
        self.markDelivery.bind(12, mark.at.nanoseconds)
        try self.markDelivery.run()
    }

    private func move(to n: UInt64) throws(SQLiteError) {
        self.moveCursor.bind(1, Int64(bitPattern: n))
        try self.moveCursor.run()
    }
}
