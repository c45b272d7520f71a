"""Nobody waits without end: a row or a database that somebody holds, a server that is frozen; on the real gunicorn."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.test import RequestFactory

from crm.api import export_stream
from overplane.api.models import ApiKey
from overplane.api.wsgi import Application
from overplane.database import time_limits
from overplane.database.dialect import is_postgresql
from overplane.database.postgresql import servers
from overplane.database.timing import TimedWrapper
from overplane.database.troubles import Trouble, trouble
from tests.conftest import CUSTOMER, Api
from tests.connections import another_connection, execute, only_postgresql, psycopg_connection, with_setting
from tests.proxies import proxy
from tests.served import ROOT, Service, database_url, served

pytestmark = pytest.mark.slow
only_sqlite = pytest.mark.skipif(is_postgresql(), reason="PostgreSQL ends statements by itself, see below")

LOCK_SECONDS, STATEMENT_SECONDS = 3, 3
DEFAULTS = {
    "STATEMENT_SECONDS": 10, "LOCK_SECONDS": 3, "REQUEST_SECONDS": 30, "IDLE_TRANSACTION_SECONDS": 300, "CLIENT_SECONDS": 20,
    "GRACEFUL_SECONDS": 30,
}  # fmt: skip


@pytest.fixture(scope="module")
def service(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home: Path = tmp_path_factory.mktemp("limits")
    with served(
        home, WEB_CONCURRENCY="1", LOCK_SECONDS=str(LOCK_SECONDS), STATEMENT_SECONDS=str(STATEMENT_SECONDS)
    ) as running:
        yield running


@contextmanager
def held(customer: str) -> Iterator[None]:
    """The customer's row; on SQLite the only lock that there is."""
    with another_connection() as other:
        execute(other, "UPDATE crm_customer SET gender = 'theirs' WHERE id = %s", customer)
        yield


def timed(
    service: Service, method: str, path: str, key: str, body: bytes | None = None
) -> tuple[float, int, bytes, str]:
    began = time.monotonic()
    status, content, headers = service.call(method, path, key, body)
    return time.monotonic() - began, status, content, headers.get("Retry-After", "")


def test_a_row_that_somebody_holds_costs_its_callers_seconds_and_others_nothing(
    service: Service, live_api: Api
) -> None:
    customer, other = live_api.create()["id"], live_api.create()["id"]
    path = f"{CUSTOMER}/{customer}"
    with held(customer), ThreadPoolExecutor(10) as pool:
        waiting = [pool.submit(timed, service, "PATCH", path, live_api.key, b'{"gender": "x"}') for _ in range(10)]
        time.sleep(0.8)  # they are all there
        for same in (path, f"{CUSTOMER}/{other}", f"{CUSTOMER}?q=acme", "/healthz"):
            took, status, _, _ = timed(service, "GET", same, live_api.key)
            assert (status, took < 1.5) == (200, True), (same, took)
        if is_postgresql():
            took, status, _, _ = timed(service, "PATCH", f"{CUSTOMER}/{other}", live_api.key, b'{"gender": "x"}')
            assert (status, took < 1.5) == (200, True), took
        for one in waiting:
            took, status, content, retry_after = one.result()
            assert (status, retry_after) == (503, "5")
            assert b'"code":"timeout"' in content
            assert took < 5
    assert timed(service, "PATCH", path, live_api.key, b'{"gender": "x"}')[1] == 200


def test_what_nobody_has_set_is_limited_as_it_is_documented() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in DEFAULTS}
    script = f"from overplane.settings import {', '.join(DEFAULTS)}; print({', '.join(DEFAULTS)})"
    said = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, check=True)
    assert [float(one) for one in said.stdout.split()] == list(DEFAULTS.values())
    pages = [(ROOT / name).read_text() for name in ("README.md", "docs/operations.md")]
    for name, seconds in DEFAULTS.items():
        (row,) = [line.split(" | ") for line in pages[0].splitlines() if line.startswith("|") and f"`{name}`" in line]
        names = row[0].strip("| ").split(", ")
        assert row[1].split(", ")[names.index(f"`{name}`")] == f"`{seconds}`"
        assert f"| `{name}` ({seconds}) |" in pages[1]


def test_a_key_that_is_used_after_a_while_waits_for_nobody(service: Service, live_api: Api) -> None:
    """When it was last used is noted, if that is possible just now."""
    customer = live_api.create()["id"]
    ApiKey.objects.update(last_used_at=None)
    with another_connection() as other:
        execute(other, KEY_LOCK)
        took, status, _, _ = timed(service, "GET", f"{CUSTOMER}/{customer}", live_api.key)
    assert (status, took < 1) == (200, True)
    assert ApiKey.objects.filter(last_used_at=None).exists()


KEY_LOCK = f"UPDATE {ApiKey._meta.db_table} SET name = name"


@only_postgresql
def test_a_statement_that_takes_long_is_ended(service: Service, live_api: Api) -> None:
    """A lock of the table stands for what may take long: nobody who reads waits for a row."""
    live_api.create()
    with psycopg_connection() as other:
        other.execute("LOCK TABLE crm_customer IN ACCESS EXCLUSIVE MODE")
        took, status, content, _ = timed(service, "GET", f"{CUSTOMER}?q=acme", live_api.key)
        other.rollback()
    assert (status, b'"code":"timeout"' in content) == (503, True)
    assert took < STATEMENT_SECONDS + 2


@contextmanager
def endless_updates() -> Iterator[None]:
    """Of the customer's table, on SQLite, where nobody can hold a table alone. (A trigger takes no WITH, but a view has one.)"""
    with another_connection() as other:
        other.set_autocommit(True)
        execute(other, f"CREATE VIEW endless AS {ENDLESS}")
        execute(other, "CREATE TRIGGER endless_update AFTER UPDATE ON crm_customer BEGIN SELECT n FROM endless; END")
        try:
            yield
        finally:
            execute(other, "DROP TRIGGER endless_update")
            execute(other, "DROP VIEW endless")
            other.set_autocommit(False)


ENDLESS = "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT count(*) AS n FROM r"


@only_sqlite
def test_a_statement_that_takes_long_is_ended_and_undone(service: Service, live_api: Api) -> None:
    path = f"{CUSTOMER}/{live_api.create()['id']}"
    with endless_updates():
        took, status, content, retry_after = timed(service, "PATCH", path, live_api.key, b'{"gender": "x"}')
        assert (status, b'"code":"timeout"' in content, retry_after) == (503, True, "5")
        assert took < STATEMENT_SECONDS + 2
        assert live_api.get(path).json()["gender"] is None
    assert timed(service, "PATCH", path, live_api.key, b'{"gender": "x"}')[1] == 200


def slowly(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    time.sleep(0.11)
    return execute(sql, params, many, context)


@pytest.fixture
def application(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Application:
    """As gunicorn calls it; the connections of the tests are not limited by it."""
    monkeypatch.setattr(time_limits, "limit_requests", lambda: None)
    settings.REQUEST_SECONDS = 0.1
    return Application()


def called(
    application: Application, method: str, path: str, key: str, body: bytes = b""
) -> tuple[str, Iterator[bytes]]:
    """The status, and the parts of the answer."""
    request = RequestFactory().generic(method, path, body, headers={"authorization": f"Bearer {key}"})
    seen: list[str] = []
    parts = application(request.environ | {"CONTENT_TYPE": "application/json"}, lambda status, _: seen.append(status))
    return seen[0][:3], iter(parts)


def test_statements_that_take_long_together_are_the_last_ones(application: Application, live_api: Api) -> None:
    path = f"{CUSTOMER}/{live_api.create()['id']}"
    with connection.execute_wrapper(slowly):
        status, content = called(application, "PATCH", path, live_api.key, b'{"gender": "x"}')
        assert (status, b'"code":"timeout"' in b"".join(content)) == ("503", True)
        assert live_api.get(path).json()["gender"] is None  # what is no request has no limit
    assert called(application, "PATCH", path, live_api.key, b'{"gender": "x"}')[0] == "200"


def test_a_stream_takes_its_time(application: Application, live_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_stream, "BATCH_SIZE", 1)
    for _ in range(3):
        live_api.create()
    status, parts = called(application, "GET", f"{CUSTOMER}/export", live_api.key)
    first = next(parts)
    cast("TimedWrapper", connections["default"]).waited += 1  # longer than the request might
    lines = [first, *parts]
    assert (status, len(lines), b'"end":true' in lines[-1]) == ("200", 4, True)


@only_postgresql
def test_a_transaction_in_which_nothing_happens_is_ended(transactional_db: None, settings: Any) -> None:
    settings.IDLE_TRANSACTION_SECONDS = 0.2
    with closing(connection.copy()) as idle, idle.cursor() as cursor, connection.cursor() as looks:
        idle.set_autocommit(False)
        (own,) = cursor.execute("SELECT pg_backend_pid()").fetchone()
        ends = time.monotonic() + 20
        while looks.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [own]).fetchone():
            assert time.monotonic() < ends
            time.sleep(0.05)
        with pytest.raises(DatabaseError, match="idle-in-transaction timeout") as raised:
            cursor.execute("SELECT 1")
        assert trouble(raised.value) is Trouble.AWAY


@only_postgresql
def test_a_server_that_refuses_is_not_frozen(transactional_db: None) -> None:
    """As one that has no connection left: what it works on goes on."""
    known = connection.settings_dict
    parameters = {**connection.get_connection_params(), "dbname": "nobody"}
    with proxy(known["HOST"], int(known["PORT"])) as between:
        through = {**parameters, "host": "127.0.0.1", "port": between.port}
        assert servers.timeline(through) == 0
        assert servers.timeline(through | {"dbname": known["NAME"]}) == 1
        with between.frozen():
            assert servers.timeline(through) is None
    assert servers.timeline(through) == 0  # where nobody listens, nobody is frozen


@only_postgresql
def test_limits_for_a_part_of_a_transaction_end_with_it(transactional_db: None) -> None:
    def limits() -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")
            return list(cursor.fetchone())

    with with_setting("lock_timeout", "7s"), with_setting("statement_timeout", "8s"), transaction.atomic():
        with time_limits.at_most(1):
            assert limits() == ["7s", "1s"]
        time_limits.write_unless_locked(lambda: limits() == ["1ms", "8s"] or pytest.fail("no limit"))
        assert limits() == ["7s", "8s"]


@only_postgresql
def test_a_server_that_is_frozen_is_given_up(live_api: Api, tmp_path: Path) -> None:
    customer = live_api.create()["id"]
    path = f"{CUSTOMER}/{customer}"
    known = connection.settings_dict
    with (
        proxy(known["HOST"], int(known["PORT"])) as between,
        served(tmp_path, WEB_CONCURRENCY="1", DATABASE_URL=database_url(port=between.port)) as service,
    ):
        assert service.many(16, path, live_api.key) == {200: 16}  # all threads have their connections
        with between.frozen(), ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(timed, service, "GET", path, live_api.key) for _ in range(8)]
            time.sleep(1)
            assert timed(service, "GET", "/healthz", "")[0] < 1
            for one in waiting:
                took, status, content, _ = one.result()
                assert (status, b'"code":"unavailable"' in content) == (503, True)
                assert took < 12
        assert service.many(16, path, live_api.key) == {200: 16}


@only_postgresql
def test_a_server_that_is_gone_without_a_word_is_given_up(live_api: Api, tmp_path: Path) -> None:
    """Its machine has lost its power, and another one answers at its address. Nobody tells the old connections."""
    path = f"{CUSTOMER}/{live_api.create()['id']}"
    known = connection.settings_dict
    with (
        proxy(known["HOST"], int(known["PORT"])) as between,
        served(
            tmp_path, WEB_CONCURRENCY="1", STATEMENT_SECONDS="2", DATABASE_URL=database_url(port=between.port)
        ) as service,
    ):
        assert service.many(16, path, live_api.key) == {200: 16}
        between.forget()
        with ThreadPoolExecutor(4) as pool:
            waiting = [pool.submit(timed, service, "GET", path, live_api.key) for _ in range(4)]
            results = [one.result() for one in waiting]
        assert {status for _, status, _, _ in results} <= {200, 503}
        assert max(took for took, *_ in results) < 15
        assert service.many(16, path, live_api.key) == {200: 16}
