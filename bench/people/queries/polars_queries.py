"""The questions as Polars asks them: a function each, of the lazy frame of events, sorted by (user_id, ts), and the first day of
the last 30, which returns a lazy frame.
"""
from datetime import datetime

import polars as pl

STEPS = ["product_view", "add_to_cart", "checkout_started", "payment_info", "order_completed"]
WINDOW = pl.duration(days=7)
GAP = pl.duration(minutes=30)


def _chains(events):
    """s1 to s4: the latest entry of a chain that has reached the step, carried forward within each user."""
    steps = events.filter(pl.col("event_type").is_in(STEPS)).select("user_id", "ts", "event_type")
    kind = pl.col("event_type")
    steps = steps.with_columns(s1=pl.when(kind == STEPS[0]).then(pl.col("ts")).forward_fill().over("user_id"))
    for step in (1, 2, 3):
        entry = pl.col(f"s{step}")
        met = (kind == STEPS[step]) & (pl.col("ts") <= entry + WINDOW)
        steps = steps.with_columns(pl.when(met).then(entry).forward_fill().over("user_id").alias(f"s{step + 1}"))
    return steps.with_columns(converted=(kind == STEPS[4]) & (pl.col("ts") <= pl.col("s4") + WINDOW))


def _reached(chains):
    """u1 to u4: whether each user reached the step."""
    return [pl.col(f"s{step}").is_not_null().any().alias(f"u{step}") for step in range(1, 5)]


def q1(events, since):
    """Users that reached each step."""
    users = _chains(events).group_by("user_id").agg(*_reached(events), u5=pl.col("converted").fill_null(False).any())
    counts = users.select(*[pl.col(f"u{step}").sum() for step in range(1, 6)])
    return counts.unpivot(variable_name="step", value_name="units").with_columns(pl.col("step").str.slice(1).cast(pl.Int64))


def _starts(events, *columns):
    """The first event of each session. Only rows of another device than the row before them, and those behind a gap, can be
    one; the former say where the other device paused, and are compared with where their own did."""
    device, prior_device = pl.col("anonymous_id"), pl.col("anonymous_id").shift()
    rows = events.select(device, "ts", *columns, prior_device=prior_device, prior=pl.col("ts").shift())
    same = (pl.col("prior_device") == device).fill_null(False)
    behind_gap = pl.col("ts") > pl.col("prior") + GAP
    rows = rows.filter(~same | behind_gap).with_columns(same=same)
    switched = rows.filter(~pl.col("same"))
    pauses = switched.select(anonymous_id="prior_device", paused="prior").drop_nulls().sort("paused")
    back = switched.sort("ts").join_asof(pauses, left_on="ts", right_on="paused", by="anonymous_id",
                                         allow_exact_matches=False, check_sortedness=False)
    back = back.filter((pl.col("ts") > pl.col("paused") + GAP).fill_null(True))
    kept = ["anonymous_id", "ts", *columns]
    return pl.concat([rows.filter("same").select(kept), back.select(kept)])


def q2(events, since):
    """Sessions that start on each day."""
    return _starts(events).group_by(day=pl.col("ts").dt.date()).agg(sessions=pl.len())


def q3(events, since):
    """Sessions, orders and revenue by the day and channel with which the session starts."""
    starts = _starts(events, "channel")
    sessions = starts.group_by(day=pl.col("ts").dt.date(), channel="channel").agg(sessions=pl.len())
    placed = events.filter(pl.col("event_type") == STEPS[4]).select("anonymous_id", "ts", "revenue").sort("ts")
    begun = starts.select("anonymous_id", "channel", started="ts").sort("started")
    orders = placed.join_asof(begun, left_on="ts", right_on="started", by="anonymous_id", check_sortedness=False)
    sums = orders.group_by(day=pl.col("started").dt.date(), channel="channel").agg(orders=pl.len(), revenue=pl.col("revenue").sum())
    return sessions.join(sums, on=["day", "channel"], how="left").select("day", "channel", "sessions", "orders", "revenue")


def q4(events, since):
    """Orders and revenue that each campaign is credited with: all to the last touch, and in equal parts."""
    orders = events.filter(pl.col("event_type") == STEPS[4]).select("order_id", "user_id", "ts", pl.col("revenue").cast(pl.Float64))
    landed = pl.col("campaign").is_not_null() & (pl.col("campaign") != "(direct)")
    touches = events.filter(landed).select("user_id", "campaign", touched="ts")
    in_window = (pl.col("touched") <= pl.col("ts")) & (pl.col("touched") >= pl.col("ts") - pl.duration(days=30))
    pairs = orders.join(touches, on="user_id").filter(in_window).select("order_id", "touched", "campaign")
    paths = pairs.group_by("order_id").agg(n=pl.len(), last=pl.col("touched").max())
    known = orders.join(paths, on="order_id", how="left")
    credits = pairs.join(known.filter(pl.col("n").is_not_null()).select("order_id", "revenue", "n", "last"), on="order_id")
    credits = credits.with_columns(last=pl.col("touched") == pl.col("last"))
    by_campaign = credits.group_by("campaign").agg(
        last_orders=pl.col("last").sum().cast(pl.Float64), last_revenue=(pl.col("revenue") * pl.col("last")).sum(),
        linear_orders=(1.0 / pl.col("n")).sum(), linear_revenue=(pl.col("revenue") / pl.col("n")).sum())
    count, worth = pl.len().cast(pl.Float64), pl.col("revenue").sum()
    untouched = known.filter(pl.col("n").is_null()).select(
        campaign=pl.lit("(direct)"), last_orders=count, last_revenue=worth, linear_orders=count, linear_revenue=worth)
    return pl.concat([by_campaign, untouched])


def q6(events, since):
    """Users seen on each day."""
    return events.group_by(day=pl.col("ts").dt.date()).agg(people=pl.col("user_id").n_unique())


def q7(events, since):
    """Q1 by the channel of the user's first event, with the time to convert: from the first product view not more than 7 days
    before the first purchase that ends a chain, to that purchase."""
    first = (pl.col("user_id") != pl.col("user_id").shift()).fill_null(True)
    channel = events.filter(first).select("user_id", "channel")
    chains = _chains(events)
    done = chains.filter("converted").group_by("user_id").agg(done=pl.col("ts").min())
    views = chains.filter(pl.col("event_type") == STEPS[0]).select("user_id", "ts")
    entered = views.join(done, on="user_id").filter((pl.col("ts") >= pl.col("done") - WINDOW) & (pl.col("ts") <= pl.col("done")))
    took = entered.group_by("user_id").agg(ms=(pl.col("done").first() - pl.col("ts").min()).dt.total_milliseconds())
    users = chains.group_by("user_id").agg(*_reached(events)).join(took, on="user_id", how="left")
    users = users.join(channel, on="user_id").filter("u1")

    def rank(tenths):
        place = (pl.col("ms").count() * tenths + 9) // 10 - 1
        return pl.col("ms").drop_nulls().sort().get(place, null_on_oob=True)

    return users.group_by("channel").agg(
        *[pl.col(f"u{step}").sum() for step in range(1, 5)], u5=pl.col("ms").count(), p50_ms=rank(5), p90_ms=rank(9))


def q8(events, since):
    """Revenue of each day and channel."""
    placed = (pl.col("event_type") == STEPS[4]) & (pl.col("ts") >= datetime.fromisoformat(since))
    return events.filter(placed).group_by(pl.col("ts").dt.date().alias("day"), "channel").agg(revenue=pl.col("revenue").sum())
