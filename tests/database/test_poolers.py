"""PgBouncer before PostgreSQL: what is found of it, and that nothing is relied on which it does not keep."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from overplane.database.dialect import as_postgresql
from overplane.database.postgresql import poolers
from overplane.database.postgresql.watch import cut
from overplane.database.short_locks import waiting_as_long_as_it_takes
from overplane.database.troubles import Trouble, trouble
from tests import pgbouncer
from tests.connections import only_postgresql, psycopg_connection

pytestmark = [
    only_postgresql,
    pytest.mark.slow,
    pytest.mark.skipif(pgbouncer.program() is None, reason="pgbouncer is not installed"),
]
THREADS = 12
FINDINGS = {"": "", "transaction pooler": poolers.UNDECLARED, "keeps no": poolers.FORGETFUL}


@pytest.fixture(autouse=True)
def _nothing_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poolers, "_findings", {})
    monkeypatch.setattr(poolers, "_paused", {})


@contextmanager
def pooled(declared: str, mode: str = "transaction", **settings: Any) -> Iterator[BaseDatabaseWrapper]:
    """Another connection of Django's, through a pooler, with this DATABASE_POOLER."""
    with pgbouncer.pgbouncer(int(connection.settings_dict["PORT"]), mode=mode, **settings) as port:
        other = connection.copy()
        other.settings_dict = {**connection.settings_dict, "PORT": str(port), "POOLER": declared}
        try:
            yield other
        finally:
            other.close()


@pytest.mark.parametrize(
    ("declared", "mode", "finding", "has_sessions", "prepares"),
    [
        ("none", "session", "", True, True),
        ("none", "transaction", "transaction pooler", False, False),
        ("none", "statement", "transaction pooler", False, False),
        ("transaction", "transaction", "", False, False),
        ("transaction-prepared", "transaction", "keeps no", False, False),
    ],
)
def test_what_is_found_at_the_first_connection(
    db: None, declared: str, mode: str, finding: str, has_sessions: bool, prepares: bool
) -> None:
    with pooled(declared, mode) as other:
        other.ensure_connection()
        assert poolers.warnings() == [FINDINGS[finding]] * bool(finding)
        assert (as_postgresql(other).has_sessions, as_postgresql(other).prepares) == (has_sessions, prepares)


@pytest.mark.skipif(
    pgbouncer.program() is None or pgbouncer.version() < pgbouncer.KEEPS_PREPARED, reason="PgBouncer is older than 1.21"
)
def test_what_the_pooler_keeps_is_prepared(db: None) -> None:
    with pooled("transaction-prepared", max_prepared_statements="200") as other:
        other.ensure_connection()
        for number in range(300):  # more than a connection keeps
            sql = f"SELECT {number} + CAST(%s AS integer)"
            for value in (1, 2):
                assert as_postgresql(other).execute_prepared(sql, [value]).fetchone() == (number + value,)
        assert (as_postgresql(other).has_sessions, as_postgresql(other).prepares) == (False, True)
        assert poolers.warnings() == []


def test_one_that_has_a_single_session_holds_nobody_up(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poolers, "cut", _cut_one_after_the_other)
    with pooled("none", "session", size=1) as other:
        other.ensure_connection()
        assert as_postgresql(other).has_sessions
        other.close()
        began = time.monotonic()
        other.ensure_connection()
        assert time.monotonic() - began < poolers.PATIENCE, "each connection looks again"
    assert poolers.warnings() == []


def _cut_one_after_the_other(connections: list[psycopg.Connection[Any]]) -> None:
    """As on a busy machine, where the pooler sees the first one leave before the second one is cut."""
    for one in connections:
        cut([one])
        time.sleep(0.3)


@pytest.mark.parametrize("declared", ["none", "transaction-prepared"])
def test_threads_that_begin_together_find_it_all_the_same(db: None, declared: str) -> None:
    with pooled(declared, size=2) as other:
        began = time.monotonic()
        assert in_threads(other) == [False] * THREADS
        assert time.monotonic() - began < poolers.PATIENCE


def test_to_look_takes_two_connections_however_many_threads_begin(db: None) -> None:
    sessions = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
    with psycopg_connection(autocommit=True) as server:
        server.execute("CREATE ROLE few LOGIN")
        before = server.execute(sessions).fetchone()
        other = connection.copy()
        other.settings_dict = {**connection.settings_dict, "USER": "few"}
        try:
            assert in_threads(other) == [True] * THREADS
            while server.execute("SELECT FROM pg_stat_activity WHERE usename = 'few'").fetchone():
                time.sleep(0.05)
        finally:
            server.execute("DROP ROLE few")
        after = server.execute(sessions).fetchone()
    assert before
    assert after
    assert after[0] - before[0] <= THREADS + 3  # and the server's own of this test


def in_threads(other: BaseDatabaseWrapper) -> list[bool]:
    """Whether what is like this prepares, in each of the threads that connect at once, and go together."""
    start, end = threading.Barrier(THREADS), threading.Barrier(THREADS)

    def connect(one: BaseDatabaseWrapper) -> bool:
        start.wait()
        try:
            one.ensure_connection()
            return as_postgresql(one).prepares
        finally:
            end.wait()
            one.close()

    copies = [other.copy() for _ in range(THREADS)]
    for one in copies:
        one.inc_thread_sharing()
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(connect, copies))


def test_of_several_servers_the_one_that_was_reached_is_looked_at(db: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pooled("none") as other:
        port = silent.getsockname()[1]
        other.settings_dict |= {"HOST": "127.0.0.1,127.0.0.1", "PORT": f"{port},{other.settings_dict['PORT']}"}
        other.settings_dict["OPTIONS"] = {**other.settings_dict["OPTIONS"], "connect_timeout": 2}
        began = time.monotonic()
        other.ensure_connection()
        assert time.monotonic() - began < 2 * 2
        assert not as_postgresql(other).has_sessions


def test_no_pooler_is_none(db: None) -> None:
    for declared in ("none", "transaction", "transaction-prepared"):
        assert poolers.contradiction(declared, connection.get_connection_params()) == ""


def test_the_doctor_names_it(db: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pooled("none") as other:
        monkeypatch.setattr(connection, "get_connection_params", other.get_connection_params)
        with pytest.raises(SystemExit):
            call_command("doctor")
    assert "There is a transaction pooler before this database. Set DATABASE_POOLER" in capsys.readouterr().out


def test_what_a_pooler_tells_of_a_server_that_lets_nobody_in_is_its_absence(db: None) -> None:
    """Its code may be any: as the answer to a statement it would look like a mistake of ours."""
    with psycopg_connection(autocommit=True) as server, pooled("transaction") as other:
        server.execute("CREATE DATABASE goes TEMPLATE template0")
        other.settings_dict |= {"NAME": "goes"}
        with other.cursor() as cursor:
            cursor.execute("SELECT 1")
            server.execute("DROP DATABASE goes WITH (FORCE)")
            with pytest.raises(DatabaseError) as raised:
                cursor.execute("SELECT 1")
    assert isinstance(raised.value.__cause__, psycopg.Error)
    assert trouble(raised.value) is Trouble.AWAY


def test_who_asks_before_there_is_a_connection_is_told_the_truth(db: None) -> None:
    with pooled("none") as other:
        as_postgresql(other).chunked_cursor().close()
        assert not as_postgresql(other).has_sessions
    with pooled("none") as other, waiting_as_long_as_it_takes(other), other.cursor() as cursor:
        cursor.execute("SELECT setting FROM pg_settings WHERE name = 'lock_timeout' AND source = 'session'")
        assert cursor.fetchone() is None


@pytest.mark.skipif(
    pgbouncer.program() is None or pgbouncer.version() < pgbouncer.KEEPS_PREPARED, reason="PgBouncer is older than 1.21"
)
def test_what_tables_made_stale_is_asked_plainly_by_the_whole_process(transactional_db: None) -> None:
    with (
        psycopg_connection(autocommit=True) as server,
        pooled("transaction-prepared", max_prepared_statements="9") as one,
    ):
        server.execute("CREATE TABLE changed (text varchar(9))")
        try:
            one.ensure_connection()
            as_postgresql(one).execute_prepared("SELECT * FROM changed", [])
            server.execute("ALTER TABLE changed ALTER text TYPE varchar(10)")
            assert as_postgresql(one).execute_prepared("SELECT * FROM changed", []).fetchall() == []
            one.close()
            one.ensure_connection()
            assert not as_postgresql(one).prepares
            assert poolers.warnings() == [poolers.STALE]
        finally:
            server.execute("DROP TABLE changed")
