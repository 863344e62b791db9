SELECT ts::DATE AS day, count(DISTINCT user_id) AS people FROM {events} GROUP BY 1
