WITH l AS (SELECT list_sort(list(epoch_us(ts))) AS t FROM {events} GROUP BY anonymous_id),
s AS (SELECT unnest(list_filter(t, lambda x, i: i = 1 OR x - t[i-1] > 1800000000)) AS t FROM l)
SELECT make_timestamp(t)::DATE AS day, count(*) AS sessions FROM s GROUP BY 1
