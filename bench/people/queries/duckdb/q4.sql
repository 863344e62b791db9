-- No join of pairs: n = touches in the 30 days before an order; a touch's credit = the sum of revenue / n over the orders of
-- the 30 days after it.
WITH e AS (SELECT user_id, ts, event_type = 'order_completed' AS is_order, revenue::DOUBLE AS revenue, nullif(campaign, '(direct)') AS campaign
           FROM {events} WHERE event_type = 'order_completed' OR (campaign IS NOT NULL AND campaign <> '(direct)')),
a AS (SELECT *, count(campaign) OVER w AS n, last_value(campaign IGNORE NULLS) OVER w AS last_campaign FROM e
      WINDOW w AS (PARTITION BY user_id ORDER BY ts RANGE BETWEEN INTERVAL 30 DAY PRECEDING AND CURRENT ROW)),
b AS (SELECT *, sum(CASE WHEN is_order AND n > 0 THEN 1.0::DOUBLE / n END) OVER w AS credited_orders,
             sum(CASE WHEN is_order AND n > 0 THEN revenue / n END) OVER w AS credited FROM a
      WINDOW w AS (PARTITION BY user_id ORDER BY ts RANGE BETWEEN CURRENT ROW AND INTERVAL 30 DAY FOLLOWING)),
last AS (SELECT coalesce(last_campaign, '(direct)') AS campaign, count(*) AS orders, sum(revenue) AS revenue FROM a WHERE is_order GROUP BY 1),
linear AS (SELECT campaign, sum(credited_orders) AS orders, sum(credited) AS revenue FROM b
           WHERE campaign IS NOT NULL AND credited_orders IS NOT NULL GROUP BY 1
           UNION ALL SELECT campaign, orders, revenue FROM last WHERE campaign = '(direct)')
SELECT coalesce(last.campaign, linear.campaign) AS campaign, coalesce(last.orders, 0), coalesce(last.revenue, 0),
       coalesce(linear.orders, 0), coalesce(linear.revenue, 0)
FROM last FULL JOIN linear ON last.campaign = linear.campaign
