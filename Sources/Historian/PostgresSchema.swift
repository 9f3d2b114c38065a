// SPDX-License-Identifier: Apache-2.0

/// The schema of the archive in PostgreSQL, as shipped in `Deploy/postgresql`.
///
/// Embedded because a program finds no files at run time; a test holds both to be equal. A
/// migration that was released never changes.
package enum PostgresSchema {
    /// Every migration in order; schema version n is `migrations[n - 1]`.
    package static let migrations = [Self.archive0001]

    /// The version this program writes.
    package static var version: Int { Self.migrations.count }

    /// `0001-archive.sql`.
    package static let archive0001 = """
        -- SPDX-License-Identifier: Apache-2.0
        -- Midwatch archive, schema version 1. Applied by `midwatch migrate`, in one transaction.

        CREATE SCHEMA IF NOT EXISTS midwatch;

        CREATE TABLE IF NOT EXISTS midwatch.schema_version (
            version integer PRIMARY KEY,
            applied_at timestamptz NOT NULL DEFAULT now()
        );

        -- One row: what tells this database from every other one, also after a dump and restore.
        CREATE TABLE midwatch.archive_identity (
            is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
            identity uuid NOT NULL DEFAULT gen_random_uuid()
        );
        INSERT INTO midwatch.archive_identity DEFAULT VALUES;

        CREATE TABLE midwatch.journal (
            journal_id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            journal uuid NOT NULL UNIQUE,
            first_seen timestamptz NOT NULL DEFAULT now()
        );

        -- How far a journal is archived. The row moves in the transaction that stores the readings.
        -- (epoch, n): last record stored. (summarised_epoch, summarised_n): last record that the minute
        -- rows, the newest source times and the anchor contain; never after (epoch, n).
        CREATE TABLE midwatch.archive_cursor (
            journal uuid PRIMARY KEY REFERENCES midwatch.journal (journal),
            journal_id smallint NOT NULL REFERENCES midwatch.journal (journal_id),
            epoch bigint NOT NULL,
            n bigint NOT NULL,
            summarised_epoch bigint NOT NULL,
            summarised_n bigint NOT NULL,
            anchor_arrival bigint,
            anchor_wall bigint,
            updated_at timestamptz NOT NULL DEFAULT now()
        ) WITH (fillfactor = 50);

        CREATE TABLE midwatch.sensor (
            sensor_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            path text NOT NULL UNIQUE,
            unit text NOT NULL DEFAULT '',
            first_seen timestamptz NOT NULL DEFAULT now()
        );

        -- The dense index a journal gave a sensor. newest_source_time: nanoseconds since 1970, at the
        -- summarised cursor.
        CREATE TABLE midwatch.journal_sensor (
            journal_id smallint NOT NULL REFERENCES midwatch.journal (journal_id),
            sensor_index bigint NOT NULL,
            sensor_id integer NOT NULL REFERENCES midwatch.sensor (sensor_id),
            newest_source_time bigint,
            PRIMARY KEY (journal_id, sensor_index)
        ) WITH (fillfactor = 80);

        CREATE TABLE midwatch.journal_source (
            journal_id smallint NOT NULL REFERENCES midwatch.journal (journal_id),
            source_index bigint NOT NULL,
            name text NOT NULL,
            PRIMARY KEY (journal_id, source_index)
        );

        -- One row per accepted reading, written once; (journal_id, epoch, n) names it. No unique index:
        -- the cursor fences every batch. time: source time if it was accepted, else arrival time.
        -- value is NULL for what is not a number. quality: 0 good, 1 uncertain, 2 bad.
        -- source_time_status: 0 absent, 1 accepted, 2 implausible, 3 regressed, 4 historical.
        -- value_kind: 0 float64, 1 int64, 2 bool, 3 mapped state. status_code: OPC UA.
        CREATE TABLE midwatch.reading (
            time timestamptz NOT NULL,
            arrival_time timestamptz NOT NULL,
            source_time timestamptz,
            value double precision,
            n bigint NOT NULL,
            status_code bigint NOT NULL,
            epoch integer NOT NULL,
            sensor_id integer NOT NULL,
            source_index integer NOT NULL,
            journal_id smallint NOT NULL,
            quality smallint NOT NULL,
            source_time_status smallint NOT NULL,
            value_kind smallint NOT NULL
        ) PARTITION BY RANGE (time);

        CREATE INDEX reading_time_brin ON midwatch.reading
            USING brin (time) WITH (pages_per_range = 64, autosummarize = on);

        -- One row per sensor, minute and journal. The value columns count usable values only (a number,
        -- quality not bad); mean = value_sum / value_count.
        CREATE TABLE midwatch.reading_minute (
            minute timestamptz NOT NULL,
            last_time timestamptz,
            value_min double precision,
            value_max double precision,
            value_sum double precision NOT NULL,
            value_last double precision,
            reading_count bigint NOT NULL,
            value_count bigint NOT NULL,
            sensor_id integer NOT NULL,
            journal_id smallint NOT NULL,
            worst_quality smallint NOT NULL,
            PRIMARY KEY (sensor_id, minute, journal_id)
        ) PARTITION BY RANGE (minute);

        -- Readings the database refused for their content, as 64-byte journal records.
        CREATE TABLE midwatch.reading_quarantine (
            journal_id smallint NOT NULL REFERENCES midwatch.journal (journal_id),
            epoch bigint NOT NULL,
            n bigint NOT NULL,
            sensor_index bigint NOT NULL,
            record bytea NOT NULL,
            sql_state text NOT NULL,
            message text NOT NULL,
            quarantined_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (journal_id, epoch, n)
        );

        INSERT INTO midwatch.schema_version (version) VALUES (1);

        """

    /// `check-exactly-once.sql`: one row per journal; the last column must be true.
    package static let exactlyOnceCheck = """
        -- SPDX-License-Identifier: Apache-2.0
        -- Is every accepted reading in the archive exactly once? One row per journal; `is_exactly_once`
        -- must be true. Reads every row: run it on a standby or at a quiet hour.
        --
        -- stored = distinct records: no reading twice. summarised = minute_total: the minute rows, written
        -- in other transactions than the readings, count the same readings, so none was lost or doubled
        -- between the two. beyond_cursor = 0: no row outside a transaction that moved the cursor. Rows and
        -- minutes that retention dropped are out of the comparison on both sides: only days held by both.
        WITH days AS (
            SELECT max(first_day) AS first_day
            FROM (
                SELECT date_trunc('day', min(time), 'UTC') AS first_day FROM midwatch.reading
                UNION ALL
                SELECT date_trunc('day', min(minute), 'UTC') FROM midwatch.reading_minute
            ) AS held
        ), raw AS (
            SELECT r.journal_id,
                count(*) AS stored,
                count(DISTINCT (r.epoch, r.n)) AS distinct_records,
                count(*) FILTER (
                    WHERE (r.epoch, r.n) <= (c.summarised_epoch, c.summarised_n)
                        AND r.time >= days.first_day) AS summarised,
                count(*) FILTER (WHERE (r.epoch, r.n) > (c.epoch, c.n)) AS beyond_cursor
            FROM midwatch.reading AS r
            JOIN midwatch.archive_cursor AS c USING (journal_id)
            CROSS JOIN days
            GROUP BY r.journal_id
        ), minutes AS (
            SELECT journal_id, sum(reading_count) AS minute_total
            FROM midwatch.reading_minute CROSS JOIN days
            WHERE minute >= days.first_day
            GROUP BY journal_id
        )
        SELECT j.journal,
            raw.stored,
            raw.distinct_records,
            raw.summarised,
            coalesce(minutes.minute_total, 0) AS minute_total,
            raw.beyond_cursor,
            raw.stored = raw.distinct_records
                AND raw.summarised = coalesce(minutes.minute_total, 0)
                AND raw.beyond_cursor = 0 AS is_exactly_once
        FROM raw
        JOIN midwatch.journal AS j USING (journal_id)
        LEFT JOIN minutes USING (journal_id)
        ORDER BY j.journal_id;

        """
}
