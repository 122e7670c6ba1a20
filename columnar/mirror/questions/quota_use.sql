-- Which accounts are close to their record quota?
SELECT
    account_id,
    name,
    records_used,
    record_quota,
    round(100 * records_used / greatest(record_quota, 1), 1) AS percent_used
FROM accounts
ORDER BY percent_used DESC, account_id
LIMIT 100
