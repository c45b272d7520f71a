"""Every route that is no page of the back office, by every kind of key: read off the URL configuration, so that none can be forgotten.

The OWASP API Security Top Ten (2023), and where each is tried:

| | risk | tests |
|---|---|---|
| 1 | object level authorization | here (a key sees all customers by contract); of jobs and files `backoffice/test_roles.py`, `test_own_jobs.py` |
| 2 | authentication | here; `api/test_keys.py`, `api/test_key_lifecycle.py`; of people `people/test_lock_out.py`, `people/test_sessions.py` |
| 3 | object property level authorization | `api/test_hostile_input.py` (unknown attributes), `api/test_create_customer.py` (immutable ones), `test_canaries.py` |
| 4 | resource consumption | `api/test_keys.py` (limits), `api/test_hostile_input.py` (bodies), `tests/faults/test_slow_clients.py`, `people/test_uploads.py` |
| 5 | function level authorization | here; of pages `backoffice/test_every_page.py`, `backoffice/test_roles.py` |
| 6 | sensitive business flows | `people/test_lock_out.py`, `api/test_keys.py` (guessing) |
| 7 | server side request forgery | `events/webhooks/test_guard.py`, `events/webhooks/test_hostile.py` |
| 8 | security misconfiguration | `test_deployment.py` (`check --deploy`), `people/test_addresses.py`, `test_private_files.py`, `api/test_cors.py` |
| 9 | inventory | here; `api/test_openapi.py` (what is served is described) |
| 10 | consumption of other APIs | `events/webhooks/test_misbehaving.py` (answers of receivers) |
"""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from overplane.api import keys

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
ALL, READ, FULL = "everybody, without a key", "every key", "full keys alone"
CUSTOMER, NUMBER, ENDPOINT = "api/crm/customer", "api/crm/supplier-number-at-customer", "api/crm/webhook-endpoint"
IMPORT = "api/crm/import"
WHO = {
    ("api/openapi.json", "GET"): ALL,
    ("api/crm/event", "GET"): READ,
    ("api/crm/event/<str:id>", "GET"): READ,
    (CUSTOMER, "GET"): READ,
    (CUSTOMER, "POST"): FULL,
    (f"{CUSTOMER}/batch", "POST"): FULL,
    (f"{CUSTOMER}/export", "GET"): READ,
    (f"{CUSTOMER}/search", "POST"): READ,
    (f"{CUSTOMER}/<str:id>", "GET"): READ,
    (f"{CUSTOMER}/<str:id>", "PATCH"): FULL,
    (f"{CUSTOMER}/<str:id>", "DELETE"): FULL,
    (f"{CUSTOMER}/<str:id>/merge", "POST"): FULL,
    (f"{CUSTOMER}/<str:id>/unmerge", "POST"): FULL,
    (NUMBER, "GET"): READ,
    (NUMBER, "POST"): FULL,
    (f"{NUMBER}/reorder", "POST"): FULL,
    (f"{NUMBER}/reorder", "PUT"): FULL,
    (f"{NUMBER}/reorder", "PATCH"): FULL,
    (f"{NUMBER}/<str:id>", "GET"): READ,
    (f"{NUMBER}/<str:id>", "PATCH"): FULL,
    (f"{NUMBER}/<str:id>", "DELETE"): FULL,
    (ENDPOINT, "GET"): FULL,  # an address may hold a password
    (ENDPOINT, "POST"): FULL,
    (f"{ENDPOINT}/<str:id>", "GET"): FULL,
    (f"{ENDPOINT}/<str:id>", "PATCH"): FULL,
    (f"{ENDPOINT}/<str:id>", "DELETE"): FULL,
    (f"{ENDPOINT}/<str:id>/ping", "POST"): FULL,
    (f"{ENDPOINT}/<str:id>/roll-secret", "POST"): FULL,
    (f"{ENDPOINT}/<str:id>/replay", "POST"): FULL,
    (f"{ENDPOINT}/<str:id>/delivery", "GET"): FULL,
    (f"{ENDPOINT}/<str:id>/delivery/<str:delivery_id>", "GET"): FULL,
    (f"{ENDPOINT}/<str:id>/delivery/<str:delivery_id>/resend", "POST"): FULL,
    (f"{CUSTOMER}/<str:id>/duplicate", "GET"): READ,
    ("api/crm/duplicate", "GET"): READ,
    ("api/crm/duplicate/<str:id>/dismiss", "POST"): FULL,
    ("api/crm/duplicate/<str:id>/reopen", "POST"): FULL,
    (IMPORT, "GET"): FULL,  # a file may hold whatever somebody sent
    (IMPORT, "POST"): FULL,
    (f"{IMPORT}/<str:id>", "GET"): FULL,
    **{(f"{IMPORT}/<str:id>/{name}", "GET"): FULL for name in ("problem", "refused", "result")},
    **{(f"{IMPORT}/<str:id>/{name}", "POST"): FULL for name in ("apply", "cancel", "resume", "undo")},
    ("api/crm/export", "POST"): FULL,
    ("api/crm/export/<str:id>", "GET"): FULL,
    ("api/crm/export/<str:id>/file", "GET"): FULL,
}
# Outside of `api/` and `admin/`: what a stranger gets by GET and by POST. No key and no role changes that.
ELSEWHERE = {
    "": (302, 403),  # to the back office, which asks who it is; a form would have to carry a token of ours
    "docs": (200, 403),
    "healthz": (200, 405),
    "readyz": (200, 405),
    "metrics": (403, 405),
    "language": (302, 403),
}


def routes() -> Iterator[tuple[str, Any]]:
    """The first level, whole: what lies below `admin/` is in `backoffice/test_every_page.py`."""
    for pattern in get_resolver().url_patterns:
        if not str(pattern.pattern).startswith("admin/"):
            yield str(pattern.pattern), pattern


def served() -> Iterator[tuple[str, str]]:
    for route, pattern in routes():
        if route.startswith("api/"):
            for method in getattr(pattern.callback, "actions", {"get": ""}):
                if method != "head":  # Django's own, as GET
                    yield route, method.upper()


def test_each_route_has_its_line_above() -> None:
    assert set(served()) == set(WHO)
    assert len(WHO) > 30
    assert {route for route, _ in routes() if not route.startswith("api/")} == set(ELSEWHERE)


@pytest.fixture
def callers(db: None) -> dict[str, str]:
    """What each sends as Authorization."""
    revoked, full = keys.mint("revoked"), keys.mint("full")[1]
    keys.revoke(revoked[0])
    bearer = {
        "malformed": "sk_test_short",
        "mistyped": full[:-1] + ("0" if full[-1] != "0" else "1"),
        "of the other mode": full.replace("sk_test_", "sk_live_"),
        "revoked": revoked[1],
        "expired": keys.mint("expired", expires_at=timezone.now() - timedelta(seconds=1))[1],
        "read-only": keys.mint("reader", read_only=True)[1],
        "full": full,
    }
    return {"none": ""} | {name: f"Bearer {key}" for name, key in bearer.items()}


def expected(who: str, caller: str) -> tuple[int | None, str]:
    """Status and code; none where the key is let in, to find that there is no such object."""
    if who == ALL or caller == "full" or (caller == "read-only" and who == READ):
        return None, ""
    if caller == "read-only":
        return 403, "key_read_only"
    return 401, {"none": "api_key_missing", "expired": "api_key_expired"}.get(caller, "api_key_invalid")


addresses = (f"10.{number // 200}.0.{number % 200 + 1}" for number in count())  # each has its own failures


def call(method: str, route: str, authorization: str, user: User | None = None) -> Any:
    path = "/" + route.replace("<str:id>", "nothing").replace("<str:delivery_id>", "nothing")
    headers = {"HTTP_AUTHORIZATION": authorization} if authorization else {}
    client = Client(enforce_csrf_checks=True)
    if user:
        client.force_login(user, "overplane.people.backends.OneQueryBackend")
    with transaction.atomic():  # in the test's own each request is a part that can be rolled back by itself
        return client.generic(method, path, b"{}", "application/json", REMOTE_ADDR=next(addresses), **headers)


@pytest.mark.slow
def test_each_key_gets_exactly_what_it_should(callers: dict[str, str], settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    wrong = []
    for (route, method), who in WHO.items():
        for caller, authorization in callers.items():
            status, code = expected(who, caller)
            answer = call(method, route, authorization)
            error = b"" if answer.streaming or answer.status_code < 400 else answer.json()["error"]["code"]
            if status is None:
                is_right = answer.status_code in (200, 202, 400, 404) and answer["Content-Type"] == "application/json"
                is_right = is_right or (answer.streaming and answer.status_code == 200)
                if answer.streaming:
                    list(answer)  # of streams only so many may be open
            else:
                is_right = (answer.status_code, error) == (status, code)
                is_right = is_right and (status == 403 or "WWW-Authenticate" in answer)
            if not is_right or answer["X-Content-Type-Options"] != "nosniff":
                wrong.append((method, route, caller, answer.status_code, error))
    assert wrong == []


@pytest.mark.slow
def test_other_methods_are_refused_on_each_route(callers: dict[str, str]) -> None:
    answers: dict[tuple[str, str], int] = {}
    for route in {route for route, _ in WHO}:
        known = {method for where, method in WHO if where == route}
        known |= {"HEAD"} if "GET" in known else set()
        answers |= {
            (method, route): call(method, route, callers["full"]).status_code for method in set(METHODS) - known
        }
    assert len(answers) > 50
    assert {which: status for which, status in answers.items() if status != 405} == {}


@pytest.mark.slow
def test_elsewhere_neither_a_key_nor_a_role_changes_anything(callers: dict[str, str]) -> None:
    somebody = [("", None), (callers["full"], None), ("", User.objects.create_superuser("somebody"))]
    wrong = {}
    for route, usual in ELSEWHERE.items():
        for authorization, user in somebody:
            got = tuple(call(method, route, authorization, user).status_code for method in ("GET", "POST"))
            if got != usual:
                wrong[route, authorization, user] = got
    assert wrong == {}
