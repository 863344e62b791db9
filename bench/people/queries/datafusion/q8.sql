SELECT CAST(ts AS DATE) AS day, channel, sum(revenue) AS revenue FROM {events}
WHERE event_type = 'order_completed' AND ts >= TIMESTAMP '{since}' GROUP BY 1, 2
