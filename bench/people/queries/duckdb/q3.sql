-- Relies on the order of the rows, (user_id, ts): lag() OVER () runs as they stream by. Only a row of another device than the
-- row before it, or one behind a gap, can begin a session; the former also says where that other device paused.
WITH rows AS (SELECT anonymous_id AS device, ts, channel, lag(anonymous_id) OVER () AS prior_device, lag(ts) OVER () AS prior FROM {events}),
c AS MATERIALIZED (SELECT * FROM rows WHERE prior_device IS DISTINCT FROM device OR ts > prior + INTERVAL 30 MINUTE),
starts AS (SELECT x.device, x.ts, x.channel FROM c x ASOF LEFT JOIN c y ON x.device = y.prior_device AND x.ts > y.prior
           WHERE y.prior IS NULL OR x.ts > y.prior + INTERVAL 30 MINUTE),
s AS (SELECT ts::DATE AS day, channel, count(*) AS sessions FROM starts GROUP BY 1, 2),
o AS (SELECT st.ts::DATE AS day, st.channel, count(*) AS orders, sum(x.revenue) AS revenue
      FROM (SELECT anonymous_id AS device, ts, revenue FROM {events} WHERE event_type = 'order_completed') x
      ASOF JOIN starts st ON x.device = st.device AND x.ts >= st.ts GROUP BY 1, 2)
SELECT s.day, s.channel, s.sessions, coalesce(o.orders, 0) AS orders, coalesce(o.revenue, 0) AS revenue
FROM s LEFT JOIN o USING (day, channel)
