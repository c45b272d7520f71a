"""How far the feed is behind, in /metrics and in /readyz, and who holds it back."""

import os
import time
from typing import Any

import pytest
from django.db import Error, InterfaceError, OperationalError, connection
from django.test import Client

from overplane.events.models import Event
from tests.conftest import Api, settle
from tests.connections import only_postgresql, psycopg_connection

GAUGE = "overplane_feed_lag_seconds"


def lag(client: Client) -> float | None:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert b"overplane_requests_total" in answer.content
    samples = [line for line in answer.content.decode().splitlines() if line.startswith(GAUGE)]
    assert len(samples) <= 1
    return float(samples[0].removeprefix(GAUGE)) if samples else None


def warnings(client: Client) -> list[str]:
    answer = client.get("/readyz")
    # No node goes out of rotation for it: all would at once.
    assert (answer.status_code, answer.json()["status"], answer.json()["problems"]) == (200, "ok", [])
    return answer.json()["warnings"]


@pytest.mark.slow
def test_a_feed_that_is_served_whole_lags_behind_nothing(live_api: Api, client: Client, settings: Any) -> None:
    settings.FEED_LAG_LIMIT = 0.01
    live_api.create()
    Event.objects.update(created_at="2024-01-15T09:30:00Z")
    settle()
    assert lag(client) == 0
    assert warnings(client) == []


@pytest.mark.slow
@only_postgresql
def test_who_holds_the_feed_back_is_named_until_it_ends(live_api: Api, client: Client, settings: Any) -> None:
    settings.FEED_LAG_LIMIT = 0.2
    live_api.create()
    settle()
    with psycopg_connection(application_name="somebody's console") as console:
        console.execute("SELECT pg_current_xact_id()")
        time.sleep(0.3)
        assert lag(client) == 0  # it is open, but nothing waits for it
        live_api.create()
        live_api.create()
        assert warnings(client) == []
        time.sleep(0.3)
        assert 0.3 < (lag(client) or 0) < 60
        (warning,) = warnings(client)
        for part in ("event feed", "s behind", f"process {console.info.backend_pid} ", "somebody's console",
                     "idle in transaction", f"SELECT pg_terminate_backend({console.info.backend_pid})"):  # fmt: skip
            assert part in warning
        settings.FEED_LAG_LIMIT = 60
        assert warnings(client) == []
    settle()
    settings.FEED_LAG_LIMIT = 0.2
    assert lag(client) == 0
    assert warnings(client) == []


@pytest.mark.slow
@only_postgresql
def test_a_forgotten_prepared_transaction_is_named(live_api: Api, client: Client, settings: Any) -> None:
    settings.FEED_LAG_LIMIT = 0.1
    name = f"it's-{os.getpid()}"
    quoted = name.replace("'", "''")
    with psycopg_connection(autocommit=True) as other:
        other.execute("BEGIN")
        other.execute("SELECT pg_current_xact_id()")
        other.execute(f"PREPARE TRANSACTION '{quoted}'")
        try:
            live_api.create()
            time.sleep(0.2)
            (warning,) = warnings(client)
            assert f"ROLLBACK PREPARED '{quoted}'" in warning
        finally:
            other.execute(f"ROLLBACK PREPARED '{quoted}'")


@pytest.mark.slow
@pytest.mark.parametrize("failure", [OperationalError, InterfaceError])
def test_metrics_are_there_while_the_database_is_away(live_api: Api, client: Client, failure: type[Error]) -> None:
    live_api.create()

    def away(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        raise failure("the connection is lost")

    with connection.execute_wrapper(away):
        assert lag(client) is None
        answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["warnings"]) == (503, [])
    assert answer.json()["problems"] == [f"database: {failure.__name__}"]
    assert lag(client) == 0
