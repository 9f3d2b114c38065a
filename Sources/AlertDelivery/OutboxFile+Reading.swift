// SPDX-License-Identifier: Apache-2.0

internal import EmbeddedStore
internal import MidwatchModel

extension OutboxFile {
    private static let alertColumns = """
        a.alert_order, a.id, a.alarm_key, a.alarm_id, a.sequence, a.priority, a.type,
        a.occurred_at, a.ledger_n, a.is_recorded, a.body
        """

    /// Everything a start needs, and deliveries to endpoints that are gone made dead letters.
    func learn(endpoints: [String], now: WallInstant) throws(SQLiteError) -> OutboxKnowledge {
        try self.settleOvertaken(now: now)
        let buried = try self.buryOrphans(endpoints: endpoints, now: now)
        var knowledge = OutboxKnowledge(
            cursor: UInt64(bitPattern: try self.number("SELECT n FROM ledger_cursor")),
            nextOrder: UInt64(
                bitPattern: try self.number("SELECT coalesce(max(alert_order), 0) + 1 FROM alert")),
            recentIDs: [], pending: [:], untold: [], deadLetterCount: try self.deadLetterCount(),
            standing: try self.standing(endpoints: endpoints), buried: buried)

        knowledge.deadLetters = try self.deadLetters(
            limit: DeliveryLimits.deadLetterCountMax, hasBodies: false)
        let ids = try self.database.prepare(
            "SELECT id FROM alert ORDER BY alert_order DESC LIMIT ?1")
        ids.bind(1, Int64(DeliveryLimits.recentIDCountMax))
        while try ids.step() { knowledge.recentIDs.append(ids.text(0)) }
        knowledge.recentIDs.reverse()

        let pending = try self.database.prepare(
            "SELECT alarm_key, min(alert_order) FROM delivery WHERE state = 0 AND endpoint = ?1 "
                + "GROUP BY alarm_key")
        for endpoint in endpoints {
            var entry = (alarms: [UInt64](), from: UInt64.max)
            pending.bind(1, endpoint)
            while try pending.step() {
                entry.alarms.append(UInt64(bitPattern: pending.int64(0)))
                entry.from = min(entry.from, UInt64(bitPattern: pending.int64(1)))
            }
            pending.reset()
            if !entry.alarms.isEmpty { knowledge.pending[endpoint] = entry }
        }

        let untold = try self.database.prepare(
            """
            SELECT alert_order, taken_at FROM alert WHERE priority = ?1 AND body IS NOT NULL
                AND EXISTS (SELECT 1 FROM delivery d WHERE d.alert_order = alert.alert_order
                    AND d.state IN (0, 2))
                AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.alert_order = alert.alert_order
                    AND d.state IN (1, 3))
            """)
        untold.bind(1, Int64(AlarmPriority.critical.rawValue))
        while try untold.step() {
            knowledge.untold.append(
                (UInt64(bitPattern: untold.int64(0)), WallInstant(nanoseconds: untold.int64(1))))
        }
        return knowledge
    }

    /// Pending deliveries to `endpoint` from `order` on, oldest first.
    func pending(
        endpoint: String, from order: UInt64, limit: Int
    ) throws(SQLiteError) -> [StoredDelivery] {
        let rows = try self.database.prepare(
            """
            SELECT \(Self.alertColumns), d.attempt_count, d.first_attempt_at, d.next_attempt_at,
                d.is_revived, d.superseded, d.superseded_count, a.taken_at,
                EXISTS (SELECT 1 FROM delivery o WHERE o.alert_order = a.alert_order
                    AND o.state IN (1, 3))
            FROM delivery d JOIN alert a USING (alert_order)
            WHERE d.state = 0 AND d.endpoint = ?1 AND d.alert_order >= ?2
            ORDER BY d.alert_order LIMIT ?3
            """)
        rows.bind(1, endpoint)
        rows.bind(2, Int64(bitPattern: order))
        rows.bind(3, Int64(limit))
        var deliveries: [StoredDelivery] = []
        while try rows.step() {
            var item = QueuedAlert(
                order: UInt64(bitPattern: rows.int64(0)), alert: Self.alert(rows), takenAt: .zero)
            item.attemptCount = UInt32(clamping: rows.int64(11))
            item.firstAttemptAt =
                rows.isNull(12) ? nil : WallInstant(nanoseconds: rows.int64(12))
            item.isRevived = rows.int64(14) != 0
            item.supersededIDs = rows.text(15).split(separator: " ").map(String.init)
            item.supersededCount = UInt64(bitPattern: rows.int64(16))
            deliveries.append(
                StoredDelivery(
                    item: item, nextAt: WallInstant(nanoseconds: rows.int64(13)),
                    takenAt: WallInstant(nanoseconds: rows.int64(17)),
                    isTold: rows.int64(18) != 0))
        }
        return deliveries
    }

    /// The newest dead letters first.
    ///
    /// Of one alert or at one endpoint, if asked; only those behind `after`.
    func deadLetters(
        limit: Int, alert: String? = nil, endpoint: String? = nil,
        after: DeadLetterPlace = .beginning, hasBodies: Bool = true
    ) throws(SQLiteError) -> [DeadLetter] {
        let columns =
            hasBodies ? Self.alertColumns : Self.alertColumns.replacing("a.body", with: "x''")
        let rows = try self.database.prepare(
            """
            SELECT \(columns), d.endpoint, d.reason, d.attempt_count, d.last_status,
                d.last_answer, d.changed_at, d.alert_order
            FROM delivery d JOIN alert a USING (alert_order)
            WHERE d.state = 2 AND (?2 = '' OR a.id = ?2) AND (?3 = '' OR d.endpoint = ?3)
                AND ((d.changed_at, d.alert_order) < (?4, ?5)
                    OR (d.changed_at = ?4 AND d.alert_order = ?5 AND d.endpoint > ?6))
            ORDER BY d.changed_at DESC, d.alert_order DESC, d.endpoint LIMIT ?1
            """)
        rows.bind(1, Int64(limit))
        rows.bind(2, alert ?? "")
        rows.bind(3, endpoint ?? "")
        rows.bind(4, after.deadAt.nanoseconds)
        rows.bind(5, Int64(bitPattern: after.order))
        rows.bind(6, after.endpoint)
        var letters: [DeadLetter] = []
        while try rows.step() {
            letters.append(
                DeadLetter(
                    alert: Self.alert(rows), endpoint: rows.text(11),
                    reason: DeadLetterReason(rawValue: rows.text(12)) ?? .refused,
                    attemptCount: UInt32(clamping: rows.int64(13)),
                    lastStatus: UInt16(clamping: rows.int64(14)), lastAnswer: rows.blob(15),
                    deadAt: WallInstant(nanoseconds: rows.int64(16)),
                    order: UInt64(bitPattern: rows.int64(17))))
        }
        return letters
    }

    func deadLetterCount() throws(SQLiteError) -> UInt64 {
        UInt64(bitPattern: try self.number("SELECT count(*) FROM delivery WHERE state = 2"))
    }

    /// Makes a dead letter pending again; nil if there is none for this id and endpoint.
    func revive(
        id: String, endpoint: String, now: WallInstant
    ) throws(SQLiteError) -> StoredDelivery? {
        let revive = try self.database.prepare(
            """
            UPDATE delivery SET state = 0, is_revived = 1, reason = NULL, next_attempt_at = ?3,
                changed_at = ?3
            WHERE endpoint = ?2 AND state = 2
                AND alert_order = (SELECT alert_order FROM alert WHERE id = ?1)
            """)
        revive.bind(1, id)
        revive.bind(2, endpoint)
        revive.bind(3, now.nanoseconds)
        try revive.run()
        guard self.database.changedRowCount == 1 else { return nil }
        let order = try self.database.prepare("SELECT alert_order FROM alert WHERE id = ?1")
        order.bind(1, id)
        guard try order.step() else { return nil }
        let found = try self.pending(
            endpoint: endpoint, from: UInt64(bitPattern: order.int64(0)), limit: 1)
        return found.first { $0.item.alert.id == id }
    }

    /// Settles a dead letter without sending it.
    ///
    /// - Returns: The alert's order; nil if there is no dead letter for this id and endpoint.
    func dismiss(id: String, endpoint: String, now: WallInstant) throws(SQLiteError) -> UInt64? {
        let dismiss = try self.database.prepare(
            """
            UPDATE delivery SET state = 3, changed_at = ?3 WHERE endpoint = ?2 AND state = 2
                AND alert_order = (SELECT alert_order FROM alert WHERE id = ?1)
            RETURNING alert_order
            """)
        dismiss.bind(1, id)
        dismiss.bind(2, endpoint)
        dismiss.bind(3, now.nanoseconds)
        var order: UInt64?
        while try dismiss.step() { order = UInt64(bitPattern: dismiss.int64(0)) }
        dismiss.reset()
        if order != nil { try self.dropBodyIfSettled(id: id) }
        return order
    }

    /// Deletes what is beyond the bounds: delivered alerts, then the oldest dead letters.
    ///
    /// - Returns: Dead letters that were deleted.
    func prune() throws(SQLiteError) -> UInt64 {
        // An alert the cursor has not passed may be offered again and must be known then.
        try self.run(
            """
            DELETE FROM alert WHERE body IS NULL AND ledger_n <= (SELECT n FROM ledger_cursor)
                AND alert_order < (SELECT alert_order FROM alert ORDER BY alert_order DESC
                    LIMIT 1 OFFSET ?1)
            """, Int64(DeliveryLimits.deliveredCountMax))
        try self.run(
            """
            DELETE FROM delivery WHERE state = 2 AND alert_order < (
                SELECT alert_order FROM delivery WHERE state = 2 ORDER BY alert_order DESC
                    LIMIT 1 OFFSET ?1)
            """, Int64(DeliveryLimits.deadLetterCountMax))
        return UInt64(self.database.changedRowCount)
    }

    /// Pending alerts whose alarm has a later delivered one: sent now they would run backwards.
    private func settleOvertaken(now: WallInstant) throws(SQLiteError) {
        try self.run(
            """
            UPDATE delivery SET state = 3, changed_at = ?1 WHERE state = 0 AND is_revived = 0
                AND EXISTS (SELECT 1 FROM delivery n WHERE n.alarm_key = delivery.alarm_key
                    AND n.endpoint = delivery.endpoint AND n.state = 1
                    AND n.sequence > delivery.sequence)
            """, now.nanoseconds)
    }

    private func buryOrphans(
        endpoints: [String], now: WallInstant
    ) throws(SQLiteError) -> [DeadLetter] {
        let names = try self.database.prepare(
            "SELECT DISTINCT endpoint FROM delivery WHERE state = 0")
        var orphans: [String] = []
        while try names.step() {
            if !endpoints.contains(names.text(0)) { orphans.append(names.text(0)) }
        }
        let bury = try self.database.prepare(
            "UPDATE delivery SET state = 2, reason = ?2, changed_at = ?3 "
                + "WHERE state = 0 AND endpoint = ?1")
        for orphan in orphans {
            bury.bind(1, orphan)
            bury.bind(2, DeadLetterReason.endpointRemoved.rawValue)
            bury.bind(3, now.nanoseconds)
            try bury.run()
        }
        guard !orphans.isEmpty else { return [] }
        return try self.deadLetters(limit: DeliveryLimits.deadLetterCountMax).filter {
            $0.reason == .endpointRemoved && orphans.contains($0.endpoint) && $0.deadAt == now
        }
    }

    private func number(_ sql: String) throws(SQLiteError) -> Int64 {
        let statement = try self.database.prepare(sql)
        return try statement.step() ? statement.int64(0) : 0
    }

    private func run(_ sql: String, _ value: Int64) throws(SQLiteError) {
        let statement = try self.database.prepare(sql)
        statement.bind(1, value)
        try statement.run()
    }

    static func alert(_ rows: SQLiteStatement) -> Alert {
        Alert(
            id: rows.text(1), alarmKey: UInt64(bitPattern: rows.int64(2)), alarmID: rows.text(3),
            sequence: UInt64(bitPattern: rows.int64(4)),
            priority: AlarmPriority(rawValue: UInt8(clamping: rows.int64(5))) ?? .critical,
            type: rows.text(6), occurredAt: WallInstant(nanoseconds: rows.int64(7)),
            ledgerN: UInt64(bitPattern: rows.int64(8)), isRecorded: rows.int64(9) != 0,
            body: rows.blob(10))
    }
}
