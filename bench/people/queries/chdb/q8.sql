SELECT toDate(ts) AS day, channel, sum(assumeNotNull(revenue)) AS revenue FROM {events}
WHERE event_type = 'order_completed' AND ts >= toDateTime64('{since}', 6, 'UTC') GROUP BY day, channel
