WITH l AS (SELECT anonymous_id, list_sort(list((epoch_us(ts), channel))) AS t FROM {events} GROUP BY anonymous_id),
starts AS (SELECT anonymous_id, unnest(list_filter(t, lambda x, i: i = 1 OR x[1] - t[i-1][1] > 1800000000)) AS x FROM l),
st AS (SELECT anonymous_id, make_timestamp(x[1]) AS ts, x[2] AS channel FROM starts),
s AS (SELECT ts::DATE AS day, channel, count(*) AS sessions FROM st GROUP BY 1, 2),
o AS (SELECT st.ts::DATE AS day, st.channel, count(*) AS orders, sum(x.revenue) AS revenue
      FROM (SELECT anonymous_id, ts, revenue FROM {events} WHERE event_type = 'order_completed') x
      ASOF JOIN st ON x.anonymous_id = st.anonymous_id AND x.ts >= st.ts GROUP BY 1, 2)
SELECT s.day, s.channel, s.sessions, coalesce(o.orders, 0) AS orders, coalesce(o.revenue, 0) AS revenue
FROM s LEFT JOIN o USING (day, channel)
