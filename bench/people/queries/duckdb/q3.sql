WITH starts AS (SELECT anonymous_id, ts, channel
                FROM (SELECT anonymous_id, ts, channel, lag(ts) OVER (PARTITION BY anonymous_id ORDER BY ts) AS before FROM {events})
                WHERE before IS NULL OR ts > before + INTERVAL 30 MINUTE),
s AS (SELECT ts::DATE AS day, channel, count(*) AS sessions FROM starts GROUP BY 1, 2),
o AS (SELECT st.ts::DATE AS day, st.channel, count(*) AS orders, sum(x.revenue) AS revenue
      FROM (SELECT anonymous_id, ts, revenue FROM {events} WHERE event_type = 'order_completed') x
      ASOF JOIN starts st ON x.anonymous_id = st.anonymous_id AND x.ts >= st.ts GROUP BY 1, 2)
SELECT s.day, s.channel, s.sessions, coalesce(o.orders, 0) AS orders, coalesce(o.revenue, 0) AS revenue
FROM s LEFT JOIN o USING (day, channel)
