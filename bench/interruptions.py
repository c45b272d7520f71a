"""An import killed again and again: `kill -9` at ten random points, then PostgreSQL itself killed in the middle.

Each time `--resume` goes on. At the end the tables must equal the file, with one event for each customer and row.
"""

import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from bench.transfers import HEADINGS, ROOT, generate
from tests.databases import PostgresServer, start_postgresql

CUSTOMERS = int(os.environ.get("INTERRUPTED_CUSTOMERS", "60000"))
KILLS = 10
OWN, CHILD = HEADINGS[:-2], ("company", "supplier_number")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="overplane-interrupted-") as name:
        file = Path(name) / "customers.csv"
        generate(file, CUSTOMERS)
        for what in (kill_the_import, kill_the_server):
            server = start_postgresql(durable=True)
            environment = os.environ | {"DATABASE_URL": server.url, "DATA_DIR": name, "DEBUG": ""}
            try:
                manage(environment, "migrate", "-v", "0").wait()
                attempts = what(environment, file, server)
                compare(server.url, file)
                print(f"{what.__name__}: {attempts} attempts, tables equal the file, one event each", flush=True)
            finally:
                server.destroy()


def manage(environment: dict[str, str], *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill_the_import(environment: dict[str, str], file: Path, server: PostgresServer) -> int:
    dice, attempts = random.Random(), 0
    arguments = ["import_customers", str(file), "--quiet"]
    for _ in range(KILLS):
        process = manage(environment, *arguments)
        attempts += 1
        time.sleep(dice.uniform(1.5, 4.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        if committed(server.url):
            arguments = ["import_customers", str(file), "--quiet", "--resume"]
    process = manage(environment, *arguments)
    assert process.wait() in (0, 2), process.returncode  # 2: the last kill came after the end, nothing to resume
    return attempts + 1


def committed(url: str) -> bool:
    """Whether there is a run to resume."""
    with psycopg.connect(url) as connection:
        return bool(connection.execute("SELECT count(*) FROM crm_importrun").fetchone()[0])  # type: ignore[index]


def kill_the_server(environment: dict[str, str], file: Path, server: PostgresServer) -> int:
    process = manage(environment, "import_customers", str(file), "--quiet")
    attempts = 1
    for _ in range(3):
        time.sleep(random.uniform(4, 6))
        if process.poll() is not None:
            break
        server.stop("immediate")
        code = process.wait()
        assert code == 3, code  # broken off
        server.start()
        process = manage(environment, "import_customers", str(file), "--quiet", "--resume")
        attempts += 1
    assert process.wait() == 0
    return attempts


def compare(url: str, file: Path) -> None:
    wanted: dict[str, tuple] = {}
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["customer_name"]:
                values = tuple(row[n] == "yes" if n == "disabled" else row[n] for n in OWN)
                rows: list[tuple] = []
                wanted[row["customer_name"]] = (values, rows)
            if row["supplier_numbers.company"]:
                rows.append((len(rows) + 1, *(row[f"supplier_numbers.{n}"] for n in CHILD)))
    with psycopg.connect(url) as connection:
        stored = {row[0]: (row[1:], []) for row in connection.execute(f"SELECT id, {', '.join(OWN)} FROM crm_customer")}
        rows_sql = f"SELECT customer_id, idx, {', '.join(CHILD)} FROM crm_suppliernumberatcustomer ORDER BY 1, 2"
        for customer_id, *row in connection.execute(rows_sql):
            stored[customer_id][1].append(tuple(row))
        assert len(stored) == len(wanted), (len(stored), len(wanted))
        assert {values[0]: (values, rows) for values, rows in stored.values()} == wanted
        events = connection.execute(
            "SELECT count(*), count(DISTINCT object_id) FROM overplane_events_event WHERE type LIKE '%.created'"
        ).fetchone()
        created = len(wanted) + sum(len(rows) for _, rows in wanted.values())
        assert events == (created, created), (events, created)
        counted = connection.execute(
            "SELECT sum(n) FROM overplane_row_count WHERE relation = 'crm_customer'"
        ).fetchone()
        assert counted == (len(wanted),), counted
