"""Requests a second beside a floor: the same routes by one bare function on the same gunicorn and the same rows.

Each kind of request at 8, 32 and 128 clients on kept connections, and with a new connection for each request. Rounds of
service and floor take turns; a round in which something else used the machine is done again. `REQUEST_CUSTOMERS`,
`REQUEST_SECONDS` and `REQUEST_ROUNDS` set the size; `REQUEST_DATABASES` is `postgresql`, `sqlite` or both.
"""

import hashlib
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from bench import floor, goals, machine
from bench.load import Order
from bench.service import free_port
from bench.transfers import generate
from tests.databases import start_postgresql

ROOT = Path(__file__).parent.parent
CUSTOMERS = int(os.environ.get("REQUEST_CUSTOMERS", "100000"))
SECONDS = float(os.environ.get("REQUEST_SECONDS", "3"))
ROUNDS = int(os.environ.get("REQUEST_ROUNDS", "3"))
DATABASES = os.environ.get("REQUEST_DATABASES", "postgresql,sqlite").split(",")
# Of an environment that has requirements.txt alone: REST framework imports what it finds of the others, some 5 MB.
PYTHON = os.environ.get("REQUEST_PYTHON", sys.executable)
CLIENTS = (8, 32, 128)
# Of the floor's requests a second.
GOALS = {"retrieve": 0.55, "list 20": 0.65, "list 100": 0.75, "create": 0.45, "patch": 0.4, "delete": 0.4}
KEYED_GOAL, BATCH_GOAL, BATCH_SIZE = 0.8, 10, 1000  # of creates without a key; times the customers of single creates
START_GOAL, MEMORY_GOAL = 1.5, 100  # times `django.setup()`; megabytes
TRIES = 3  # how often a round is done at most
SERVED, ASKING = 0, 1  # processors: the servers that are measured, and the database with the clients
OWN_NAMES = {"version", "search_text"}


@dataclass
class Server:
    name: str
    port: int
    process: subprocess.Popen
    key: str
    ids: list[str] = field(default_factory=list)
    deleted: int = 0

    def to_delete(self) -> list[str]:
        """Each customer once; a round that has no more of them ends early. Half of them are left for the other questions."""
        count = len(self.ids) // (2 * ROUNDS * TRIES * (len(CLIENTS) + 1))
        self.deleted += count
        return self.ids[self.deleted - count : self.deleted]


@dataclass(frozen=True)
class Round:
    a_second: float
    p99: float
    application: float  # CPU milliseconds a request
    database: float
    noise: float
    megabytes: float
    refused: int


class Bench:
    """Both servers on one database; `database` are the process ids of its server."""

    def __init__(self, name: str, servers: list[Server], database: list[int], body: dict[str, Any]) -> None:
        self.name, self.servers, self.database, self.body = name, servers, database, body
        self.rounds: dict[tuple[str, int, bool, str], list[Round]] = defaultdict(list)
        self.number = 0

    def measure(self, what: str, clients: int, *, keep_alive: bool = True, servers: list[Server] | None = None) -> None:
        for i in range(ROUNDS):
            for server in (servers or self.servers)[:: 1 if i % 2 else -1]:
                tried = [self._measure(server, what, clients, keep_alive)]
                while tried[-1].noise > goals.NOISE and len(tried) < TRIES:
                    tried.append(self._measure(server, what, clients, keep_alive))
                self.rounds[what, clients, keep_alive, server.name].append(min(tried, key=lambda one: one.noise))

    def _measure(self, server: Server, what: str, clients: int, keep_alive: bool) -> Round:
        self.number += 1
        # The first half is for deletions.
        ids = server.to_delete() if what == "delete" else server.ids[len(server.ids) // 2 :][-2000:]
        mark = f"{os.getpid()}.{self.number}"
        order = Order(server.port, server.key, what, clients, SECONDS, keep_alive, ids, self.body, mark)
        pids = machine.family(server.process.pid)
        database = [one for pid in self.database for one in machine.family(pid)]
        application, spent, busy = machine.cpu_seconds(pids), machine.cpu_seconds(database), machine.busy_seconds()
        seen = json.loads(_run_load(order))
        application, spent = machine.cpu_seconds(pids) - application, machine.cpu_seconds(database) - spent
        others = machine.busy_seconds() - busy - application - spent - seen["cpu_seconds"]
        count = max(1, seen["answers"])
        return Round(
            a_second=seen["answers"] / seen["seconds"],
            p99=seen["milliseconds"][int(len(seen["milliseconds"]) * 0.99)],
            application=application / count * 1000,
            database=spent / count * 1000,
            noise=max(0.0, others / seen["seconds"]),
            megabytes=machine.megabytes(pids),
            refused=seen["refused"],
        )

    def middle(self, what: str, clients: int, keep_alive: bool, name: str) -> Round:
        """The medians of its rounds; the worst of what should not be."""
        rounds = self.rounds[what, clients, keep_alive, name]
        middles = {one: statistics.median(getattr(r, one) for r in rounds) for one in ("a_second", "p99", "application", "database")}  # fmt: skip
        return Round(
            **middles,
            noise=max(r.noise for r in rounds),
            megabytes=max(r.megabytes for r in rounds),
            refused=sum(r.refused for r in rounds),
        )


def _run_load(order: Order) -> str:
    asking = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        cwd=ROOT, input=json.dumps(asdict(order)), capture_output=True, text=True, check=True,
        preexec_fn=machine.pinned(ASKING),
    )  # fmt: skip
    return asking.stdout


def report(bench: Bench) -> None:
    print(
        f"{'':26} {'a second':>15} {'ratio':>6} {'goal':>5} {'p99 ms':>7} {'CPU ms (application + database)':>34} {'noise':>6}"
    )
    for what, clients, keep_alive in dict.fromkeys(key[:3] for key in bench.rounds):
        ours, bare = (bench.middle(what, clients, keep_alive, name) for name in ("service", "floor"))
        if not bare.a_second:
            continue
        ratio, goal = ours.a_second / bare.a_second, GOALS[what]
        label, noise = f"{what}, {clients}{'' if keep_alive else ', new'}", max(ours.noise, bare.noise)
        judged = goals.at_least(f"{bench.name}: {label} / floor", ratio, goal, noise)
        costs = f"{ours.application:.2f} + {ours.database:.2f} ({bare.application:.2f} + {bare.database:.2f})"
        refused = f"  {ours.refused} and {bare.refused} answers of 400 or more" if ours.refused or bare.refused else ""
        print(
            f"{label:26} {ours.a_second:7.0f} /{bare.a_second:6.0f} {ratio:6.2f} {goal:5.2f} {ours.p99:7.1f} {costs:>34}"
            f" {noise:6.2f}  {'reached' if judged.reached else 'MISSED'}{refused}",
            flush=True,
        )


def alone(bench: Bench) -> None:
    """What has no floor: creates with a key beside those without, and batches beside single creates."""
    service, (few, *_) = bench.servers[:1], CLIENTS
    for what in ("create", "keyed create", "batch"):
        bench.measure(what, few, servers=service)
    bench.measure("batch", 1, servers=service)
    plain, keyed, batches = (bench.middle(one, few, True, "service") for one in ("create", "keyed create", "batch"))
    by_one = bench.middle("batch", 1, True, "service")
    noise = max(one.noise for one in (plain, keyed, batches, by_one))
    of_creates = [one.a_second * BATCH_SIZE / plain.a_second for one in (batches, by_one)]
    print(
        goals.at_least(f"{bench.name}: create with a key / without", keyed.a_second / plain.a_second, KEYED_GOAL, noise)
    )
    print(goals.at_least(f"{bench.name}: customers of batches / of creates", of_creates[0], BATCH_GOAL, noise))
    print(f"{'':{len(bench.name)}}  (by one client that sends one batch after the other: {of_creates[1]:.1f})")
    print(goals.at_most(f"{bench.name}: memory of a worker, MB", plain.megabytes, MEMORY_GOAL), flush=True)


def start_up(name: str, environment: dict[str, str]) -> None:
    """One worker's way to its first answer, beside `django.setup()` with the same apps."""
    setup = "import django; django.setup()"
    served = "from overplane.wsgi import application; from django.urls import get_resolver; get_resolver().url_patterns"

    def seconds(code: str) -> float:
        spent = []
        for _ in range(5):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)
            spent.append(time.perf_counter() - started)
        return min(spent)

    with goals.watched() as noise:
        ratio = seconds(served) / seconds(setup)
    label = f"{name}: start of a worker / django.setup()"
    print(goals.at_most(label, ratio, START_GOAL, noise.processors), flush=True)


@contextmanager
def served(name: str, application: str, environment: dict[str, str], key: str) -> Iterator[Server]:
    port = free_port()
    command = [PYTHON, "-m", "gunicorn", "-c", "overplane/gunicorn.py", application]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment | {"PORT": str(port)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=machine.pinned(SERVED),  # noqa: PLW1509 (there is one thread)
    )  # fmt: skip
    try:
        yield Server(name, port, process, key)
    finally:
        process.terminate()
        process.wait()


def of_database(name: str, url: str, folder: Path, database: list[int]) -> None:
    environment = os.environ | {
        "DATABASE_URL": url, "DATA_DIR": str(folder), "WEB_CONCURRENCY": "1", "WEB_THREADS": "4", "LOG_LEVEL": "ERROR",
        "DJANGO_SETTINGS_MODULE": "overplane.settings",
    }  # fmt: skip

    def manage(*arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout

    manage("migrate", "-v", "0")
    file = folder / "customers.csv"
    generate(file, CUSTOMERS)
    manage("import_customers", str(file), "--quiet")
    file.unlink()
    key = manage("create_api_key", "bench").strip()
    ids, body = _customers(url, folder)
    bare = environment | {"FLOOR_DATABASE": url or f"sqlite:///{_sqlite_file(folder)}"}
    bare["FLOOR_KEY_DIGESTS"] = hashlib.sha256(key.encode()).hexdigest()
    with (
        served("service", "overplane.wsgi", environment, key) as service,
        served("floor", "bench.floor:application", bare, key) as floor_server,
    ):
        service.ids, floor_server.ids = ids, ids
        _wait_for([service, floor_server])
        bench = Bench(name, [service, floor_server], database, body)
        for clients in CLIENTS:
            for what in GOALS:
                bench.measure(what, clients)
        for what in GOALS:
            bench.measure(what, CLIENTS[0], keep_alive=False)
        report(bench)
        alone(bench)
    start_up(name, environment)


def _sqlite_file(folder: Path) -> Path:
    return next(folder.glob("*.sqlite3"))


def _customers(url: str, folder: Path) -> tuple[list[str], dict[str, Any]]:
    """Their ids, oldest first, and one as the body of a create. Copies them for the floor."""
    with closing(psycopg.connect(url, autocommit=True) if url else sqlite3.connect(_sqlite_file(folder))) as connection:
        columns = connection.execute("SELECT * FROM crm_customer LIMIT 0").description
        floor.prepare(connection, [column[0] for column in columns or () if column[0] not in OWN_NAMES])
        connection.commit()
        # Not the empty tables: PostgreSQL would plan for nothing in them, until its own ANALYZE a minute later.
        for table in ("crm_customer", "overplane_events_event", floor.TABLE):
            connection.execute(f"{'VACUUM ' if url else ''}ANALYZE {table}")
        ids = [one for (one,) in connection.execute("SELECT id FROM crm_customer ORDER BY created_at, id").fetchall()]
    return ids, BODY


BODY = {
    "customer_type": "Company", "customer_group": "group 3", "territory": "territory 7", "tax_id": "DE123456789",
    "email_id": "info@nordlicht.example", "mobile_no": "+49 30 4711", "website": "https://nordlicht.example",
    "default_currency": "EUR", "language": "de", "industry": "industry 4", "payment_terms": "30 days",
    "account_manager": "manager 2", "primary_address": "Nordic Street 7, 10115 Berlin", "disabled": False,
    "first_name": "Alfa", "last_name": "Bravo", "market_segment": "segment 1", "gender": "unknown",
    "default_price_list": "Standard", "tax_category": "domestic", "is_internal_customer": False,
}  # fmt: skip


def _wait_for(servers: list[Server]) -> None:
    for server in servers:
        for _ in range(200):
            try:
                _run_load(Order(server.port, server.key, "list 20", 1, 0.01))
                break
            except subprocess.CalledProcessError:
                time.sleep(0.1)
        else:
            raise RuntimeError(f"{server.name} does not start")


def main() -> None:
    print(
        f"{CUSTOMERS:,} customers, {ROUNDS} rounds of {SECONDS:g} s, {os.cpu_count()} processors; “new”: a connection for each"
    )
    for name in DATABASES:
        with tempfile.TemporaryDirectory(prefix="overplane-requests-") as folder:
            print(name)
            if name == "sqlite":
                of_database(name, "", Path(folder), [])
                continue
            server = start_postgresql(durable=True)
            try:
                if hasattr(os, "sched_setaffinity") and machine.pinned(ASKING):
                    os.sched_setaffinity(server.pid, {ASKING})  # its connections inherit it
                of_database(name, server.url, Path(folder), [server.pid])
            finally:
                server.destroy()
