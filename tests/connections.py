"""Connections to the database beside that of the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

only_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite's writers stand in one line")


@contextmanager
def another_connection() -> Iterator[BaseDatabaseWrapper]:
    """In a transaction that is rolled back."""
    other = connection.copy()
    other.set_autocommit(False)
    try:
        yield other
    finally:
        other.rollback()
        other.close()


@contextmanager
def with_setting(name: str, value: str) -> Iterator[None]:
    """As an operator may set it for the service's role or in `DATABASE_URL`."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET {name} = '{value}'")
    try:
        yield
    finally:
        connection.close()  # with its settings


def execute(other: BaseDatabaseWrapper, sql: str, *parameters: Any) -> None:
    with other.cursor() as cursor:
        cursor.execute(sql, parameters)


@contextmanager
def psycopg_connection(database: str = "", **options: Any) -> Iterator[psycopg.Connection]:
    """A connection that is not Django's, to this database or to another one of the server."""
    known = connection.get_connection_params()
    names = {name: known[name] for name in ("host", "port", "user", "password") if known.get(name)}
    opened = psycopg.connect(**names, dbname=database or known["dbname"], **options)
    try:
        yield opened
    finally:
        opened.close()
