#!/usr/bin/env python3
"""A made-up shop's event log, the same on every machine: `shop_log.py --events 10_000_000 --out FOLDER`.

Users are Zipf-Mandelbrot weighted, fifty events each on average, over 90 days from 2026-01-01. Each visit has a channel,
a device and a depth (browse, product, cart, checkout, payment, order); gaps within it are log-normal with 1 % pauses, so that
sessions are not simply the generator's visits; a quarter of the checkouts go on with a cart of an earlier visit; 3 % of
the events arrive minutes to days late.

Written are, as Parquet:

  clustered/  sorted by (user_id, ts), as somebody who asks about people would keep them: what the peers read
  arrival/    the same rows in the order of received_at: what an append log looks like, and what is imported
  late/       10,000 more events, of the same people and a day later: one more commit

Three rules make the questions the same for every engine. Instants are whole milliseconds, which is what Tributary keeps,
and (user_id, ts) is unique. `channel` is constant over a session (events of one device without a gap of more than 30
minutes) and `campaign` stands on its first event alone, as a page address carries it. All amounts are of one currency.
"""
import argparse
import json
import os
import shutil

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from columns import Rolling, amounts, coded, device_ids, fixed_texts, mixed, numbered, uuids

SEED = 7
DAYS = 90
TYPES = ["page_view", "product_view", "add_to_cart", "checkout_started",
         "payment_info", "order_completed", "ad_click", "ad_impression"]
PAGE, PRODUCT, CART, CHECKOUT, PAYMENT, ORDER, CLICK, IMPRESSION = range(8)
CHANNELS = ["direct", "organic_search", "paid_search", "paid_social", "email", "referral", "affiliate", "display"]
CHANNEL_SHARES = np.array([.22, .24, .18, .16, .08, .05, .04, .03])
PAID = np.array([0, 0, 1, 1, 0, 0, 0, 1], bool)
SITES = ["site%02d.example" % i for i in range(20)]
SITE_WEIGHTS = 1 / (np.arange(len(SITES)) + 1.0)
SOURCES = [  # by channel: sources and their shares
    (["(direct)"], [1.0]),
    (["google", "bing", "duckduckgo"], [.86, .09, .05]),
    (["google_ads", "microsoft_ads"], [.85, .15]),
    (["meta", "tiktok"], [.7, .3]),
    (["klaviyo"], [1.0]),
    (SITES, list(SITE_WEIGHTS / SITE_WEIGHTS.sum())),
    (["awin", "partnerize"], [.6, .4]),
    (["dv360", "criteo"], [.5, .5]),
]
PLAIN_CAMPAIGNS = {0: "(direct)", 1: "(organic)", 5: "(referral)"}  # of channels without campaigns of their own
CAMPAIGN_COUNTS = {2: 40, 3: 30, 4: 12, 6: 10, 7: 15}
CAMPAIGN_WORDS = ["brand", "prospecting", "retarget", "spring", "vip"]
EPOCH_MS = int(np.datetime64("2026-01-01", "ms").astype(np.int64))
HOUR_MS = 3_600_000
GAP_MS = 1_800_000
SESSIONS_PER_CHUNK = 120_000


class Names:
    """All sources and campaigns, and where those of a channel begin."""

    def __init__(self):
        self.sources, self.source_base = [], []
        for names, _ in SOURCES:
            self.source_base.append(len(self.sources))
            self.sources += names
        self.campaigns = list(PLAIN_CAMPAIGNS.values())
        self.campaign_base = {}
        for channel, count in CAMPAIGN_COUNTS.items():
            self.campaign_base[channel] = len(self.campaigns)
            words = (CAMPAIGN_WORDS[i % len(CAMPAIGN_WORDS)] for i in range(count))
            self.campaigns += ["%s_%s_%02d" % (CHANNELS[channel], word, i) for i, word in enumerate(words)]


def user_weights(count, rng):
    """How much each user comes; popularity is independent of the id."""
    weights = (np.arange(count) + max(count / 1000, 20.0)) ** -1.05
    rng.shuffle(weights)
    return weights / weights.sum()


def hour_weights():
    """How much happens in each hour of the 90 days."""
    days = np.arange(DAYS)
    by_day = (1 + .25 * days / DAYS) * np.array([1.0, 1.02, 1.0, .98, 1.05, 1.15, 1.2])[days % 7]
    by_hour = np.array([.35, .22, .15, .12, .13, .2, .4, .7, .95, 1.1, 1.2, 1.25,
                        1.3, 1.25, 1.2, 1.2, 1.25, 1.35, 1.5, 1.7, 1.8, 1.6, 1.1, .65])
    weights = (by_day[:, None] * by_hour[None, :]).ravel()
    return weights / weights.sum()


def traffic(rng, names, count):
    """Channel, source and campaign of each visit, as codes."""
    channel = rng.choice(len(CHANNELS), count, p=CHANNEL_SHARES)
    source, campaign = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for code, (own, shares) in enumerate(SOURCES):
        chosen = channel == code
        found = int(chosen.sum())
        source[chosen] = names.source_base[code] + rng.choice(len(own), found, p=shares)
        if code in CAMPAIGN_COUNTS:
            many = CAMPAIGN_COUNTS[code]
            drawn = np.minimum((many * rng.random(found) ** 2).astype(np.int64), many - 1)
            campaign[chosen] = names.campaign_base[code] + drawn
        else:
            campaign[chosen] = list(PLAIN_CAMPAIGNS).index(code)
    return channel, source, campaign


def depths(rng, users, channel):
    """How many events of each type every visit has. Two users in five are buyers, the others browse."""
    count = len(users)
    buyers = mixed(users.astype(np.uint64) * np.uint64(2654435761)) % np.uint64(10) < 4
    drawn = rng.random(count) / np.where(buyers, 1.75, .5)
    resumed = (drawn < .24) & (rng.random(count) < .25)
    paid = PAID[channel]
    counts = np.zeros((count, len(TYPES)), np.int32)
    counts[:, PAGE] = rng.geometric(1 / 4.8, count)
    counts[:, PRODUCT] = np.where((drawn < .72) & ~resumed, 1 + rng.poisson(1.87, count), 0)
    counts[:, CART] = np.where((drawn < .40) & ~resumed, 1 + rng.poisson(.88, count), 0)
    counts[:, CHECKOUT], counts[:, PAYMENT], counts[:, ORDER] = drawn < .24, drawn < .16, drawn < .12
    counts[:, CLICK] = paid & (rng.random(count) < .65)
    counts[:, IMPRESSION] = np.where(paid, rng.poisson(.54, count), 0)
    return counts


def unfolded(rng, counts):
    """Visit and type of each event, visit by visit, each in the order of a visit."""
    visits, types, places = [], [], []
    for code in range(len(TYPES)):
        many = counts[:, code]
        visit = np.repeat(np.arange(len(counts)), many)
        within = np.arange(len(visit)) - np.repeat(np.cumsum(many) - many, many)
        drawn = rng.random(len(visit))
        if code == PAGE:
            place = np.where(within == 0, 0.0, .01 + drawn * 1.15)
        elif code == PRODUCT:
            place = .05 + drawn * .75
        elif code == CART:
            place = .3 + drawn * .55
        else:
            place = {CHECKOUT: .9, PAYMENT: .95, ORDER: 1.0, CLICK: -1.0, IMPRESSION: -2.0}[code] + drawn * .001
        visits.append(visit)
        types.append(np.full(len(visit), code, np.int8))
        places.append(place)
    visit, kind, place = map(np.concatenate, (visits, types, places))
    order = np.lexsort((place, visit))
    return visit[order], kind[order]


def instants(rng, visit, users, hours):
    """Milliseconds of each event: a start for every visit, then gaps; 1 % of them are pauses of up to four hours."""
    count = len(visit)
    start = EPOCH_MS + rng.choice(len(hours), len(users), p=hours).astype(np.int64) * HOUR_MS
    start += rng.integers(0, HOUR_MS, len(users))
    gap = np.minimum(np.exp(rng.normal(np.log(22), 1.1, count)), 1500.0)
    pauses = rng.random(count) < .01
    gap[pauses] = rng.uniform(1800, 14400, int(pauses.sum()))
    gap_ms = (gap * 1000).astype(np.int64)
    first = np.r_[True, visit[1:] != visit[:-1]]
    gap_ms[first] = 0
    sums = np.cumsum(gap_ms)
    return start[visit] + sums - sums[first][visit]


def unique_within(users, ts):
    """Moves instants that are not after their user's last one a millisecond behind it."""
    while True:
        behind = np.flatnonzero((users[1:] == users[:-1]) & (ts[1:] <= ts[:-1])) + 1
        if not len(behind):
            return
        ts[behind] = ts[behind - 1] + 1


def session_starts(users, devices, ts):
    """For each event, the position of the first event of its session: one device, no gap of more than 30 minutes."""
    order = np.lexsort((ts, devices, users))
    user, device, at = users[order], devices[order], ts[order]
    starts = np.r_[True, (user[1:] != user[:-1]) | (device[1:] != device[:-1]) | (at[1:] - at[:-1] > GAP_MS)]
    place = np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
    first = np.empty(len(order), np.int64)
    first[order] = order[place]
    return first


def delays(rng, count):
    """Milliseconds until each event arrives: seconds, for 2.5 % hours and for half a percent days."""
    delay = (rng.exponential(2.0, count) * 1000).astype(np.int64)
    drawn = rng.random(count)
    late, very_late = (drawn < .03) & (drawn >= .005), drawn < .005
    delay[late] = (rng.uniform(60, 6 * 3600, int(late.sum())) * 1000).astype(np.int64)
    delay[very_late] = (rng.uniform(6 * 3600, 3 * 86400, int(very_late.sum())) * 1000).astype(np.int64)
    return delay


def chunk(rng, names, users, user_device, hours, orders_before):
    """All events of some users' visits, sorted by (user, ts), and how many orders there are among them."""
    channel, source, campaign = traffic(rng, names, len(users))
    usual = rng.random(len(users)) < .8
    device = np.where(usual, user_device[users], rng.choice(3, len(users), p=[.6, .35, .05]))
    visit, kind = unfolded(rng, depths(rng, users, channel))
    ts = instants(rng, visit, users, hours)
    order = np.lexsort((ts, users[visit]))
    visit, kind, ts = visit[order], kind[order], ts[order]
    user, count = users[visit], len(visit)
    unique_within(user, ts)
    first = session_starts(user, device[visit], ts)
    landing = first == np.arange(count)
    origin = visit[first]
    ids = rng.integers(0, 256, (count, 16), np.uint8)
    is_order = kind == ORDER
    cents, number = np.zeros(count, np.int64), np.zeros(count, np.int64)
    found = int(is_order.sum())
    cents[is_order] = np.clip(np.exp(rng.normal(np.log(5500), .75, found)), 500, 500_000).astype(np.int64)
    number[is_order] = orders_before + np.arange(found)
    order_ids = pc.if_else(pa.array(is_order), fixed_texts(numbered("ord_", number, 10)), pa.scalar(None, pa.string()))
    # UTC without saying so, in the unit that every engine is at home with; the digits below the millisecond are zero.
    instant = pa.timestamp("us")
    return pa.table({
        "event_id": uuids(ids),
        "ts": pa.array(ts * 1000).cast(instant),
        "received_at": pa.array((ts + delays(rng, count)) * 1000).cast(instant),
        "user_id": fixed_texts(numbered("u", user, 7)),
        "anonymous_id": device_ids(user, device[visit]),
        "event_type": coded(TYPES, kind),
        "channel": coded(CHANNELS, channel[origin]),
        "source": coded(names.sources, source[origin]),
        "campaign": coded(names.campaigns, campaign[origin], null=~landing),
        "order_id": order_ids,
        "revenue": amounts(cents, is_order),
    }), found


def write_clustered(folder, events):
    """The log by (user_id, ts)."""
    users = events // 50
    rng = np.random.default_rng(SEED)
    names, weights = Names(), user_weights(users, rng)
    user_device, hours = rng.choice(3, users, p=[.62, .33, .05]), hour_weights()
    visits = rng.multinomial(int(events / 7.8), weights)
    before = np.cumsum(visits)
    out, low, done, orders = Rolling(folder), 0, 0, 0
    while low < users and done < events:
        high = max(low + 1, int(np.searchsorted(before, (before[low - 1] if low else 0) + SESSIONS_PER_CHUNK)))
        chosen = np.repeat(np.arange(low, min(high, users)), visits[low:high])
        if len(chosen):
            table, found = chunk(rng, names, chosen, user_device, hours, orders)
            table = table.slice(0, min(table.num_rows, events - done))
            out.add(table)
            done, orders = done + table.num_rows, orders + found
        low = high
    out.close()
    return done


def write_arrival(out, threads):
    """The same rows in the order in which they arrived."""
    writer = Rolling(out + "/arrival")
    with duckdb.connect() as con:
        con.execute("SET threads = %d; SET memory_limit = '8GB'; SET temp_directory = '%s/tmp'" % (threads, out))
        rows = con.sql("SELECT * FROM read_parquet('%s/clustered/*.parquet') ORDER BY received_at, event_id" % out)
        for batch in rows.to_arrow_reader(200_000):
            writer.add(pa.Table.from_batches([batch]))
    writer.close()
    shutil.rmtree(out + "/tmp", ignore_errors=True)


def write_late(out):
    """10,000 events that come a day after the last of the log: those of it whose ids are least, told again anew."""
    os.makedirs(out + "/late")
    with duckdb.connect() as con:
        con.execute("""COPY (
          SELECT 'late-' || event_id AS event_id, ts + INTERVAL 1 DAY AS ts, received_at + INTERVAL 5 DAY AS received_at, user_id,
                 anonymous_id, event_type, channel, source, campaign, 'late_' || order_id AS order_id, revenue
          FROM (SELECT * FROM read_parquet('%s/clustered/*.parquet') ORDER BY event_id LIMIT 10000) ORDER BY received_at, event_id
        ) TO '%s/late/part-000.parquet' (FORMAT parquet)""" % (out, out))


def write(out, events, threads=2):
    """Writes the log into the folder `out`, once: a complete one is left alone."""
    if os.path.exists(out + "/log.json"):
        return
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    done = write_clustered(out + "/clustered", events)
    write_arrival(out, threads)
    write_late(out)
    with open(out + "/log.json", "w") as file:
        json.dump({"events": done, "seed": SEED, "days": DAYS}, file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=lambda text: int(text.replace("_", "")), default=10_000_000)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    write(arguments.out, arguments.events)
