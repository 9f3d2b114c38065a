// SPDX-License-Identifier: Apache-2.0

internal import EmbeddedStore
internal import MidwatchModel

extension OutboxFile {
    /// The Alertmanager was told that the mark's alarm stands.
    func keepStanding(_ mark: DeliveryMark, labelled: AlarmPriority) throws(SQLiteError) {
        let alert = mark.item.alert
        let keep = try self.database.prepare(
            """
            INSERT INTO standing(endpoint, alarm_key, labelled, id, alarm_id, sequence, priority,
                type, occurred_at, ledger_n, is_recorded, body)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
            ON CONFLICT(endpoint, alarm_key) DO UPDATE SET labelled = ?3, id = ?4,
                sequence = ?6, priority = ?7, type = ?8, occurred_at = ?9, ledger_n = ?10,
                is_recorded = ?11, body = ?12
            """)
        keep.bind(1, mark.endpoint)
        keep.bind(2, Int64(bitPattern: alert.alarmKey))
        keep.bind(3, Int64(labelled.rawValue))
        keep.bind(4, alert.id)
        keep.bind(5, alert.alarmID)
        keep.bind(6, Int64(bitPattern: alert.sequence))
        keep.bind(7, Int64(alert.priority.rawValue))
        keep.bind(8, alert.type)
        keep.bind(9, alert.occurredAt.nanoseconds)
        keep.bind(10, Int64(bitPattern: alert.ledgerN))
        keep.bind(11, Int64(alert.isRecorded ? 1 : 0))
        keep.bind(12, alert.body)
        try keep.run()
    }

    func dropStanding(_ mark: DeliveryMark) throws(SQLiteError) {
        let drop = try self.database.prepare(
            "DELETE FROM standing WHERE endpoint = ?1 AND alarm_key = ?2")
        drop.bind(1, mark.endpoint)
        drop.bind(2, Int64(bitPattern: mark.item.alert.alarmKey))
        try drop.run()
    }

    /// What stands at each of `endpoints`; what stood at others is forgotten.
    func standing(
        endpoints: [String]
    ) throws(SQLiteError) -> [String: [(alert: Alert, labelled: AlarmPriority)]] {
        let rows = try self.database.prepare(
            """
            SELECT 0, id, alarm_key, alarm_id, sequence, priority, type, occurred_at, ledger_n,
                is_recorded, body, endpoint, labelled
            FROM standing ORDER BY endpoint, sequence
            """)
        var standing: [String: [(alert: Alert, labelled: AlarmPriority)]] = [:]
        while try rows.step() {
            let labelled = AlarmPriority(rawValue: UInt8(clamping: rows.int64(12)))
            let alert = Self.alert(rows)
            standing[rows.text(11), default: []].append((alert, labelled ?? alert.priority))
        }
        let drop = try self.database.prepare("DELETE FROM standing WHERE endpoint = ?1")
        for endpoint in standing.keys where !endpoints.contains(endpoint) {
            standing[endpoint] = nil
            drop.bind(1, endpoint)
            try drop.run()
        }
        return standing
    }
}
