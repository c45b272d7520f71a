"""What the page of the columns shows of the result: joined columns, values of closed choices, the first customers."""

import html
from typing import Any

import pytest
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client

from crm.backoffice.samples import Sample
from crm.models import Customer
from overplane.jobs.models import Job, Preset
from tests.backoffice.import_pages import columns, upload
from tests.backoffice.people import member

pytestmark = pytest.mark.django_db(transaction=True)
FILE = "Firma;E-Mail;Typ;Straße;PLZ;Ort\nAcme;nobody;Stammkunde;Main 1;01234;Berlin\nBell;b@b;Firma;;;Paris\n"


def lines_of(sample: Sample) -> dict[str, list[tuple[str, str]]]:
    return {label: [tuple(cell) for cell in cells] for label, cells in sample.lines}


def page_of(client: Client, text: str = FILE, name: str = "kunden.csv") -> tuple[str, HttpResponse]:
    url = upload(client, text, name)["Location"]
    return url, client.get(url)


def checked(client: Client, url: str, fields: dict[str, Any]) -> Job:
    assert client.post(url, fields).status_code == 302
    call_command("run_worker", until_idle=True)
    return Job.objects.filter(kind="crm.check_import").latest("created_at")


def test_the_first_customers_are_shown_as_they_would_be() -> None:
    _url, page = page_of(member("Editor"))
    sample = page.context["sample"]
    assert sample.numbers == [2, 3]
    lines = lines_of(sample)
    assert lines["Customer name"] == [("Acme", ""), ("Bell", "")]
    assert lines["Primary address"] == [
        ("Main 1, 01234, Berlin", ""),
        ("Paris", ""),
    ]  # offered, for nothing else is one
    assert lines["E-mail"][0][0] == "nobody"
    assert "one @" in lines["E-mail"][0][1]
    assert lines["Customer type"][1] == ("Company", "")
    assert not Customer.objects.exists()


def test_a_script_asks_for_the_sample_of_what_is_chosen_now() -> None:
    client = member("Editor")
    url, page = page_of(client)
    fields = columns(page) | {"column-4": "", "column-5": "territory"}
    fragment = client.post(url, fields | {"sample": "fragment"})
    assert "<html" not in fragment.content.decode()
    lines = lines_of(fragment.context["sample"])
    assert lines["Primary address"][0] == ("Main 1", "")
    assert lines["Territory"][1] == ("Paris", "")
    # Without a script a button shows the page anew, with what was chosen.
    again = client.post(url, fields | {"sample": "Show"})
    assert [column["chosen"] for column in again.context["columns"]][-2:] == ["", "territory"]
    assert not Job.objects.exists()


def test_what_is_missing_is_said_in_the_sample() -> None:
    client = member("Editor")
    url, page = page_of(client)
    fragment = client.post(url, columns(page) | {"column-0": "", "sample": "fragment"})
    assert "required" in fragment.context["sample"].problem
    assert "--" not in html.unescape(fragment.content.decode())


@pytest.mark.slow
def test_values_of_a_closed_choice_are_said_once_and_kept_with_the_mapping() -> None:
    client = member("Editor")
    url, page = page_of(client)
    # As the guess has it such a column goes elsewhere; somebody says that it is the type.
    fields = columns(page) | {"column-2": "customer_type"}
    fragment = client.post(url, fields | {"sample": "fragment"})
    [column] = fragment.context["unknown"]
    assert column["heading"] == "Typ"
    assert [(one["old"], one["count"]) for one in column["values"]] == [("Stammkunde", 1)]
    said = {"old-2-0": "Stammkunde", "new-2-0": "Individual", "column-1": ""}
    fragment = client.post(url, fields | said | {"sample": "fragment"})
    assert lines_of(fragment.context["sample"])["Customer type"][0] == ("Individual", "")
    job = checked(client, url, fields | said | {"preset_name": "Kunden"})
    assert job.result["problem_count"] == 0
    client.post(f"/admin/import/jobs/{job.pk}/apply/")
    call_command("run_worker", until_idle=True)
    assert dict(Customer.objects.values_list("customer_name", "customer_type")) == {
        "Acme": "Individual", "Bell": "Company",
    }  # fmt: skip
    preset = Preset.objects.get()
    other, _page = page_of(client, FILE.replace("Acme", "Other"))
    sample = client.get(f"{other}?preset={preset.pk}").context["sample"]
    assert lines_of(sample)["Customer type"][0] == ("Individual", "")


@pytest.mark.slow
def test_yes_and_no_are_said_too_and_a_value_may_become_empty() -> None:
    client = member("Editor")
    url, page = page_of(client, "Name,Disabled,Type\nAcme,gesperrt,unbekannt\nBell,no,Company\n")
    fields = columns(page) | {"column-1": "disabled", "column-2": "customer_type"}
    unknown = client.post(url, fields | {"sample": "fragment"}).context["unknown"]
    assert [column["heading"] for column in unknown] == ["Disabled", "Type"]
    said = {"old-1-0": "gesperrt", "new-1-0": "true", "old-2-0": "unbekannt", "new-2-0": " "}
    assert checked(client, url, fields | said).result["problem_count"] == 0


def test_a_heading_with_a_plus_is_not_joined() -> None:
    client = member("Editor")
    url, page = page_of(client, "Name,A+B,C\nAcme,1,2\n")
    answer = client.post(url, columns(page) | {"column-1": "territory", "column-2": "territory"})
    assert "cannot be joined" in answer.content.decode()
    assert not Job.objects.exists()


def test_a_file_of_many_kinds_is_sampled_without_a_word_of_the_command() -> None:
    client = member("Editor")
    for text, name in (
        ('{"customer_name": "Acme", "supplier_numbers": [{"company": "A", "supplier_number": "1"}]}\n', "a.ndjson"),
        ("id,Name\n17,Acme\n", "b.csv"),
        ("customer_name,supplier_numbers.company,supplier_numbers.supplier_number\nAcme,A,1\n,B,2\n", "c.csv"),
    ):
        _url, page = page_of(client, text, name)
        assert page.context["sample"].lines, name
        assert lines_of(page.context["sample"])["Customer name"][0][0] == "Acme"
    assert "supplier number 2" in str(lines_of(page.context["sample"]))


@pytest.mark.slow
def test_an_editor_gets_back_to_a_check() -> None:
    client = member("Editor")
    url, page = page_of(client)
    job = checked(client, url, columns(page))
    listed = html.unescape(client.get("/admin/import/").content.decode())
    assert f"/admin/import/jobs/{job.pk}/" in listed
    assert "not imported yet" in listed
    assert job.pk not in member("Editor", "other").get("/admin/import/").content.decode()


@pytest.mark.slow
def test_who_changes_the_mapping_of_a_check_finds_all_that_was_said_and_corrected() -> None:
    client = member("Editor")
    url, page = page_of(client)
    fields = columns(page) | {"column-2": "customer_type", "match_on": "email_id", "nulls": "n/a", "column-4": ""}
    job = checked(client, url, fields | {"old-2-0": "Stammkunde", "new-2-0": "Individual"})
    client.post(f"/admin/import/jobs/{job.pk}/correct/", {"cell-2-1": "a@b"}, headers={"accept": "application/json"})
    back = client.get(f"/admin/import/jobs/{job.pk}/").context["mapping_url"]
    page = client.get(back)
    assert columns(page) | {"match_on": "email_id", "nulls": "n/a"} == fields
    assert 'value="n/a"' in page.content.decode()
    assert lines_of(page.context["sample"])["Customer type"][0] == ("Individual", "")
    assert lines_of(page.context["sample"])["E-mail"][0] == ("a@b", "")
    again = checked(client, page.context["here"], fields | {"old-2-0": "Stammkunde", "new-2-0": "Individual"})
    assert again.result["problem_count"] == 0
    # Of a column that is another field now, and of a value that is left as it is, nothing is said any more.
    again = checked(client, page.context["here"], fields | {"old-2-0": "Stammkunde", "new-2-0": ""})
    assert again.payload["corrected_values"] == {}
    again = checked(client, page.context["here"], fields | {"column-2": "territory"})
    assert again.payload["corrected_values"] == {}
    assert again.payload["corrected_cells"] == {"2": {"E-Mail": "a@b"}}
    other = member("Editor", "other")
    assert other.get(back).status_code == 404


@pytest.mark.slow
def test_a_saved_mapping_knows_values_of_rows_far_down() -> None:
    client = member("Editor")
    url, page = page_of(client)
    fields = columns(page) | {"column-2": "customer_type", "column-1": "", "preset_name": "Kunden"}
    checked(client, url, fields | {"old-2-0": "Stammkunde", "new-2-0": "Individual"})
    head, first, second = FILE.splitlines(keepends=True)
    url = upload(client, head + second * 1100 + first, "kunden.csv")["Location"]
    page = client.get(f"{url}?preset={Preset.objects.get().pk}")
    assert page.context["unknown"] == []  # within the first rows
    assert checked(client, page.context["here"], columns(page)).result["problem_count"] == 0


def test_the_parts_of_an_address_may_have_its_name_before_them() -> None:
    client = member("Editor")
    head = "CompanyName,RegAddress.AddressLine1,RegAddress.PostTown,RegAddress.PostCode,Shipping.City\n"
    _url, page = page_of(client, head + "Acme,Main 1,London,E1 6AN,Paris\n")
    assert lines_of(page.context["sample"])["Primary address"] == [("Main 1, London, E1 6AN", "")]


@pytest.mark.slow
def test_where_no_row_is_good_nothing_is_offered_to_be_imported() -> None:
    client = member("Editor")
    url, page = page_of(client, "Name,E-Mail\nAcme,nobody\n")
    job = checked(client, url, columns(page))
    text = client.get(f"/admin/import/jobs/{job.pk}/").content.decode()
    assert "import the good rows" not in text.lower()
    assert "/apply/" not in text
