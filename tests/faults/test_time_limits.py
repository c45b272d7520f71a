"""Nobody waits without end: a row or a database that somebody holds, a server that is frozen; on the real gunicorn."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection, transaction

from overplane.api.models import ApiKey
from overplane.database import time_limits
from overplane.database.dialect import is_postgresql
from overplane.database.postgresql import servers
from tests.conftest import CUSTOMER, Api
from tests.connections import another_connection, execute, only_postgresql, psycopg_connection, with_setting
from tests.proxies import proxy
from tests.served import Service, database_url, served

pytestmark = pytest.mark.slow

LOCK_SECONDS, STATEMENT_SECONDS = 2, 3


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
            assert took < LOCK_SECONDS + 3
    assert timed(service, "PATCH", path, live_api.key, b'{"gender": "x"}')[1] == 200


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
