SELECT ts::DATE AS day, count(*) AS sessions
FROM (SELECT ts, lag(ts) OVER (PARTITION BY anonymous_id ORDER BY ts) AS before FROM {events})
WHERE before IS NULL OR ts > before + INTERVAL 30 MINUTE GROUP BY 1
