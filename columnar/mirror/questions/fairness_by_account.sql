-- Does any account wait longer than others for what it asks of the cluster?
SELECT
    account_id,
    count() AS waits,
    sum(rows_read) AS rows,
    round(quantile(0.5)(wait_ms), 1) AS p50_wait_ms,
    round(quantile(0.95)(wait_ms), 1) AS p95_wait_ms,
    max(wait_ms) AS longest_wait_ms,
    round(sum(wait_ms) / sum(rows_read), 3) AS wait_ms_per_row
FROM queue_waits
GROUP BY account_id
ORDER BY p95_wait_ms DESC, account_id
