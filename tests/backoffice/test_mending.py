"""The refused rows of a check, corrected in its page: kept, judged at once, and read with the file by the next check."""

import html
import io
import json
import re

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from xlsxwriter import Workbook

from crm.models import Customer, ImportRun
from overplane.jobs.models import Job
from tests.backoffice.import_pages import check
from tests.backoffice.mending_pages import FILE, JSON, TYPED, applied, cell, checked, mended, sent, wrong
from tests.backoffice.people import member
from tests.transfer.customers import make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.slow
def test_each_wrong_cell_is_a_field_with_its_message() -> None:
    client = member("Editor")
    page = client.get(checked(client))
    assert set(wrong(page)) == {"cell-2-2", "cell-3-1", "cell-5-2", "cell-6-0", "cell-7-1", "cell-7-2"}
    text = page.content.decode()
    assert re.search('<input name="cell-3-1" [^>]*aria-invalid="true" value="nobody"', text)
    assert '<select name="cell-2-2"' in text
    assert 'name="cell-4-' not in text  # a row that is right is no matter
    mending = page.context["mending"]
    assert [heading for heading, _label in mending["columns"]] == ["Name", "E-Mail", "Type"]
    assert [(kind["column"], kind["count"]) for kind in mending["kinds"]] == [("Type", 3), ("E-Mail", 2), ("Name", 1)]
    assert mending["left"] == 5


@pytest.mark.slow
def test_a_cell_is_kept_and_judged_at_once() -> None:
    client = member("Editor")
    report = checked(client)
    body = sent(client, report, **{"cell-3-1": "still nobody"})
    assert body["left"] == 5
    assert "one @" in cell(body, 3, 1)["messages"][0]
    body = sent(client, report, **{"cell-3-1": "b@b.de"})
    assert body["left"] == 4
    assert cell(body, 3, 1) == {"text": "b@b.de", "messages": [], "is_corrected": True}
    assert body["rows"]["3"][0]["is_right"]
    # Of a row with two faults each counts.
    body = sent(client, report, **{"cell-7-1": "g@g"})
    assert body["left"] == 4
    assert not body["rows"]["7"][0]["is_right"]
    assert set(body["rows"]) == {"7"}  # the others are as they were
    page = client.get(report)  # whoever comes back finds it
    assert re.search('<input name="cell-3-1" [^>]*value="b@b.de"', page.content.decode())
    assert "cell-3-1" not in wrong(page)
    assert Customer.objects.count() == 0


@pytest.mark.slow
def test_a_value_is_mended_in_every_row_and_the_file_goes_in() -> None:
    client = member("Editor")
    report = checked(client)
    page = client.get(report)
    value = page.context["mending"]["kinds"][0]["values"][0]
    assert (value["old"], value["count"]) == ("Kunde X", 3)
    body = sent(client, report, **{value["name"]: "Company", "cell-7-1": "g@g", "cell-3-1": "b@b"})
    assert (body["left"], body["kinds"]) == (1, [0, 0, 1])
    assert {number for number in body["rows"] if "2" in body["rows"][number][0]["cells"]} == {"2", "5", "7"}
    assert cell(body, 5, 2)["text"] == "Company"
    again = mended(client, report, **{"cell-6-0": "Eve"})
    assert Job.objects.get(pk=again.split("/")[-2]).result["problem_count"] == 0
    applied(client, again)
    assert list(Customer.objects.order_by("customer_name").values_list("customer_name", "email_id", "customer_type")) == [
        ("Acme", "a@b", "Company"), ("Bell", "b@b", "Company"), ("Cole", "c@c", "Company"), ("Dahl", "d@d", "Company"),
        ("Eve", "e@e", "Company"), ("Gold", "g@g", "Company"),
    ]  # fmt: skip
    settings = ImportRun.objects.get().settings
    assert settings["corrected_cells"]["6"] == {"Name": "Eve"}  # so a run that broke off goes on with them


@pytest.mark.slow
def test_corrections_of_several_checks_add_up() -> None:
    client = member("Editor")
    report = checked(client)
    kind = client.get(report).context["mending"]["kinds"][0]["values"][0]["name"]
    second = mended(client, report, **{kind: "Firm X", "cell-3-1": "b@b", "cell-6-0": "Eve"})
    value = client.get(second).context["mending"]["kinds"][0]["values"][0]
    assert value["old"] == "Firm X"
    third = mended(client, second, **{value["name"]: "Partnership", "cell-7-1": "g@g"})
    applied(client, third)
    assert Customer.objects.filter(customer_type="Partnership").count() == 3
    assert Customer.objects.count() == 6


@pytest.mark.slow
def test_any_cell_of_a_refused_row_can_be_changed_and_no_other() -> None:
    client = member("Editor")
    report = checked(client)
    sent(client, report, **{"cell-3-0": "Bell & Co", "cell-4-0": "Evil", "cell-3-9": "x", "cell-99-0": "x"})
    corrected = Job.objects.get(kind="crm.check_import").payload["corrected"]
    assert corrected == {"cells": {"3": {"Name": "Bell & Co"}}, "values": {}}


@pytest.mark.slow
def test_what_another_row_has_too_stays_wrong_until_it_is_changed() -> None:
    client = member("Editor")
    text = "Name,Tax ID,E-Mail\nAcme,T1,a@b\nBell,T1,nobody\n"
    report = check(client, text, match_on="tax_id")
    body = sent(client, report, **{"cell-3-2": "b@b"})
    assert body["left"] == 1
    assert "same “tax ID”" in wrong(client.get(report))["cell-3-1"][0]
    assert sent(client, report, **{"cell-3-1": "T2"})["left"] == 0


@pytest.mark.slow
def test_a_workbook_is_corrected_as_a_text_file_is() -> None:
    stream = io.BytesIO()
    with Workbook(stream, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Name", "E-Mail", "Type"])
        sheet.write_row(1, 0, ["Acme", "nobody", "Company"])
    client = member("Editor")
    report = checked(client, stream.getvalue(), "customers.xlsx")
    applied(client, mended(client, report, **{"cell-2-1": "a@b"}))
    assert Customer.objects.get().email_id == "a@b"


@pytest.mark.slow
def test_the_rows_that_an_import_left_out_are_mended_in_the_page() -> None:
    client = member("Editor")
    report = check(client, FILE.replace("Acme", "Bäcker").encode("cp1252"), encoding="cp1252", **TYPED)
    apply = client.post(f"{report}apply/", {"skip_errors": "1"})["Location"]
    call_command("run_worker", until_idle=True)
    assert Customer.objects.get().customer_name == "Cole"
    assert "Mend the refused rows" in client.get(apply).content.decode()
    address = client.post(f"{apply}mend/")["Location"]
    call_command("run_worker", until_idle=True)
    page = client.get(address)
    assert page.context["mending"]["left"] == 5
    assert any(cell.text == "Bäcker" for one in page.context["mending"]["page"] for cell in one.lines[0].cells)
    kind = page.context["mending"]["kinds"][0]["values"][0]["name"]
    # Before their own columns stand those of the reason.
    fields = {name: "x@y" for name in wrong(page) if name.endswith("-3")}
    fields |= {name: "Eve" for name in wrong(page) if name.endswith("-2")}
    applied(client, mended(client, address, **fields, **{kind: "Company"}))
    assert Customer.objects.count() == 6


@pytest.mark.slow
def test_only_who_checked_the_file_mends_it() -> None:
    report = checked(member("Editor", "one"))
    for other in (member("Editor", "two"), member("Viewer", "three")):
        assert other.post(f"{report}correct/", {"cell-3-1": "b@b"}, headers=JSON).status_code in (403, 404)
    assert Client().post(f"{report}correct/", {"cell-3-1": "b@b"}).status_code in (302, 403)
    assert "corrected" not in Job.objects.get(kind="crm.check_import").payload


@pytest.mark.slow
def test_many_problems_are_shown_by_pages_and_by_kind() -> None:
    client = member("Editor")
    rows = "".join(f"Customer {n},wrong{n},Company\n" for n in range(60)) + "Last,a@b,Nothing\n"
    report = checked(client, "Name,E-Mail,Type\n" + rows)
    page = client.get(report)
    assert len(page.context["mending"]["page"]) == 25
    assert len(client.get(report, {"page": "3"}).context["mending"]["page"]) == 11
    kind = next(kind for kind in page.context["mending"]["kinds"] if kind["column"] == "Type")
    assert [
        line.number
        for one in client.get(report, {"kind": kind["key"]}).context["mending"]["page"]
        for line in one.lines
    ] == [62]
    assert client.get(report, {"kind": "none of them", "page": "x"}).status_code == 200


def test_rows_whose_cells_nobody_can_tell_apart_are_named_and_not_corrected() -> None:
    client = member("Editor")
    report = checked(client, "Name,E-Mail,Type\nAcme,nobody,Company\nBell,b@b,Company,more,more\n")
    page = client.get(report)
    assert page.context["mending"]["count"] == 1
    assert not page.context["mending"]["is_all"]
    assert "Only the first 1 row can be mended here" in page.content.decode()


def test_hostile_text_stays_text() -> None:
    client = member("Editor")
    report = checked(client, 'Name,E-Mail,Type\n"<script>alert(1)</script>",nobody,Company\n')
    body = sent(client, report, **{"cell-2-1": '"><b>x\0'})
    assert cell(body, 2, 1)["text"] == '"><b>x\ufffd'
    text = client.get(report).content.decode()
    assert "<script>alert" not in text
    assert html.escape('"><b>x\ufffd') in text


@pytest.mark.slow
def test_objects_are_corrected_but_not_in_their_lists() -> None:
    client = member("Editor")
    one = {
        "customer_name": "Acme",
        "email_id": "nobody",
        "supplier_numbers": [{"company": "A", "supplier_number": "1"}],
    }
    report = check(client, json.dumps(one) + "\n", "customers.ndjson")
    page = client.get(report)
    may_change = {
        cell.heading: cell.may_change for one in page.context["mending"]["page"] for cell in one.lines[0].cells
    }
    assert may_change["email_id"]
    assert not any(may for heading, may in may_change.items() if heading.startswith("supplier_numbers"))
    applied(client, mended(client, report, **{"cell-2-0": "x"} | dict.fromkeys(wrong(page), "a@b")))
    assert Customer.objects.get().email_id == "a@b"


@pytest.mark.slow
def test_a_file_that_has_been_purged_has_no_rows_to_mend() -> None:
    client = member("Editor")
    report = checked(client)
    job = Job.objects.get(kind="crm.check_import")
    job.files.filter(pk=job.result["to_correct"]).delete()
    page = client.get(report)
    assert page.context["mending"] is None
    assert "Kinds of problems" in page.content.decode()
    assert client.post(f"{report}correct/", {"cell-3-1": "b@b"}).status_code == 404


@pytest.mark.slow
def test_customers_that_are_there_are_judged_by_the_database_too() -> None:
    known = make("Known")
    client = member("Editor")
    report = check(client, "id,Name,E-Mail\ncustomer_" + "b" * 24 + ",Acme,nobody\n")
    body = sent(client, report, **{"cell-2-0": known, "cell-2-2": "a@b"})
    assert body["left"] == 1
    # In the words of the page, not of the command.
    assert cell(body, 2, 0)["messages"] == ["There is a customer with this id. To change it match on the id."]


@pytest.mark.slow
def test_created_customers_are_a_click_away() -> None:
    client = member("Editor")
    report = check(client, "Name\nAcme\nBell\n")
    make("Other")
    page = client.get(applied(client, report))
    url = next(url for label, _count, url in page.context["counts"] if label == "created")
    assert f'href="{html.escape(url)}"' in page.content.decode()
    listed = client.get(url).content.decode()
    assert "Acme" in listed
    assert "Bell" in listed
    assert "Other" not in listed
    assert "customers.csv" in listed  # the chip names the file
    unknown = client.get(reverse("admin:crm_customer_changelist"), {"created_by_import": "run_none"}).content.decode()
    assert "Acme" not in unknown
