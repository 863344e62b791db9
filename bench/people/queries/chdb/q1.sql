SELECT step, countIf(lvl >= step) AS units
FROM (SELECT windowFunnel(604800000000)(toUInt64(toUnixTimestamp64Micro(ts)), event_type = 'product_view', event_type = 'add_to_cart',
             event_type = 'checkout_started', event_type = 'payment_info', event_type = 'order_completed') AS lvl
      FROM {events} WHERE event_type IN ('product_view','add_to_cart','checkout_started','payment_info','order_completed') GROUP BY user_id)
ARRAY JOIN [1, 2, 3, 4, 5] AS step GROUP BY step
