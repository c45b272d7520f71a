"""Where in an uploaded file the table stands: shown, chosen on the page of the mapping, and read so by the jobs."""

import html
import io
from typing import Any

import pytest
import xlsxwriter
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client

from crm.models import Customer, ImportRun
from overplane.jobs.models import Job, JobFile
from tests.backoffice.import_pages import columns, upload
from tests.backoffice.people import member

LETTERHEAD = "Customers of the north\nas of May;;\n\nName;E-Mail;City;\nAcme;a@b;Rome;\nBell;b@b;Oslo;\n"
TABLE = [["Name", "E-Mail"], ["Acme", "a@b"], ["Bell", "b@b"]]


def workbook(**sheets: list[list[Any]]) -> bytes:
    """A sheet whose name begins with _ is hidden."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target) as writer:
        for name, rows in sheets.items():
            sheet = writer.add_worksheet(name.removeprefix("_"))
            for number, cells in enumerate(rows):
                sheet.write_row(number, 0, cells)
            if name.startswith("_"):
                sheet.hide()
    return target.getvalue()


def text_of(page: HttpResponse) -> str:
    return html.unescape(page.content.decode())


def numbers(page: HttpResponse) -> list[int]:
    return [row["number"] for row in page.context["outline"]["rows"]]


def heading_rows(page: HttpResponse) -> list[int]:
    return [row["number"] for row in page.context["outline"]["rows"] if row["is_heading"]]


def names() -> set[str]:
    return set(Customer.objects.values_list("customer_name", flat=True))


def work() -> None:
    call_command("run_worker", until_idle=True)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_first_rows_are_shown_with_the_heading_row_and_what_is_said_of_it() -> None:
    client = member("Editor")
    url = upload(client, LETTERHEAD)["Location"]
    page = client.get(url)
    assert numbers(page) == [1, 2, 3, 4, 5, 6]
    assert heading_rows(page) == [4]
    assert page.context["outline"]["rows"][1]["cells"] == ["as of May", "", "", ""]
    note = "Row 4 was taken for the heading row; the 2 rows above it were left out."
    assert note in text_of(page)
    assert 'name="sheet"' not in text_of(page)
    report = client.post(url, columns(page))["Location"]
    work()
    job = Job.objects.get(kind="crm.check_import")
    assert (job.payload["sheet"], job.payload["heading_row"]) == (None, 4)
    assert text_of(client.get(report)).count(note) == 1
    client.post(f"{report}apply/")
    work()
    assert names() == {"Acme", "Bell"}
    assert ImportRun.objects.get().settings["heading_row"] == 4
    assert Job.objects.get(kind="crm.import_customers").result["warnings"][0].startswith(note)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_another_heading_row_is_chosen_for_check_and_import() -> None:
    """Row 1 names fields, but row 3 is meant."""
    client = member("Editor")
    url = upload(client, "Name,E-Mail\nold,o@b\nCompany,Mail to,x\nAcme,a@b,1\n")["Location"]
    assert heading_rows(client.get(url)) == [1]
    chosen = f"{url}?heading_row=3"
    page = client.get(chosen)
    assert heading_rows(page) == [3]
    assert [column["heading"] for column in page.context["columns"]] == ["Company", "Mail to", "x"]
    assert page.context["here"] == chosen
    report = client.post(chosen, columns(page) | {"column-0": "customer_name"})["Location"]
    work()
    assert "<dt>to be created</dt><dd>1</dd>" in text_of(client.get(report))
    assert (
        f'href="{chosen}&amp;check={report.split("/")[-2]}"' in client.get(report).content.decode()
    )  # with all that was chosen
    client.post(f"{report}apply/")
    work()
    assert names() == {"Acme"}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_workbook_with_several_tables_asks_for_the_sheet() -> None:
    client = member("Editor")
    south = [["Title"], [], ["Name", "E-Mail"], ["Gamma", "g@b"]]
    url = upload(client, workbook(North=TABLE, South=south, _Old=TABLE), "a.xlsx")["Location"]
    page = client.get(url)
    assert page.status_code == 200
    output = text_of(page)
    assert "Several sheets may hold the table." in output
    for option in ("North (3 rows)", "South (3 rows)", "Old (hidden, 3 rows)"):
        assert option in output, option
    assert "Check the file" not in output
    assert client.post(url, {"column-0": "customer_name"}).status_code == 200
    assert not Job.objects.filter(kind="crm.check_import").exists()
    chosen = f"{url}?sheet=South"
    page = client.get(chosen)
    assert heading_rows(page) == [3]
    report = client.post(page.context["here"], columns(page))["Location"]
    work()
    assert "sheet “South”" in text_of(client.get(report))
    client.post(f"{report}apply/")
    work()
    assert names() == {"Gamma"}
    settings = ImportRun.objects.get().settings
    assert (settings["sheet"], settings["heading_row"]) == ("South", 3)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_sheet_that_was_found_is_kept_and_said() -> None:
    """The other has the same unknown headings: with the mapping both would be known."""
    client = member("Editor")
    first = [["Name", "E-Mail", "alpha", "beta"], ["Acme", "a@b", "1", "2"]]
    url = upload(client, workbook(People=first, Sums=[["alpha", "beta"], ["1", "2"]]), "a.xlsx")["Location"]
    page = client.get(url)
    note = "The sheet 'People' was read. 'Sums' is filled too and was not read."
    assert note in text_of(page)
    report = client.post(url, columns(page))["Location"]
    work()
    output = text_of(client.get(report))
    assert note in output
    assert "<dt>to be created</dt><dd>1</dd>" in output


@pytest.mark.slow
@pytest.mark.django_db
def test_a_heading_row_chosen_for_one_sheet_says_nothing_of_another() -> None:
    client = member("Editor")
    url = upload(client, workbook(North=[["x"], *TABLE], South=TABLE), "a.xlsx")["Location"]
    page = client.get(f"{url}?sheet=South&heading_row=2&heading_row_of=North")
    assert heading_rows(page) == [1]
    page = client.get(f"{url}?sheet=North&heading_row=3&heading_row_of=North")
    assert heading_rows(page) == [3]
    for wrong in ("sheet=East", "sheet=North&heading_row=99", "heading_row=x%00", "sheet=%00"):
        page = client.get(f"{url}?{wrong}")
        assert page.status_code == 200, wrong
        assert "North (4 rows)" in text_of(page), wrong
    assert "There is no sheet 'East'" in text_of(client.get(f"{url}?sheet=East"))


@pytest.mark.django_db
def test_headings_that_are_not_found_are_asked_for() -> None:
    client = member("Editor")
    url = upload(client, "A,A\nName,E-Mail\nAcme,a@b\n".replace("A,A", "x,x"))["Location"]
    assert heading_rows(client.get(url)) == [2]
    url = upload(client, "x,x\nFoo,Bar\nAcme,a@b\n")["Location"]
    page = client.get(url)
    assert "These headings stand over more than one column: 'x'" in text_of(page)
    assert (numbers(page), heading_rows(page)) == ([1, 2, 3], [])
    page = client.get(f"{url}?heading_row=2")
    assert [column["heading"] for column in page.context["columns"]] == ["Foo", "Bar"]
    assert "There is no row 9" in text_of(client.get(f"{url}?heading_row=9"))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_guessed_encoding_and_a_chosen_heading_row_go_together() -> None:
    client = member("Editor")
    content = "Größen und Köpfe,\nFirma,Größe\nMüller,\nSöhne,\n".encode("mac-roman")
    url = upload(client, content)["Location"]
    page = client.get(f"{url}?heading_row=2")
    assert '<option value="mac-roman">' in text_of(page)
    # Confirmed, but something else is wrong: what was confirmed stays.
    sent = columns(page) | {"encoding": "mac-roman"}
    page = client.post(page.context["here"], sent | {"column-0": ""})
    assert page.context["here"] == f"{url}?encoding=mac-roman&heading_row=2"
    assert 'type="hidden" name="encoding" value="mac-roman"' in text_of(page)
    report = client.post(page.context["here"], sent)["Location"]
    work()
    client.post(f"{report}apply/")
    work()
    assert names() == {"Müller", "Söhne"}


@pytest.mark.django_db
def test_files_of_objects_have_no_rows_to_choose() -> None:
    client = member("Editor")
    page = client.get(upload(client, '{"customer_name": "Acme"}\n', "a.ndjson")["Location"])
    assert page.context["outline"]["rows"] == []
    assert 'name="heading_row"' not in text_of(page)
    assert JobFile.objects.get().name == "a.ndjson"


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["a.xls", "a.xlsb", "a.ods", "a.xlsm"])
def test_other_workbooks_are_taken_too(client: Client, name: str) -> None:
    assert upload(member("Editor"), workbook(Table=TABLE), name).status_code == 302


@pytest.mark.django_db
def test_a_saved_mapping_and_the_place_of_the_table_are_kept_together() -> None:
    client = member("Editor")
    url = f"{upload(client, LETTERHEAD)['Location']}?heading_row=4"
    client.post(url, columns(client.get(url)) | {"preset_name": "north", "column-2": "territory"})
    page = client.get(url)
    preset = page.context["presets"][0][0]
    assert 'type="hidden" name="heading_row" value="4"' in text_of(page)
    page = client.get(f"{url}&preset={preset}")
    assert columns(page)["column-2"] == "territory"
    assert f'type="hidden" name="preset" value="{preset}"' in text_of(page)


@pytest.mark.django_db
def test_the_page_speaks_german() -> None:
    client = member("Editor")
    page = client.get(upload(client, LETTERHEAD)["Location"], headers={"accept-language": "de"})
    output = text_of(page)
    for text in ("Die Datei, wie sie ist", "Zeile mit den Überschriften", "So lesen"):
        assert text in output, text
    url = upload(client, workbook(North=TABLE, South=TABLE[:1]), "a.xlsx")["Location"]
    output = text_of(client.get(url, headers={"accept-language": "de"}))
    for text in ("Wählen Sie das gemeinte Blatt", "North (3 Zeilen)", "South (1 Zeile)"):
        assert text in output, text
