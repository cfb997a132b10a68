"""Throwaway servers of Scripts/cluster."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Cluster:
    """A throwaway server, for the length of a `with`."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def __enter__(self):
        self.process = subprocess.Popen(
            [ROOT / "Scripts/cluster", *self.arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        values = {}
        for line in self.process.stdout:
            if line.strip() == "ready":
                break
            name, _, value = line.strip().partition("=")
            values[name] = value
        else:
            sys.exit(f"{sys.argv[0]}: there is no PostgreSQL server")
        self.folder, self.port, self.psql, self.major = values["folder"], values["port"], values["bin"] + "/psql", values["major"]
        # The usual container set-up: the app's role is a superuser, so that each way has to log in only once.
        self.sql("CREATE ROLE teslamate SUPERUSER LOGIN")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def order(self, line):
        """Has the server stopped or started: `stop fast`, `stop immediate`, `start`."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if answer != "done":
            sys.exit(f"{sys.argv[0]}: the server does not {line}")

    def command(self, database, *arguments):
        return [self.psql, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p", self.port, "-U", "postgres", "-d", database, *arguments]

    def sql(self, *statements, database="postgres"):
        arguments = [argument for statement in ("SET client_min_messages = warning", *statements) for argument in ("-c", statement)]
        return subprocess.run(self.command(database, *arguments), check=True, stdout=subprocess.PIPE, text=True).stdout

    def script(self, text):
        """Runs a psql script, which may connect to one database after the other; the lines that it prints."""
        done = subprocess.run(self.command("postgres"), input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"{sys.argv[0]}: psql ended with {done.returncode}:\n{done.stderr}")
        return done.stdout.splitlines()

    def recreate(self, names, template="template0", strategy="WAL_LOG"):
        durable = self.sql("SHOW fsync").strip()
        # Making the databases is not measured.
        self.sql("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        self.sql(*(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)" for name in names))
        self.sql(*(f"CREATE DATABASE {name} OWNER teslamate TEMPLATE {template} STRATEGY {strategy}" for name in names))
        # What is left to write must not be written during what is measured.
        self.sql("CHECKPOINT", f"ALTER SYSTEM SET fsync = {durable}", "SELECT pg_reload_conf()")
