"""Seeded random logs: of each unit some events at instants that often tie, named by the conditions that they meet.

An event's name has the letter of each condition that it meets, `a` for the first to `f` for the sixth, or is `x` for none.
"""
import csv
import random
from collections import namedtuple
from datetime import datetime, timedelta, timezone

LETTERS = "abcdef"
NONE = "x"
BASE = datetime(2026, 1, 5, 10, tzinfo=timezone.utc)
EVENTS_MAX = 12

# `at` is the instant in units of the log's clock after BASE.
Event = namedtuple("Event", "at name")

# A kind of log. `tick_ms` is the unit of its clock in milliseconds, `gaps` what lies between events, and `windows` what is
# asked, both in that unit: windows are gaps, sums of gaps, one less and one more.
Kind = namedtuple("Kind", "name tick_ms gaps windows several repeats")

SECONDS = ((0, 0, 1, 1, 2, 5), (0, 1, 2, 3, 4, 5, 6, 10, 1000))
SECONDS_APART = ((1, 1, 2, 5), SECONDS[1])
MILLISECONDS = ((0, 0, 1, 249, 250, 251, 1000), (0, 1, 249, 250, 251, 500, 999, 1000, 1250, 1251, 1_000_000))

KINDS = [
    Kind("apart_s", 1000, *SECONDS_APART, several=False, repeats=True),
    Kind("tied_s", 1000, *SECONDS, several=False, repeats=True),
    Kind("tied_ms", 1, *MILLISECONDS, several=False, repeats=True),
    Kind("once_ms", 1, *MILLISECONDS, several=False, repeats=False),
    Kind("several_ms", 1, *MILLISECONDS, several=True, repeats=True),
]


def make(kind, units, seed):
    """Unit → its events by instant. Always the same for a kind, a number and a seed."""
    rng = random.Random(f"{kind.name} {seed}")
    return {f"{kind.name}-{unit:06}": events(rng, kind) for unit in range(units)}


def events(rng, kind):
    """One unit's: mostly the next condition, so that chains are long; else any, none, or a step left out."""
    made, at, step, seen = [], 0, 0, set()
    for _ in range(rng.randint(1, EVENTS_MAX)):
        at += rng.choice(kind.gaps)
        step = step % len(LETTERS) if rng.random() < 0.7 else rng.randrange(len(LETTERS))
        name = NONE if rng.random() < 0.08 else LETTERS[step]
        if kind.several and name != NONE and rng.random() < 0.3:
            name = "".join(sorted({name, *rng.sample(LETTERS, rng.randint(1, 2))}))
        if kind.repeats or name == NONE or name not in seen:
            seen.add(name)
            made.append(Event(at, name))
            step += name != NONE
    # Of events at one instant any may have come first.
    return sorted(made, key=lambda event: (event.at, rng.random()))


def write(path, kinds, seed):
    """All logs as one CSV file, in an order of arrival that says nothing."""
    rows = [
        (unit, BASE + timedelta(milliseconds=event.at * kind.tick_ms), event.name)
        for kind, units in kinds for unit, made in units.items() for event in made]
    random.Random(f"arrival {seed}").shuffle(rows)
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(("id", "unit", "at", "event"))
        for number, (unit, at, name) in enumerate(rows):
            out.writerow((number, unit, at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z", name))
    return len(rows)
