SELECT CAST(ts AS DATE) AS day, count(*) AS sessions
FROM (SELECT ts, lag(ts) OVER (PARTITION BY anonymous_id ORDER BY ts) AS before FROM {events})
WHERE before IS NULL OR ts > before + INTERVAL '30 minutes' GROUP BY 1
