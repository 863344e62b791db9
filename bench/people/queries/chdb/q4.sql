-- One scan: arrays of touches and orders for each user; for each order the touches of its last 30 days. Linear shares are
-- whole cents and millionths, what is left over goes to the earlier touches.
WITH 2592000000000 AS w
SELECT c.1 AS campaign, sum(c.2) AS last_orders, sum(c.2 * cents) / 100 AS last_revenue, sum(c.3) / 1000000 AS linear_orders, sum(c.4) / 100 AS linear_revenue
FROM (
  SELECT o.2 AS cents, arrayFilter(x -> x.1 <= o.1 AND x.1 >= o.1 - w, touches).2 AS f, if(empty(f), ['(direct)'], f) AS cs, length(cs) AS n,
         arrayJoin(arrayMap((x, i) -> (x, i = n, intDiv(1000000, n) + (i <= 1000000 % n), intDiv(cents, n) + (i <= cents % n)), cs, arrayEnumerate(cs))) AS c
  FROM (SELECT arraySort(groupArrayIf((t, touch), touch <> '')) AS touches, arrayJoin(groupArrayIf((t, cents), is_order)) AS o
        FROM (SELECT user_id, toUnixTimestamp64Micro(ts) AS t, ifNull(nullIf(campaign::Nullable(String), '(direct)'), '') AS touch,
                     event_type = 'order_completed' AS is_order, toInt64(ifNull(revenue, 0) * 100) AS cents
              FROM {events} WHERE event_type = 'order_completed' OR touch <> '')
        GROUP BY user_id))
GROUP BY campaign
