"""Cells of every kind that are corrected in the page of a check: merged, repeated, of several lines, of lists, of ids."""

import html
import io
import json

import pytest
from django.core.management import call_command
from django.test import Client
from xlsxwriter import Workbook

from crm.backoffice.mending import Mending
from crm.models import Customer
from overplane.jobs.models import Job
from tests.backoffice.import_pages import check
from tests.backoffice.mending_pages import FILE, applied, cell, checked, mended, sent, wrong
from tests.backoffice.people import member

pytestmark = pytest.mark.django_db(transaction=True)
ITEMS = "Name,E-Mail,supplier_numbers.company,supplier_numbers.supplier_number\n"


def result(address: str) -> dict[str, int]:
    job = Job.objects.get(pk=address.split("/")[-2])
    assert job.result is not None, job.error
    return job.result


def corrected() -> dict[str, dict[str, dict[str, str]]]:
    return Job.objects.get(kind="crm.check_import").payload["corrected"]


def test_a_value_is_left_as_it_is_again() -> None:
    client = member("Editor")
    report = checked(client)
    assert sent(client, report, **{"value-0-0": "Company"})["left"] == 3
    body = sent(client, report, **{"value-0-0": ""})
    assert body["left"] == 5
    assert cell(body, 2, 2)["text"] == "Kunde X"
    assert not cell(body, 2, 2)["is_corrected"]


@pytest.mark.slow
def test_the_good_rows_are_checked_once_more_before_they_are_imported_if_some_were_mended() -> None:
    client = member("Editor")
    report = checked(client)
    sent(client, report, **{"cell-3-1": "b@b", "value-0-0": "Company"})
    assert 'class=" is-mended"' in client.get(report).content.decode()
    sent(client, report, **{"value-0-0": ""})
    again = client.post(f"{report}apply/", {"skip_errors": "1"})["Location"]
    call_command("run_worker", until_idle=True)
    page = client.get(again)
    assert "Rows were corrected since the check" in page.content.decode()
    assert not Customer.objects.exists()
    assert page.context["is_check"]
    client.post(f"{again}apply/", {"skip_errors": "1"})
    call_command("run_worker", until_idle=True)
    assert set(Customer.objects.values_list("customer_name", flat=True)) == {"Bell", "Cole"}


@pytest.mark.slow
def test_a_value_becomes_empty_by_its_checkbox() -> None:
    client = member("Editor")
    report = checked(client, "Name,E-Mail\nAcme,nobody\nBell,nobody\n")
    # A form sends what stands in the field, and behind it the checkbox.
    assert sent(client, report, **{"value-0-0": ["", " "]})["left"] == 0
    assert '<input type="checkbox" name="value-0-0" value=" " aria-describedby="l-value-0-0" checked>' in (
        client.get(report).content.decode()
    )
    assert sent(client, report, **{"value-0-0": "a@b"})["left"] == 0
    applied(client, mended(client, report, **{"value-0-0": " "}))
    assert set(Customer.objects.values_list("email_id", flat=True)) == {None}


def workbook_with_merged_cell() -> bytes:
    stream = io.BytesIO()
    with Workbook(stream, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Name", "E-Mail", "Type"])
        for number in (1, 2, 3):
            sheet.write_row(number, 0, [f"Customer {number}", "a@b"])
        sheet.merge_range(1, 2, 3, 2, "Kunde X")
    return stream.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("names", [("cell-2-2", "cell-3-2", "cell-4-2"), ("value-0-0",)])
def test_a_merged_cell_is_corrected_row_by_row_and_as_a_value(names: tuple[str, ...]) -> None:
    client = member("Editor")
    report = checked(client, workbook_with_merged_cell(), "customers.xlsx")
    assert sent(client, report, **dict.fromkeys(names, "Company"))["left"] == 0
    again = mended(client, report)
    assert result(again)["problem_count"] == 0
    applied(client, again)
    assert set(Customer.objects.values_list("customer_type", flat=True)) == {"Company"}


@pytest.mark.slow
def test_what_the_rows_of_a_customer_repeat_is_corrected_in_all_of_them() -> None:
    client = member("Editor")
    text = f"{ITEMS}Acme,nobody,X,1\nAcme,nobody,Y,2\nBell,nowhere,X,3\n,,Y,4\n"
    report = check(client, text)
    body = sent(client, report, **{"cell-2-1": "a@b"})
    assert body["left"] == 1
    assert cell(body, 3, 1)["text"] == "a@b"
    assert sent(client, report, **{"cell-4-1": "b@b"})["left"] == 0
    assert "5" not in corrected()["cells"]  # a blank cell goes on with the customer above
    assert sent(client, report, **{"cell-2-2": "Z"})["left"] == 0
    assert "supplier_numbers.company" not in corrected()["cells"]["3"]
    applied(client, mended(client, report))
    assert Customer.objects.count() == 2
    assert Customer.objects.get(customer_name="Acme").supplier_numbers.count() == 2


@pytest.mark.slow
def test_a_customer_that_is_emptied_is_not_mistaken_for_another() -> None:
    client = member("Editor")
    text = f"{ITEMS}Acme,nobody,,\nBell,no,X,1\n,,Y,2\nCole,nobody,,\n"
    report = check(client, text)
    # One customer becomes none, and another one two: as many as before, but not the same.
    body = sent(client, report, **{"cell-2-0": "", "cell-2-1": "", "cell-4-0": "Other"})
    assert "one @" in wrong(client.get(report))["cell-3-1"][0]
    assert body["left"] == 2
    assert body["rows"]["2"][0]["is_right"]  # an empty row is none


@pytest.mark.slow
def test_a_cell_that_becomes_a_foreign_id_is_wrong_and_nothing_else() -> None:
    client = member("Editor")
    report = check(client, "id,Name,E-Mail\ncustomer_" + "b" * 24 + ",Acme,nobody\n")
    body = sent(client, report, **{"cell-2-0": "17", "cell-2-2": "a@b"})
    assert body["left"] == 1
    assert cell(body, 2, 0)["messages"]
    assert client.get(report).status_code == 200
    assert result(mended(client, report))["problem_count"] == 1  # of the row: the check does not fail


@pytest.mark.slow
def test_rows_of_foreign_ids_far_down_are_mended() -> None:
    client = member("Editor")
    good = "".join(f"customer_{n:024},Customer {n},a@b\n" for n in range(60))
    report = check(client, f"id,Name,E-Mail\n{good}17,Acme,nobody\n")
    body = sent(client, report, **{"cell-62-2": "a@b"})
    assert body["left"] == 1
    assert sent(client, report, **{"cell-62-0": "customer_" + "b" * 24})["left"] == 0


@pytest.mark.slow
def test_objects_with_lists_stay_as_they_are_beside_a_correction() -> None:
    client = member("Editor")
    numbers = [{"company": name, "supplier_number": "1"} for name in "AB"]
    text = json.dumps({"customer_name": "Acme", "email_id": "nobody", "supplier_numbers": numbers}) + "\n"
    report = check(client, text, "customers.ndjson")
    page = client.get(report)
    [name] = wrong(page)
    assert page.content.decode().count(f'name="{name}"') == 1
    [first, second] = sent(client, report, **{name: "a@b"})["rows"]["1"]
    index = name.split("-")[-1]
    assert (list(first["cells"]), list(second["cells"])) == ([index], [])
    applied(client, mended(client, report))
    assert Customer.objects.get().supplier_numbers.count() == 2


@pytest.mark.slow
def test_line_breaks_stay_though_a_browser_sends_them_otherwise() -> None:
    client = member("Editor")
    name = "B" * 300
    report = checked(client, f'Name,E-Mail,Type\n"{name}\nline 2",nobody,Company\n'.encode())
    page = html.unescape(client.get(report).content.decode())
    assert f'maxlength="65535">\n{name}\nline 2</textarea>' in page
    sent(client, report, **{"cell-2-0": f"{name}\r\nline 2", "cell-2-1": "a@b"})
    assert corrected()["cells"] == {"2": {"E-Mail": "a@b"}}
    sent(client, report, **{"cell-2-0": "Line 1\r\nline 2"})
    assert corrected()["cells"]["2"]["Name"] == "Line 1\nline 2"


@pytest.mark.slow
def test_a_text_that_is_too_long_is_not_cut_because_the_form_is_sent() -> None:
    client = member("Editor")
    text = "x" * 70_000
    report = check(client, f"Name,E-Mail,Notes\nAcme,nobody,{text}\n")
    body = sent(client, report, **{"cell-2-1": "a@b", "cell-2-2": text})
    assert body["left"] == 1
    assert "Notes" not in corrected()["cells"]["2"]


@pytest.mark.slow
def test_a_value_with_a_character_that_nobody_stores_is_mended_too() -> None:
    client = member("Editor")
    text = "".join(json.dumps({"customer_name": f"A{n}", "email_id": "no\0body"}) + "\n" for n in range(2))
    report = check(client, text, "customers.ndjson")
    assert sent(client, report, **{"value-0-0": "a@b"})["left"] == 0
    again = mended(client, report)
    assert result(again)["problem_count"] == 0


def joined(client: Client) -> str:
    rows = "".join(f"Customer {n},{'x' * 100},{'y' * 180}\n" for n in range(2))
    to = {"column-0": "customer_name", "column-1": "mobile_no", "column-2": "mobile_no"}
    return check(client, "Name,A,B\n" + rows, **to)


@pytest.mark.slow
def test_a_value_that_several_columns_make_is_not_offered_for_it_stands_in_no_cell() -> None:
    client = member("Editor")
    report = joined(client)
    [kind] = client.get(report).context["mending"]["kinds"]
    assert (kind["column"], kind["count"], kind["values"]) == ("A+B", 2, [])
    assert sent(client, report, **{"cell-2-2": "1", "cell-3-2": "2"})["left"] == 0


def test_columns_without_a_heading_are_not_shown() -> None:
    client = member("Editor")
    make_twice = "customer_" + "b" * 24
    report = check(client, f"id,Name,,E-Mail\n{make_twice},Acme,x,nobody\n{make_twice},Bell,y,b@b\n")
    assert "" not in [heading for heading, _label in client.get(report).context["mending"]["columns"]]


@pytest.mark.slow
def test_a_change_judges_its_own_customer_anew_and_no_other() -> None:
    checked(member("Editor"))
    mending = Mending(Job.objects.get(kind="crm.check_import"))
    before = mending.refused
    mending.correct({(3, 1): "b@b"}, {})
    assert [old is new for old, new in zip(before, mending.refused, strict=True)] == [True, False, True, True, True]


def test_an_address_leads_to_one_place_of_the_page() -> None:
    client = member("Editor")
    assert client.get(checked(client)).content.decode().count('id="mending"') == 1


def test_a_forged_correction_is_refused() -> None:
    client = member("Editor")
    report = checked(client)
    client.handler.enforce_csrf_checks = True
    assert client.post(f"{report}correct/", {"cell-3-1": "b@b"}).status_code == 403
    assert "corrected" not in Job.objects.get(kind="crm.check_import").payload


def test_unknown_fields_and_odd_numbers_are_nothing() -> None:
    client = member("Editor")
    report = checked(client, FILE)
    odd = ("cell-2-99999", "cell-0-0", "cell--1-0", "value-9-9", "value-0-99", "cell-2-2-2", "cell-02-2")
    assert sent(client, report, **dict.fromkeys(odd, "Company"))["left"] == 5
    assert "corrected" not in Job.objects.get(kind="crm.check_import").payload
