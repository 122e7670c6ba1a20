-- Which stage of a batch takes the most time?
SELECT
    stage.1 AS stage_name,
    count() AS batches,
    sum(assumeNotNull(stage.2)) AS total_ms,
    round(avg(assumeNotNull(stage.2)), 1) AS mean_ms,
    round(quantile(0.5)(assumeNotNull(stage.2)), 1) AS p50_ms,
    round(quantile(0.99)(assumeNotNull(stage.2)), 1) AS p99_ms
FROM
(
    SELECT arrayJoin([
        ('queue', queue_ms),
        ('paused', paused_ms),
        ('back-off', backoff_ms),
        ('failed attempts', failed_ms),
        ('read', read_ms),
        ('validate', validate_ms),
        ('commit', commit_ms)
    ]) AS stage
    FROM batches
    WHERE state = 'committed'
)
WHERE stage.2 IS NOT NULL
GROUP BY stage_name
ORDER BY total_ms DESC, stage_name
