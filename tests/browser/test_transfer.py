"""Import with bad rows, mended and taken back; export and download: with a real browser."""

from pathlib import Path

import xlsxwriter
from django.core.management import call_command
from django.urls import reverse
from playwright.sync_api import Page, expect

from crm.models import Customer
from tests.backoffice.people import member
from tests.browser.accessibility import findings
from tests.browser.conftest import PHONE, Visitors
from tests.domain.customers import make

BAD = "Firma;E-Mail;Colour\nMüller;a@b;red\n<svg onload=alert(1)>;nobody;\n;c@d;\nAcme;;\n"


def work(page: Page, *, waits: bool = False) -> None:
    """The worker does what waits; the page renews itself, for which a test `waits` once."""
    expect(page.get_by_text("This page renews itself")).to_be_visible()
    call_command("run_worker", until_idle=True)
    if not waits:
        page.reload()
    expect(page.get_by_text("This page renews itself")).to_have_count(0)


def upload(page: Page, file: Path) -> None:
    page.goto(reverse("import"))
    page.get_by_label("File").set_input_files(file)
    with page.expect_navigation():
        page.get_by_role("button", name="Upload").click()


def test_imports_a_file_with_bad_rows_and_takes_it_back(visit: Visitors, tmp_path: Path) -> None:
    page = visit(member("Manager"))
    file = tmp_path / "kunden.csv"
    file.write_text(BAD, encoding="cp1252")
    upload(page, file)
    page.get_by_label("Encoding").select_option("cp1252")
    expect(page.get_by_label("Firma")).to_have_value("customer_name")
    expect(page.get_by_label("Colour")).to_have_value("")
    page.get_by_label("Colour").select_option(label="Industry")
    page.get_by_role("button", name="Check the file").click()
    work(page, waits=True)
    expect(page.get_by_text("2 problems.")).to_be_visible()
    problems = page.get_by_role("region", name="Problems").locator("tbody tr")
    expect(problems).to_contain_text(["Must be an e-mail address", "Must not be empty"])
    expect(problems.nth(0).locator("td").nth(0)).to_have_text("3")
    assert not Customer.objects.exists()
    page.get_by_role("button", name="Import the good rows only").click()
    work(page)
    assert set(Customer.objects.values_list("customer_name", "industry")) == {("Müller", "red"), ("Acme", None)}
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the refused rows").click()
    mended = tmp_path / "mended.csv"
    # With the delimiter and in the encoding of the file.
    text = Path(download.value.path()).read_text(encoding="cp1252")
    assert "nobody" in text
    assert ";;c@d" in text
    mended.write_text(text.replace("nobody", "no@body").replace(";;c@d", ";Gamma;c@d"))
    job = page.url
    upload(page, mended)
    page.get_by_role("button", name="Check the file").click()
    work(page)
    expect(page.get_by_text("No problems.")).to_be_visible()
    page.get_by_role("button", name="Import now").click()
    work(page)
    assert Customer.objects.count() == 4
    page.goto(job)
    page.get_by_role("button", name="Take this import back").click()
    work(page)
    expect(page.get_by_text("Taken back: 2 customers deleted")).to_be_visible()
    assert set(Customer.objects.values_list("customer_name", flat=True)) == {"<svg onload=alert(1)>", "Gamma"}


def workbook(path: Path) -> Path:
    """Two tables; above the second one's headings stands a row that looks like some."""
    north = [["Firma", "E-Mail"], ["Acme", "a@b"]]
    south = [
        ["Firma", "E-Mail"],
        ["(in Ausgabe 2)", ""],
        ["Kunde", "Mail an"],
        *[["Gamma", "nobody"]] * 3,
        ["Delta", "d@b"],
    ]
    with xlsxwriter.Workbook(path) as made:
        for name, rows in (("North", north), ("South", south)):
            sheet = made.add_worksheet(name)
            for number, cells in enumerate(rows):
                sheet.write_row(number, 0, cells)
    return path


def test_sheet_and_heading_row_are_chosen(visit: Visitors, tmp_path: Path) -> None:
    page = visit(member("Manager"))
    upload(page, workbook(tmp_path / "kunden.xlsx"))
    expect(page.get_by_text("Several sheets may hold the table.")).to_be_visible()
    expect(page.get_by_role("button", name="Check the file")).to_have_count(0)
    page.get_by_label("Sheet").select_option(label="South (7 rows)")
    page.get_by_role("button", name="Read it so").click()
    shown = page.get_by_role("region", name="The file as it stands").get_by_role("row")
    expect(shown.nth(0)).to_contain_text("heading row 1")
    page.get_by_label("Heading row").fill("3")
    page.get_by_role("button", name="Read it so").click()
    expect(shown.nth(2)).to_contain_text("heading row 3")
    page.get_by_label("Kunde", exact=True).select_option(label="Customer name")
    page.get_by_label("Mail an").select_option(label="E-mail")
    page.get_by_role("button", name="Check the file").click()
    work(page)
    expect(page.get_by_text("3 problems.")).to_be_visible()
    kinds = page.locator(".kinds tbody tr")
    expect(kinds).to_have_count(1)
    expect(kinds).to_contain_text("rows 4, 5, 6")
    single = page.get_by_role("region", name="Problems", exact=True)
    expect(single).to_be_hidden()
    page.get_by_text("Each problem by itself").click()
    expect(single).to_be_visible()
    page.get_by_role("button", name="Import the good rows only").click()
    work(page)
    assert set(Customer.objects.values_list("customer_name", "email_id")) == {("Delta", "d@b")}


def test_exports_and_downloads(visit: Visitors) -> None:
    page = visit(member("Manager"))
    make("Nordlicht", 2)
    make("Other")
    page.goto(reverse("export"))
    page.get_by_label("Only customers with these words").fill("nordl")
    with page.expect_navigation():
        page.get_by_role("button", name="Export").click()
    call_command("run_worker", until_idle=True)
    with page.expect_download() as download:
        page.get_by_role("link", name="1 customer").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 3
    assert "Nordlicht" in lines[1]


def test_axe_finds_nothing_serious_about_importing(visit: Visitors, tmp_path: Path) -> None:
    page = visit(member("Manager"), viewport=PHONE, bypass_csp=True)
    file = tmp_path / "a.csv"
    file.write_text(BAD)
    found = []

    def look() -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found.extend(findings(page))

    page.goto(reverse("import"))
    look()
    upload(page, file)
    look()
    page.get_by_role("button", name="Check the file").click()
    work(page)
    look()
    upload(page, workbook(tmp_path / "a.xlsx"))
    look()
    page.goto(f"{page.url}?sheet=South&heading_row=3")
    page.get_by_label("Kunde", exact=True).select_option(label="Customer name")
    page.get_by_label("Mail an").select_option(label="E-mail")
    look()
    page.get_by_role("button", name="Check the file").click()
    work(page)
    look()
    page.goto(reverse("export"))
    look()
    assert not found, "\n".join(found)
