"""Loads the log into the peers' own storage, once: DuckDB tables in both orders, a ClickHouse MergeTree by (user_id, ts).

Run as a process of its own, `load.py FOLDER THREADS`, so that no engine's memory stays in the driver.
"""
import os
import shutil
import sys

COLUMNS = """event_id String, ts DateTime64(6, 'UTC'), received_at DateTime64(6, 'UTC'), user_id String, anonymous_id String,
  event_type LowCardinality(String), channel LowCardinality(String), source LowCardinality(String),
  campaign LowCardinality(Nullable(String)), order_id Nullable(String), revenue Nullable(Decimal(12, 2))"""


def load_duckdb(data, threads):
    """`clustered` and `arrival`, in one database file."""
    import duckdb
    path = data + "/duckdb.db"
    if os.path.exists(path):
        return
    with duckdb.connect(path + ".new") as con:
        con.execute("SET threads = %d; SET temp_directory = '%s/tmp'" % (threads, data))
        for order in ("clustered", "arrival"):
            con.execute("CREATE OR REPLACE TABLE %s AS SELECT * FROM read_parquet('%s/log/%s/*.parquet')" % (order, data, order))
        con.execute("CHECKPOINT")
    os.rename(path + ".new", path)


def load_chdb(data, threads):
    """`shop.events`, merged into one part, so that nothing happens in the background while questions are asked."""
    from chdb import session
    done = data + "/chdb.loaded"
    if os.path.exists(done):
        return
    shutil.rmtree(data + "/chdb", ignore_errors=True)
    opened = session.Session(data + "/chdb")
    opened.query("CREATE DATABASE shop")
    opened.query("USE shop")
    opened.query("CREATE TABLE events (%s) ENGINE = MergeTree ORDER BY (user_id, ts)" % COLUMNS)
    files = "file('%s/log/clustered/*.parquet', 'Parquet', '%s')" % (data, COLUMNS.replace("'", "''"))
    opened.query("INSERT INTO events SELECT * FROM %s SETTINGS max_threads = %d, max_insert_threads = %d" % (files, threads, threads))
    opened.query("OPTIMIZE TABLE events FINAL")
    opened.close()
    open(done, "w").close()


if __name__ == "__main__":
    load_duckdb(sys.argv[1], int(sys.argv[2]))
    load_chdb(sys.argv[1], int(sys.argv[2]))
