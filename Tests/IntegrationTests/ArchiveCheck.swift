// SPDX-License-Identifier: Apache-2.0

import EmbeddedStore
import FleetSimulation
import Glibc
import Testing

/// Compares what was sent, or acknowledged, with what the archive holds.
///
/// Every value of a load carries its sequence number, so each reading can be told from every other.
struct ArchiveCheck {
    /// How often each value of each sensor is stored.
    private(set) var counts: [String: [UInt64: Int]] = [:]
    private(set) var rowCount = 0

    /// Reads the load of a PostgreSQL archive.
    init(_ postgres: Postgres) throws {
        let rows = try postgres.query(
            """
            COPY (SELECT s.path, r.value::bigint FROM midwatch.reading r
                JOIN midwatch.sensor s USING (sensor_id) WHERE s.path LIKE 'load/%') TO STDOUT
            """)
        for line in rows.split(separator: "\n") {
            let words = line.split(separator: "\t")
            guard words.count == 2, let value = Double(words[1]) else { continue }
            self.add(String(words[0]), value)
        }
    }

    /// Reads the load of an SQLite archive; the daemon may run.
    init(sqlite path: String) throws {
        let database = try SQLiteDatabase(
            path: path, durability: .full, isReadOnly: true)
        let tables = try database.prepare(
            """
            SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'reading_2*'
            """)
        var names: [String] = []
        while try tables.step() { names.append(tables.text(0)) }
        for name in names {
            let rows = try database.prepare(
                """
                SELECT s.path, r.value FROM \(name) r JOIN sensor s USING (sensor_id)
                WHERE s.path LIKE 'load/%'
                """)
            while try rows.step() { self.add(rows.text(0), rows.double(1)) }
        }
    }

    private mutating func add(_ path: String, _ value: Double) {
        self.rowCount += 1
        guard let sequence = LoadPattern.sequence(ofValue: value) else { return }
        self.counts[path, default: [:]][sequence, default: 0] += 1
    }

    /// Readings that are stored more than once.
    var doubledCount: Int {
        self.counts.values.reduce(0) { $0 + $1.values.count { $0 > 1 } }
    }

    /// Whether any sensor of an MQTT client holds a sequence number: clients send in turn over
    /// their sensors, so `sequence` belongs to sensor `sequence % sensorsPerClient`.
    func holds(client: Int, sequence: UInt64, sensorsPerClient: Int) -> Bool {
        let sensor = Int(sequence % UInt64(sensorsPerClient))
        return self.counts[LoadPattern.path(client: client, sensor: sensor)]?[sequence] != nil
    }

    /// Acknowledged readings that are not stored.
    func missing(of record: AcknowledgedRecord, sensorsPerClient: Int) -> [String] {
        var missing: [String] = []
        for client in 0..<record.clientCount {
            for range in record.acknowledged(client: client) {
                for sequence in range
                where !self.holds(
                    client: client, sequence: sequence, sensorsPerClient: sensorsPerClient)
                {
                    missing.append("\(client):\(sequence)")
                }
            }
        }
        return missing
    }

    /// Checks that everything acknowledged is stored, and nothing twice.
    func expectExactlyOnce(
        _ record: AcknowledgedRecord, sensorsPerClient: Int,
        _ location: SourceLocation = #_sourceLocation
    ) {
        let missing = self.missing(of: record, sensorsPerClient: sensorsPerClient)
        #expect(
            missing.isEmpty,
            "acknowledged but not stored: \(missing.count), first \(missing.prefix(5))",
            sourceLocation: location)
        #expect(self.doubledCount == 0, "stored twice", sourceLocation: location)
        #expect(record.count > 0, "nothing was acknowledged", sourceLocation: location)
    }
}

extension Postgres {
    /// Runs the check that operators have, and expects its verdict.
    func expectExactlyOnce(_ location: SourceLocation = #_sourceLocation) throws {
        let file =
            #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()
            + "/Deploy/postgresql/check-exactly-once.sql"
        let answer = try self.run(file: file)
        let rows = answer.split(separator: "\n")
        #expect(!rows.isEmpty, sourceLocation: location)
        #expect(
            rows.allSatisfy { $0.hasSuffix("|t") },
            "check-exactly-once.sql: \(answer)", sourceLocation: location)
    }
}
