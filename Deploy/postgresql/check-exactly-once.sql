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
