"""What became of each row, on the page of an import: of the person's own, and of one that came by the API."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse

from crm.models import Customer, ImportRun
from overplane.jobs.models import Job
from tests.backoffice.import_pages import check
from tests.backoffice.people import member
from tests.conftest import Api

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
FILE = "name,email_id\nAcme,a@b\nBravo,nobody\n"
BY_API = "/api/crm/import"


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def text_of(answer: Any) -> str:
    return b"".join(answer).decode()


def test_of_an_own_import_in_the_words_of_pages(live_api: Api) -> None:
    client = member("Editor")
    client.post(f"{check(client, FILE)}apply/", {"skip_errors": "on"})
    call_command("run_worker", until_idle=True)
    job = Job.objects.get(kind="crm.import_customers")
    result = reverse("import_result", args=[job.pk])
    assert result in client.get(reverse("import_job", args=[job.pk])).content.decode()
    answer = client.get(result)
    assert answer["Content-Disposition"] == 'attachment; filename="customers.result.csv"'
    customer = Customer.objects.get().pk
    lines = text_of(answer).splitlines()
    assert lines[1] == f"2,{customer},created,,"
    assert lines[2].startswith("3,,refused,parameter_invalid,")
    run_id = ImportRun.objects.get().pk
    shown = live_api.get(f"{BY_API}/{run_id}").json()
    assert (shown["status"], shown["counts"]["refused"]) == ("done", 1)
    assert "nobody" in text_of(live_api.get(f"{BY_API}/{run_id}/refused"))


def test_of_one_that_came_by_the_api_for_those_who_see_all_jobs(live_api: Api) -> None:
    sent = {"authorization": f"Bearer {live_api.key}"}
    address = f"{BY_API}?skip_errors=true&file_name=theirs.csv"
    live_api.client.generic("POST", address, FILE.encode(), "text/csv", headers=sent)
    call_command("run_worker", until_idle=True)
    job = Job.objects.get(kind="crm.import_file")
    page, result = (reverse(name, args=[job.pk]) for name in ("import_job", "import_result"))
    nosy = member("Editor", "nosy")
    assert (nosy.get(page).status_code, nosy.get(result).status_code) == (403, 404)
    chief = member("Administrator", "chief")
    shown = chief.get(page).content.decode()
    assert "theirs.csv" in shown
    assert result in shown
    assert "--" not in text_of(chief.get(result))
    assert page in chief.get(reverse("import")).content.decode()
    chief.post(reverse("import_undo", args=[job.pk]))
    call_command("run_worker", until_idle=True)
    assert not Customer.objects.exists()
    assert live_api.get(f"{BY_API}/{job.payload['run']}").json()["status"] == "undone"
