"""What a failure leaves for the garbage collector, which runs in any thread."""

import gc
import sqlite3
from typing import Any

import pytest
from django.db import connection

from tests.conftest import CUSTOMER, Api

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's cursors hold nothing of their connection"),
]


def garbage(kind: type) -> list[Any]:
    gc.collect()
    return [one for one in gc.garbage if isinstance(one, kind)]


def test_no_statement_is_left_that_another_thread_would_reset(live_api: Api) -> None:
    other = sqlite3.connect(connection.settings_dict["NAME"], uri=True, isolation_level=None)
    gc.collect()
    gc.garbage.clear()
    try:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 20")
        other.execute("BEGIN IMMEDIATE")
        gc.set_debug(gc.DEBUG_SAVEALL)
        assert live_api.post(CUSTOMER, {"customer_name": "x"}).status_code == 503
        left = garbage(sqlite3.Cursor)
        assert left, "a failure leaves no cycle any more: this test, and what it is for, can go"
        for one in left:
            with pytest.raises(sqlite3.ProgrammingError, match="closed cursor"):
                one.fetchone()
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        other.close()
