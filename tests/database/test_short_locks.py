"""A migration behind a long export makes nobody wait for longer than a moment."""

import threading
import time
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from crm.models import Customer
from overplane.database import short_locks
from overplane.database.short_locks import waiting_as_long_as_it_takes, with_short_locks
from tests.served import database_url

pytestmark = [pytest.mark.slow, pytest.mark.half("postgresql"), pytest.mark.django_db(transaction=True)]
TABLE = Customer._meta.db_table
HELD_SECONDS = 6


class Others:
    """One reads the table in a long transaction; another comes again and again, and notes how long it took."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.is_over = threading.Event()
        self.has_begun = threading.Barrier(2)
        self.threads = [threading.Thread(target=work) for work in (self.export, self.read)]

    def export(self) -> None:
        with psycopg.connect(database_url()) as held:
            held.execute(f"SELECT count(*) FROM {TABLE}")
            self.has_begun.wait()
            time.sleep(HELD_SECONDS)

    def read(self) -> None:
        with psycopg.connect(database_url(), autocommit=True) as reader:
            while not self.is_over.is_set():
                before = time.monotonic()
                reader.execute(f"SELECT 1 FROM {TABLE} LIMIT 1")
                self.waits.append(time.monotonic() - before)
                time.sleep(0.02)

    def __enter__(self) -> "Others":
        for thread in self.threads:
            thread.start()
        self.has_begun.wait()
        return self

    def __exit__(self, *_error: object) -> None:
        self.is_over.set()
        for thread in self.threads:
            thread.join()


def take_table() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")


def test_who_waits_for_a_table_lets_others_pass() -> None:
    with Others() as others:
        begun = time.monotonic()
        with_short_locks(take_table)
        assert time.monotonic() - begun > HELD_SECONDS - 2  # it was in the way
    assert 1 < max(others.waits) < HELD_SECONDS - 2


def test_what_is_wrong_otherwise_is_raised_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def divide() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    monkeypatch.setattr(short_locks, "PAUSE_SECONDS", 60)
    before = limit()
    with pytest.raises(Exception, match="division by zero"):
        with_short_locks(divide)
    assert limit() == before


def test_inside_of_it_an_index_may_wait() -> None:
    def look() -> None:
        assert limit() == short_locks.WAIT
        with waiting_as_long_as_it_takes(connection):
            assert limit() == "0"
        assert limit() == short_locks.WAIT

    before = limit()
    with_short_locks(look)
    assert limit() == before


def test_behind_a_pooler_no_session_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "POOLER", "transaction")
    with connection.execute_wrapper(refuse_settings):
        with_short_locks(limit)
        with waiting_as_long_as_it_takes(connection):
            limit()


def refuse_settings(execute: Any, sql: str, *more: Any) -> Any:
    assert "set_config" not in sql
    return execute(sql, *more)


def limit() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        return str(cursor.fetchone()[0])
