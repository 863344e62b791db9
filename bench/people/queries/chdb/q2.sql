SELECT toDate(toDateTime(intDiv(t, 1000000), 'UTC')) AS day, count() AS sessions
FROM (SELECT arraySort(groupArray(toUnixTimestamp64Micro(ts))) AS a, arrayJoin(arrayFilter((x, d) -> d > 1800000000 OR d = 0, a, arrayDifference(a))) AS t
      FROM {events} GROUP BY anonymous_id)
GROUP BY day
