-- How many rows are committed in an hour, and how fast were they worked on?
SELECT
    toStartOfHour(committed_at) AS hour,
    count() AS batches,
    sum(rows_read) AS rows,
    sum(file_bytes) AS bytes,
    round(sum(rows_read) / 3600, 1) AS rows_per_second,
    round(sum(rows_read) / greatest(sum(assumeNotNull(read_ms + validate_ms + commit_ms)), 1) * 1000, 1) AS rows_per_slot_second
FROM batches
WHERE state = 'committed'
GROUP BY hour
ORDER BY hour DESC
LIMIT 168
