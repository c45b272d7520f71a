"""Every call that the description allows, as schemathesis makes them up: the answers are as described."""

import re
import threading
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from schemathesis.schemas import BaseSchema

from crm.api.import_schemas import EXPORT_ID, RUN_ID
from crm.api.line_item_components import CUSTOMER_ID, example_id
from crm.api.serializers import IGNORED_IN_LISTS
from crm.line_items import SUPPLIER_NUMBERS
from crm.models import CUSTOMERS, ImportOutcomes, ImportProblem, ImportRun
from crm.services import new_customer
from crm.transfer.runs import EXPORT
from overplane import waiting
from overplane.api import keys, streams, throttling
from overplane.api.serializers import IGNORED
from overplane.api.webhooks.bodies import IGNORED as OF_ENDPOINTS
from overplane.api.webhooks.components import DELIVERY_ID, ENDPOINT_ID
from overplane.events.webhooks import services
from overplane.events.webhooks.models import Delivery, Endpoint, key_of
from overplane.jobs import queue
from overplane.jobs.models import Job
from tests.conftest import CUSTOMER

AT_RANDOM = [Phase.generate]
# The bounds of each attribute one after the other are a thousand calls. What they look for is in the description, not in
# the database, so they are tried on one, and of bodies that repeat a PATCH's attributes none.
ONCE_MORE = connection.vendor == "postgresql"
SYSTEMATIC = AT_RANDOM if ONCE_MORE else list(Phase)
EXAMPLES = 6
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
BATCH = f"{CUSTOMER}/batch"
IMPORTS = "/api/crm/import"
OF_IMPORTS = {("parameter_missing", "match_on"), ("parameter_invalid", "encoding"), ("json_invalid", "mapping")}
# A body is judged after its object's version: what is wrong with both is 412.
REFUSED = ["400", "401", "403", "404", "405", "412", "413", "415"]
CONFIG = SchemathesisConfig.from_dict({
    "checks": {"negative_data_rejection": {"expected-statuses": REFUSED}},
    # Values that stand in the application's source are tried on one as well: finding what takes them costs a third of the time.
    "analysis": {"constants": {"enabled": not ONCE_MORE}},
})  # fmt: skip
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default"), pytest.mark.django_db(transaction=True)]


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """schemathesis cannot break rules of what has the format `binary`, and ends with an error of its own."""
    body = raw_schema["paths"][IMPORTS]["post"]["requestBody"]["content"]
    for file in (
        body["application/octet-stream"]["schema"],
        body["multipart/form-data"]["schema"]["properties"]["file"],
    ):
        del file["format"]


schema = schemathesis.openapi.from_wsgi("/api/openapi.json", WSGIHandler(), config=CONFIG)
CREATING = f"POST {CUSTOMER}"
REPEATING = [CREATING, f"POST {BATCH}", f"POST {CUSTOMER}/{{id}}/merge"]
FILTERED = [f"GET {CUSTOMER}", f"GET {CUSTOMER}/export", f"POST {CUSTOMER}/search", "POST /api/crm/export"]
OPERATIONS = [result.ok().label for result in schema.get_all_operations()]
chosen: list[str] = []


@pytest.fixture
def described(request: pytest.FixtureRequest) -> BaseSchema:
    """Of one operation: its calls are made up when its test runs.

    For all of them that takes twenty seconds, which each process would spend that only reads this file.
    """
    chosen[:] = [request.param]
    return schema


def each_of(operations: list[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("described", operations, indirect=True)


def is_beyond_schemas(problem: dict[str, Any], case: Any) -> bool:
    # JSON Schema's multipleOf cannot be trusted with fractions; the description says it in words.
    if problem["code"] in BEYOND_SCHEMAS or problem["message"].startswith("At most 9 decimals"):
        return True
    # Nor which hosts are public, or that a cursor is needed only beside another parameter, or without one.
    if (problem["code"], problem["param"]) in {("parameter_invalid", "url"), ("parameter_missing", "after")}:
        return True
    # Nor that a mode needs a key, which encodings there are, or what JSON in a text must be.
    if (problem["code"], problem["param"]) in OF_IMPORTS:
        return True
    # Patterns cannot name what is beyond the first plane for every reader.
    if problem["code"] == "characters_not_allowed" and re.search(r"U\+[0-9A-F]{5}", problem["message"]):
        return True
    # What is ignored may be anything, but for control characters, which no body may have.
    param = problem["param"] or ""
    ignored = {*IGNORED, *OF_ENDPOINTS, "position", *(IGNORED_IN_LISTS if "[" in param else ())}
    if problem["code"] == "characters_not_allowed" and ignored & set(re.split(r"[.\[\]]+", param)):
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
    # Who waits for news does so, but not for 25 seconds.
    monkeypatch.setattr(waiting, "pauses", lambda seconds, client, wait=waiting.pauses: wait(seconds / 500, client))
    # These callers read no answer to its end that has no body, so a stream of them is never over.
    monkeypatch.setattr(streams, "_free", threading.BoundedSemaphore(10**6))
    # What the description's examples name is there.
    values = new_customer({"customer_name": "Acme"}, now=timezone.now())
    CUSTOMERS.insert([values | {"id": CUSTOMER_ID, "search_text": "acme"}])
    row = {"customer_id": CUSTOMER_ID, "idx": 1, "company": None, "supplier_number": None, "version": 1}
    SUPPLIER_NUMBERS.table.insert([row | {"id": example_id(SUPPLIER_NUMBERS)}])
    endpoint, _ = services.create_endpoint({"url": "https://example.com/webhooks"})
    Endpoint.objects.filter(pk=endpoint.pk).update(id=ENDPOINT_ID)
    services.ping(ENDPOINT_ID)
    Delivery.objects.update(id=key_of(DELIVERY_ID))
    of_import = {"started_by": "test", "file_name": "a.csv", "file_hash": "", "settings": {}, "state": "done"}
    ImportRun.objects.create(id=RUN_ID, created_at=timezone.now(), **of_import)
    ImportProblem.objects.create(run_id=RUN_ID, number=2, column="", value="", code="parameter_invalid", message="No.")
    ImportOutcomes.objects.create(run_id=RUN_ID, lines="2,,refused,parameter_invalid,No.\n")
    queue.enqueue(EXPORT, {"request": "{}", "name": "a.csv"}, "test")
    Job.objects.update(id=EXPORT_ID.replace("export", "job"))
    return keys.mint("schemathesis")[1]


def check(case: Any, key: str) -> None:
    # schemathesis asks for gzip, which it cannot read when there is no socket between.
    headers = {"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"}
    answer = case.call(headers=headers)
    excluded = ["positive_data_acceptance"]
    if "idempotent-replayed" in answer.headers:  # which comes before anybody reads If-Match
        excluded.append("negative_data_rejection")
    broken = [place.value for place, part in case.meta.components.items() if part.mode.is_negative] if case.meta else []
    if case.path == IMPORTS and broken == ["body"]:  # any bytes are a file, and a form cannot say what is no text
        excluded.append("negative_data_rejection")
    if answer.status_code == 207 and any(one["status"] >= 400 for one in answer.json()["data"]):  # refused by operation
        excluded.append("negative_data_rejection")
    checks = [CHECKS.get_one(name) for name in excluded]
    case.validate_response(answer, headers=headers, excluded_checks=checks, transport_kwargs={"headers": headers})
    if answer.status_code == 400 and case.meta and case.meta.generation.mode.is_positive:
        unexplained = [p for p in answer.json()["error"]["errors"] if not is_beyond_schemas(p, case)]
        assert not unexplained, f"{unexplained} for {case.as_curl_command()}"


calls = schemathesis.pytest.from_fixture("described").include(lambda context: context.operation.label in chosen)
bounded = settings(
    max_examples=EXAMPLES,
    phases=AT_RANDOM,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)


@each_of([name for name in OPERATIONS if name not in (*REPEATING, *FILTERED)])
@calls.parametrize()
@settings(bounded, phases=SYSTEMATIC)
def test_what_is_described_is_so(case: Any, key: str) -> None:
    check(case, key)


@each_of(REPEATING)
@calls.parametrize()
@bounded
def test_what_is_described_of_repeating_bodies_is_so(case: Any, key: str) -> None:
    check(case, key)


@each_of(FILTERED)
@calls.parametrize()
@settings(bounded, max_examples=3 * EXAMPLES)
def test_what_is_described_of_filters_is_so(case: Any, key: str) -> None:
    """Two hundred filters: drawn at random, where trying each by itself would take a minute."""
    check(case, key)
