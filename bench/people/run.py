#!/usr/bin/env python3
"""Questions about people, beside DuckDB, ClickHouse, Polars and plain DataFusion: `bench/run`.

Makes the log, loads it into every engine, asks all of them the same questions in turn and compares the answers; then writes
bench/results/YYYY-MM-DD.json and prints a table. Data is made and loaded once and kept; removing the folder starts anew. What
a run of some questions or of another size finds is written beside its data.
"""
import argparse
import contextlib
import os
import subprocess
import sys
import time

import report
import shop_log
from ours import Ours
from questions import QUESTIONS
from rounds import Engine, check, measure, questions_of

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = ["duckdb", "duckdb_parquet", "duckdb_arrival", "chdb", "polars", "datafusion"]
EVENTS = 10_000_000
FULL_EVENTS, FULL_ROUNDS = 50_000_000, 3
POOL_MB = 256
REPEATED = ("q1", "q3")


def arguments():
    """The command line."""
    number = lambda text: int(text.replace("_", ""))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tributary", required=True, help="the binary that imports")
    parser.add_argument("--people", required=True, help="the binary that answers")
    parser.add_argument("--data", default=HERE + "/data", help="folder of all data, a folder for each size of log")
    parser.add_argument("--events", type=number, default=EVENTS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", type=lambda text: text.split(","), default=QUESTIONS, help="such as q1,q2")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--hot", type=int, default=2048, help="MB of the hot cache")
    parser.add_argument("--memory", type=int, default=1024, help="MB that our questions may hold")
    parser.add_argument("--commit", action="store_true", help="ask Q1 and Q3 again after one more commit of 10,000 events")
    parser.add_argument("--full", action="store_true", help="50M events too, and memory")
    return parser.parse_args()


def prepare(asked, events):
    """The log of a size, in every engine. Returns its folder and our side."""
    data = "%s/%d" % (os.path.abspath(asked.data), events)
    ours = Ours(data, os.path.abspath(asked.tributary), os.path.abspath(asked.people))
    stages = [
        ("make the log", lambda: shop_log.write(data + "/log", events, asked.threads)),
        ("load the peers", lambda: subprocess.run([sys.executable, HERE + "/load.py", data, str(asked.threads)], check=True)),
        ("import", ours.load),
    ]
    for name, stage in stages:
        start = time.monotonic()
        stage()
        print("%s, %d events: %.1f s" % (name, events, time.monotonic() - start), flush=True)
    return data, ours


def peer_command(data, label, threads):
    """A peer's process."""
    return [sys.executable, HERE + "/peer.py", label, "--data", data, "--threads", str(threads)]


def compare(asked, data, ours, rounds):
    """Medians by engine and question."""
    commands = {
        "ours_hot": ours.command(asked.threads, asked.hot, asked.memory),
        "ours": ours.command(asked.threads, 0, asked.memory),
    }
    commands.update((label, peer_command(data, label, asked.threads)) for label in PEERS if questions_of(label, asked.only))
    with contextlib.ExitStack() as stack:
        engines = [stack.enter_context(Engine(label, command, data)) for label, command in commands.items()]
        return measure(engines, asked.only, rounds)


def peaks(asked, data, ours):
    """Peak MB of a fresh process for each engine and question, our hot cache off, and our seconds in a small pool."""
    labels = ["ours"] + [label for label in PEERS if questions_of(label, asked.only)]
    peak_mb, pool_s = {label: {} for label in labels}, {}
    for question in asked.only:
        for label in labels:
            if question not in questions_of(label, asked.only):
                continue
            from_files = ours.command(asked.threads, 0, asked.memory)
            command = from_files if label == "ours" else peer_command(data, label, asked.threads)
            with Engine(label, command, data) as engine:
                answer = engine.ask(question)
            peak_mb[label][question] = answer["peak_mb"]
            if label == "ours":
                expected = {question: engine.plain(question, answer)}
        with Engine("ours_pool", ours.command(asked.threads, 0, POOL_MB), data) as engine:
            answer = engine.ask(question)
            check(engine, question, answer, expected)
        pool_s[question] = round(answer["s"], 4)
    return {"peak_mb": peak_mb, "pool_%d_mb_s" % POOL_MB: pool_s}


def after_commit(asked, data, ours):
    """Q1 and Q3 with the hot cache: the first time, and again after one more commit, in a copy of the lake."""
    lake = ours.copy()
    repeated = [question for question in REPEATED if question in asked.only]
    with Engine("ours_commit", ours.command(asked.threads, asked.hot, asked.memory, lake), data) as engine:
        first = {question: engine.ask(question) for question in repeated}
        ours.import_late(lake)
        again = {question: engine.ask(question) for question in repeated}
    for question in repeated:
        if engine.plain(question, first[question]) == engine.plain(question, again[question]):
            raise RuntimeError("%s is answered as before the commit, expected 10,000 events more" % question)
    return {question: {"first_s": first[question]["s"], "after_commit_s": again[question]["s"],
                       "ratio": round(again[question]["s"] / first[question]["s"], 3)} for question in repeated}


def full(asked, small):
    """50M events: seconds, how many times those of the small log, and memory."""
    data, ours = prepare(asked, FULL_EVENTS)
    medians = compare(asked, data, ours, FULL_ROUNDS)
    print(report.table(medians), flush=True)
    times = {question: round(seconds / small["ours"][question], 2) for question, seconds in medians["ours"].items()}
    return report.summary(FULL_EVENTS, medians) | {"times_the_small_log": times} | peaks(asked, data, ours)


def main():
    """Measures and reports."""
    asked = arguments()
    data, ours = prepare(asked, asked.events)
    medians = compare(asked, data, ours, asked.rounds)
    print(report.table(medians), flush=True)
    result = report.summary(asked.events, medians)
    if asked.commit:
        result["after_commit"] = after_commit(asked, data, ours)
    if asked.full:
        result["full"] = full(asked, medians)
    whole = asked.events == EVENTS and asked.only == QUESTIONS
    print("written: %s" % report.write(result, whole, data))


if __name__ == "__main__":
    main()
