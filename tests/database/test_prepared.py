"""Prepared statements: a name stands for one text in every process, and what a pooler takes away is missed by nobody."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest
from django.conf import settings
from django.db import DataError, connection

from overplane.database import statements
from overplane.database.postgresql import poolers
from tests.conftest import CUSTOMER, ROW, Api
from tests.served import database_url
from tests.threads import T, concurrently

IS_POSTGRESQL = connection.vendor == "postgresql"
Statements = dict[str, tuple[str, str]]  # text and types by name


@pytest.fixture(autouse=True)
def _nothing_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test makes look like a pooler is none for the next."""
    monkeypatch.setattr(poolers, "_findings", {})


def prepared() -> Statements:
    """What this thread's connection has prepared. SQLite does no such thing."""
    if not IS_POSTGRESQL:
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, statement, array_to_string(parameter_types, ', ') FROM pg_prepared_statements")
        return {name: (text, types) for name, text, types in cursor.fetchall()}


def change_hands() -> None:
    """What a transaction pooler does: the next statement meets a connection of the server that has seen none before."""
    if IS_POSTGRESQL:
        with connection.cursor() as cursor:
            cursor.execute("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")  # psycopg must not see it


def prepare(name: str, text: str, types: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'PREPARE "{name}" ({types}) AS {text}')


def by_thread(work: Callable[[int], T]) -> list[T]:
    """In a thread with a connection of its own; what is learned about that ends with it."""
    return concurrently(work, 1)


def test_a_name_stands_for_one_text_in_every_process(live_api: Api) -> None:
    customer = live_api.create()
    path = f"{CUSTOMER}/{customer['id']}"
    calls = [
        lambda: live_api.get(path),
        lambda: live_api.patch(path, {"gender": "x"}),
        lambda: live_api.patch(path, {"territory": "x"}),
        live_api.create,
    ]

    def work(i: int) -> Statements:
        for call in calls[:: -1 if i else 1]:
            call()
        return prepared()

    one, other = [by_thread(lambda _, i=i: work(i))[0] for i in (0, 1)]
    assert bool(one) == bool(other) == IS_POSTGRESQL
    common = one.keys() & other.keys()
    assert bool(common) == IS_POSTGRESQL
    assert {name: one[name] for name in common} == {name: other[name] for name in common}
    assert len({*one.values(), *other.values()}) == len(one.keys() | other.keys())


# Each process prepares in an order of its own, as after different calls.
NAMES = """
import json
from django.db import connection
from crm.models import CUSTOMERS, TOMBSTONES
from crm.line_items import SUPPLIER_NUMBERS

for table in (CUSTOMERS, TOMBSTONES, SUPPLIER_NUMBERS.table)[::{step}]:
    table.get("x")
with connection.cursor() as cursor:
    if connection.vendor == "postgresql":
        cursor.execute("SELECT name, statement FROM pg_prepared_statements")
    print(json.dumps(dict(cursor.fetchall() if connection.vendor == "postgresql" else [])))
"""


@pytest.mark.slow
def test_two_processes_give_one_name_to_one_text(transactional_db: None) -> None:
    """A name that a process counts up stands for another text in the next process: a pooler then runs the wrong one."""
    ran = [run("none", "shell", "--no-imports", "-c", NAMES.format(step=step)) for step in (1, -1)]
    one, other = [json.loads(process.stdout) for process in ran]
    assert one == other, [process.stderr for process in ran]
    assert len(set(one.values())) == len(one) == (3 if IS_POSTGRESQL else 0)
    assert all(re.fullmatch("overplane_[0-9a-f]{32}", name) for name in one)


def test_a_statement_that_failed_is_run_again_under_its_name(transactional_db: None) -> None:
    def work(_: int) -> bool:
        sql = "SELECT 10 / CAST(%s AS integer)"
        with suppress(DataError):  # SQLite's answer is null
            statements.first(sql, [0])
        assert statements.first(sql, [5]) == (2,)
        return not IS_POSTGRESQL or connection.has_sessions  # the service has not taken itself for a pooler

    assert by_thread(work) == [True]


def test_a_connection_keeps_the_statements_that_were_used_last(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if IS_POSTGRESQL:
        monkeypatch.setattr("overplane.database.postgresql.prepared.MOST_PREPARED", 3)

    def work(_: int) -> list[str]:
        for number in (1, 2, 3, 1, 4, 5):
            assert statements.first(f"SELECT {number} + CAST(%s AS integer)", [number]) == (2 * number,)
        return sorted(text for text, _types in prepared().values() if text.startswith("SELECT"))

    expected = [f"SELECT {number} + CAST($1 AS integer)" for number in (1, 4, 5)] if IS_POSTGRESQL else []
    assert by_thread(work) == [expected]


def test_a_connection_that_has_forgotten_is_asked_in_plain_words(live_api: Api) -> None:
    customer = live_api.create()
    path = f"{CUSTOMER}/{customer['id']}"

    def work(_: int) -> Statements:
        for name in ("gender", "territory"):
            assert live_api.patch(path, {name: "first"}).status_code == 200
        change_hands()
        for name in ("territory", "gender"):
            assert live_api.patch(path, {name: "second"}).status_code == 200
        return prepared()

    assert by_thread(work) == [{}]  # it has noticed the pooler
    expected = customer | {"gender": "second", "territory": "second"}
    assert live_api.get(path).json() == expected | {"updated_at": live_api.get(path).json()["updated_at"]}


def test_a_connection_on_which_another_process_prepared_the_same(live_api: Api) -> None:
    path = f"{CUSTOMER}/{live_api.create()['id']}"
    first = by_thread(lambda _: (live_api.patch(path, {"gender": "first"}).status_code, prepared()))[0]

    def work(_: int) -> int:
        for name, (text, types) in first[1].items():
            prepare(name, text, types)
        return live_api.patch(path, {"gender": "second"}).status_code

    assert (first[0], by_thread(work)) == (200, [200])
    assert live_api.get(path).json()["gender"] == "second"


def test_a_transaction_that_is_lost_with_its_connection_may_be_sent_again(live_api: Api) -> None:
    customer = live_api.create()

    def work(_: int) -> list[int]:
        live_api.add_row(customer["id"], company="first")
        change_hands()
        answers = [live_api.post(ROW, {"customer_id": customer["id"], "company": "second"}) for _ in range(2)]
        assert all(answer["Retry-After"] for answer in answers if answer.status_code == 503)
        return [answer.status_code for answer in answers]

    assert by_thread(work) == [[503, 201] if IS_POSTGRESQL else [201, 201]]


SCRIPT = """
from django.db import connection, transaction
from crm.models import CUSTOMERS, Customer

def count(view):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {view}")
        return cursor.fetchone()[0]

def cursors():
    some = Customer.objects.iterator(1)
    next(some)
    return count("pg_cursors WHERE name <> ''")

CUSTOMERS.get("x")
if connection.vendor == "postgresql":
    print(count("pg_prepared_statements") > 0, cursors() > 0, end=" ")
    with transaction.atomic():
        print(cursors() > 0)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "expected"), [("none", "True True True"), ("transaction", "False False True")])
def test_with_a_transaction_pooler_nothing_outlives_a_transaction(live_api: Api, mode: str, expected: str) -> None:
    for _ in range(3):
        live_api.create()
    ran = run(mode, "shell", "--no-imports", "-c", SCRIPT)
    assert ran.stdout.strip() == (expected if IS_POSTGRESQL else ""), ran.stderr


@pytest.mark.slow
def test_another_word_for_the_pooler_is_refused_at_start() -> None:
    ran = run("session", "check")
    assert ran.returncode != 0
    assert "DATABASE_POOLER is 'session'; it must be none or transaction or transaction-prepared." in ran.stderr


def run(mode: str, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DATABASE_URL": database_url(), "DATABASE_POOLER": mode}
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
