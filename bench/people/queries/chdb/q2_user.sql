SELECT toDate(toDateTime(intDiv(t, 1000000), 'UTC')) AS day, count() AS sessions
FROM (SELECT arraySort(groupArray((cityHash64(anonymous_id), toUnixTimestamp64Micro(ts)))) AS a, a.1 AS k, a.2 AS ts_,
        arrayJoin(arrayFilter((x, d, e) -> d > 1800000000 OR d = 0 OR e != 0, ts_, arrayDifference(ts_), arrayDifference(k))) AS t
      FROM {events} GROUP BY user_id)
GROUP BY day
