"""Tributary's own side: the log taken in by `tributary import`, and the process that answers questions about it."""
import glob
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
SHIPPED = os.path.join(HERE, "..", "..", "config")
MAPPING = os.path.join(HERE, "events.yaml")


class Ours:
    """The lake in a data folder, and the two programs that fill and ask it."""

    def __init__(self, data, tributary, people):
        self.lake, self.config = data + "/lake", data + "/config"
        self.data, self.tributary, self.people = data, tributary, people

    def _run(self, lake, *arguments):
        subprocess.run([self.tributary, "--data", lake, "--config", self.config, *arguments], check=True)

    def _write_config(self):
        """The shipped definitions and channel rules, with the funnel and the shop of this log."""
        shutil.rmtree(self.config, ignore_errors=True)
        os.makedirs(self.config)
        shutil.copy(SHIPPED + "/channels.yaml", self.config)
        shutil.copytree(SHIPPED + "/definitions", self.config + "/definitions")
        shutil.copy(HERE + "/definitions.yaml", self.config + "/definitions/bench.yaml")
        shutil.copy(HERE + "/tributary.toml", self.config)

    def load(self):
        """Takes the log in, in order of arrival, once, and puts the definitions in force, so that the lake tells all."""
        self._write_config()
        done = self.data + "/lake.loaded"
        if not os.path.exists(done):
            shutil.rmtree(self.lake, ignore_errors=True)
            files = sorted(glob.glob(self.data + "/log/arrival/*.parquet"))
            self._run(self.lake, "import", *files, "--mapping", MAPPING)
            open(done, "w").close()
        self._run(self.lake, "definitions", "apply")

    def copy(self):
        """A copy of the lake, to be changed."""
        path = self.data + "/lake.copy"
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(self.lake, path)
        return path

    def import_late(self, lake):
        """One more commit of 10,000 events."""
        self._run(lake, "import", self.data + "/log/late/part-000.parquet", "--mapping", MAPPING)

    def command(self, threads, hot_mb, memory_mb, lake=None):
        """The process that answers, with a hot cache of so many MB (0: from files) and so many MB for all questions."""
        return [self.people, "--data", lake or self.lake, "--definitions", self.config + "/definitions",
                "--hot", str(hot_mb), "--memory", str(memory_mb), "--threads", str(threads)]
