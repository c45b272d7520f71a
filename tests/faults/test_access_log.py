"""The log of the real service: JSON in every line, one line a request, and nothing of what a client has sent."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.conftest import CUSTOMER, Api
from tests.served import Service, served

pytestmark = [pytest.mark.slow, pytest.mark.half("postgresql"), pytest.mark.django_db(transaction=True)]
CANARY = "canary-4711"


def lines(service: Service) -> list[dict[str, Any]]:
    """Fails if one of them is no JSON."""
    return [json.loads(line) for line in service.log.splitlines()]


def test_each_request_has_a_line_without_values(live_api: Api, tmp_path: Path) -> None:
    key = live_api.key
    with served(tmp_path, LOG_LEVEL="INFO", WEB_CONCURRENCY="1") as service:
        begun = len(lines(service))
        body = json.dumps({"customer_name": CANARY}).encode()
        status, answer, headers = service.call("POST", CUSTOMER, key, body, Content_Type="application/json")
        assert status == 201
        made = json.loads(answer)["id"]
        service.get(f"{CUSTOMER}/{made}?fields=id", key)
        service.get(f"{CUSTOMER}?q={CANARY}", key)
        service.get(f"/{CANARY}%0a%7B%22level%22%3A1%7D%1b[31m")
        service.call("GET", CUSTOMER, f"sk_test_{CANARY}")
        service.call("GET", "/admin/", Host="evil.example", X_Forwarded_For=CANARY)
        service.raw(
            b"GET /api/crm/customer HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \x1b[31m"
            + CANARY.encode()
            + b"\r\n\r\n"
        )
        service.raw(b"OD\x1bD /" + CANARY.encode() + b" HTTP/1.1\r\n\r\n")
    log = lines(service)
    # The line of a request comes after its answer, so it may come after that of the next one, which another thread answers.
    asked = [line for line in log[begun:] if line["logger"] == "gunicorn.access"]
    requests = [line for line in asked if line["route"] != "readyz"]
    first = next(one for one in requests if one["status"] == 201)
    assert {name: first[name] for name in ("method", "route", "status", "request_id")} == {
        "method": "POST", "route": "api/crm/customer", "status": 201, "request_id": headers["Request-Id"],
    }  # fmt: skip
    assert first["actor"].startswith("api_key:key_")
    assert first["bytes"] >= len(answer)
    assert 0 < first["ms"] < 10_000
    of_gets = {(one["route"], one["status"]) for one in requests if one["method"] == "GET"}
    assert of_gets >= {
        ("api/crm/customer/<str:id>", 200), ("api/crm/customer", 200), ("none", 404), ("api/crm/customer", 401),
    }  # fmt: skip
    assert 400 in {one["status"] for one in requests}
    access = json.dumps(requests)
    for secret in (CANARY, made, key, "q=", "fields="):
        assert secret not in access
    assert key not in service.log
    assert "\x1b" not in service.log
    assert {line["logger"] for line in log} >= {"gunicorn.error", "gunicorn.access"}


def test_it_can_be_turned_off(live_api: Api, tmp_path: Path) -> None:
    with served(tmp_path, ACCESS_LOG="0", LOG_LEVEL="INFO") as service:
        assert service.get(CUSTOMER, live_api.key)[0] == 200
        assert [line for line in lines(service) if line["logger"] == "gunicorn.access"] == []
        assert any("Listening" in line["message"] for line in lines(service))
    assert settings.ACCESS_LOG
