WITH e AS (SELECT anonymous_id, ts, channel, order_id, revenue, lag(ts) OVER (PARTITION BY anonymous_id ORDER BY ts) AS before FROM {events}),
s AS (SELECT *, sum(CASE WHEN before IS NULL OR ts > before + INTERVAL '30 minutes' THEN 1 ELSE 0 END)
        OVER (PARTITION BY anonymous_id ORDER BY ts ROWS UNBOUNDED PRECEDING) AS session FROM e),
g AS (SELECT anonymous_id, session, min(ts) AS started, first_value(channel ORDER BY ts) AS channel, count(order_id) AS orders,
             coalesce(sum(revenue), 0) AS revenue FROM s GROUP BY anonymous_id, session)
SELECT CAST(started AS DATE) AS day, channel, count(*) AS sessions, sum(orders) AS orders, sum(revenue) AS revenue FROM g GROUP BY 1, 2
