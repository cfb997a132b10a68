"""A fleet of many databases whose runs are in a control database, with workers as processes of their own."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from cluster import ROOT, Cluster

# Not a secret: no tokens are in these databases.
ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


def executable(given):
    """The program to try: the one that is given, or a release build made now."""
    if given is not None:
        return given.resolve()
    build = ["swift", "build", "--package-path", ROOT, "-c", "release", "--product", "convoy"]
    subprocess.run(build, check=True)
    return pathlib.Path(subprocess.run([*build, "--show-bin-path"], check=True, capture_output=True, text=True).stdout.strip()) / "convoy"


def make_databases(cluster, names):
    """Copies of an empty database; with fsync off that is faster than to write each one into the log."""
    statements = (f'CREATE DATABASE "{name}" OWNER teslamate TEMPLATE template0 STRATEGY FILE_COPY;' for name in names)
    cluster.script("\n".join(statements) + "\n")


def empty_databases(cluster, names):
    """Removes what migrations made."""
    cluster.script(
        "SET client_min_messages = warning;\n"
        + "".join(
            f"\\connect {name}\nSET client_min_messages = warning;\nDROP SCHEMA IF EXISTS convoy, private CASCADE;\n"
            "DROP SCHEMA public CASCADE;\nCREATE SCHEMA public AUTHORIZATION teslamate;\n"
            "DROP EXTENSION IF EXISTS cube, earthdistance CASCADE;\n"
            for name in names
        )
    )


class Fleet:
    """A fleet file in a folder of its own, and the program that reads it."""

    def __init__(self, program, folder, tenants, names, *, migrations, control=None, database="postgres", rollout="", total=64):
        self.program, self.folder, self.control, self.database, self.total = program, pathlib.Path(folder), control, database, total
        self.folder.mkdir(parents=True, exist_ok=True)
        self.workers = []
        place = f"control: 'postgresql://postgres@127.0.0.1:{control.port}/{database}?sslmode=disable'\n" if control else ""
        (self.folder / "fleet.yaml").write_text(
            f"version: 1\nfleet: trial\nmigrations: '{migrations}'\n{place}"
            "defaults: {user: teslamate, connect_timeout: 30s, lock_wait: 60s, checkpoint: false}\n"
            f"servers: {{local: {{host: '{tenants.folder}', port: {tenants.port}, max_connections: {total}}}}}\n"
            f"limits: {{total: {total}, per_server: {total}}}\n{rollout}"
            "instances:\n" + "".join(f"  - {{name: {name}, server: local, database: {name}}}\n" for name in names)
        )

    def command(self, *arguments):
        return [self.program, *arguments, "--fleet", self.folder / "fleet.yaml"]

    def run(self, *arguments, exits=(0,)):
        """What the program prints."""
        done = subprocess.run(self.command(*arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True, env=ENVIRONMENT)
        if done.returncode not in exits:
            sys.exit(f"convoy {' '.join(map(str, arguments))} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def submit(self):
        return self.run("migrate", "--yes", "--detach").strip()

    def report(self, run):
        return json.loads(self.run("runs", "show", run, "--output", "json"))

    def ask(self, query):
        """Rows of the control database, each a list of texts."""
        return [line.split("|") for line in self.control.sql(query, database=self.database).splitlines()]

    def number(self, query):
        return int(self.ask(query)[0][0])

    def start_workers(self, count, *arguments):
        for index in range(count):
            self.workers.append(Worker(self, index, arguments))
        for worker in self.workers:
            worker.wait_until_known()

    def end_workers(self):
        """Lets them drain; how they ended."""
        for worker in self.workers:
            worker.process.terminate()
        ends = [worker.process.wait(timeout=120) for worker in self.workers]
        self.workers = []
        return ends

    def remove(self):
        for worker in self.workers:
            worker.process.kill()
            worker.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Worker:
    """A process that carries out runs."""

    def __init__(self, fleet, index, arguments):
        self.fleet, self.index, self.arguments = fleet, index, arguments
        self.log = open(fleet.folder / f"worker-{index}.log", "a")
        self.start()

    def start(self):
        command = self.fleet.command("worker", *self.arguments)
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True, env=ENVIRONMENT, start_new_session=True
        )
        words = self.process.stdout.readline().split()
        if len(words) < 2:
            sys.exit(f"worker {self.index} did not start: {(self.fleet.folder / f'worker-{self.index}.log').read_text()[-2000:]}")
        self.id = words[1]

    def kill(self):
        """As if its machine were gone; the moment."""
        self.process.kill()
        moment = time.time()
        self.process.wait()
        return moment

    def wait_until_known(self):
        deadline = time.time() + 60
        while self.fleet.number(f"SELECT count(*) FROM convoy_control.workers WHERE id = '{self.id}'") == 0:
            if time.time() > deadline:
                sys.exit(f"worker {self.id} does not announce itself")
            time.sleep(0.1)


def processor_seconds(pid):
    """What a process has used of the processors, those of its children included that have ended."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(fields[index]) for index in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")


def cluster_processor_seconds(cluster):
    """The same of a server with all its sessions: those that have ended count with the first process, the others for themselves."""
    first = int((pathlib.Path(cluster.folder) / "data/postmaster.pid").read_text().split()[0])
    children = pathlib.Path(f"/proc/{first}/task/{first}/children").read_text().split()
    total = processor_seconds(first)
    for child in children:
        try:
            total += processor_seconds(child)
        except FileNotFoundError:
            # It has ended since; the first process has its time now.
            pass
    return total


def table(heads, rows):
    widths = [max(len(str(row[column])) for row in [heads, *rows]) for column in range(len(heads))]
    return "\n".join("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [heads, *rows])
