-- Which stage of a batch takes the most time?
SELECT
    stage.1 AS stage_name,
    count() AS batches,
    sum(stage.2) AS total_ms,
    round(avg(stage.2), 1) AS mean_ms,
    round(quantile(0.5)(stage.2), 1) AS p50_ms,
    round(quantile(0.99)(stage.2), 1) AS p99_ms
FROM
(
    SELECT arrayJoin([
        ('wait', toInt64(assumeNotNull(greatest(total_ms - read_ms - validate_ms - commit_ms, 0)))),
        ('read', read_ms),
        ('validate', validate_ms),
        ('commit', commit_ms)
    ]) AS stage
    FROM batches
    WHERE state = 'committed'
)
GROUP BY stage_name
ORDER BY total_ms DESC, stage_name
