"""The same question to both engines: the level of each unit of a log, for every number of steps and every window."""
import json
import os
import subprocess

from logs import LETTERS

HERE = os.path.dirname(os.path.abspath(__file__))
SHIPPED = os.path.join(HERE, "..", "..", "config")
MAPPING = os.path.join(HERE, "events.yaml")
SCOPE = "device:window_funnel:"


class Refused(Exception):
    """What an engine said instead of an answer."""


def cells(kind):
    """(steps, window) of each column of an answer about a kind of log."""
    return [(steps, window) for steps in range(1, len(LETTERS) + 1) for window in kind.windows]


def met(steps):
    """The first conditions; both engines read them the same."""
    return ", ".join(f"event LIKE '%{letter}%'" for letter in LETTERS[:steps])


def quoted(modes):
    """Modes as arguments after the window."""
    return "".join(f", '{mode}'" for mode in modes)


def rows(log):
    """A log of (instant, name) as rows of a statement."""
    return ", ".join(f"({at}, '{name}')" for at, name in log)


class Tributary:
    """A lake of its own, filled by the product's import and asked by `tributary sql`."""

    def __init__(self, binary, folder):
        self.command = [binary, "--data", f"{folder}/lake", "--config", SHIPPED]

    def _run(self, *arguments):
        done = subprocess.run([*self.command, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise Refused((done.stdout + done.stderr).strip())
        return done.stdout

    def load(self, path):
        """Takes the file in; gives how many events there are then."""
        self._run("import", path, "--mapping", MAPPING)
        return self.ask("SELECT count(*) FROM facts.events")[0][0]

    def ask(self, sql):
        """All rows."""
        answer = json.loads(self._run("sql", sql, "--format", "json"))
        if answer["stamp"]["truncated"]:
            raise Refused("the answer is cut: fewer units, please")
        return answer["rows"]

    def levels(self, kind, modes):
        """Unit → level by cell. Every second window is an INTERVAL, the others are whole milliseconds."""
        def column(place, steps, window):
            number = str(window * kind.tick_ms)
            length = f"INTERVAL '{number} milliseconds'" if place % 2 else number
            return f"window_funnel({length}{quoted(modes)}, occurred_at, {met(steps)}) AS c{place}"

        columns = ", ".join(column(place, *cell) for place, cell in enumerate(cells(kind)))
        units = self.ask(f"SELECT device, {columns} FROM facts.events "
                         f"WHERE device LIKE '{SCOPE}{kind.name}-%' GROUP BY device")
        return {unit.removeprefix(SCOPE): levels for unit, *levels in units}

    def level(self, log, window, modes, steps):
        """Of one log of (instant, name), instants as whole numbers."""
        return self.ask(f"SELECT window_funnel({window}{quoted(modes)}, at, {met(steps)}) "
                        f"FROM (VALUES {rows(log)}) AS log (at, event)")[0][0]


class ClickHouse:
    """ClickHouse in the process (chdb). `windowFunnel` takes no DateTime64: whole seconds are asked as DateTime, and
    milliseconds as unsigned numbers."""

    def __init__(self, folder):
        from chdb import session
        self.session = session.Session(f"{folder}/chdb")
        self.session.query("CREATE DATABASE logs")
        self.session.query("USE logs")

    def ask(self, sql):
        """All rows."""
        try:
            text = str(self.session.query(sql, "JSONCompactEachRow"))
        except Exception as error:
            raise Refused(str(error)) from error
        return [json.loads(line) for line in text.splitlines() if line]

    def version(self):
        """Such as 26.9.2.1."""
        return self.ask("SELECT version()")[0][0]

    def load(self, path):
        """Reads the same file; gives how many events there are then."""
        columns = "unit String, at DateTime64(3, 'UTC'), event String"
        self.session.query(f"CREATE TABLE events ({columns}) ENGINE = MergeTree ORDER BY unit")
        self.session.query(
            "INSERT INTO events SELECT unit, parseDateTime64BestEffort(at, 3, 'UTC'), event "
            f"FROM file('{path}', 'CSVWithNames', 'id UInt64, unit String, at String, event String')")
        return int(self.ask("SELECT count() FROM events")[0][0])

    def levels(self, kind, modes):
        """Unit → level by cell."""
        at = "toDateTime(at, 'UTC')" if kind.tick_ms == 1000 else "toUInt64(toUnixTimestamp64Milli(at))"
        columns = ", ".join(f"windowFunnel({window}{quoted(modes)})({at}, {met(steps)})"
                            for steps, window in cells(kind))
        units = self.ask(f"SELECT unit, {columns} FROM events WHERE startsWith(unit, '{kind.name}-') "
                         "GROUP BY unit SETTINGS max_threads = 2")
        return {unit: levels for unit, *levels in units}

    def level(self, log, window, modes, steps, clock="UInt64"):
        """Of one log of (instant, name), instants as whole numbers."""
        return self.ask(f"SELECT windowFunnel({window}{quoted(modes)})(at, {met(steps)}) "
                        f"FROM values('at {clock}, event String', {rows(log)})")[0][0]
