WITH o AS (SELECT order_id, user_id, ts, CAST(revenue AS DOUBLE) AS revenue FROM {sorted} WHERE event_type = 'order_completed'),
t AS (SELECT user_id, ts, campaign FROM {sorted} WHERE campaign IS NOT NULL AND campaign <> '(direct)'),
j AS (SELECT o.order_id, o.revenue, t.campaign, t.ts FROM o JOIN t ON o.user_id = t.user_id AND t.ts <= o.ts AND t.ts >= o.ts - INTERVAL '30 days'),
n AS (SELECT order_id, count(*) AS n, max(ts) AS last_ts FROM j GROUP BY order_id),
untouched AS (SELECT count(*) AS orders, coalesce(sum(o.revenue), 0) AS revenue FROM o LEFT ANTI JOIN n ON o.order_id = n.order_id)
SELECT campaign, sum(a) AS last_orders, sum(b) AS last_revenue, sum(c) AS linear_orders, sum(d) AS linear_revenue FROM (
  SELECT j.campaign, sum(CASE WHEN j.ts = n.last_ts THEN 1 ELSE 0 END) AS a, sum(CASE WHEN j.ts = n.last_ts THEN j.revenue ELSE 0 END) AS b,
         sum(1.0 / n.n) AS c, sum(j.revenue / n.n) AS d FROM j JOIN n ON j.order_id = n.order_id GROUP BY 1
  UNION ALL SELECT '(direct)', orders, revenue, orders AS c, revenue AS d FROM untouched WHERE orders > 0)
GROUP BY 1
