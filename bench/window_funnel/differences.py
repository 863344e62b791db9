"""Where ClickHouse's windowFunnel may give another level than Tributary's: the list of docs/semantics.md, section 8.

Each is told by the log, the number of steps and the modes alone, never by an answer. Where none applies, both must give
the same level.
"""
from collections import namedtuple
from itertools import groupby, permutations

from logs import LETTERS

# What the modes of a question change.
Asked = namedtuple("Asked", "increase order once reentry")

# A difference. `number` is that of the list; `applies(moments, asked)` of a log.
Difference = namedtuple("Difference", "number words applies")

# An example of difference `number` (None: of what is refused here): a log as (instant, name), and the level there and
# here, None where the question is refused.
Example = namedtuple("Example", "number log modes theirs ours")


def read(modes):
    """What they change."""
    return Asked(*(f"strict_{mode}" in modes for mode in ("increase", "order", "once")), "allow_reentry" in modes)


def moments(events, steps):
    """The log instant by instant: of each event there, the set of conditions that it meets, from 1."""
    conditions = lambda event: {LETTERS.index(letter) + 1 for letter in event.name if letter in LETTERS[:steps]}
    return [[conditions(event) for event in tied] for _, tied in groupby(events, key=lambda event: event.at)]


def several_conditions(moments, asked):
    """An event meets several conditions; strict_once alone makes that the same, strict_order keeps it another."""
    return (asked.order or not asked.once) and any(len(event) > 1 for tied in moments for event in tied)


def entry_overwritten(moments, asked):
    """A condition is met again at an instant at which the next one is met too."""
    if not asked.increase or asked.once:
        return False
    before = set()
    for tied in moments:
        now = set().union(*tied)
        if any(condition in before and condition + 1 in now for condition in now):
            return True
        before |= now
    return False


def interrupted_at_a_match(moments, asked):
    """At one instant an event meets a condition and another interrupts: it meets none, which comes first there, or one
    further on than the next. The first condition was met by then, and a later one is met at that instant or after it."""
    if not asked.order:
        return False

    def interrupts(event, match, entered):
        return entered if not event else not asked.reentry and max(event) > min(match) + 1

    entered = False
    for place, tied in enumerate(moments):
        enters = any(1 in event for event in tied)
        pairs = ((event, match) for match, event in permutations(tied, 2) if match and (entered or enters))
        if any(interrupts(*pair, entered) for pair in pairs) and goes_on(moments[place:]):
            return True
        entered |= enters
    return False


def entered_again(moments, asked):
    """The first condition is met, then comes an event that may interrupt, then the first condition again and, at that
    instant or later, another one."""
    if not asked.order:
        return False
    entered = interrupted = False
    for place, tied in enumerate(moments):
        enters = any(1 in event for event in tied)
        if interrupted and enters:
            return goes_on(moments[place:])
        interrupted |= entered and any(not event or not asked.reentry and max(event) > 1 for event in tied)
        entered |= enters
    return False


def goes_on(moments):
    """A condition after the first is met."""
    return any(max(event, default=0) > 1 for tied in moments for event in tied)


def repeat_between(moments, asked):
    """A condition is met again, and later another one: the repeat may lie between two matches."""
    if not asked.order or asked.reentry:
        return False
    before, repeated = set(), set()
    for tied in moments:
        now = set().union(*tied)
        if any(now - {condition} for condition in repeated):
            return True
        repeated |= now & before
        before |= now
    return False


# Where several apply, the first counts.
DIFFERENCES = [
    Difference(1, "an event meets several conditions", several_conditions),
    Difference(2, "strict_increase: an entry overwrites an earlier one", entry_overwritten),
    Difference(5, "strict_order: an interruption at the instant of a match", interrupted_at_a_match),
    Difference(4, "strict_order: an interruption, then a new entry", entered_again),
    Difference(3, "strict_order: a repeat between matches", repeat_between),
]


def which(moments, asked):
    """The first difference that applies, or None."""
    return next((difference for difference in DIFFERENCES if difference.applies(moments, asked)), None)


# Of the conditions a, b and c within 10.
EXAMPLES = [
    Example(1, [(1, "abc")], (), 3, 1),
    Example(1, [(1, "ab"), (2, "ab"), (3, "c")], (), 3, 3),
    Example(1, [(1, "abc")], ("strict_once",), 1, 1),
    Example(1, [(1, "ac"), (2, "b")], ("strict_order", "strict_once"), 1, 2),
    Example(2, [(1, "a"), (2, "a"), (2, "b")], ("strict_increase",), 1, 2),
    Example(2, [(1, "a"), (2, "ab")], ("strict_increase",), 1, 2),
    Example(2, [(1, "a"), (2, "a"), (2, "b")], ("strict_increase", "strict_once"), 2, 2),
    Example(3, [(1, "a"), (2, "b"), (3, "b"), (4, "c")], ("strict_order",), 3, 2),
    Example(3, [(1, "a"), (2, "b"), (3, "a"), (4, "c")], ("strict_order",), 3, 2),
    Example(3, [(1, "a"), (2, "b"), (3, "a"), (4, "c")], ("strict_order", "allow_reentry"), 3, 3),
    Example(4, [(1, "a"), (2, "x"), (3, "a"), (4, "b")], ("strict_order",), 1, 2),
    Example(4, [(1, "a"), (2, "c"), (3, "a"), (4, "b")], ("strict_order",), 1, 2),
    Example(4, [(1, "a"), (2, "x"), (3, "a"), (4, "b")], ("strict_order", "allow_reentry"), 1, 2),
    Example(4, [(1, "a"), (2, "c"), (3, "b"), (4, "c")], ("strict_order", "allow_reentry"), 3, 3),
    Example(5, [(1, "a"), (2, "b"), (2, "x")], ("strict_order",), 1, 2),
    Example(5, [(1, "a"), (1, "c"), (2, "b")], ("strict_order",), 1, 2),
    Example(5, [(1, "a"), (1, "c"), (2, "b")], ("strict_order", "allow_reentry"), 2, 2),
    Example(5, [(1, "a"), (1, "c"), (1, "b")], ("strict_order",), 3, 3),
    Example(None, [(1, "a"), (2, "b"), (3, "b"), (4, "c")], ("strict_deduplication",), 2, None),
    Example(None, [(1, "a"), (2, "a"), (3, "b"), (4, "c")], ("strict_deduplication",), 3, None),
    Example(None, [(1, "ab"), (1, "b"), (2, "c")], ("strict_deduplication", "strict_once"), 3, None),
    Example(None, [(1, "b"), (1, "ab"), (2, "c")], ("strict_deduplication", "strict_once"), 2, None),
    Example(None, [(1, "a"), (2, "b")], ("strict",), None, None),
    Example(None, [(1, "a"), (2, "b")], ("allow_reentry",), None, None),
]
