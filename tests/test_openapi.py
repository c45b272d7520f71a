"""The API's description: valid, true (schemathesis finds nothing), and kept as a snapshot."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from hypothesis import HealthCheck, Phase, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import CHECKS

from overplane.api import keys, throttling
from overplane.api.pages import description

SNAPSHOT = Path(__file__).parent / "openapi.json"
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "12"))


def test_is_valid_and_as_committed() -> None:
    described = json.loads(description())
    assert described["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(described).validate()
    text = json.dumps(described, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("RENEW_SNAPSHOTS"):
        SNAPSHOT.write_text(text)
    assert text == SNAPSHOT.read_text(), (
        "The description changed. If it should: RENEW_SNAPSHOTS=1 pytest tests/test_openapi.py"
    )


# What no schema can say: whether an id exists, whether two parameters go together, whether a date is one.
BEYOND_SCHEMAS = {
    "resource_missing",
    "reorder_incomplete",
    "parameter_conflict",
    "parameter_duplicate",
    "cursor_invalid",
    "idempotency_key_mismatch",
    "parameter_invalid_range",
}
BATCH = "/api/crm/customer/batch"
FILTERED = ["/api/crm/customer", "/api/crm/customer/export"]
schema = schemathesis.openapi.from_wsgi("/api/openapi.json", WSGIHandler())


@pytest.fixture
def key(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> str:
    # Many wrong keys from one address are part of the test, not an attack.
    monkeypatch.setattr(throttling, "FAILURES_A_MINUTE", 10**9)
    return keys.mint("schemathesis")[1]


def check(case: Any, key: str) -> None:
    answer = case.call_and_validate(
        headers={"Authorization": f"Bearer {key}"}, excluded_checks=[CHECKS.get_one("positive_data_acceptance")]
    )
    if answer.status_code == 400 and case.meta and case.meta.generation.mode.is_positive:
        found = [p for p in answer.json()["error"]["errors"] if p["code"] not in BEYOND_SCHEMAS]
        # Whether an upsert updates or creates, and so needs a name, depends on who is there.
        found = [p for p in found if case.path != BATCH or not p["param"].endswith(".data.customer_name")]
        # JSON Schema's multipleOf cannot be trusted with fractions; the description says it in words.
        found = [p for p in found if not p["message"].startswith("At most 9 decimals")]
        assert not found, f"{found} for {case.as_curl_command()}"


@pytest.mark.filterwarnings("default")
@schema.exclude(path=FILTERED).parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_what_is_described_is_so(case: Any, key: str) -> None:
    check(case, key)


@pytest.mark.filterwarnings("default")
@schema.include(path=FILTERED, method="GET").parametrize()
@settings(
    max_examples=3 * EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.generate],
)
def test_what_is_described_of_filters_is_so(case: Any, key: str) -> None:
    """Two hundred filters: drawn at random, where trying each by itself would take a minute."""
    check(case, key)


@pytest.mark.filterwarnings("default")
@schema.include(path="/api/crm/customer", method="POST").parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_what_is_described_of_creating_is_so(case: Any, key: str) -> None:
    check(case, key)
