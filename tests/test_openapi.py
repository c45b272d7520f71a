"""The API's description: valid, complete, true (schemathesis finds nothing), and kept as a snapshot."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.conf import settings as configured
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig

from crm.components import CUSTOMER_ID, ROW_ID
from crm.models import CUSTOMERS, SUPPLIER_NUMBERS
from crm.services import new_customer
from overplane.api import keys, throttling
from overplane.api.pages import description
from overplane.api.serializers import IGNORED
from overplane.problems import Code
from tests.conftest import CUSTOMER, ROW, Api

SNAPSHOT = Path(__file__).parent / "openapi.json"
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "12"))
DESCRIBED = json.loads(description())


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
        "The description changed. If it should: RENEW_SNAPSHOTS=1 .venv/bin/python -m pytest tests/test_openapi.py"
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
    made = api.post(CUSTOMER, {"customer_name": "Acme"}, Idempotency_Key="k")
    again = api.post(CUSTOMER, {"customer_name": "Acme"}, Idempotency_Key="k")
    assert again["Idempotent-Replayed"] == "true"
    api.create()
    address = f"{CUSTOMER}/{made.json()['id']}"
    row_id = api.add_row(made.json()["id"])["id"]
    for path, method, answer in [
        (CUSTOMER, "post", made),
        (CUSTOMER, "post", again),
        (CUSTOMER, "get", api.get(f"{CUSTOMER}?limit=1")),
        (one, "get", api.get(address)),
        (one, "get", api.get(address, If_None_Match=made["ETag"])),
        (one, "get", api.get(f"{CUSTOMER}/nobody")),
        (one, "get", Api("").get(address)),
        (one, "patch", api.patch(address, {"territory": "North"}, If_Match='"9"')),
        (one, "patch", api.patch(address, {"territory": "North"})),
        (one, "patch", api.call("PUT", address, {})),
        (row, "get", api.get(f"{ROW}/{row_id}")),
        (row, "delete", api.delete(f"{ROW}/{row_id}")),
        (ROW, "get", api.get(f"{ROW}?parent_id={made.json()['id']}")),
        (one, "delete", api.delete(address)),
        (f"{CUSTOMER}/search", "post", api.post(f"{CUSTOMER}/search", {})),
        (f"{CUSTOMER}/batch", "post", api.post(f"{CUSTOMER}/batch", {"operations": [], "atomic": True})),
        ("/api/crm/event", "get", api.get("/api/crm/event")),
    ]:
        assert_headers_as_described(path, method, answer)
        assert "RateLimit-Remaining" in answer or answer.status_code == 401


# What no schema can say: whether an id exists, whether two parameters go together, whether a date is one.
BEYOND_SCHEMAS = {
    "resource_missing",
    "reorder_incomplete",
    "parameter_conflict",
    "parameter_duplicate",
    "parameter_immutable",
    "cursor_invalid",
    "idempotency_key_mismatch",
    "parameter_invalid_range",
}
BATCH = "/api/crm/customer/batch"
SEARCH = "/api/crm/customer/search"
FILTERED = ["/api/crm/customer", "/api/crm/customer/export", SEARCH]
# A body is judged after its object's version: what is wrong with both is 412.
REFUSED = ["400", "401", "403", "404", "405", "412", "413", "415"]
CONFIG = SchemathesisConfig.from_dict({"checks": {"negative_data_rejection": {"expected-statuses": REFUSED}}})
schema = schemathesis.openapi.from_wsgi("/api/openapi.json", WSGIHandler(), config=CONFIG)


def is_beyond_schemas(problem: dict[str, Any], case: Any) -> bool:
    # JSON Schema's multipleOf cannot be trusted with fractions; the description says it in words.
    if problem["code"] in BEYOND_SCHEMAS or problem["message"].startswith("At most 9 decimals"):
        return True
    # Patterns cannot name what is beyond the first plane for every reader.
    if problem["code"] == "characters_not_allowed" and re.search(r"U\+[0-9A-F]{5}", problem["message"]):
        return True
    # What is ignored may be anything, but for control characters, which no body may have.
    if problem["code"] == "characters_not_allowed" and IGNORED & set(re.split(r"[.\[\]]+", problem["param"] or "")):
        return True
    # schemathesis makes values of this header that break its own pattern.
    if problem["param"] == "If-Match":
        return True
    # What an upsert's data must have depends on `match_on` and on who is there.
    return case.path == BATCH and problem["code"] in ("parameter_missing", "parameter_invalid_empty")


@pytest.fixture
def key(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> str:
    # Many wrong keys from one address are part of the test, not an attack.
    monkeypatch.setattr(throttling, "FAILURES_A_MINUTE", 10**9)
    # What the description's examples name is there.
    values = new_customer({"customer_name": "Acme"}, now=timezone.now())
    CUSTOMERS.insert([values | {"id": CUSTOMER_ID, "search_text": "acme"}])
    row = {"customer_id": CUSTOMER_ID, "idx": 1, "company": None, "supplier_number": None, "version": 1}
    SUPPLIER_NUMBERS.insert([row | {"id": ROW_ID}])
    return keys.mint("schemathesis")[1]


def check(case: Any, key: str) -> None:
    # schemathesis asks for gzip, which it cannot read when there is no socket between.
    headers = {"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"}
    answer = case.call(headers=headers)
    excluded = ["positive_data_acceptance"]
    if "idempotent-replayed" in answer.headers:  # which comes before anybody reads If-Match
        excluded.append("negative_data_rejection")
    checks = [CHECKS.get_one(name) for name in excluded]
    case.validate_response(answer, headers=headers, excluded_checks=checks, transport_kwargs={"headers": headers})
    if answer.status_code == 400 and case.meta and case.meta.generation.mode.is_positive:
        found = [p for p in answer.json()["error"]["errors"] if not is_beyond_schemas(p, case)]
        assert not found, f"{found} for {case.as_curl_command()}"


bounded = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@schema.exclude(path=FILTERED).parametrize()
@bounded
def test_what_is_described_is_so(case: Any, key: str) -> None:
    check(case, key)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@schema.include(path=FILTERED).exclude(path="/api/crm/customer", method="POST").parametrize()
@settings(bounded, max_examples=3 * EXAMPLES, phases=[Phase.generate])
def test_what_is_described_of_filters_is_so(case: Any, key: str) -> None:
    """Two hundred filters: drawn at random, where trying each by itself would take a minute."""
    check(case, key)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@schema.include(path="/api/crm/customer", method="POST").parametrize()
@bounded
def test_what_is_described_of_creating_is_so(case: Any, key: str) -> None:
    check(case, key)
