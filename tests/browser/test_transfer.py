"""Import with bad rows, mended and taken back; export and download: with a real browser."""

from pathlib import Path

import xlsxwriter
from django.core.management import call_command
from django.urls import reverse
from playwright.sync_api import Page, expect

from crm.models import Customer
from tests.backoffice.people import member
from tests.browser.accessibility import findings_in_light_and_dark
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
    problems = page.get_by_role("region", name="Rows to mend").locator("tbody tr")
    expect(problems).to_contain_text(["Must be an e-mail address", "Must not be empty"])
    expect(problems.nth(0).locator("th")).to_have_text("3")
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


GOOD, WRONG = 2700, 300  # rows of the file below


def large_file(path: Path) -> Path:
    """Of 3,000 rows 200 have a type that nobody knows, 95 no name that could be sent mail to, and 5 no name at all."""
    lines = ["Firma;E-Mail;Typ;Straße;PLZ;Ort"]
    for n in range(GOOD + WRONG):
        kind = "Stammkunde" if n % 15 == 0 else "Firma"
        email = "nobody" if n % 15 == 1 and n < 95 * 15 else f"c{n}@b.de"
        name = "" if n % 15 == 2 and n < 5 * 15 else f"Customer {n}"
        lines.append(f"{name};{email};{kind};Main {n};0{n:04};Berlin")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_three_thousand_rows_with_three_hundred_wrong_ones_are_mended_in_the_page_and_taken_back(
    visit: Visitors, tmp_path: Path
) -> None:
    page = visit(member("Manager"))
    upload(page, large_file(tmp_path / "kunden.csv"))
    sample = page.get_by_role("region", name="Sample of the result")
    expect(sample).to_contain_text("Main 0, 00000, Berlin")  # three columns are one address
    page.get_by_label("Ort", exact=True).select_option("")
    expect(sample).not_to_contain_text("Main 0, 00000, Berlin")
    page.get_by_label("Ort", exact=True).select_option("primary_address")
    page.get_by_label("Typ", exact=True).select_option("customer_type")
    expect(page.get_by_text("What “Typ” says")).to_be_visible()
    page.get_by_role("button", name="Check the file").click()
    work(page)
    left = page.locator("output.left")
    expect(left).to_have_text("300 rows are wrong still.")
    # One value for 200 rows, another for 95; five names by hand: Enter goes on to the next row.
    page.get_by_label("“Stammkunde”, 200 times, becomes").select_option(label="Company")
    expect(left).to_have_text("100 rows are wrong still.")
    page.get_by_label("“nobody”, 95 times, becomes").fill("office@b.de")
    page.get_by_label("“nobody”, 95 times, becomes").press("Enter")
    expect(left).to_have_text("5 rows are wrong still.")
    page.get_by_role("link", name="Firma").click()
    rows = page.locator(".mending-grid tbody tr")
    expect(rows).to_have_count(5)
    first = page.locator("input[aria-invalid]").first
    first.focus()
    for n in range(5):
        page.keyboard.type(f"Found {n}")
        page.keyboard.press("Enter")
    expect(page.locator(".mending-grid [aria-invalid]")).to_have_count(0)
    expect(left).to_have_text("All rows shown here are right. Check the file once more.")
    # Any other cell becomes a field, too.
    page.get_by_role("cell", name="Main 2", exact=True).dblclick()
    page.keyboard.type("Elsewhere 1")
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.get_by_role("button", name="Check again").click()
    work(page)
    expect(page.get_by_text("No problems.")).to_be_visible()
    page.get_by_role("button", name="Import now").click()
    work(page, waits=True)
    toast = page.locator("#toasts li", has_text="is imported: 3,000 created.")
    toast.hover()  # so it stays
    assert Customer.objects.count() == GOOD + WRONG
    assert Customer.objects.filter(customer_type="Company").count() == GOOD + WRONG
    assert Customer.objects.get(primary_address="Elsewhere 1, 00002, Berlin").customer_name == "Found 0"
    created = page.get_by_role("link", name="3,000").get_attribute("href")
    toast.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("This page renews itself")).to_be_visible()
    page.goto(created)
    expect(page.get_by_text("created by the import", exact=False)).to_be_visible()
    expect(page.locator("#result_list tbody tr").first).to_contain_text("Customer")
    call_command("run_worker", until_idle=True)
    page.goto(reverse("admin:index"))
    expect(page.locator("#toasts li", has_text="Taken back: 3,000 customers deleted")).to_be_visible()
    assert not Customer.objects.exists()


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
    with xlsxwriter.Workbook(path) as writer:
        for name, rows in (("North", north), ("South", south)):
            sheet = writer.add_worksheet(name)
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
    preview_rows = page.get_by_role("region", name="The file as it stands").get_by_role("row")
    expect(preview_rows.nth(0)).to_contain_text("heading row 1")
    page.get_by_label("Heading row").fill("3")
    page.get_by_role("button", name="Read it so").click()
    expect(preview_rows.nth(2)).to_contain_text("heading row 3")
    page.get_by_label("Kunde", exact=True).select_option(label="Customer name")
    page.get_by_label("Mail an").select_option(label="E-mail")
    page.get_by_role("button", name="Check the file").click()
    work(page)
    expect(page.get_by_text("3 problems.")).to_be_visible()
    kinds = page.locator(".problem-kinds > li")
    expect(kinds).to_have_count(1)
    expect(kinds).to_contain_text("rows 4, 5, 6")
    page.get_by_role("button", name="Import the good rows only").click()
    work(page)
    single = page.get_by_role("region", name="Problems", exact=True)
    expect(single).to_be_hidden()
    page.get_by_text("Each problem by itself").click()
    expect(single).to_be_visible()
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
    problems = []

    def look() -> None:
        problems.extend(findings_in_light_and_dark(page))

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
    assert not problems, "\n".join(problems)
