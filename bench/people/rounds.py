"""Engines as processes, asked in turn: one question of every engine, then the next, round by round."""
import contextlib
import json
import os
import statistics
import subprocess

from questions import OURS, difference, plain

OURS_LABELS = ("ours_hot", "ours")
# Its linear credit is exact, so it says what is expected.
REFERENCE = "chdb"


class Mismatch(Exception):
    """An engine's answer is not that of the others."""


class Engine:
    """A process that answers a JSON line with a JSON line."""

    def __init__(self, label, command, log_folder):
        self.label = label
        self.log_path = "%s/%s.log" % (log_folder, label)
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)

    def ask(self, question):
        """The answer: seconds `s`, `rows`, and `peak_mb`."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps({"id": question, "sql": OURS[question]}) + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": "the process ended"}
        if "rows" not in answer:
            with open(self.log_path) as log:
                raise RuntimeError("%s, %s: %s\n%s" % (self.label, question, answer.get("error"), log.read()[-2000:]))
        return answer

    def plain(self, question, answer):
        """The rows of an answer, comparable."""
        return plain(question, answer["rows"], self.label.startswith("ours"))

    def close(self):
        """Ends the process."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def questions_of(label, questions):
    """What an engine is asked. DuckDB's table in order of arrival is there for the one question that is best so."""
    return [question for question in questions if label != "duckdb_arrival" or question == "q8"]


def warm(engines, questions):
    """Asks every engine everything twice, and compares the answers. Returns what is expected of each question."""
    expected = {}
    for question in questions:
        first = next((engine for engine in engines if engine.label == REFERENCE), engines[0])
        expected[question] = first.plain(question, first.ask(question))
        for engine in engines:
            if question in questions_of(engine.label, questions):
                engine.ask(question)
                check(engine, question, engine.ask(question), expected)
        print("%s: %d rows, equal in all" % (question, len(expected[question])), flush=True)
    return expected


def check(engine, question, answer, expected):
    """Refuses an answer that is not what is expected."""
    found = difference(question, engine.label, engine.plain(question, answer), expected[question])
    if found:
        raise Mismatch("%s, %s: %s" % (engine.label, question, found))


def measure(engines, questions, rounds):
    """Median seconds by engine and question; who begins moves on by one each round."""
    seconds = {engine.label: {question: [] for question in questions_of(engine.label, questions)} for engine in engines}
    expected = warm(engines, questions)
    for number in range(rounds):
        turn = number % len(engines)
        for question in questions:
            for engine in engines[turn:] + engines[:turn]:
                if question in seconds[engine.label]:
                    answer = engine.ask(question)
                    check(engine, question, answer, expected)
                    seconds[engine.label][question].append(answer["s"])
        print("round %d of %d, load %.1f" % (number + 1, rounds, os.getloadavg()[0]), flush=True)
    return {label: {question: statistics.median(taken) for question, taken in by_question.items()}
            for label, by_question in seconds.items()}
