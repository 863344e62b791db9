-- As q1. A user's time to convert is that of the first purchase which ends a chain, from the first product view not more
-- than 7 days before it.
WITH ft AS (SELECT user_id, first_value(channel ORDER BY ts) AS channel FROM {events} GROUP BY user_id),
e AS (SELECT user_id, ts, event_type FROM {events}
           WHERE event_type IN ('product_view','add_to_cart','checkout_started','payment_info','order_completed')),
a AS (SELECT *, max(CASE WHEN event_type='product_view' THEN ts END) OVER (PARTITION BY user_id ORDER BY ts ROWS UNBOUNDED PRECEDING) AS s1 FROM e),
b AS (SELECT *, max(CASE WHEN event_type='add_to_cart' AND ts <= s1 + INTERVAL '7 days' THEN s1 END) OVER (PARTITION BY user_id ORDER BY ts ROWS UNBOUNDED PRECEDING) AS s2 FROM a),
c AS (SELECT *, max(CASE WHEN event_type='checkout_started' AND ts <= s2 + INTERVAL '7 days' THEN s2 END) OVER (PARTITION BY user_id ORDER BY ts ROWS UNBOUNDED PRECEDING) AS s3 FROM b),
d AS (SELECT *, max(CASE WHEN event_type='payment_info' AND ts <= s3 + INTERVAL '7 days' THEN s3 END) OVER (PARTITION BY user_id ORDER BY ts ROWS UNBOUNDED PRECEDING) AS s4 FROM c),
u AS (SELECT user_id, count(s1) AS n1, count(s2) AS n2, count(s3) AS n3, count(s4) AS n4,
             min(CASE WHEN event_type='order_completed' AND ts <= s4 + INTERVAL '7 days' THEN ts END) AS done FROM d GROUP BY user_id),
took AS (SELECT u.user_id, (arrow_cast(min(u.done), 'Int64') - arrow_cast(min(e.ts), 'Int64')) / 1000 AS ms FROM u JOIN e ON u.user_id = e.user_id
         WHERE e.event_type = 'product_view' AND e.ts >= u.done - INTERVAL '7 days' AND e.ts <= u.done GROUP BY u.user_id)
SELECT ft.channel, sum(CASE WHEN n1 > 0 THEN 1 ELSE 0 END) AS u1, sum(CASE WHEN n2 > 0 THEN 1 ELSE 0 END) AS u2, sum(CASE WHEN n3 > 0 THEN 1 ELSE 0 END) AS u3,
       sum(CASE WHEN n4 > 0 THEN 1 ELSE 0 END) AS u4, count(ms) AS u5,
       array_element(array_agg(ms ORDER BY ms) FILTER (WHERE ms IS NOT NULL), (count(ms) * 5 + 9) / 10) AS p50_ms,
       array_element(array_agg(ms ORDER BY ms) FILTER (WHERE ms IS NOT NULL), (count(ms) * 9 + 9) / 10) AS p90_ms
FROM u JOIN ft ON u.user_id = ft.user_id LEFT JOIN took ON took.user_id = u.user_id WHERE n1 > 0 GROUP BY 1
