"""What was measured: `bench/results/YYYY-MM-DD.json`, and a table for docs/performance.md."""
import datetime
import json
import os

from questions import TITLES

RESULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "results")
NAMES = {
    "duckdb": "DuckDB table", "duckdb_parquet": "DuckDB Parquet", "duckdb_arrival": "DuckDB table by arrival",
    "chdb": "ClickHouse", "polars": "Polars", "datafusion": "plain DataFusion",
}
PEERS = ["duckdb", "duckdb_parquet", "duckdb_arrival", "chdb", "polars"]


def best_peer(medians, question):
    """The fastest of DuckDB, ClickHouse and Polars, and its seconds."""
    asked = [(medians[label][question], label) for label in PEERS if question in medians.get(label, {})]
    seconds, label = min(asked)
    return label, seconds


def summary(events, medians):
    """The figures of one size of log."""
    questions = list(medians["ours"])
    best = {question: best_peer(medians, question) for question in questions}
    ours, hot = medians["ours"], medians["ours_hot"]

    def rounded(values):
        return {question: float("%.4g" % value) for question, value in values.items()}

    return {
        "events": events,
        "ours_s": rounded(ours),
        "ours_hot_s": rounded(hot),
        "best_peer_s": rounded({question: seconds for question, (_, seconds) in best.items()}),
        "best_peer": {question: label for question, (label, _) in best.items()},
        "ours_over_best_peer": rounded({question: ours[question] / best[question][1] for question in questions}),
        "hot_over_best_peer": rounded({question: hot[question] / best[question][1] for question in questions}),
        "datafusion_s": rounded(medians["datafusion"]),
    }


def write(result, whole, data):
    """Writes the day's file (of a run that is not whole, one beside its data) and returns its path."""
    folder = RESULTS if whole else data
    os.makedirs(folder, exist_ok=True)
    path = "%s/%s.json" % (folder, datetime.date.today().isoformat())
    with open(path, "w") as file:
        json.dump(result, file, indent=2)
        file.write("\n")
    return os.path.relpath(path)


def table(medians):
    """Markdown: seconds of every engine, and ours over the best peer."""
    peers = [label for label in NAMES if label in medians]
    lines = ["| | " + " | ".join(["ours, files", "ours, hot"] + [NAMES[label] for label in peers] + ["files / best", "hot / best"]) + " |"]
    lines.append("|---" * (len(peers) + 5) + "|")
    for question in medians["ours"]:
        best, seconds = best_peer(medians, question)
        cells = ["%s %s" % (question.upper(), TITLES[question]), _s(medians["ours"][question]), _s(medians["ours_hot"][question])]
        for label in peers:
            taken = medians[label].get(question)
            cells.append("–" if taken is None else "**%s**" % _s(taken) if label == best else _s(taken))
        cells += ["%.2f" % (medians[label][question] / seconds) for label in ("ours", "ours_hot")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _s(seconds):
    return "%.3f" % seconds
