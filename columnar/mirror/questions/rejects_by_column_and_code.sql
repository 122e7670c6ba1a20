-- Which columns are rejected most, and why?
SELECT
    dataset,
    source_column,
    code,
    sum(rejects) AS rejected_rows,
    count() AS imports,
    max(created_at) AS last_seen
FROM rejects_by_column
GROUP BY dataset, source_column, code
ORDER BY rejected_rows DESC, dataset, source_column, code
LIMIT 100
