-- As q1. A user's time to convert is that of the first purchase T which ends a chain, from the earliest entry that still
-- reaches it: the first product view not before T - 7 days.
WITH ft AS (SELECT user_id, arg_min(channel, ts) AS channel FROM {events} GROUP BY user_id),
p1 AS (SELECT user_id, ts FROM {events} WHERE event_type = 'product_view'),
p2 AS (SELECT e.user_id, e.ts, p.ts AS entry FROM (SELECT user_id, ts FROM {events} WHERE event_type = 'add_to_cart') e
       ASOF JOIN p1 p ON e.user_id = p.user_id AND e.ts >= p.ts WHERE e.ts <= p.ts + INTERVAL 7 DAY),
p3 AS (SELECT e.user_id, e.ts, p.entry FROM (SELECT user_id, ts FROM {events} WHERE event_type = 'checkout_started') e
       ASOF JOIN p2 p ON e.user_id = p.user_id AND e.ts >= p.ts WHERE e.ts <= p.entry + INTERVAL 7 DAY),
p4 AS (SELECT e.user_id, e.ts, p.entry FROM (SELECT user_id, ts FROM {events} WHERE event_type = 'payment_info') e
       ASOF JOIN p3 p ON e.user_id = p.user_id AND e.ts >= p.ts WHERE e.ts <= p.entry + INTERVAL 7 DAY),
p5 AS (SELECT e.user_id, min(e.ts) AS done FROM (SELECT user_id, ts FROM {events} WHERE event_type = 'order_completed') e
       ASOF JOIN p4 p ON e.user_id = p.user_id AND e.ts >= p.ts WHERE e.ts <= p.entry + INTERVAL 7 DAY GROUP BY 1),
took AS (SELECT d.user_id, (epoch_us(d.done) - epoch_us(p.ts)) // 1000 AS ms
         FROM p5 d ASOF JOIN p1 p ON d.user_id = p.user_id AND d.done - INTERVAL 7 DAY <= p.ts),
u AS (SELECT user_id, max(level) AS level FROM (SELECT DISTINCT user_id, 1 AS level FROM p1 UNION ALL SELECT DISTINCT user_id, 2 FROM p2
      UNION ALL SELECT DISTINCT user_id, 3 FROM p3 UNION ALL SELECT DISTINCT user_id, 4 FROM p4) GROUP BY 1)
SELECT channel, count(*) AS u1, count(*) FILTER (level >= 2) AS u2, count(*) FILTER (level >= 3) AS u3, count(*) FILTER (level >= 4) AS u4,
       count(ms) AS u5, list(ms ORDER BY ms)[(count(ms) * 5 + 9) // 10] AS p50_ms, list(ms ORDER BY ms)[(count(ms) * 9 + 9) // 10] AS p90_ms
FROM u JOIN ft USING (user_id) LEFT JOIN took USING (user_id) GROUP BY 1
