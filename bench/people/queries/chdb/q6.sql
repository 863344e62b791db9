-- For each user its distinct days, then count.
SELECT day, count() AS people FROM (SELECT user_id, arrayJoin(groupUniqArray(toDate(ts))) AS day FROM {events} GROUP BY user_id) GROUP BY day
