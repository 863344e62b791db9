-- One scan: a sorted array for each user; the latest entry of each step is carried forward with arrayFill. A user's time to
-- convert is that of the first purchase which ends a chain, from the first product view not more than 7 days before it.
WITH 604800000000 AS w
SELECT channel, count() AS u1, countIf(r2) AS u2, countIf(r3) AS u3, countIf(r4) AS u4, countIf(done > 0) AS u5,
  (arraySort(groupArrayIf(ms, done > 0)) AS took)[intDiv(u5 * 5 + 9, 10)] AS p50_ms, took[intDiv(u5 * 9 + 9, 10)] AS p90_ms
FROM (SELECT channel, r2, r3, r4, done, intDiv(done - arrayFirst((at, step) -> step = 1 AND at >= done - w, t, kk), 1000) AS ms
  FROM (SELECT argMin(channel, ts) AS channel, arraySort(groupArrayIf((toUnixTimestamp64Micro(ts), k), k > 0)) AS a, a.1 AS t, a.2 AS kk,
          arrayFill(x -> x > 0, arrayMap((t, k) -> if(k = 1, t, 0), t, kk)) AS s1,
          arrayFill(x -> x > 0, arrayMap((t, k, s) -> if(k = 2 AND s > 0 AND t - s <= w, s, 0), t, kk, s1)) AS s2,
          arrayFill(x -> x > 0, arrayMap((t, k, s) -> if(k = 3 AND s > 0 AND t - s <= w, s, 0), t, kk, s2)) AS s3,
          arrayFill(x -> x > 0, arrayMap((t, k, s) -> if(k = 4 AND s > 0 AND t - s <= w, s, 0), t, kk, s3)) AS s4,
          s2[-1] > 0 AS r2, s3[-1] > 0 AS r3, s4[-1] > 0 AS r4,
          t[arrayFirstIndex((t, k, s) -> k = 5 AND s > 0 AND t - s <= w, t, kk, s4)] AS done
    FROM (SELECT user_id, ts, channel, transform(event_type, ['product_view','add_to_cart','checkout_started','payment_info','order_completed'], [1,2,3,4,5], 0) AS k FROM {events})
    GROUP BY user_id HAVING s1[-1] > 0))
GROUP BY channel
