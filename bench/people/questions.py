"""The questions as Tributary is asked them, and when two engines' answers are the same.

An answer is compared as rows of plain values, sorted: days as texts, counts and money in whole cents as integers, times in
milliseconds. Everything must be equal, with two exceptions. Linear credit Tributary and ClickHouse share out in whole cents
and millionths of an order, and the other engines in floats. And Q7: Tributary names a person's row by the channel of the
first matched event of the best chain, the peers by that of the person's first event, which costs them no less; so what must
be equal is how many people reached each step, all channels together.
"""

QUESTIONS = ["q1", "q2", "q3", "q4", "q6", "q7", "q8"]
TITLES = {
    "q1": "funnel of 5 steps in 7 days, people at each step",
    "q2": "sessions of each day, 30 minutes, by device",
    "q3": "sessions, orders and revenue by the session's day and channel",
    "q4": "last-non-direct and linear credit of each campaign, 30 days",
    "q6": "people seen on each day",
    "q7": "the funnel by channel, with median and p90 time to convert",
    "q8": "revenue of each day and channel, last 30 days",
}
# First instant of the last 30 days of the log.
SINCE = "2026-03-02"

OURS = {
    "q1": "SELECT step, units FROM funnel('bench')",
    "q2": "SELECT period, sessions FROM session_series(grain => 'day', zone => 'UTC')",
    "q3": "SELECT period, breakdown, sessions, purchases, value"
          " FROM session_series(grain => 'day', by => 'channel', zone => 'UTC')",
    "q4": "SELECT breakdown,"
          " sum(CASE WHEN policy = 'house' THEN orders ELSE 0 END), sum(CASE WHEN policy = 'house' THEN value ELSE 0 END),"
          " sum(CASE WHEN policy = 'house_linear' THEN orders ELSE 0 END),"
          " sum(CASE WHEN policy = 'house_linear' THEN value ELSE 0 END)"
          " FROM credit_series(by => 'campaign') GROUP BY breakdown",
    "q6": "SELECT period, people FROM active_people(grain => 'day', zone => 'UTC')",
    "q7": "SELECT breakdown, step, units, p50_ms, p90_ms FROM funnel('bench', by => 'channel')",
    "q8": "SELECT period, channel, value FROM metric('net_revenue', grain => 'day', by => 'channel',"
          " from => '%s', zone => 'UTC')" % SINCE,
}

# What no campaign brought, in the words of the log.
UNATTRIBUTED = {"(unattributed)": "(direct)"}
# Our channels in the words of the log.
CHANNELS = {
    "Direct": "direct", "Organic Search": "organic_search", "Paid Search": "paid_search", "Paid Social": "paid_social",
    "Email": "email", "Referral": "referral", "Affiliates": "affiliate", "Display": "display",
}
STEPS = 5
# Engines whose linear credit is of floats, and how far it may be from shares in whole cents: a thousandth, and a cent.
FLOAT_CREDIT = {"duckdb", "duckdb_parquet", "polars", "datafusion"}
RELATIVE_TOLERANCE = 1e-3
LINEAR_COLUMNS = {3, 4}


def _count(value):
    return int(value or 0)


def _cents(value):
    return round(float(value or 0) * 100)


def _day(value):
    return str(value)[:10]


def _channel(value):
    return CHANNELS.get(value, value)


def _reached(rows, ours):
    """People at each step, all channels together. Ours has a row for each channel and step, the others one for each channel."""
    if ours:
        return [tuple(sum(_count(row[2]) for row in rows if int(row[1]) == step + 1) for step in range(STEPS))]
    return [tuple(sum(_count(row[step + 1]) for row in rows) for step in range(STEPS))]


def _row(question, row):
    if question == "q1":
        return int(row[0]), _count(row[1])
    if question in ("q2", "q6"):
        return _day(row[0]), _count(row[1])
    if question == "q3":
        return _day(row[0]), _channel(row[1]), _count(row[2]), _count(row[3]), _cents(row[4])
    if question == "q4":
        campaign = UNATTRIBUTED.get(row[0], row[0])
        return campaign, round(float(row[1])), _cents(row[2]), round(float(row[3]) * 1e6), _cents(row[4])
    return _day(row[0]), _channel(row[1]), _cents(row[2])


def _names(value):
    return isinstance(value, str)


def plain(question, rows, ours):
    """An answer as sorted rows of plain values, without rows that say nothing but zero."""
    if question == "q7":
        return _reached(rows, ours)
    keys = 1 if question == "q1" else 0
    read = (_row(question, row) for row in rows)
    return sorted(row for row in read if any(value for value in row[keys:] if not _names(value)))


def _near(a, b):
    return abs(a - b) <= RELATIVE_TOLERANCE * max(abs(a), abs(b)) + 1


def difference(question, engine, answer, expected):
    """What an engine answers otherwise, as text; None where nothing."""
    if len(answer) != len(expected):
        only = sorted(set(answer) ^ set(expected))[:1]
        return "%d rows, expected %d; such as %s" % (len(answer), len(expected), only)
    near = LINEAR_COLUMNS if question == "q4" and engine in FLOAT_CREDIT else set()
    for row, other in zip(answer, expected):
        pairs = enumerate(zip(row, other))
        if len(row) != len(other) or any(a != b and not (place in near and _near(a, b)) for place, (a, b) in pairs):
            return "%s, expected %s" % (row, other)
    return None
