"""Marked keys, passwords and values are sent through all doors, also where it goes wrong, and searched in whatever the
service says of itself: its log, its metrics, its errors. None of them is there."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from overplane.api import keys
from overplane.jobs.models import Job, JobFile
from overplane.observability import JsonLines
from tests.backoffice.people import PASSWORD
from tests.conftest import CUSTOMER, Api

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
VALUE, OTHER_PASSWORD, FOREIGN_KEY = "Canarywharf", "canary-password-7391", "sk_test_canarykey8642"
LOGIN = reverse("admin:login")


class Watch:
    """What was said so far. `errors`: the answers that were none of success."""

    def __init__(self, log: io.StringIO) -> None:
        self.log, self.errors = log, list[bytes]()
        self.secrets = [VALUE, OTHER_PASSWORD, FOREIGN_KEY, PASSWORD]

    def answered(self, answer: Any, *statuses: int) -> Any:
        assert answer.status_code in statuses, (answer.status_code, answer.content[:500])
        if answer.status_code >= 400:
            self.errors.append(answer.content)
        return answer

    def leaks(self) -> list[tuple[str, str]]:
        said = {
            "log": self.log.getvalue(),
            "metrics": Client().get("/metrics").content.decode(),
            "errors": b"\n".join(self.errors).decode(),
        }
        return [(secret, where) for secret in self.secrets for where, text in said.items() if secret in text]


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Every line that production would write at the level DEBUG of our own, as it would write it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    loggers = [logging.getLogger(name) for name in ("", "django", "django.request", "overplane")]
    levels = [logger.level for logger in loggers]
    for logger in loggers[:2]:
        logger.addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.INFO)
    logging.getLogger("overplane").setLevel(logging.DEBUG)
    yield Watch(stream)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
        logger.removeHandler(handler)


def test_the_watch_sees(watch: Watch) -> None:
    logging.getLogger("overplane.anything").debug("with %s", VALUE)
    watch.errors.append(OTHER_PASSWORD.encode())
    assert watch.leaks() == [(VALUE, "log"), (OTHER_PASSWORD, "errors")]


def test_the_api_tells_nobody(watch: Watch, live_api: Api) -> None:
    watch.secrets.append(live_api.key)
    customer = live_api.create(customer_name=VALUE, tax_id=VALUE)["id"]
    for body in (
        b'{"customer_name": "' + VALUE.encode(),
        b'{"customer_name": "' + VALUE.encode() + b'\\u0000"}',
        {"customer_name": VALUE, "email_id": f"{VALUE} is none"},
        {"customer_name": VALUE, "customer_type": VALUE},
        {"customer_name": VALUE, "default_commission_rate": VALUE},
        {"customer_name": VALUE, "default_currency": VALUE},
        {"customer_name": VALUE * 100},
    ):
        watch.answered(live_api.post(CUSTOMER, body), 400)
    watch.answered(live_api.get(f"{CUSTOMER}?q={VALUE}&limit={VALUE}"), 400)
    watch.answered(live_api.get(f"{CUSTOMER}?created_at[gte]={VALUE}"), 400)
    watch.answered(live_api.patch(f"{CUSTOMER}/{customer}", {"customer_name": VALUE}, If_Match='"9"'), 412)
    wrong = Api(FOREIGN_KEY)
    watch.answered(wrong.post(CUSTOMER, {"customer_name": VALUE}), 401)
    watch.answered(Client().get(CUSTOMER, headers={"authorization": f"Basic {live_api.key}"}), 401)
    revoked, key = keys.mint("revoked")
    keys.revoke(revoked)
    watch.secrets.append(key)
    watch.answered(Api(key).get(CUSTOMER), 401)
    assert watch.leaks() == []


BROKEN = {
    # PostgreSQL names the whole row in such an error.
    "postgresql": (
        "ALTER TABLE crm_customer ADD CONSTRAINT broken CHECK (length(customer_name) < 2) NOT VALID",
        "ALTER TABLE crm_customer DROP CONSTRAINT broken",
    ),
    "sqlite": (
        "CREATE TRIGGER broken BEFORE INSERT ON crm_customer BEGIN SELECT RAISE(ABORT, 'broken'); END",
        "DROP TRIGGER broken",
    ),
}


def test_a_broken_table_tells_nobody(watch: Watch, live_api: Api) -> None:
    breaking, mending = BROKEN[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(breaking)
    try:
        watch.answered(live_api.post(CUSTOMER, {"customer_name": VALUE, "customer_details": f"a\n\n{VALUE}\nb"}), 500)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(mending)
    assert "broken" in watch.log.getvalue()  # the cause is there
    assert watch.leaks() == []


def test_logins_tell_nobody(watch: Watch) -> None:
    get_user_model().objects.create_superuser("anna", password=PASSWORD)
    client = Client()
    for _ in range(7):
        client.post(LOGIN, {"username": "anna", "password": OTHER_PASSWORD})
    assert client.post(LOGIN, {"username": "anna", "password": PASSWORD}).status_code == 429
    client.post(LOGIN, {"username": OTHER_PASSWORD, "password": VALUE})  # in the wrong field
    client.post(reverse("session"), {"username": "anna", "password": OTHER_PASSWORD})
    client.post(reverse("admin:crm_customer_add"), {"customer_name": VALUE, "password": OTHER_PASSWORD})
    client.get(f"/admin/?password={OTHER_PASSWORD}")
    watch.answered(client.get(f"/nowhere?key={OTHER_PASSWORD}"), 404)
    strict = Client(enforce_csrf_checks=True)
    watch.answered(strict.post(LOGIN, {"username": "anna", "password": OTHER_PASSWORD}), 403)
    assert watch.leaks() == []


def test_webhooks_tell_nobody(watch: Watch, live_api: Api) -> None:
    made = live_api.post(
        "/api/crm/webhook-endpoint", {"url": f"https://anna:{OTHER_PASSWORD}@hooks.example.com/"}
    ).json()
    if "secret" in made:
        watch.secrets.append(made["secret"])
    plain = live_api.post("/api/crm/webhook-endpoint", {"url": "https://hooks.example.com/"}).json()
    rolled = live_api.post(f"/api/crm/webhook-endpoint/{plain['id']}/roll-secret", {}).json()
    watch.secrets += [plain["secret"], rolled["secret"]]
    watch.answered(live_api.patch(f"/api/crm/webhook-endpoint/{plain['id']}", {"url": f"http://{OTHER_PASSWORD}"}), 400)
    assert len(watch.secrets) >= 6
    assert watch.leaks() == []


def test_a_failed_import_tells_nobody(watch: Watch, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    anna = get_user_model().objects.create_superuser("anna", password=PASSWORD)
    client = Client()
    client.force_login(anna)
    content = f"customer_name,email_id\n{VALUE},{VALUE} is none\n".encode()
    client.post(reverse("import"), {"file": SimpleUploadedFile(f"{VALUE}.csv", content)})
    file = JobFile.objects.get()
    mapping = reverse("import_mapping", args=[file.pk])
    columns = client.get(mapping).context["columns"]
    client.post(mapping, {f"column-{column['i']}": column["chosen"] for column in columns})
    job = Job.objects.filter(kind="crm.check_import").first()
    assert job is not None
    call_command("run_worker", until_idle=True)
    job.refresh_from_db()
    assert job.result is not None
    assert job.result["problem_count"] > 0
    assert watch.leaks() == []
