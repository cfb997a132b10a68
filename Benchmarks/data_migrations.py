"""Times each migration that rewrites rows, against the best other way to write the same rule, on two equal copies of one database."""

import os
import pathlib
import subprocess
import sys
import time

import data_rows

ROOT = pathlib.Path(__file__).resolve().parent.parent
BASELINES = ROOT / "Benchmarks/baseline/data"
# Where rows are made anew: at the first version; where the columns that the next ones read have come; and at both sides of the GiST index on
# all positions, which takes minutes to build and matters to no rule.
FRESH = {"20190729181314", "20190913175543", "20191026185642", "20250613133700"}
GIST_INDEX = "positions_ll_to_earth_latitude__longitude_index"


def versions_measured():
    return sorted(path.stem for path in BASELINES.glob("*.sql"))


def predecessor(version):
    versions = sorted(path.name.split("_")[0] for path in (ROOT / "Migrations").glob("[0-9]*.sql"))
    return versions[versions.index(version) - 1]


def script(version):
    """The transaction of a migration, in psql."""
    return (
        "BEGIN;\nLOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE;\n"
        f"INSERT INTO schema_migrations VALUES ({version}, now() AT TIME ZONE 'UTC');\n"
        f"{(BASELINES / f'{version}.sql').read_text()}\nCOMMIT;\n"
    )


def contents(cluster, database):
    """A checksum of each table of TeslaMate's."""
    tables = cluster.sql(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'schema_migrations' ORDER BY 1",
        database=database,
    ).split()
    # Sums of floating point depend on their order, in the last digits.
    checksums = cluster.sql(
        "SET extra_float_digits = -3",
        *(f"SELECT count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM {table} AS t" for table in tables),
        database=database,
    ).splitlines()
    return dict(zip(tables, checksums, strict=True))


def prepare(cluster, convoy, version):
    """Brings the database `base` to the version before, with rows."""
    if version in FRESH:
        cluster.recreate(["base"])
    convoy.fleet(cluster, ["base"])
    convoy.run("migrate", "--yes", "--to", predecessor(version))
    if version in FRESH:
        cluster.sql(f"DROP INDEX IF EXISTS {GIST_INDEX}", database="base")
    data_rows.fill(cluster, "base")


def processor_seconds(cluster):
    """What the server's processes that have ended took of the processors."""
    postmaster = (pathlib.Path(cluster.folder) / "data/postmaster.pid").read_text().split()[0]
    fields = pathlib.Path(f"/proc/{postmaster}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[13:15])) / os.sysconf("SC_CLK_TCK")


def measure(cluster, convoy, folder, version, runs):
    """Seconds of both sides, and seconds of the server's processors, lists all; the two must leave the same rows."""
    prepare(cluster, convoy, version)
    path = folder / "baseline.sql"
    path.write_text(script(version))
    psql = cluster.command("bare", "-f", path)
    convoy.fleet(cluster, ["ours"])

    def bare():
        began = time.perf_counter()
        subprocess.run(psql, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began

    sides = {"ours": lambda: convoy.run("migrate", "--yes", "--to", version)[0], "bare": bare}
    times, costs = {"ours": [], "bare": []}, {"ours": [], "bare": []}
    for number in range(runs):
        left = {}
        for side in sorted(sides, reverse=number % 2 == 0):
            cluster.recreate([side], template="base", strategy="FILE_COPY")
            before = processor_seconds(cluster)
            times[side].append(sides[side]())
            # The session ends a moment after its client.
            time.sleep(0.2)
            costs[side].append(processor_seconds(cluster) - before)
            if number == 0:
                left[side] = contents(cluster, side)
            cluster.sql(f"DROP DATABASE {side}")
        if number == 0:
            check(version, left, contents(cluster, "base"))
    return times["ours"], times["bare"], costs["ours"], costs["bare"]


def check(version, left, before):
    different = [table for table in left["ours"] if left["ours"][table] != left["bare"].get(table)]
    if different:
        sys.exit(f"Benchmarks/run: the baseline of {version} leaves other rows in {', '.join(different)}")
    if left["ours"] == before:
        sys.exit(f"Benchmarks/run: there is nothing to do for {version}")
