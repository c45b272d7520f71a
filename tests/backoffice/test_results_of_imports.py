"""What became of each row, on the page of an import: of the person's own, and of one that came by the API."""

import html
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
    refused = reverse("import_refused", args=[job.pk])
    assert refused in shown
    assert "nobody" in text_of(chief.get(refused))
    assert nosy.get(refused).status_code == 404
    assert page in chief.get(reverse("import")).content.decode()
    chief.post(reverse("import_undo", args=[job.pk]))
    call_command("run_worker", until_idle=True)
    assert not Customer.objects.exists()
    assert live_api.get(f"{BY_API}/{job.payload['run']}").json()["status"] == "undone"


def test_of_one_that_a_command_began(imported: Any) -> None:
    refused = imported(
        FILE + "Cobra,c@d\n", "--skip-errors", "--set", "default_commission_rate=much", name="theirs.csv"
    )
    assert refused.code == 1
    imported("name\nAcme\n", name="good.csv")
    chief = member("Administrator", "chief")
    newest, earlier = Job.objects.filter(kind="crm.import_file").order_by("-created_at")
    recent = chief.get(reverse("import")).content.decode()
    assert all(reverse("import_job", args=[job.pk]) in recent for job in (newest, earlier))
    shown = chief.get(reverse("import_job", args=[earlier.pk])).content.decode()
    assert "4 problems." in shown
    assert "fixed value “commission rate”" in html.unescape(shown)
    assert " --" not in shown.replace(" -->", "")
    addresses = [reverse(name, args=[earlier.pk]) for name in ("import_refused", "import_result")]
    assert all(address in shown for address in addresses)
    rows, results = (text_of(chief.get(address)) for address in addresses)
    assert "nobody" in rows
    assert results.count(",refused,") == 3
    assert (
        reverse("import_refused", args=[newest.pk])
        not in chief.get(reverse("import_job", args=[newest.pk])).content.decode()
    )
    chief.post(reverse("import_undo", args=[newest.pk]))
    call_command("run_worker", until_idle=True)
    assert not Customer.objects.exists()


def test_why_a_file_of_the_api_was_refused_stands_on_its_page(live_api: Api) -> None:
    sent = {"authorization": f"Bearer {live_api.key}"}
    live_api.client.generic("POST", BY_API, b"name,Shoe size\nOne,44\n", "text/csv", headers=sent)
    call_command("run_worker", until_idle=True)
    page = reverse("import_job", args=[Job.objects.get(kind="crm.import_file").pk])
    shown = member("Administrator").get(page).content.decode()
    assert "Unknown columns: 'Shoe size'." in html.unescape(shown)
    assert " --" not in shown.replace(" -->", "")
