#!/usr/bin/env python3
"""One engine as a process: `peer.py chdb --data FOLDER --threads 2`. For each line {"id": "q1"} on standard input it answers
{"id", "s", "rows", "peak_mb"}: seconds from the text to the last row, and the most memory the process ever held.

It reads the same data as the others, as somebody who asks about people would keep it: sorted by (user_id, ts), in the
engine's own storage or in Parquet. Tables are made by `load.py`.
"""
import argparse
import json
import os
import sys
import time

from questions import SINCE

HERE = os.path.dirname(os.path.abspath(__file__))


def query(engine, name, **tables):
    """The text of a question in the engine's SQL."""
    with open("%s/queries/%s/%s.sql" % (HERE, engine, name)) as file:
        return file.read().strip().format(since=SINCE, **tables)


class DuckDB:
    """A table of DuckDB's own, or Parquet."""

    def __init__(self, data, threads, events):
        import duckdb
        self.con = duckdb.connect("%s/duckdb.db" % data, read_only=True)
        self.con.execute("SET threads = %d; SET temp_directory = '%s/tmp'" % (threads, data))
        self.events = events

    def ask(self, name):
        """The rows."""
        return self.con.execute(query("duckdb", name, events=self.events)).fetchall()


class ClickHouse:
    """ClickHouse in the process (chdb), a MergeTree."""

    def __init__(self, data, threads):
        from chdb import session
        self.session = session.Session("%s/chdb" % data)
        self.session.query("USE shop")
        self.threads = threads

    def ask(self, name):
        """The rows."""
        text = "%s SETTINGS max_threads = %d" % (query("chdb", name, events="events"), self.threads)
        lines = str(self.session.query(text, "JSONCompactEachRow")).splitlines()
        return [json.loads(line) for line in lines if line]


class DataFusion:
    """Plain DataFusion over Parquet; `sorted` declares the files' order, which helps some questions and hinders others."""

    def __init__(self, data, threads):
        from datafusion import SessionConfig, SessionContext
        config = SessionConfig().with_target_partitions(threads)
        config = config.set("datafusion.optimizer.prefer_existing_sort", "true")
        config = config.set("datafusion.execution.split_file_groups_by_statistics", "true")
        self.context = SessionContext(config)
        for table, order in (("events", ""), ("sorted", "WITH ORDER (user_id ASC, ts ASC)")):
            place = "STORED AS PARQUET %s LOCATION '%s/log/clustered/'" % (order, data)
            self.context.sql("CREATE EXTERNAL TABLE %s %s" % (table, place)).collect()

    def ask(self, name):
        """The rows."""
        text = query("datafusion", name, events="events", sorted="sorted")
        batches = self.context.sql(text).collect()
        return [row for batch in batches for row in zip(*(column.to_pylist() for column in batch.columns))]


class Polars:
    """Polars' streaming engine over Parquet."""

    def __init__(self, data, threads):
        os.environ["POLARS_MAX_THREADS"] = str(threads)
        import polars
        sys.path.insert(0, HERE + "/queries")
        import polars_queries
        self.scan = lambda: polars.scan_parquet("%s/log/clustered/*.parquet" % data)
        self.queries = polars_queries

    def ask(self, name):
        """The rows."""
        return getattr(self.queries, name)(self.scan(), SINCE).collect(engine="streaming").rows()


def engine(name, data, threads):
    """Opens an engine by its name."""
    makers = {
        "duckdb": lambda: DuckDB(data, threads, "clustered"),
        "duckdb_arrival": lambda: DuckDB(data, threads, "arrival"),
        "duckdb_parquet": lambda: DuckDB(data, threads, "read_parquet('%s/log/clustered/*.parquet')" % data),
        "chdb": lambda: ClickHouse(data, threads),
        "polars": lambda: Polars(data, threads),
        "datafusion": lambda: DataFusion(data, threads),
    }
    return makers[name]()


def peak_mb():
    """Most memory that this process ever held, in MB of 10^6 bytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024 / 1e6


def main():
    """Answers until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine")
    parser.add_argument("--data", required=True)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    asked = engine(arguments.engine, arguments.data, arguments.threads)
    for line in sys.stdin:
        name = json.loads(line)["id"]
        start = time.perf_counter()
        rows = asked.ask(name)
        answer = {"id": name, "s": time.perf_counter() - start, "rows": rows, "peak_mb": round(peak_mb(), 1)}
        print(json.dumps(answer, default=str), flush=True)


if __name__ == "__main__":
    main()
