"""Import and export of generated customers, each beside the database's own bare way of moving the same rows.

PostgreSQL: the import beside `COPY … FROM` of the resulting rows into the same indexed tables (customers, supplier
numbers, events), the export beside `COPY … TO`. SQLite: beside bare `executemany`. `TRANSFER_CUSTOMERS` sets the size.
"""

import contextlib
import csv
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench import goals, http_imports
from tests.databases import PostgresServer, start_postgresql

ROOT = Path(__file__).parent.parent
CUSTOMERS = int(os.environ.get("TRANSFER_CUSTOMERS", "1000000"))
IMPORT_GOAL, SQLITE_GOAL, EXPORT_GOAL = 1.35, 1.5, 1.6  # times as long as the bare way
MEMORY_GOAL, WEB_GROWTH_GOAL = 250, 50  # megabytes
HTTP_GOAL = 0.9  # of the command's customers a second
TRIES = int(os.environ.get("TRANSFER_TRIES", "2"))
# As deploy/compose.yaml has them: with PostgreSQL's own 128 MB and 1 GB both ways wait for the disk, and it decides.
SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB", "wal_compression": "on"}
TABLES = ("crm_customer", "crm_suppliernumberatcustomer", "overplane_events_event")
WORDS = [
    "Alfa",
    "Bravo",
    "Delta",
    "Echo",
    "Foxtrot",
    "Golf",
    "Hotel",
    "India",
    "Kilo",
    "Lima",
    "Mike",
    "Nordic",
    "Oscar",
    "Papa",
    "Zürich",
    "Øresund",
]
HEADINGS = [
    "customer_name",
    "customer_type",
    "customer_group",
    "territory",
    "tax_id",
    "email_id",
    "mobile_no",
    "website",
    "default_currency",
    "language",
    "industry",
    "payment_terms",
    "account_manager",
    "primary_address",
    "customer_pos_id",
    "disabled",
    "first_name",
    "last_name",
    "supplier_numbers.company",
    "supplier_numbers.supplier_number",
]


def generate(path: Path, count: int) -> None:
    """`count` customers, half as many supplier numbers, two to every fourth customer: the second in a line of its own."""
    dice = random.Random(4711)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADINGS)
        blank = [""] * 18
        for i in range(count):
            one, two = dice.choice(WORDS), dice.choice(WORDS)
            mark = f"{dice.getrandbits(40):010x}"
            row = [
                f"{one} {mark} {two} GmbH", "Company" if i % 7 else "Individual", f"group {i % 12}", f"territory {i % 40}",
                f"DE{i * 7919 % 10**9:09}", f"info{i}@{one.lower().replace('ü', 'u').replace('ø', 'o')}{i % 1000}.example",
                f"+49 30 {i * 31 % 10**7:07}", f"https://{one.lower()}.example/{i}", "EUR", "de", f"industry {i % 30}",
                "30 days", f"manager {i % 25}", f"{two} Street {i % 200}, 10{i % 1000:03} Berlin", f"POS-{i}",
                "yes" if i % 50 == 0 else "no", one, two,
            ]  # fmt: skip
            writer.writerow([*row, *([f"Company {i % 5}", f"S-{i}"] if i % 4 == 0 else ["", ""])])
            if i % 4 == 0:
                writer.writerow([*blank, "Company X", f"T-{i}"])


def run(environment: dict[str, str], *arguments: str) -> tuple[float, float, str]:
    """Seconds, megabytes at the most, and what it said."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    peak = 0
    while process.poll() is None:
        with contextlib.suppress(OSError, TypeError):
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak = max(peak, int(re.search(r"VmHWM:\s+(\d+)", status)[1]))  # type: ignore[index]
        time.sleep(0.05)
    assert process.stdout
    output = process.stdout.read()
    if process.returncode:
        raise RuntimeError(output)
    return time.perf_counter() - started, peak / 1024, output.strip().rpartition("\n")[2]


def report(what: str, seconds: float, count: int, beside: float | None = None, megabytes: float | None = None) -> None:
    ratio = f"  {seconds / beside:5.2f} × bare" if beside else ""
    memory = f"  {megabytes:4.0f} MB" if megabytes else ""
    print(f"{what:34} {seconds:8.1f} s  {count / seconds:10,.0f} customers/s{ratio}{memory}", flush=True)


@dataclass
class Transfer:
    """One way beside the bare one: seconds of each, megabytes at the most, processors that others used."""

    seconds: float
    bare: float
    megabytes: float
    noise: float


def best(measure: Callable[[], list[Transfer]]) -> list[Transfer]:
    """Of several times the fastest of each: what others take of the disk no count of processors shows.

    On one server, which then has the files of its log already, for both.
    """
    tried = list(zip(*[measure() for _ in range(TRIES)], strict=True))
    return [
        Transfer(
            min(one.seconds for one in times),
            min(one.bare for one in times),
            max(one.megabytes for one in times),
            min(one.noise for one in times),
        )
        for times in tried
    ]


def judge(what: str, bare: str, one: Transfer, goal: float) -> None:
    report(bare, one.bare, CUSTOMERS)
    report(what, one.seconds, CUSTOMERS, one.bare, one.megabytes)
    print(goals.at_most(f"{what} / bare", one.seconds / one.bare, goal, one.noise))
    print(goals.at_most(f"{what}, MB", one.megabytes, MEMORY_GOAL), flush=True)


def postgresql(file: Path, folder: Path) -> None:
    server = start_postgresql(durable=True, **SETTINGS)
    try:
        imported, exported = best(lambda: _of_postgresql(server, file, folder))
    finally:
        server.destroy()
    judge("import_customers, PostgreSQL", "COPY FROM, bare", imported, IMPORT_GOAL)
    judge("export_customers to CSV", "COPY TO, bare", exported, EXPORT_GOAL)
    over_http(file, imported)


def over_http(file: Path, imported: Transfer) -> None:
    """Beside the command's import of the same file: what queue, upload and polling cost."""
    measured = http_imports.measure(file)
    report("import over HTTP, PostgreSQL", measured.seconds, CUSTOMERS, megabytes=measured.worker)
    print(f"  of it the upload {measured.upload:.1f} s; a web process grew by {measured.web_growth:.0f} MB")
    ratio = imported.seconds / measured.seconds
    print(
        goals.at_least(
            "import over HTTP / command, customers a second", ratio, HTTP_GOAL, max(imported.noise, measured.noise)
        )
    )
    print(goals.at_most("upload, MB of a web process", measured.web_growth, WEB_GROWTH_GOAL), flush=True)


def _of_postgresql(server: PostgresServer, file: Path, folder: Path) -> list[Transfer]:
    environment = os.environ | {"DATABASE_URL": server.url, "DATA_DIR": str(folder / "pg"), "DEBUG": ""}
    run(environment, "migrate", "-v", "0")
    run(environment, "flush", "--no-input", "-v", "0")
    with goals.watched(server.pid) as of_import:
        seconds, peak, said = run(environment, "import_customers", str(file))
    print(said)
    out = folder / "out.csv"
    with goals.watched(server.pid) as of_export:
        exported, export_peak, _ = run(environment, "export_customers", str(out))
    with psycopg.connect(server.url, autocommit=True) as connection, goals.watched(server.pid) as of_bare:
        bare_out = _copy_out(connection, folder)
        bare_in = _copy_in(connection, folder)
    transfers = [
        Transfer(seconds, bare_in, peak, max(of_import.processors, of_bare.processors)),
        Transfer(exported, bare_out, export_peak, max(of_export.processors, of_bare.processors)),
    ]
    print("  ".join(f"{one.seconds:.1f} / {one.bare:.1f} s" for one in transfers), flush=True)
    return transfers


def _copy_out(connection: psycopg.Connection, folder: Path) -> float:
    """All three tables to files; the time counts for what the export exports, customers and rows."""
    spent = 0.0
    for table in TABLES:
        started = time.perf_counter()
        with (folder / table).open("wb") as file, connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:
            for block in copy:
                file.write(block)
        spent += time.perf_counter() - started if table != TABLES[2] else 0
    return spent


def _copy_in(connection: psycopg.Connection, folder: Path) -> float:
    connection.execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")
    connection.execute("CHECKPOINT")
    started = time.perf_counter()
    for table in TABLES:
        with (folder / table).open("rb") as file, connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
            while block := file.read(1 << 20):
                copy.write(block)
        if table == TABLES[0]:  # or the foreign key is checked with a plan that was made for an empty table
            connection.execute(f"ANALYZE {table}")
    return time.perf_counter() - started


def sqlite(file: Path, folder: Path) -> None:
    (imported,) = best(lambda: _of_sqlite(file, folder))
    judge("import_customers, SQLite", "executemany, bare", imported, SQLITE_GOAL)


def _of_sqlite(file: Path, folder: Path) -> list[Transfer]:
    ours, bare = folder / "lite", folder / "bare"
    for one in (ours, bare):
        shutil.rmtree(one, ignore_errors=True)
        run(os.environ | {"DATABASE_URL": "", "DATA_DIR": str(one), "DEBUG": ""}, "migrate", "-v", "0")
    environment = os.environ | {"DATABASE_URL": "", "DATA_DIR": str(ours), "DEBUG": ""}
    with goals.watched() as noise:
        seconds, peak, said = run(environment, "import_customers", str(file))
        spent = _executemany(next(ours.glob("*.sqlite3")), next(bare.glob("*.sqlite3")))
    print(said)
    return [Transfer(seconds, spent, peak, noise.processors)]


def _executemany(source: Path, target: Path) -> float:
    """Only the inserting and committing is timed, with the settings of the service."""
    spent = 0.0
    with contextlib.closing(sqlite3.connect(source)) as old, contextlib.closing(sqlite3.connect(target)) as new:
        new.isolation_level = None
        for pragma in ("foreign_keys = ON", "synchronous = NORMAL"):
            new.execute(f"PRAGMA {pragma}")
        for table in TABLES:
            for rows in _parts(old.execute(f"SELECT * FROM {table}")):
                started = time.perf_counter()
                new.execute("BEGIN IMMEDIATE")
                new.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
                new.execute("COMMIT")
                spent += time.perf_counter() - started
    return spent


def _parts(cursor: sqlite3.Cursor) -> Iterator[list[tuple]]:
    while rows := cursor.fetchmany(5000):
        yield rows


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="overplane-transfers-") as name:
        folder = Path(name)
        file = folder / "customers.csv"
        generate(file, CUSTOMERS)
        print(
            f"{CUSTOMERS:,} customers, {CUSTOMERS // 2:,} supplier numbers, {file.stat().st_size / 1e6:,.0f} MB of CSV"
        )
        postgresql(file, folder)
        sqlite(file, folder)
