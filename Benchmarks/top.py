"""What `convoy top` costs while a run of very many instances is in progress, and how soon it answers a key."""

import datetime
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import sqlite3
import statistics
import struct
import subprocess
import termios
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RUN = "20260101T000000Z-aaaaaa"
VERSION = "20260808090000"


class ActiveRun:
    """A journal with a run in progress, written as Convoy does, for the length of a `with`: instances start and end at a pace."""

    def __init__(self, folder, count, pace):
        self.folder, self.count, self.pace = pathlib.Path(folder), count, pace
        self.path = self.folder / "journal.sqlite"
        self.next, self.ended = count // 2, threading.Event()

    def __enter__(self):
        self.journal = sqlite3.connect(self.path, check_same_thread=False)
        schema = (ROOT / "Sources/ConvoyJournal/JournalSchema.swift").read_text()
        self.journal.execute("PRAGMA journal_mode = WAL")
        self.journal.executescript(re.search(r'"""\n(.*?)"""', schema, re.DOTALL).group(1).replace("\\(applicationID)", str(0x436E7679)))
        self.journal.executescript("CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY); INSERT INTO grdb_migrations VALUES ('1')")
        names = [self.name(number) for number in range(self.count)]
        instances = [{"name": name, "server": f"eu-{number % 20}", "database": name} for number, name in enumerate(names)]
        plan = {
            "schema": "convoy.pinned-plan/1", "fleet": "benchmark", "generated_at": "2026-01-01T00:00:00Z", "change": {"direction": "up"}, "migrations": [],
            "waves": [{"name": "all", "instances": instances, "stop": {}, "on_failure": "continue"}],
        }
        self.journal.execute(
            "INSERT INTO runs (id, fleet, fleet_file, direction, instances, plan, started_at, convoy_version, started_by) VALUES (?, 'benchmark', 'fleet.yaml', 'up', ?, ?, ?, '0', 'me@here')",
            (RUN, self.count, json.dumps(plan).encode(), self.now()),
        )
        self.write([("run_started", None, None, {"run": RUN, "fleet": "benchmark", "waves": [{"name": "all", "instances": names}]})])
        for number in range(self.next):
            self.write(self.start(number) + self.end(number), commit=False)
        self.journal.commit()
        self.lock = open(f"{self.path}.{RUN}.lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.thread = threading.Thread(target=self.work)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        self.lock.close()
        self.journal.close()

    def work(self):
        """One commit for each instance that ends, and the next one starts."""
        self.write(self.start(self.next))
        while not self.ended.wait(1 / self.pace) and self.next + 1 < self.count:
            self.write(self.end(self.next) + self.start(self.next + 1))
            self.next += 1

    @staticmethod
    def name(number):
        return f"instance-{number:05}"

    @staticmethod
    def now():
        return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def start(self, number):
        name = self.name(number)
        return [
            ("instance_started", name, None, {"instance": name, "wave": "all"}),
            ("instance_planned", name, None, {"instance": name, "from": None, "pending": [VERSION]}),
        ]

    def end(self, number):
        name, applied = self.name(number), {"version": VERSION, "direction": "up", "duration": 0.1}
        return [
            ("migration_applied", name, None, {"instance": name, **applied}),
            (
                "instance_finished", name, "migrated",
                {"instance": name, "outcome": "migrated", "from": None, "to": VERSION, "applied": [applied], "failure": None},
            ),
        ]

    def write(self, events, commit=True):
        now = self.now()
        rows = [(RUN, now, type, instance, outcome, json.dumps({"at": now, "type": type, **members})) for type, instance, outcome, members in events]
        self.journal.executemany("INSERT INTO events (run, at, type, instance, outcome, json) VALUES (?, ?, ?, ?, ?, ?)", rows)
        if commit:
            self.journal.commit()


class Terminal:
    """`convoy top` on a terminal of 160 columns and 50 lines, for the length of a `with`."""

    def __init__(self, executable, run):
        self.command = [executable, "top", "--journal", run.path]

    def __enter__(self):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
        environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8"}
        self.process = subprocess.Popen(self.command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True)
        os.close(slave)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    def read(self, seconds):
        """What is written in this time at most; at once when something is there."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        return os.read(self.master, 1 << 20) if ready else b""

    def rest(self, seconds):
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(left)

    def wait(self, text, seconds=60):
        seen, end = b"", time.perf_counter() + seconds
        while text not in seen:
            if time.perf_counter() > end:
                raise SystemExit(f"Benchmarks/run: convoy top did not show {text!r}; it showed {seen[-2000:]!r}")
            seen += self.read(1)

    def answer(self, key, text):
        """Seconds from a key to the text that it brings."""
        began = time.perf_counter()
        os.write(self.master, key)
        self.wait(text, 10)
        return time.perf_counter() - began

    def processor(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(executable, folder, count=10_000, pace=10, seconds=20, keys=20):
    """The share of a core while the run is in progress, and the seconds until keys are answered."""
    with ActiveRun(folder, count, pace) as run, Terminal(executable, run) as terminal:
        terminal.wait(b"by state")
        terminal.rest(3)
        before, began = terminal.processor(), time.perf_counter()
        terminal.rest(seconds)
        share = (terminal.processor() - before) / (time.perf_counter() - began)
        answers = {"move": [], "sort": [], "filter": []}
        for number in range(keys):
            answers["sort"].append(terminal.answer(b"s", [b"by name", b"by elapsed", b"by wave", b"by state"][number % 4]))
            answers["move"].append(terminal.answer(b"G", f"{count} of ".encode()))
            terminal.answer(b"g", b"1 of ")
            terminal.answer(b"/", b"filter: _")
            answers["filter"].append(terminal.answer(b"9", b"filter: 9_"))
            terminal.answer(b"\x1b", b"by ")
        return share, {what: (statistics.median(times), max(times)) for what, times in answers.items()}
