"""The report of an import as a page: problems by kind, how many of them are shown, and the file of refused rows."""

import html
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from crm.models import Customer
from overplane.jobs.models import Job, JobFile
from tests.backoffice.import_pages import check, upload
from tests.backoffice.people import member

# 210 wrong e-mail addresses, then 2 wrong currencies and a name that is missing.
FAULTS = "Name,E-Mail,Currency\n" + "Acme,nobody,\n" * 210 + "Bell,b@b,euros!\n" * 2 + ",c@c,\nGood,g@b,EUR\n"
GERMAN = {"accept-language": "de"}


def text_of(client: Client, url: str, **headers: str) -> str:
    page = html.unescape(client.get(url, headers=headers).content.decode())
    return re.sub(r"\s+", " ", page)


def kinds(client: Client, url: str) -> list[list[Any]]:
    context = client.get(url).context
    problem_kinds = (context["mending"] or context["problems"])["kinds"]
    return [[kind[name] for name in ("column", "count", "rows_text", "value")] for kind in problem_kinds]


def imported(client: Client, report: str) -> str:
    """The page of the import of the good rows, which only tells of the others."""
    page = client.post(f"{report}apply/", {"skip_errors": "1"})["Location"]
    call_command("run_worker", until_idle=True)
    return page


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_problems_are_grouped_by_kind_and_the_page_says_how_many_it_shows() -> None:
    client = member("Editor")
    report = check(client, FAULTS)
    assert kinds(client, report) == [
        ["E-Mail", 210, "2, 3, 4 …", "nobody"],
        ["Currency", 2, "212, 213", "euros!"],  # none of which is among the first 200
        ["Name", 1, "214", ""],
    ]
    assert "213 problems. Nothing" in text_of(client, report)
    page = imported(client, report)
    assert kinds(client, page)[0] == ["E-Mail", 210, "2, 3, 4 …", "nobody"]
    output = text_of(client, page)
    for text in ("<summary>The first 200 of 213 problems</summary>", "Kinds of problems"):
        assert text in output, text
    for text in ("210 times", "rows 2, 3, 4 …", "1 time<", "row 214", "Must be a currency code"):
        assert text in output, text
    assert output.count('<bdi class="value">nobody</bdi>') == 201
    german = text_of(client, page, **GERMAN)
    for text in ("213 Fehler.", "Die ersten 200 von 213 Fehlern", "210-mal", "1-mal", "Zeilen 2, 3, 4 …", "Zeile 214"):
        assert text in german, text


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_an_import_of_the_good_rows_groups_its_problems_too() -> None:
    client = member("Editor")
    report = check(client, FAULTS)
    apply = imported(client, report)
    assert [kind[1] for kind in kinds(client, apply)] == [210, 2, 1]
    assert Customer.objects.get().customer_name == "Good"
    assert "213 problems. The rows concerned were left out" in text_of(client, apply)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_problems_of_different_kinds_stand_by_themselves() -> None:
    client = member("Editor")
    output = text_of(client, imported(client, check(client, "Name,E-Mail\nAcme,nobody\n,b@b\n")))
    assert "2 problems. " in output
    assert "<h2>Problems</h2>" in output
    assert "Kinds of problems" not in output
    output = text_of(client, imported(client, check(client, "Name,E-Mail\nAcme,nobody\nBell,nothing\n")))
    assert "<summary>Each problem by itself</summary>" in output


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_one_is_not_many() -> None:
    client = member("Manager")
    report = check(client, "Name,E-Mail\nAcme,nobody\n")
    assert "1 problem. " in text_of(client, report)
    assert "1 Fehler. " in text_of(client, report, **GERMAN)
    report = check(client, "Name,E-Mail\nAcme,a@b\n")
    apply = client.post(f"{report}apply/")["Location"]
    call_command("run_worker", until_idle=True)
    assert re.search(r"1 customer *<", text_of(client, reverse("import")))
    assert re.search(r"1 Kunde *<", text_of(client, reverse("import"), **GERMAN))
    undo = client.post(f"{apply}undo/")["Location"]
    call_command("run_worker", until_idle=True)
    message = "Taken back: 1 customer deleted, 0 restored; 0 were changed since and left as they are."
    assert message in text_of(client, undo)
    assert "Zurückgenommen: 1 Kunde gelöscht, 0 wiederhergestellt;" in text_of(client, undo, **GERMAN)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_report_of_an_earlier_version_is_shown_without_kinds() -> None:
    client = member("Editor")
    report = check(client, FAULTS)
    job = Job.objects.get(kind="crm.check_import")
    job.result["kinds"] = [{"code": "invalid", "column": "E-Mail", "count": 210}]
    assert client.get(report).status_code == 200
    del job.result["to_correct"]
    job.save()
    assert "The first 200 of 213 problems" in text_of(client, report)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("name", "text", "ending"),
    [
        ("a.csv", "Name,E-Mail\nAcme,nobody\n", "a.csv"),
        ("a.ndjson", '{"customer_name": "Acme", "email_id": "nobody"}\n', "a.ndjson"),
    ],
)
def test_the_file_of_refused_rows_is_named_after_what_it_is(name: str, text: str, ending: str) -> None:
    assert refused_file(name, text).name == f"refused rows of {ending}"


def refused_file(name: str, text: str) -> JobFile:
    client = member("Editor")
    url = upload(client, text, name)["Location"]
    page = client.get(url)
    client.post(url, {f"column-{column['i']}": column["chosen"] for column in page.context["columns"]})
    call_command("run_worker", until_idle=True)
    return JobFile.objects.get(pk=Job.objects.get(kind="crm.check_import").result["report"])
