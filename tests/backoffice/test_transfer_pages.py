"""Import and export in the back office: upload, map, check, apply; choose, wait, download."""

import csv
import html
import io
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from python_calamine import CalamineWorkbook

from crm.backoffice import jobs, uploads
from crm.models import Customer, ImportRun
from crm.transfer import imports
from crm.transfer.columns import guess
from crm.transfer.exports import FORMATS
from crm.transfer.refused_files import RefusedRows
from overplane.events.models import Event
from overplane.jobs.kinds import Lost, Run
from overplane.jobs.models import Job, JobFile, Preset, State
from tests.backoffice.import_pages import GOOD, check, columns, upload
from tests.backoffice.people import member
from tests.domain.customers import make


@pytest.mark.parametrize(
    ("headings", "expected"),
    [
        (["Kundenname", "E-Mail", "Tel"], {"Kundenname": "customer_name", "E-Mail": "email_id", "Tel": "mobile_no"}),
        (["customer_name", "Name"], {"customer_name": "customer_name"}),
        (["customerID", "phone", "Fax"], {"phone": "mobile_no"}),
        (["Währung", "VAT-Number", "", "###", "x"], {"Währung": "default_currency", "VAT-Number": "tax_id"}),
    ],
)
def test_guesses_what_headings_mean(headings: list[str], expected: dict[str, str]) -> None:
    assert guess(headings) == expected


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_checks_first_and_then_applies_once() -> None:
    client = member("Editor")
    report = check(client, GOOD)
    output = client.get(report).content.decode()
    assert "No problems." in output
    assert "<dt>to be created</dt><dd>2</dd>" in output
    assert not Customer.objects.exists()
    assert not Event.objects.exists()
    apply = f"{report}apply/"
    first = client.post(apply)["Location"]
    assert "waiting" in client.get(first).content.decode().lower()
    call_command("run_worker", until_idle=True)
    assert client.post(apply)["Location"] == first
    call_command("run_worker", until_idle=True)
    assert re.search("<dt>created</dt><dd><a href=[^>]*>2</a></dd>", client.get(first).content.decode())
    assert set(Customer.objects.values_list("customer_name", "email_id", "mobile_no", "tax_id")) == {
        ("Müller", "a@b", "030-1", None),
        ("Acme", None, None, "T1"),
    }
    run = ImportRun.objects.get()
    assert set(Event.objects.values_list("actor", "type")) == {
        (f"import:{run.pk}", "customer.created"),
        ("user:anna", "import.finished"),
    }
    assert (run.started_by, run.file_name) == ("user:anna", "customers.csv")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_same_file_is_imported_once_more_only_by_who_says_so() -> None:
    client = member("Editor")
    for _ in range(2):
        report = check(client, GOOD)
        client.post(f"{report}apply/")
        call_command("run_worker", until_idle=True)
    assert Customer.objects.count() == 2
    assert "imported already" in client.get(report).content.decode()
    client.post(f"{report}apply/", {"again": "on"})
    call_command("run_worker", until_idle=True)
    assert Customer.objects.count() == 4


def begin(job: Job) -> None:
    """As a worker leaves it that was told to stop after the first customer."""
    run_id = uploads.import_run_of(job)
    refused = RefusedRows(settings.MEDIA_ROOT / f"{run_id}.refused")
    wanted = replace(uploads.options_of(job.payload), size=1)
    source = uploads.source_of(JobFile.objects.get(pk=job.payload["file"]))
    more = {"started_by": job.actor, "run_id": run_id, "refused": refused}
    with pytest.raises(Lost):
        imports.run(source, wanted, progress=lost, **more)
    refused.close()


def lost(doing: str, fraction: float, customers: int) -> None:
    if doing == "writing":
        raise Lost


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_what_was_cancelled_half_way_is_gone_on_with_and_not_begun_anew() -> None:
    client = member("Editor")
    report = check(client, GOOD)
    apply = client.post(f"{report}apply/")["Location"]
    begin(Job.objects.get(kind="crm.import_customers"))
    client.post(f"{apply}cancel/")
    assert Customer.objects.count() == 1
    assert client.post(f"{report}apply/")["Location"] == apply
    assert "Go on" in client.get(apply).content.decode()
    first = client.post(f"{apply}go-on/")["Location"]
    assert client.post(f"{apply}go-on/")["Location"] == first
    call_command("run_worker", until_idle=True)
    assert Customer.objects.count() == 2


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_another_worker_goes_on_with_the_refused_rows() -> None:
    client = member("Editor")
    report = check(client, GOOD.replace("a@b", "nobody"))
    client.post(f"{report}apply/", {"skip_errors": "1"})
    job = Job.objects.get(kind="crm.import_customers")
    begin(job)
    call_command("run_worker", until_idle=True)
    job.refresh_from_db()
    assert (job.state, job.result["created"], job.result["refused"]) == (State.DONE, 1, 1)
    assert b"nobody" in client.get(reverse("job_file", args=[job.result["report"]])).getvalue()
    assert not list(settings.MEDIA_ROOT.glob("*.refused"))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_database_that_was_away_is_tried_again_and_gone_on_with() -> None:
    client = member("Editor")
    report = check(client, GOOD)
    client.post(f"{report}apply/")
    job = Job.objects.get(kind="crm.import_customers")

    class Unlucky(Run):
        def progress(self, done: int, total: int | None = None) -> None:
            if ImportRun.objects.filter(state="writing").exists():
                raise OperationalError("the server closed the connection")

    with pytest.raises(OperationalError):
        jobs.import_customers(Unlucky(job))
    assert ImportRun.objects.get().state == "writing"
    call_command("run_worker", until_idle=True)
    job.refresh_from_db()
    assert (job.state, job.result["created"], Customer.objects.count()) == (State.DONE, 2, 2)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_an_upload_that_is_done_can_be_imported_once_more_too() -> None:
    client = member("Editor")
    report = check(client, GOOD)
    client.post(f"{report}apply/")
    call_command("run_worker", until_idle=True)
    mapping = reverse("import_mapping", args=[JobFile.objects.get().pk])
    again = client.post(mapping, columns(client.get(mapping)))["Location"]
    call_command("run_worker", until_idle=True)
    client.post(f"{again}apply/")
    call_command("run_worker", until_idle=True)
    assert Customer.objects.count() == 2
    client.post(f"{again}apply/", {"again": "on"})
    call_command("run_worker", until_idle=True)
    assert Customer.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_a_disarmed_heading_is_the_same_column_to_page_and_engine() -> None:
    report = check(member("Editor"), "'-Name,E-Mail\nAcme,a@b\n", **{"column-0": "customer_name"})
    assert Job.objects.get(kind="crm.check_import").result["problem_count"] == 0, report


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_an_encoding_that_cannot_be_told_is_chosen() -> None:
    client = member("Editor")
    text = "Name,E-Mail\nŁódź,a@b\n".encode("iso8859-2")
    file = SimpleUploadedFile("a.csv", text)
    url = client.post(reverse("import"), {"file": file, "encoding": "iso8859-2"})["Location"]
    page = client.get(url)
    assert "Łódź" in page.content.decode()
    report = client.post(url, columns(page))["Location"]
    call_command("run_worker", until_idle=True)
    assert f'href="{url}&amp;heading_row=1&amp;check=' in client.get(report).content.decode()
    client.post(f"{report}apply/")
    call_command("run_worker", until_idle=True)
    assert Customer.objects.get().customer_name == "Łódź"
    assert client.get(url.replace("iso8859-2", "rot13")).status_code in (200, 302)
    assert (
        "Select a valid choice" in client.post(reverse("import"), {"file": file, "encoding": "rot13"}).content.decode()
    )


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_an_encoding_that_is_only_guessed_is_confirmed_by_a_choice() -> None:
    client = member("Editor")
    url = upload(client, "Name,Größe\nMüller,\nSöhne,\n".encode("mac-roman"))["Location"]
    page = client.get(url)
    assert "Choose the encoding in which the words read right." in page.content.decode()
    assert '<option value="mac-roman">mac-roman: Größe, Müller, Söhne</option>' in page.content.decode()
    assert '<option value="cp1252">cp1252: Gr\u0161§e, MŸller' in page.content.decode()
    again = client.post(url, columns(page))
    assert "Choose the encoding" in str(next(iter(again.context["messages"])))
    assert not Job.objects.exists()
    report = client.post(url, columns(page) | {"encoding": "cp1252"})["Location"]
    assert Job.objects.get().payload["encoding"] == "cp1252"
    assert list(Job.objects.get().payload["mapping"]) == ["Name", "Gr\u0161§e"]
    report = client.post(url, columns(page) | {"encoding": "mac-roman"})["Location"]
    call_command("run_worker", until_idle=True)
    client.post(f"{report}apply/")
    call_command("run_worker", until_idle=True)
    assert set(Customer.objects.values_list("customer_name", flat=True)) == {"Müller", "Söhne"}
    assert "encoding=mac-roman" in client.get(report).content.decode()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_column_that_is_left_out_is_not_imported() -> None:
    client = member("Editor")
    report = check(client, GOOD, **{"column-2": "", "column-3": ""})
    client.post(f"{report}apply/")
    call_command("run_worker", until_idle=True)
    assert set(Customer.objects.values_list("mobile_no", "tax_id")) == {(None, None), (None, "T1")}
    text = "customer_id,supplier_number,tax_id,company\nx,1,T1,Acme Ltd\n"
    report = check(client, text, **{"column-0": "", "column-1": "", "column-3": "customer_name"})
    assert Job.objects.filter(kind="crm.check_import").latest("created_at").result["problem_count"] == 0, report


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_tells_every_problem_by_row_and_column_and_writes_nothing() -> None:
    client = member("Editor")
    bad = 'Name,email_id\nGood,a@b\n"<svg onload=alert(1)>",=no-mail\n,x@y\n\0,\n'
    report = check(client, bad)
    output = client.get(report).content.decode()
    assert "3 problems. Nothing was imported" in output
    assert "Import now" not in output
    assert "<svg onload" not in output
    report_file = client.get(reverse("job_file", args=[Job.objects.get(kind="crm.check_import").result["report"]]))
    rows = list(csv.reader(io.StringIO(report_file.getvalue().decode("utf-8-sig"))))
    assert rows[0] == ["import_row", "import_problems", "Name", "email_id"]
    assert [(row[0], row[1].partition(":")[0]) for row in rows[1:]] == [("3", "email_id"), ("4", "Name"), ("5", "Name")]
    assert rows[1][3] == "'=no-mail"
    assert report_file["Content-Disposition"].startswith("attachment")
    client.post(f"{report}apply/")
    call_command("run_worker", until_idle=True)
    assert not Customer.objects.exists()
    assert not Job.objects.filter(kind="crm.import_customers").exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_mapping_can_be_saved_and_used_again() -> None:
    client = member("Editor")
    check(client, GOOD, **{"column-3": "industry", "preset_name": "shop"})
    saved = Preset.objects.get()
    assert saved.values["Colour"] == "industry"
    url = upload(client, GOOD)["Location"]
    assert columns(client.get(url))["column-3"] == ""
    assert columns(client.get(f"{url}?preset={saved.pk}"))["column-3"] == "industry"
    assert client.get(f"{url}?preset=x%00").status_code == 200


@pytest.mark.slow
@pytest.mark.django_db
def test_refuses_what_cannot_be_imported() -> None:
    client = member("Editor")
    assert "must end in one of" in upload(client, "x", "evil.exe").content.decode()
    assert "empty" in upload(client, "", "a.csv").content.decode()
    for text in (b"\xff\xfe\x00", b"a\0b,c\n1,2\n", b"\n\n", b'"open'):
        answer = client.get(upload(client, text)["Location"])
        assert answer["Location"] == reverse("import"), text
    url = upload(client, GOOD)["Location"]
    assert "required" in client.post(url, {"column-0": "territory"}).content.decode()
    twice = client.post(url, {"column-0": "customer_name", "column-1": "disabled", "column-2": "disabled"})
    assert "More than one column" in twice.content.decode()
    assert not Job.objects.exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_files_and_jobs_are_their_owners() -> None:
    client, other = member("Editor"), member("Editor", "other")
    report = check(client, GOOD)
    file = JobFile.objects.get()
    assert client.get(reverse("job_file", args=[file.pk])).getvalue().decode() == GOOD
    assert other.get(reverse("job_file", args=[file.pk])).status_code == 404
    assert other.get(reverse("import_mapping", args=[file.pk])).status_code == 404
    assert other.get(report).status_code == 403
    assert other.post(f"{report}apply/").status_code == 404
    assert member("Manager", "boss").get(report).status_code == 200
    assert Client().get(reverse("job_file", args=[file.pk])).status_code == 302


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("page", "who"), [("import", ("Editor", "Manager", "Administrator")), ("export", ("Manager", "Administrator"))]
)
def test_who_may_import_and_export(page: str, who: tuple[str, ...]) -> None:
    for role in ("Viewer", "Editor", "Manager", "Administrator"):
        client = member(role, role)
        expected = 200 if role in who else 403
        assert client.get(reverse(page)).status_code == expected, role
        assert client.post(reverse(page), {"format": "csv"}).status_code == (
            expected if page == "import" or expected == 403 else 302
        )


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("format", [name for name in FORMATS if name != "parquet"])
def test_exports_what_was_asked_for(format: str) -> None:
    client = member("Manager")
    make("=1+1 Müller", territory='"><svg onload=x>', disabled=True)
    make("Other")
    client.post(reverse("export"), {"format": format, "q": "muller"})
    call_command("run_worker", until_idle=True)
    page = client.get(reverse("export")).content.decode()
    file = JobFile.objects.get()
    assert reverse("job_file", args=[file.pk]) in page
    answer = client.get(reverse("job_file", args=[file.pk]))
    rows = read(format, answer.getvalue())
    name = rows[0]["customer_name"]
    assert name == ("=1+1 Müller" if format == "ndjson" else "'=1+1 Müller")
    assert len(rows) == 1
    assert (rows[0]["territory"], rows[0]["disabled"] in (True, "true")) == ('"><svg onload=x>', True)
    client.user = None
    assert member("Manager", "other").get(reverse("job_file", args=[file.pk])).status_code == 404


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("choice", "expected"), [("", "has 40000 characters"), ("cut", "was cut: customer_details of the")]
)
def test_a_text_that_no_cell_holds_names_its_customer(choice: str, expected: str) -> None:
    client = member("Manager")
    make("Acme", customer_details="x" * 40_000)
    client.post(reverse("export"), {"format": "xlsx", "long_cells": choice})
    call_command("run_worker", until_idle=True)
    page = html.unescape(client.get(reverse("export")).content.decode())
    assert expected in page
    assert 'customer_details of the customer "Acme"' in page
    assert JobFile.objects.count() == (1 if choice else 0)


def read(format: str, content: bytes) -> list[dict[str, Any]]:
    if format == "ndjson":
        return [json.loads(line) for line in content.splitlines()]
    if format == "csv":
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    headings, *rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    return [dict(zip(headings, row, strict=True)) for row in rows]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_exports_what_the_list_shows(format: str) -> None:
    make("Alpha", territory="North", disabled=True)
    make("Beta", 2, territory="north", tax_id="DE 1")
    make("Gamma", territory="South")
    client = member("Manager")
    sent = {
        "format": format,
        "query": "territory.is=NORTH&o=customer_name",
        "column": ["customer_name", "status", "tax_id", "nothing"],
    }
    assert client.post(reverse("export_list"), sent).status_code == 302
    make("Delta", territory="North")  # came later
    call_command("run_worker", until_idle=True)
    job = Job.objects.get(kind="crm.export_customers")
    assert job.state == State.DONE, job.error
    content = b"".join(client.get(reverse("job_file", args=[job.result["file"]])).streaming_content)
    if format == "csv":
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    else:
        rows = [
            list(map(str, row))
            for row in CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
        ]
    assert rows[0] == ["customer_name", "disabled", "is_frozen", "is_internal_customer", "tax_id"]
    assert [(row[0], row[1].lower(), row[4]) for row in rows[1:]] == [("Beta", "false", "DE 1"), ("Alpha", "true", "")]
    assert client.post(reverse("export_list"), sent | {"format": "exe"}).status_code == 400
    assert client.post(reverse("export_list"), sent | {"column": ["nothing"]}).status_code == 400
    assert member("Editor", "eva").post(reverse("export_list"), sent).status_code == 403
