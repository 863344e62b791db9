#!/usr/bin/env python3
"""window_funnel beside the windowFunnel of a real ClickHouse (chdb), on the same random logs: `bench/window_funnel/compare`.

Every question that both know is asked of every unit. Where a difference of docs/semantics.md (section 8) applies to the
unit's log, levels may differ and are counted under it; anywhere else a difference is shown with its log, and the end is 1.
With --falsify one of our answers is altered first, where none applies; then the end must be 1.
"""
import argparse
import os
import random
import sys
import tempfile
from collections import Counter

from differences import DIFFERENCES, EXAMPLES, moments, read, which
from engines import ClickHouse, Refused, Tributary, cells
from logs import KINDS, LETTERS, make, write

ORDERS = [(), ("strict_order",), ("strict_order", "allow_reentry")]
MODES = [order + increase + once
         for order in ORDERS for increase in ((), ("strict_increase",)) for once in ((), ("strict_once",))]
SHOWN_MAX = 5
WINDOW = 10


class Wrong(Exception):
    """A level that the list of differences does not explain."""


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tributary", required=True, help="the binary")
    parser.add_argument("--units", type=int, default=2000, help="units of each kind of log")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--falsify", action="store_true", help="alter one of our answers, and fail")
    return parser.parse_args()


def level_or_none(engine, log, modes):
    """The level, None where the modes are refused."""
    try:
        return engine.level(log, WINDOW, modes, 3)
    except Refused as refused:
        if not any(word in str(refused) for word in ("window_funnel mode", "BAD_ARGUMENTS")):
            raise
        return None


def examples(ours, theirs):
    """What the list says of each engine, word by word."""
    for example in EXAMPLES:
        found = (level_or_none(theirs, example.log, example.modes), level_or_none(ours, example.log, example.modes))
        wanted = (example.theirs, example.ours)
        if found != wanted:
            raise Wrong(f"example of {example.number or 'a refusal'}: {shown(example.modes)} of {example.log} is {found}, "
                        f"expected {wanted} (ClickHouse, Tributary)")
    for clock in ("DateTime64(3)", "Int64"):
        try:
            theirs.level([(1, "a")], WINDOW, (), 1, clock)
        except Refused as refused:
            if "ILLEGAL_TYPE_OF_ARGUMENT" not in str(refused):
                raise
            continue
        raise Wrong(f"ClickHouse takes {clock}, expected that it refuses it")
    print(f"{len(EXAMPLES)} examples: both levels as listed\n")


def compare(kind, units, modes, ours, theirs, falsify=None):
    """Answers by the number of the difference that applies (None: none) and by equality. `falsify` alters an answer."""
    asked, columns = read(modes), cells(kind)
    answers, references = ours.levels(kind, modes), theirs.levels(kind, modes)
    if not answers.keys() == references.keys() == units.keys():
        raise Wrong(f"{kind.name}: {len(answers)} and {len(references)} units, expected {len(units)}")
    applies = {unit: [which(moments(events, steps), asked) for steps in range(1, len(LETTERS) + 1)]
               for unit, events in units.items()}
    if falsify:
        alter(answers, applies, columns, falsify)
    counts, wrong = Counter(), []
    for unit, events in units.items():
        for (steps, window), answer, reference in zip(columns, answers[unit], references[unit]):
            difference = applies[unit][steps - 1]
            counts[difference and difference.number, answer == reference] += 1
            # Without modes one event may do the work of several there, and nothing does less.
            if answer != reference and (difference is None or not modes and reference < answer):
                wrong.append(f"  {unit}, {steps} steps within {window}: ClickHouse {reference}, Tributary {answer}\n"
                             f"    {' '.join(f'{event.at}:{event.name}' for event in events)}")
    if wrong:
        raise Wrong("\n".join([f"{kind.name}, {shown(modes)}: {len(wrong)} levels differ, unlisted", *wrong[:SHOWN_MAX]]))
    return counts


def alter(answers, applies, columns, rng):
    """One level by one, of a unit to which no difference applies."""
    free = [(unit, place) for unit in sorted(answers) for place, (steps, _) in enumerate(columns)
            if applies[unit][steps - 1] is None]
    unit, place = rng.choice(free)
    answers[unit][place] += 1 if answers[unit][place] == 0 else -1


def shown(modes):
    """Modes as the table has them."""
    return " ".join(modes) or "(no mode)"


def line(log, modes, counts):
    """A row of the table: answers, the share that no difference may touch, equal ones, and by difference what differs."""
    answers = sum(counts.values())
    free = counts[None, True]
    differ = sum(count for (_, equal), count in counts.items() if not equal)
    by_number = (f"{counts[number, False]}/{counts[number, False] + counts[number, True]}" for number in range(1, 6))
    touched = " ".join(f"{text if text != '0/0' else '-':>13}" for text in by_number)
    return f"{log:<11} {modes:<54} {answers:>8} {100 * free / answers:>6.1f} {answers - differ:>8} {differ:>7} {touched}"


def table(logs, ours, theirs, falsify):
    """Asks everything; prints a row for each kind of log and set of modes, and their sums."""
    heads = " ".join(f"{f'({number})':>13}" for number in range(1, 6))
    print(f"{'log':<11} {'modes':<54} {'answers':>8} {'% free':>6} {'equal':>8} {'differ':>7} {heads}", flush=True)
    sums = {"without strict_order": Counter(), "with strict_order": Counter(), "all": Counter()}
    # The one alteration: anywhere but in the first row, so that what is right is seen to pass.
    altered = falsify and falsify.randrange(1, len(logs) * len(MODES))
    for number, (kind, units, modes) in enumerate((kind, units, modes) for kind, units in logs for modes in MODES):
        counts = compare(kind, units, modes, ours, theirs, falsify if falsify and number == altered else None)
        print(line(kind.name, shown(modes), counts), flush=True)
        sums["with strict_order" if "strict_order" in modes else "without strict_order"] += counts
        sums["all"] += counts
    for name, counts in sums.items():
        print(line("all", name, counts))
    return sums["all"]


def main():
    """Examples, then the table; 1 at the first difference that is not listed."""
    asked = arguments()
    with tempfile.TemporaryDirectory() as folder:
        logs = [(kind, make(kind, asked.units, asked.seed)) for kind in KINDS]
        path = os.path.join(folder, "events.csv")
        written = write(path, logs, asked.seed)
        ours, theirs = Tributary(os.path.abspath(asked.tributary), folder), ClickHouse(folder)
        loaded = (ours.load(path), theirs.load(path))
        if loaded != (written, written):
            sys.exit(f"{loaded} events were loaded, expected {written} by both")
        print(f"seed {asked.seed}: {len(logs)} kinds of log, {asked.units} units each, {written} events; "
              f"ClickHouse {theirs.version()}")
        try:
            examples(ours, theirs)
            counts = table(logs, ours, theirs, random.Random(asked.seed) if asked.falsify else None)
        except (Wrong, Refused) as wrong:
            sys.exit(str(wrong))
    if asked.falsify:
        print("a false answer was not noticed")
        sys.exit(2)
    unseen = [difference.words for difference in DIFFERENCES if not counts[difference.number, False]]
    if unseen:
        sys.exit(f"never seen to differ, expected so in {asked.units} units: {', '.join(unseen)}")
    print("\n% free: share of answers (unit, conditions, window) that no difference may touch; all of them are equal.")
    print("(n): levels that differ, of those that difference n of docs/semantics.md, section 8, may touch; where several")
    print("may, the first of these counts:")
    for difference in DIFFERENCES:
        print(f"  ({difference.number}) {difference.words}")


if __name__ == "__main__":
    main()
