"""Fixtures of every test: the API through Django's test client, as a full or a read-only key."""

import gc
import json
import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client, TransactionTestCase
from hypothesis import HealthCheck
from pytest_django.plugin import DjangoDbBlocker

from overplane import addresses
from overplane.api import keys, probes
from overplane.events import horizon
from tests.emptying import empty, remember_groups
from tests.importing import imported  # noqa: F401 (a fixture)
from tests.leftovers import found_in_order, pytest_runtest_teardown  # noqa: F401 (a fixture and a hook)

CUSTOMER = "/api/crm/customer"
ROW = "/api/crm/supplier-number-at-customer"


def pytest_configure() -> None:
    # How long an example takes says something of the machine's load only.
    hypothesis.settings.register_profile("load", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    hypothesis.settings.load_profile("load")
    # A password's slow digest is what keeps guessers away, and a third of the time of tests that only need somebody.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]
    # Static files under their own names: nobody has run collectstatic here.
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    TransactionTestCase._fixture_teardown = empty  # type: ignore[method-assign]


LONGEST = ("test_generated_calls", "test_extension", "test_workers")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first, or a worker would be left alone with it in the end. All else stays at random."""
    items.sort(key=lambda item: (item.path.stem not in LONGEST, "slow" not in item.keywords))


def pytest_collection_finish() -> None:
    """The collector need not look through thousands of tests again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, *gc.get_threshold()[1:])


class Api:
    """Speaks JSON with a Bearer key. Answers are Django responses; `.json()` is their body."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.client = Client(raise_request_exception=False)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"authorization": f"Bearer {self.key}"} | {n.replace("_", "-"): v for n, v in headers.items()}
        # In a test's own transaction each request is a part that can be rolled back by itself.
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            return self.client.generic(method, path, data, content_type="application/json", headers=sent)

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> HttpResponse:
        return self.call("POST", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> HttpResponse:
        return self.call("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> HttpResponse:
        return self.call("DELETE", path, **headers)

    def create(self, **values: Any) -> dict[str, Any]:
        """A new customer."""
        answer = self.post(CUSTOMER, {"customer_name": "Acme"} | values)
        assert answer.status_code == 201, answer.content
        return answer.json()

    def add_row(self, customer_id: str, **values: Any) -> dict[str, Any]:
        answer = self.post(ROW, {"customer_id": customer_id} | values)
        assert answer.status_code == 201, answer.content
        return answer.json()

    def feed(self, query: str) -> HttpResponse:
        """The event feed, once everything written so far is below its horizon (this test's own transactions hold it up).

        On PostgreSQL what ends in another database just then may hold it back for a moment, but not twice alike.
        """
        settle()
        answer = self.get(f"/api/crm/event{query}")
        for _ in range(5 if connection.vendor == "postgresql" and answer.status_code == 200 else 0):
            before = answer.content
            settle()
            answer = self.get(f"/api/crm/event{query}")
            if answer.content == before:
                break
        return answer

    def rows(self, customer_id: str) -> list[dict[str, Any]]:
        return self.get(f"{ROW}?parent_id={customer_id}").json()["data"]


def settle() -> None:
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        newest = cursor.fetchone()[0]
        for _ in range(3000):
            horizon.refresh()
            cursor.execute(f"SELECT {horizon.expression()}")
            if cursor.fetchone()[0] >= newest:
                return
            time.sleep(0.02)
    raise AssertionError("a transaction has been open for a minute")


@pytest.fixture(autouse=True, scope="session")
def _remember_groups(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock():
        remember_groups()


@pytest.fixture(autouse=True)
def _ask_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probes ask the database as often as they are asked, for a test cannot wait until they do."""
    monkeypatch.setattr(probes.readiness, "seconds", 0)
    monkeypatch.setattr(probes.collected, "seconds", 0)


@pytest.fixture(autouse=True)
def _forget_keys() -> Iterator[None]:
    """Keys are remembered a few seconds; a test's keys do not outlive it."""
    keys.forget()
    addresses.forget()
    yield
    keys.forget()


@pytest.fixture
def api(db: None) -> Api:
    return Api(keys.mint("test")[1])


@pytest.fixture
def live_api(transactional_db: None) -> Api:
    """For tests with threads of their own: what it writes is committed."""
    return Api(keys.mint("test")[1])


@pytest.fixture
def read_only_api(db: None) -> Api:
    return Api(keys.mint("reader", read_only=True)[1])


def codes(answer: HttpResponse) -> dict[str | None, str]:
    """What an error answer finds wrong, by parameter."""
    return {problem["param"]: problem["code"] for problem in answer.json()["error"]["errors"]}
