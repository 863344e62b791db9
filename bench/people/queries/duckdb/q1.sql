-- A chain of ASOF joins: each event of a step takes the entry of the latest event of the step before it.
WITH p1 AS (SELECT user_id, ts FROM {events} WHERE event_type = 'product_view'),
p2 AS (SELECT e.user_id, e.ts, p.ts AS entry FROM (SELECT user_id, ts FROM {events} WHERE event_type = 'add_to_cart') e
       ASOF JOIN p1 p ON e.user_id = p.user_id AND e.ts >= p.ts WHERE e.ts <= p.ts + INTERVAL 7 DAY),
p3 AS (SELECT e.user_id, e.ts, p.entry FROM (SELECT user_id, ts FROM {events} WHERE event_type = 'checkout_started') e
       ASOF JOIN p2 p ON e.user_id = p.user_id AND e.ts >= p.ts WHERE e.ts <= p.entry + INTERVAL 7 DAY),
p4 AS (SELECT e.user_id, e.ts, p.entry FROM (SELECT user_id, ts FROM {events} WHERE event_type = 'payment_info') e
       ASOF JOIN p3 p ON e.user_id = p.user_id AND e.ts >= p.ts WHERE e.ts <= p.entry + INTERVAL 7 DAY),
p5 AS (SELECT e.user_id FROM (SELECT user_id, ts FROM {events} WHERE event_type = 'order_completed') e
       ASOF JOIN p4 p ON e.user_id = p.user_id AND e.ts >= p.ts WHERE e.ts <= p.entry + INTERVAL 7 DAY)
SELECT 1 AS step, count(DISTINCT user_id) AS units FROM p1 UNION ALL SELECT 2, count(DISTINCT user_id) FROM p2
UNION ALL SELECT 3, count(DISTINCT user_id) FROM p3 UNION ALL SELECT 4, count(DISTINCT user_id) FROM p4
UNION ALL SELECT 5, count(DISTINCT user_id) FROM p5 ORDER BY 1
