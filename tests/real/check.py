"""Data that nobody here made, through mappings alone: every figure that must come out, to the last digit.

    python tests/real/check.py [--falsify] [SECTION …]

Needs the binary (TRIBUTARY_BIN, else target/debug/tributary) and DuckDB. The real files are looked for in
TRIBUTARY_REAL, else in ../shared/real beside the repository; where a folder is missing its section is skipped, and
fails under CI=true.
Prints a line for each check with its seconds; ends with 1 at the first wrong figure and says what differed.
With --falsify every expected set is altered in one figure after it was met, and must then be missed.
"""
import csv
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import duckdb

REPO = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("TRIBUTARY_BIN", str(REPO / "target/debug/tributary"))
REAL = Path(os.environ.get("TRIBUTARY_REAL", REPO.parent / "shared/real"))
MADE_UP = Path(__file__).resolve().parent / "made_up"
RETAIL = REPO / "examples/online_retail"
FALSIFY = "--falsify" in sys.argv


class Wrong(Exception):
    """A figure that is not what it must be."""


class Skipped(Exception):
    """A section whose data is not there."""


class Near:
    """A number that a figure must meet to nine digits: its own computation used floats."""

    def __init__(self, number):
        self.number = float(number)

    def __eq__(self, other):
        return other is not None and abs(float(other) - self.number) <= 1e-9 * abs(self.number)

    def __repr__(self):
        return f"about {self.number!r}"


class House:
    """A lake of its own, with the repository's configuration."""

    def __init__(self, folder, name):
        self.data, self.config, self.files = folder / name, folder / "config", folder / "files"
        self.files.mkdir(exist_ok=True)
        if not self.config.exists():
            shutil.copytree(REPO / "config", self.config)

    def run(self, *arguments, refused=False):
        """Standard output; with `refused` the command must fail, and what it says is given."""
        command = [BINARY, "--data", self.data, "--config", self.config, *arguments]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if refused != (done.returncode != 0):
            said = f"{' '.join(map(str, arguments))}"[:600] + "\n" + (done.stdout + done.stderr).strip()[:1200]
            raise Wrong(f"{'was not refused' if refused else 'failed'}: {said}")
        return done.stderr if refused else done.stdout

    def take(self, file, mapping, *more):
        """Imports a file; `mapping` is a name or a path."""
        return self.run("import", file, "--mapping", mapping, *more)

    def ask(self, sql):
        """Rows, decimals as Decimal."""
        answer = json.loads(self.run("sql", sql, "--format", "json"))
        exact = {"decimal": Decimal, "integer": int}
        readers = [exact.get(column["type"], lambda value: value) for column in answer["columns"]]
        return [[None if cell is None else read(cell) for read, cell in zip(readers, row)] for row in answer["rows"]]

    def outcomes(self, source):
        """Records by outcome."""
        sql = f"SELECT outcome, count(*) FROM facts.outcomes WHERE source = '{source}' GROUP BY outcome"
        return {outcome: (records,) for outcome, records in self.ask(sql)}


class Checks:
    """Says what was met, and when."""

    def __init__(self):
        self.done, self.at = 0, time.monotonic()

    def same(self, name, got, want):
        """Both are key → tuple of figures, or a tuple."""
        got, want = (given if isinstance(given, dict) else {"": given} for given in (got, want))
        wrong = differences(got, want)
        if wrong:
            raise Wrong(f"{name}: {len(wrong)} differ\n" + "\n".join(wrong[:10]))
        if FALSIFY and not differences(got, falsified(want)):
            raise Wrong(f"{name}: a false figure was not noticed")
        now = time.monotonic()
        print(f"{now - self.at:7.1f} s  {name}{' (and a false figure is noticed)' if FALSIFY else ''}", flush=True)
        self.done, self.at = self.done + 1, now


def differences(got, want):
    """Each key whose figures are not those that were wanted."""
    keys = sorted(got.keys() | want.keys(), key=str)
    wrong = [key for key in keys if not met(got.get(key), want.get(key))]
    return [f"  {key}: {got.get(key)}, expected {want.get(key)}" for key in wrong]


def met(got, want):
    """Figures equal one by one; a float never equals by chance, since none is compared but through Near."""
    if got is None or want is None or len(got) != len(want):
        return False
    return all(wanted == found for wanted, found in zip(want, got))


def falsified(want):
    """The same with one figure altered as little as the expected files can say."""
    key = sorted(want, key=str)[len(want) // 2]
    *others, last = want[key]
    if isinstance(last, Near):
        altered = Near(last.number * 1.000001)
    elif isinstance(last, (int, Decimal)):
        altered = last + Decimal("0.001") if isinstance(last, Decimal) else last + 1
    else:
        altered = f"{last}?"
    return {**want, key: (*others, altered)}


def real(folder):
    """A folder of real data."""
    found = REAL / folder
    if not found.is_dir():
        raise Skipped(f"no {REAL}/{folder}" if "TRIBUTARY_REAL" in os.environ else "no ../shared/real")
    return found


def table(path, *columns):
    """A CSV file: each row as a whole, and its named columns, as texts."""
    with open(path, newline="") as file:
        return [(row, [row[column] for column in columns]) for row in csv.DictReader(file)]


def mappings(checks, folder):
    """Every mapping of the repository is sound, and the tests in it pass."""
    house = House(folder, "mappings")
    found = sorted([*REPO.glob("config/mappings/*.yaml"), *RETAIL.glob("*.yaml"), *MADE_UP.glob("*.yaml")])
    for path in found:
        house.run("mapping", "check", path)
    checks.same("mapping check passes on all mappings", (len(found) >= 12,), (True,))


def made_up(checks, folder):
    """A German CSV file and nested JSON, written by hand together with what must come out."""
    house = House(folder, "made_up")
    house.take(MADE_UP / "bestellungen.csv", MADE_UP / "bestellungen.yaml")
    house.take(MADE_UP / "orders.json", MADE_UP / "orders.yaml")
    sql = (
        "SELECT order_id, currency, gross_sales, discounts, refunds, adjustments, net_revenue, shipping, tax, total, "
        "footing_gap, test, cancelled, property(properties, 'country') FROM orders"
    )
    rows = lambda: {row[0]: tuple(row[1:]) for row in house.ask(sql)}
    want = json.loads((MADE_UP / "expected.json").read_text(), parse_float=Decimal)
    orders = {key: tuple(row) for key, row in want["orders"].items()}
    checks.same("made up: orders by hand", rows(), orders)
    outcomes = {**house.outcomes("made_up_de"), "us": house.outcomes("made_up_us")["kept"]}
    checks.same("made up: outcomes", outcomes, {"kept": (4,), "quarantined": (1,), "us": (3,)})
    [reject] = house.ask("SELECT reason, message, fix FROM facts.rejects")
    checks.same("made up: a reject says what and where", (reject[0], "facts[0].order.lines[0].price" in reject[1]),
                ("malformed_field", True))
    days = {row[0]: (row[1],) for row in house.ask(
        "SELECT order_id, CAST(period_start(placed_at, 'day', 'Europe/Berlin') AS VARCHAR) FROM orders")}
    checks.same("made up: days in Berlin", days, {key: (day,) for key, day in want["days"].items()})
    persons = house.ask("SELECT count(DISTINCT person_id) FROM orders WHERE shop = 'made_up_de'")
    checks.same("made up: one address, two customer numbers, one person", tuple(persons[0]), (1,))
    checks.same("made up: no address in any fact", addresses(house), {"facts with an address": (0,), "notes": (2,)})
    mended = house.files / "mended.csv"
    text = (MADE_UP / "bestellungen.csv").read_bytes()
    head, row = text.split(b"\r\n")[:2], [line for line in text.split(b"\r\n") if line.startswith(b"B-1003")]
    mended.write_bytes(b"\r\n".join([*head, *row, b""]).replace(b";12.50;", b";12,50;"))
    house.take(mended, MADE_UP / "bestellungen.yaml")
    mended_orders = {key: tuple(row) for key, row in want["mended"].items()}
    checks.same("made up: the mended row comes in by another file", rows(), {**orders, **mended_orders})


def addresses(house):
    """Facts as another engine reads them: how many hold an address, and how many notes had one masked."""
    def count(sign, tables):
        holds = f"WHERE CAST(t AS VARCHAR) ILIKE '%{sign}%'"
        files = house.data.glob(f"facts/{tables}/**/*.parquet")
        counts = (duckdb.sql(f"SELECT count(*) FROM read_parquet('{path}') t {holds}") for path in files)
        return sum(found.fetchall()[0][0] for found in counts)

    clear = sum(count(sign, "*") for sign in ("gerda", "otto.geheim", "mail.example", "beispiel.example"))
    return {"facts with an address": (clear,), "notes": (count("<e-mail>", "order_versions"),)}


def excerpt(checks, folder):
    """The example of the README; the same content again, whatever its name and packing, changes nothing."""
    house = House(folder, "excerpt")
    lines, mapping = RETAIL / "lines.csv", RETAIL / "online_retail.yaml"
    house.take(lines, mapping)
    total = Decimal(0)
    rows = table(lines, "quantity", "unit_price")
    for _, (quantity, price) in rows:
        total += int(quantity) * Decimal(price)
    ask = "SELECT count(*), sum(net_revenue), sum(footing_gap) FROM orders"
    want = (len({row["invoice_no"] for row, _ in rows}), total, Decimal(0))
    checks.same("example: every line counts", tuple(house.ask(ask)[0]), want)
    before = house.outcomes("uk_retail")
    checks.same("example: outcomes", before, {"kept": (len(rows),)})
    house.take(lines, mapping)
    packed = house.files / "another name.bin"
    packed.write_bytes(gzip.compress(lines.read_bytes()[:40_000]) + gzip.compress(lines.read_bytes()[40_000:]))
    house.take(packed, mapping)
    checks.same("example: again, and packed under another name, adds nothing",
                {**house.outcomes("uk_retail"), "orders": tuple(house.ask(ask)[0])}, {**before, "orders": want})
    piece = House(folder, "piece")
    cut = piece.files / "piece.csv"
    cut.write_bytes(b"\n".join(lines.read_bytes().split(b"\n")[:701]))
    piece.take(cut, mapping)
    piece.take(lines, mapping)
    checks.same("example: the whole restates invoices of which a piece came before", tuple(piece.ask(ask)[0]), want)


# How the shop's figures are cut: the metrics' arguments and column, and the same of the table of orders.
CUTS = {
    "day": ("grain => 'day', ", "CAST(period AS VARCHAR)",
            "CAST(period_start(placed_at, 'day', 'Europe/London') AS VARCHAR)"),
    "month": ("grain => 'month', ", "substring(CAST(period AS VARCHAR), 1, 7)",
              "substring(CAST(period_start(placed_at, 'month', 'Europe/London') AS VARCHAR), 1, 7)"),
    "country": ("by => 'country', ", "country", "property(properties, 'country')"),
}


def retail_question():
    """All figures in one statement, so that the orders are folded once: cut, key, name and value of each."""
    selects = []
    for cut, (arguments, key, of_order) in CUTS.items():
        selects += [
            f"SELECT '{cut}' AS cut, {key} AS k, '{metric}' AS what, CAST(value AS DECIMAL(38, 6)) AS value "
            f"FROM metric('{metric}', {arguments}zone => 'Europe/London')" for metric in ("gross_sales", "refunds")]
        counts = {"orders": "count(*) FILTER (WHERE gross_sales > 0)", "customers": "count(DISTINCT customer)"}
        selects += [
            f"SELECT '{cut}', {of_order}, '{what}', CAST({count} AS DECIMAL(38, 6)) FROM bought GROUP BY {of_order}"
            for what, count in counts.items()]
    totals = {
        "orders": "count(*)", "sales": "count(*) FILTER (WHERE gross_sales > 0)",
        "customers": "count(DISTINCT customer)", "countries": "count(DISTINCT property(properties, 'country'))",
        "footing_gap": "max(abs(footing_gap))",
        **{measure: f"sum({measure})" for measure in ("gross_sales", "refunds", "adjustments", "net_revenue")}}
    selects += [
        f"SELECT 'total', '', '{what}', CAST({value} AS DECIMAL(38, 6)) FROM bought" for what, value in totals.items()]
    customers = "SELECT DISTINCT order_id, customer FROM facts.order_versions"
    bought = f"SELECT orders.*, customer FROM orders JOIN ({customers}) AS buyers ON orders.order_id = buyers.order_id"
    return f"WITH bought AS ({bought}) " + " UNION ALL ".join(selects)


def retail(checks, folder):
    """541,909 lines of a British shop."""
    source = real("uci_online_retail")
    house = House(folder, "retail")
    house.take(source / "lines.csv.gz", RETAIL / "online_retail.yaml")
    totals = json.loads((source / "expected_totals.json").read_text(), parse_float=Decimal)
    facts = totals["published_facts"]
    checks.same("retail: every line is kept", house.outcomes("uk_retail"), {"kept": (facts["rows"],)})
    figures = {}
    for cut, key, what, value in house.ask(retail_question()):
        figures.setdefault(cut, {}).setdefault(key, {})[what] = value
    shown = ("orders", "customers", "gross_sales", "refunds")
    cut_to = lambda rows: {key: tuple(found.get(what) for what in shown) for key, found in rows.items()}
    for cut in CUTS:
        rows = table(source / f"expected_by_{cut}.csv", *shown)
        want = {row["k"]: tuple(Decimal(figure) for figure in expected) for row, expected in rows}
        checks.same(f"retail: {', '.join(shown)} by {cut}", cut_to(figures[cut]), want)
    gross, back, net = totals["gross_sales"], totals["refunds_C"], facts["sum_quantity_x_price"]
    want = {"orders": facts["invoices"], "sales": totals["orders_positive"], "countries": facts["countries"],
            "customers": facts["customers"], "gross_sales": gross, "refunds": back, "adjustments": net - gross - back,
            "net_revenue": net, "footing_gap": 0}
    checks.same("retail: totals; net revenue is quantity × price of all lines",
                {what: (value,) for what, value in figures["total"][""].items()},
                {what: (Decimal(value),) for what, value in want.items()})
    house.take(source / "lines.csv.gz", RETAIL / "online_retail.yaml")
    checks.same("retail: the same file again changes nothing", house.outcomes("uk_retail"), {"kept": (facts["rows"],)})


def rates(checks, folder):
    """The European Central Bank's rates: 120 conversions of another program."""
    source = real("ecb_fx")
    house = House(folder, "rates")
    house.take(source / "ecb_reference_rates_since_2019.csv.gz", "ecb")
    cases = json.loads((source / "conversions.json").read_text())["cases"]
    rows = ", ".join(f"({at}, '{case['from']}', '{case['to']}', '{case['date']}')" for at, case in enumerate(cases))
    asked = ("SELECT at, CAST(exchange_rate(base, quote, CAST(day AS DATE)) AS VARCHAR) "
             f"FROM (VALUES {rows}) AS cases (at, base, quote, day)")
    got = {at: (float(rate) * cases[at]["amount"],) for at, rate in house.ask(asked)}
    checks.same(f"rates: {len(cases)} conversions", got, {at: (Near(case["result"]),) for at, case in enumerate(cases)})
    said = house.run("sql", "SELECT exchange_rate('USD', 'EUR', DATE '2018-12-31')", refused=True)
    checks.same("rates: before the first one there is none", ("USD" in said, "2018-12-31" in said), (True, True))
    house.take(RETAIL / "lines.csv", RETAIL / "online_retail.yaml")
    said = house.run("sql", "SELECT * FROM metric('gross_sales', currency => 'EUR')", refused=True)
    checks.same("rates: orders of 2010 have no answer in euros",
                ("GBP to EUR" in said, bool(re.search("for 201[01]-[0-9]{2}-[0-9]{2}", said))), (True, True))


GA4 = "FROM facts.events WHERE source = 'ga4_bigquery_export'"


def ga4(checks, folder):
    """Events of the Google Merchandise Store as GA4 exports them."""
    source = real("ga4_events")
    house = House(folder, "ga4")
    house.take(source / "ga4_events_sampled.parquet", "ga4_bigquery_export")
    want = json.loads((source / "expected_totals.json").read_text(), parse_float=Decimal)
    checks.same("ga4: every row is kept", house.outcomes("ga4_bigquery_export"), {"kept": (want["rows"],)})
    [got] = house.ask(f"SELECT count(*), count(DISTINCT device) {GA4}")
    checks.same("ga4: rows and users", tuple(got), (want["rows"], want["users"]))
    names = {name: (events,) for name, events in house.ask(f"SELECT event, count(*) {GA4} GROUP BY event")}
    checks.same("ga4: events by name", names, {name: (events,) for name, events in want["events_by_name"].items()})
    bought = want["purchases"]
    [got] = house.ask(
        "SELECT count(*), count(DISTINCT order_id), count(*) - count(order_id), sum(value), min(currency), "
        f"sum(CAST(property(properties, 'item_quantity') AS BIGINT)) {GA4} AND event = 'purchase'")
    figures = (bought[name] for name in ("events", "distinct_transaction_ids", "not_set_ids", "revenue_usd"))
    checks.same("ga4: purchases", tuple(got), (*figures, "USD", bought["items_quantity"]))
    got = house.ask("SELECT CAST(period_start(occurred_at, 'month', 'UTC') AS VARCHAR), count(*), sum(value) "
                    f"{GA4} AND event = 'purchase' GROUP BY 1")
    checks.same("ga4: purchases by month", {month.replace("-", "")[:6]: tuple(figures) for month, *figures in got},
                {month: tuple(figures) for month, figures in want["purchase_revenue_by_month"].items()})
    got = house.ask("SELECT property(properties, 'first_source'), property(properties, 'first_medium'), count(*) "
                    f"{GA4} GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 10")
    checks.same("ga4: first source and medium of users", {tuple(row[:2]): (row[2],) for row in got},
                {tuple(row[:2]): (row[2],) for row in want["traffic_source_medium_top"]})
    got = house.ask(
        "SELECT property(item, 'item_name'), sum(CAST(property(item, 'quantity') AS BIGINT)), "
        "sum(CAST(property(item, 'item_revenue_in_usd') AS DECIMAL(18, 6))) FROM (SELECT "
        f"unnest(property_list(properties, 'items')) AS item {GA4} AND event = 'purchase') "
        "GROUP BY 1 ORDER BY 3 DESC NULLS LAST, 1 LIMIT 10")
    checks.same("ga4: items by revenue", {row[0]: tuple(row[1:]) for row in got},
                {row[0]: tuple(row[1:]) for row in want["top_revenue_items"]})
    anew = house.files / "day written anew.json"
    duckdb.sql(f"COPY (SELECT * REPLACE (NULL AS user_ltv) FROM '{source}/ga4_events_sampled.parquet' "
               f"WHERE event_date = '20201201') TO '{anew}' (FORMAT json)")
    rows = len(anew.read_text().splitlines())
    house.take(anew, "ga4_bigquery_export")
    checks.same("ga4: a day written anew, in another format and with another column, adds nothing",
                house.outcomes("ga4_bigquery_export"), {"kept": (want["rows"],), "duplicate": (rows,)})
    rates_file = real("ecb_fx") / "ecb_reference_rates_since_2019.csv.gz"
    house.take(rates_file, "ecb")
    got = house.ask("SELECT CAST(day AS VARCHAR), sum(convert(CAST(value AS DECIMAL(38, 6)), 'USD', 'EUR', day)) "
                    "FROM (SELECT value, "
                    f"period_start(occurred_at, 'day', 'UTC') AS day {GA4} AND event = 'purchase') GROUP BY 1")
    checks.same("ga4: revenue in euros by day", {day: (euros,) for day, euros in got},
                euros_by_day(source / "ga4_events_sampled.parquet", rates_file))


def euros_by_day(events, rates_file):
    """The same by DuckDB: each purchase at the last rate of its day or before, rounded half to even at the cent."""
    rows = duckdb.sql(f"""
        WITH bought AS (SELECT CAST(make_timestamp(event_timestamp) AS DATE) AS day,
                CAST(ecommerce.purchase_revenue_in_usd AS DECIMAL(18, 6)) AS usd
            FROM '{events}' WHERE event_name = 'purchase'),
        rates AS (SELECT "Date" AS day, USD AS rate
            FROM read_csv('{rates_file}', types = {{'USD': 'DECIMAL(18, 6)'}}, nullstr = ['', 'N/A'])
            WHERE USD IS NOT NULL)
        SELECT bought.day, usd, rate FROM bought ASOF JOIN rates ON bought.day >= rates.day""").fetchall()
    days = {}
    for day, usd, rate in rows:
        cents = (usd / rate).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        days[str(day)] = (days.get(str(day), (Decimal(0),))[0] + cents,)
    return days


# Platform of the expected file, its table, what is said at the import.
REPORTS = {
    "google": ("google_ads", "google_ads_campaign_stats", ["--zone", "America/Los_Angeles", "--currency", "USD"]),
    "microsoft": ("microsoft_ads", "microsoft_ads_campaign_performance_daily_report",
                  ["--zone", "America/Los_Angeles"]),
    "facebook": ("meta_ads", "facebook_ads_basic_ad", ["--zone", "America/Los_Angeles", "--currency", "USD"]),
    "tiktok": ("tiktok_ads", "tiktok_campaign_report_hourly", ["--account", "1", "--zone", "Etc/GMT+5", "--currency", "USD"]),
    "pinterest": ("pinterest_ads", "pinterest_campaign_report", ["--zone", "America/New_York"]),
    "amazon": ("amazon_ads", "amazon_ads_campaign_level_report", ["--account", "66", "--zone", "America/Los_Angeles"]),
    "linkedin": ("linkedin_ads", "linkedin_ad_analytics_by_campaign", ["--account", "507515057", "--zone", "UTC"]),
}


def ads(checks, folder):
    """Cost by campaign (of Facebook by ad) and day from seven platforms' reports."""
    source = real("fivetran_ads")
    house = House(folder, "ads")
    for name, (_, report, said) in REPORTS.items():
        house.take(source / f"seeds/{report}_data.csv", f"fivetran_{name}_ads", *said)
    rows = house.ask("SELECT platform, CAST(on_day AS VARCHAR), entity_id, sum(impressions), sum(clicks), sum(cost) "
                     "FROM facts.costs GROUP BY platform, on_day, entity_id")
    for name, (platform, _, _) in REPORTS.items():
        got = {tuple(row[1:3]): tuple(row[3:]) for row in rows if row[0] == platform}
        want = {}
        for row, figures in table(source / f"expected_{name}_ads_daily.csv", "imp", "clk", "spend"):
            shown, clicks, spent = (figure or "0" for figure in figures)
            # The expected sums are those of floats; costs have six places.
            cost = Decimal(spent).quantize(Decimal("0.000001"))
            # A pull that leaves a row out says zero, so a row of zeros is none.
            if int(shown) or int(clicks) or cost:
                want[row["d"], row["campaign"]] = (int(shown), int(clicks), cost)
        checks.same(f"ads: {name} by entity and day", got, want)


SECTIONS = {"mappings": mappings, "made_up": made_up, "excerpt": excerpt, "rates": rates, "ga4": ga4, "ads": ads,
            "retail": retail}


def main():
    asked = [name for name in sys.argv[1:] if not name.startswith("--")] or list(SECTIONS)
    started, checks = time.monotonic(), Checks()
    with tempfile.TemporaryDirectory() as folder:
        for name in asked:
            try:
                SECTIONS[name](checks, Path(folder))
            except Skipped as missing:
                print(f"{name}: skipped: {missing}")
                if os.environ.get("CI") == "true":
                    raise Wrong(f"{name}: a skipped section is a failure under CI=true") from missing
    print(f"{checks.done} checks hold, {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        print(f"WRONG {wrong}", file=sys.stderr)
        sys.exit(1)
