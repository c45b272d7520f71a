"""The API's description: valid, complete, and kept as a snapshot (test_generated_calls: that it is true)."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.http import HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver
from openapi_spec_validator import OpenAPIV31SpecValidator

from overplane.api.pages import description
from overplane.problems import Code
from tests.conftest import CUSTOMER, ROW, Api

SNAPSHOT = Path(__file__).parent / "openapi.json"
DESCRIBED = json.loads(description())


@pytest.mark.slow
def test_is_valid_and_as_committed() -> None:
    assert DESCRIBED["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(DESCRIBED).validate()
    # Addresses of the deployment are those of whoever runs the tests.
    text = (
        json.dumps(DESCRIBED, indent=1, ensure_ascii=False).replace(configured.BASE_URL, "https://api.overplane.dev")
        + "\n"
    )
    if os.environ.get("RENEW_SNAPSHOTS"):
        SNAPSHOT.write_text(text)
    assert text == SNAPSHOT.read_text(), (
        "The description changed. If it should: RENEW_SNAPSHOTS=1 .venv/bin/python -m pytest tests/api/test_openapi.py"
    )


def routes(resolver: URLResolver, prefix: str = "/") -> Iterator[tuple[str, set[str]]]:
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern).replace("<str:", "{").replace(">", "}")
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, path)
        elif isinstance(pattern, URLPattern) and path.startswith("/api/") and hasattr(pattern.callback, "actions"):
            yield path, set(pattern.callback.actions) - {"head"}


def test_describes_every_route_and_method() -> None:
    assert dict(routes(get_resolver())) == {path: set(methods) for path, methods in DESCRIBED["paths"].items()}


def test_describes_every_error_code() -> None:
    assert DESCRIBED["components"]["schemas"]["ErrorCode"]["enum"] == [str(code) for code in Code]


def followed(part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    _, _, kind, name = part["$ref"].split("/")
    return DESCRIBED["components"][kind][name]


# Of every answer in HTTP, or forbidding caches to keep it.
COMMON_HEADERS = {"Content-Type", "Content-Length", "Cache-Control", "X-Content-Type-Options", "Vary"}


def assert_headers_as_described(path: str, method: str, answer: HttpResponse) -> None:
    described = followed(DESCRIBED["paths"][path][method]["responses"][str(answer.status_code)])["headers"]
    sent = set(answer.headers) - COMMON_HEADERS
    assert sent <= set(described), f"{method} {path} {answer.status_code}"
    assert {name for name, header in described.items() if followed(header).get("required")} <= sent


def test_sends_no_header_that_is_not_described(api: Api, settings: Any) -> None:
    settings.RATE_LIMIT = 1000.0
    one, row = f"{CUSTOMER}/{{id}}", f"{ROW}/{{id}}"
    created = api.post(CUSTOMER, {"customer_name": "Acme"}, Idempotency_Key="k")
    again = api.post(CUSTOMER, {"customer_name": "Acme"}, Idempotency_Key="k")
    assert again["Idempotent-Replayed"] == "true"
    api.create()
    address = f"{CUSTOMER}/{created.json()['id']}"
    row_id = api.add_row(created.json()["id"])["id"]
    for path, method, answer in [
        (CUSTOMER, "post", created),
        (CUSTOMER, "post", again),
        (CUSTOMER, "get", api.get(f"{CUSTOMER}?limit=1")),
        (one, "get", api.get(address)),
        (one, "get", api.get(address, If_None_Match=created["ETag"])),
        (one, "get", api.get(f"{CUSTOMER}/nobody")),
        (one, "get", Api("").get(address)),
        (one, "patch", api.patch(address, {"territory": "North"}, If_Match='"9"')),
        (one, "patch", api.patch(address, {"territory": "North"})),
        (one, "patch", api.call("PUT", address, {})),
        (row, "get", api.get(f"{ROW}/{row_id}")),
        (row, "delete", api.delete(f"{ROW}/{row_id}")),
        (ROW, "get", api.get(f"{ROW}?parent_id={created.json()['id']}")),
        (one, "delete", api.delete(address)),
        (f"{CUSTOMER}/search", "post", api.post(f"{CUSTOMER}/search", {})),
        (f"{CUSTOMER}/batch", "post", api.post(f"{CUSTOMER}/batch", {"operations": [], "atomic": True})),
        ("/api/crm/event", "get", api.get("/api/crm/event")),
    ]:
        assert_headers_as_described(path, method, answer)
        assert "RateLimit-Remaining" in answer or answer.status_code == 401
