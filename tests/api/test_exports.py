"""Exports over HTTP: a worker writes the file, whoever has a full key downloads it."""

import json
from pathlib import Path
from typing import Any

import pytest

from crm.models import Customer
from overplane.api import keys
from overplane.events.models import Event
from overplane.jobs.models import JobFile
from overplane.jobs.worker import Worker
from tests.conftest import Api

EXPORT = "/api/crm/export"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"


def ended(api: Api, **request: Any) -> dict[str, Any]:
    answer = api.post(EXPORT, request)
    assert answer.status_code == 202, answer.content
    assert answer["Location"] == f"{EXPORT}/{answer.json()['id']}"
    assert answer.json()["status"] == "queued"
    Worker().run(until_idle=True)
    return api.get(answer["Location"]).json()


def file(api: Api, export: dict[str, Any]) -> bytes:
    answer = api.get(f"{EXPORT}/{export['id']}/file")
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith("attachment")
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("application/octet-stream", "nosniff")
    return b"".join(answer)  # type: ignore[arg-type]


def test_the_customers_that_are_asked_for(live_api: Api) -> None:
    for name, rate in (("Acme", 2.5), ("Bravo", 7.25), ("Acme South", 7.25)):
        live_api.create(customer_name=name, default_commission_rate=rate)
    asked = {"q": "acme", "default_commission_rate[gte]": 7.25, "columns": ["customer_name"], "rows": "none"}
    export = ended(live_api, **asked)
    assert (export["status"], export["customers"], export["request"]) == ("done", 1, asked)
    assert file(live_api, export).decode("utf-8-sig").split() == ["customer_name", "Acme", "South"]
    (event,) = Event.objects.filter(type="export.finished")
    assert json.loads(event.object or "") == {"id": export["id"], "count": 1}
    assert event.actor.startswith("api_key:")


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["csv", "xlsx", "ndjson"])
def test_the_import_reads_it_back(live_api: Api, format_: str) -> None:
    customer = live_api.create(customer_name="Zürich")
    export = ended(live_api, format=format_)
    live_api.delete(f"/api/crm/customer/{customer['id']}")
    Customer.objects.all().delete()
    content = file(live_api, export)
    sent = {"authorization": f"Bearer {live_api.key}"}
    answer = live_api.client.generic(
        "POST", f"/api/crm/import?dry_run=true&format={format_}", content, "application/octet-stream", headers=sent
    )
    Worker().run(until_idle=True)
    checked = live_api.get(answer["Location"]).json()
    assert checked["status"] == "checked", checked
    assert (checked["problem_kinds"][0]["code"], checked["problem_count"]) == (
        "parameter_conflict",
        1,
    )  # its id is taken


def test_its_file_comes_when_it_is_done(live_api: Api) -> None:
    location = live_api.post(EXPORT, {})["Location"]
    answer = live_api.get(f"{location}/file")
    assert (answer.status_code, answer.json()["error"]["code"], answer.json()["error"]["status"]) == (
        409, "import_state", "queued",
    )  # fmt: skip
    assert live_api.get(f"{EXPORT}/export_nothing").status_code == 404


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"format": "pdf"}, "parameter_invalid", "format"),
        ({"columns": ["shoes"]}, "parameter_invalid", "columns[0]"),
        ({"columns": ["id", "id"]}, "parameter_duplicate", "columns"),
        ({"territori": "x"}, "parameter_unknown", "territori"),
        ({"created_at[gte]": "yesterday"}, "parameter_invalid", "created_at[gte]"),
    ],
)
def test_wrong_requests_are_refused(live_api: Api, body: dict[str, Any], code: str, param: str) -> None:
    error = live_api.post(EXPORT, body).json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert not JobFile.objects.exists()


def test_for_full_keys_only(live_api: Api) -> None:
    export = ended(live_api)
    reader = Api(keys.mint("reader", read_only=True)[1])
    for path in (f"/{export['id']}", f"/{export['id']}/file"):
        assert reader.get(f"{EXPORT}{path}").status_code == 403
    assert reader.post(EXPORT, {}).status_code == 403
