-- One pass for each device: sort, carry the session's start forward with arrayFill, emit only starts and orders.
SELECT toDate(toDateTime(intDiv(z.2, 1000000), 'UTC')) AS day, z.3 AS channel, countIf(z.1) AS sessions, countIf(z.4 > 0) AS orders, sum(z.4) AS revenue
FROM (SELECT arraySort(groupArray((toUnixTimestamp64Micro(ts), channel, ifNull(revenue, 0)))) AS a,
             arrayMap((d, i) -> i = 1 OR d > 1800000000, arrayDifference(a.1), arrayEnumerate(a)) AS is_new,
             arrayFill((x, n) -> n, a, is_new) AS st,
             arrayJoin(arrayFilter(y -> y.1 OR y.4 > 0, arrayMap((s, n, x) -> (n, s.1, s.2, x.3), st, is_new, a))) AS z
      FROM {events} GROUP BY anonymous_id)
GROUP BY day, channel
