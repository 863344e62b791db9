-- The latest entry of a chain that has reached step k only grows with time, so a running maximum is exact.
WITH e AS (SELECT user_id, ts, event_type FROM {sorted}
           WHERE event_type IN ('product_view','add_to_cart','checkout_started','payment_info','order_completed')),
a AS (SELECT *, max(CASE WHEN event_type='product_view' THEN ts END) OVER (PARTITION BY user_id ORDER BY ts ROWS UNBOUNDED PRECEDING) AS s1 FROM e),
b AS (SELECT *, max(CASE WHEN event_type='add_to_cart' AND ts <= s1 + INTERVAL '7 days' THEN s1 END) OVER (PARTITION BY user_id ORDER BY ts ROWS UNBOUNDED PRECEDING) AS s2 FROM a),
c AS (SELECT *, max(CASE WHEN event_type='checkout_started' AND ts <= s2 + INTERVAL '7 days' THEN s2 END) OVER (PARTITION BY user_id ORDER BY ts ROWS UNBOUNDED PRECEDING) AS s3 FROM b),
d AS (SELECT *, max(CASE WHEN event_type='payment_info' AND ts <= s3 + INTERVAL '7 days' THEN s3 END) OVER (PARTITION BY user_id ORDER BY ts ROWS UNBOUNDED PRECEDING) AS s4 FROM c),
u AS (SELECT user_id, max(CASE WHEN event_type='order_completed' AND ts <= s4 + INTERVAL '7 days' THEN 5
                              WHEN s4 IS NOT NULL THEN 4 WHEN s3 IS NOT NULL THEN 3
                              WHEN s2 IS NOT NULL THEN 2 WHEN s1 IS NOT NULL THEN 1 ELSE 0 END) AS level
      FROM d GROUP BY user_id),
h AS (SELECT level, count(*) AS n FROM u GROUP BY level)
SELECT step, sum(CASE WHEN level >= step THEN n ELSE 0 END) AS units FROM h CROSS JOIN (VALUES (1),(2),(3),(4),(5)) AS s(step) GROUP BY step
