"""What goes in as it stands although it is probably not what was meant: a warning says where, and what to do."""

from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter

from crm.models import Customer
from crm.transfer.doubtful_texts import DAMAGES, DoubtfulTexts
from tests.importing import Ran, run

pytestmark = pytest.mark.django_db
QUOTES = 'The quotes are a part of the text. Those of CSV are " and stand right beside the delimiter.'
MISREAD = "This looks like UTF-8 that was read in another encoding. Export the file anew as UTF-8."
INVISIBLE = "There are characters in it that nobody sees; without them it is another text."
WEB = "This is written as in a web page. Export the file as plain text."
ROWS = "It seems to hold whole rows of the file. Is a quote missing there, or one too many?"
LOST = "A letter was lost (�) before this file was made. Export it anew."
TEXTS = {  # a file of two columns, and what is told
    "quotes that CSV does not know": ("'customer_name','territory'\n'Acme',x\n", f"'customer_name', 1 cell (row 2: \"'Acme'\"): {QUOTES}"),
    "quotes of a text processor": ("customer_name,territory\nAcme,„x“\n", f"territory, 1 cell (row 2: '„x“'): {QUOTES}"),
    "a tab before quotes": ('customer_name,territory\nAcme,\t"x"\n', f"territory, 1 cell (row 2: '\"x\"'): {QUOTES}"),
    "a hard blank before quotes": ('customer_name,territory\nAcme,\u00a0"x"\n', f"territory, 1 cell (row 2: '\"x\"'): {QUOTES}"),
    "UTF-8 read in another encoding": ("customer_name,territory\nAcme,x\nMÃ¼ller,KÃ¶ln\n", f"territory, 1 cell (row 3: 'KÃ¶ln'): {MISREAD}"),
    "a Euro sign in it": ("customer_name,territory\nAcme,5 â‚¬\n", f"territory, 1 cell (row 2: '5 â‚¬'): {MISREAD}"),
    "letters that are lost": ("customer_name,territory\nM\ufffdller,x\n", f"customer_name, 1 cell (row 2: 'M\ufffdller'): {LOST}"),
    "codes of web pages": ("customer_name,territory\nA &amp; B,x\nM&#252;ller,x\n", f"customer_name, 2 cells (row 2, 3: 'A &amp; B'): {WEB}"),
    "characters that nobody sees": ("customer_name,territory\nAcme,a\u200b\n", f"territory, 1 cell (row 2: 'a\\u200b'): {INVISIBLE}"),
    "rows behind a lost quote": ('customer_name,territory\nAcme,"12\nBell,x\nCole,13"\n', f"territory, 1 cell (row 2: '12\\nBell,x\\nCole,13'): {ROWS}"),
}  # fmt: skip
FINE = (
    "SÃO PAULO", "JOÃO", "Â", "Über & Söhne; Ääh", "R&D; a", "AT&T", "'s-Hertogenbosch", "O'Neill'", '5"', "“", "a\nb",
    "Řeka–Łódź", "ñandú", "👩‍👩‍👧", "نوشته‌ها",
)  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_damaged_texts_are_told(imported: Callable[..., Ran], name: str) -> None:
    content, warning = TEXTS[name]
    ran = imported(content)
    assert ran.code == 0
    assert warning in ran.report["warnings"]


@pytest.mark.parametrize("options", [(), ("--skip-errors",), ("--dry-run",)])
def test_they_are_told_in_each_way_to_import(imported: Callable[..., Ran], options: tuple[str, ...]) -> None:
    ran = imported("customer_name,territory\nMÃ¼ller,x\n", *options)
    assert ran.report["warnings"] == [f"customer_name, 1 cell (row 2: 'MÃ¼ller'): {MISREAD}"]


def test_what_is_right_is_not_told() -> None:
    texts = DoubtfulTexts(DAMAGES)
    texts.watch(range(len(FINE)), FINE)
    assert list(texts.warnings("x")) == []


def test_texts_of_line_items_are_told_too(imported: Callable[..., Ran]) -> None:
    ran = imported("customer_name,supplier_numbers.company\nAcme,a\n,MÃ¼ller\n")
    assert ran.report["warnings"] == [f"supplier_numbers.company, 1 cell (row 3: 'MÃ¼ller'): {MISREAD}"]


def test_dates_that_a_spreadsheet_made_of_texts_are_told(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as workbook:
        sheet, day = workbook.add_worksheet(), workbook.add_format({"num_format": "d-mmm"})
        sheet.write_row(0, 0, ["customer_name", "tax_id", "created_at"])
        sheet.write(1, 0, "Acme")
        sheet.write_number(1, 1, 45352, day)
        sheet.write_number(1, 2, 45352, day)
    ran = run(tmp_path / "a.xlsx")
    assert (ran.code, ran.report["warnings"]) == (0, [
        "tax_id, 1 cell (row 2: '2024-03-01'): This is a date. If a spreadsheet has made it of something else, enter that"
        " once more, as text."
    ])  # fmt: skip


def test_numbers_longer_than_a_spreadsheet_knows_are_told(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, ["customer_name", "tax_id"])
        sheet.write_row(1, 0, ["Acme", 12345678901234567890])
    ran = run(tmp_path / "a.xlsx")
    assert (ran.code, ran.report["warnings"]) == (0, [
        "tax_id: 1 long number was rounded by a program that took it for an amount (row 2: 12345678901234569216)."
    ])  # fmt: skip


@pytest.mark.parametrize("digits", ["4111111111111111", "89490240001234567890\nBell,89490240001234567891"])
def test_long_numbers_with_all_their_digits_are_not(imported: Callable[..., Ran], digits: str) -> None:
    assert imported(f"customer_name,tax_id\nAcme,{digits}\n").report["warnings"] == []


@pytest.mark.parametrize(
    "row", ["customer_name,territory", "\ufeffcustomer_name,territory", "customer_name,territory,"]
)
def test_headings_that_stand_there_once_more_are_nobody(imported: Callable[..., Ran], row: str) -> None:
    ran = imported(f"customer_name,territory\nAcme,x\n{row}\nBell,y\n")
    assert ran.counts == {"created": 2}
    assert ran.report["warnings"] == ["1 row repeats the headings and was left out (row 3)."]
    assert set(Customer.objects.values_list("customer_name", flat=True)) == {"Acme", "Bell"}


def test_headings_are_known_again_where_the_last_column_has_none(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as workbook:
        sheet = workbook.add_worksheet()
        for row, cells in enumerate(
            [["customer_name", "territory"], ["Acme", "x"], ["customer_name", "territory"], ["Bell", "", "y"]]
        ):
            sheet.write_row(row, 0, cells)
    ran = run(tmp_path / "a.xlsx", "--ignore-unknown")
    assert (ran.counts, ran.report["warnings"]) == ({"created": 2}, [
        "1 row repeats the headings and was left out (row 3).",
        "1 row has values in columns without a heading (C, row 4), which were left out.",
    ])  # fmt: skip


def test_a_second_heading_row_in_another_language_is_nobody(imported: Callable[..., Ran]) -> None:
    ran = imported("customer_name,tax_id,left out\nKundenname,Ust-ID,x\nBell,y,\n", "--ignore-unknown")
    assert (ran.counts, Customer.objects.get().customer_name) == ({"created": 1}, "Bell")
    assert "1 row repeats the headings and was left out (row 2)." in ran.report["warnings"]


def test_a_customer_that_is_called_like_a_heading_is_somebody(imported: Callable[..., Ran]) -> None:
    ran = imported("customer_name,territory\nTerritory,Company\ncustomer_name,x\n")
    assert (ran.counts, ran.report["warnings"]) == ({"created": 2}, [])


def test_rows_that_end_early_are_told(imported: Callable[..., Ran]) -> None:
    ran = imported("customer_name,territory,tax_id\r\nAcme\nLtd,x,1\r\nBell,x,2\r\n")
    assert (ran.code, ran.report["warnings"]) == (0, [
        "1 row has fewer cells than the heading row (row 2): those at its end were taken for empty. If a line break stands"
        " within a cell there, put the cell into quotes."
    ])  # fmt: skip


def test_columns_without_a_heading_are_named(imported: Callable[..., Ran]) -> None:
    content = "customer_name,,territory,\nAcme,lost,x\nBell,,x\n"
    assert imported(content).said.startswith("Unknown columns: B (without a heading). Map them")
    warning = "1 row has values in columns without a heading (B, row 2), which were left out."
    assert warning in imported(content, "--ignore-unknown").report["warnings"]


@pytest.mark.parametrize("word", ["NONE", "Undefined", "k.A.", "keine Angabe", "#VALOR!", "#N/D", "(leer)", "NaN"])
def test_words_for_nothing_are_told_in_any_case_and_language(imported: Callable[..., Ran], word: str) -> None:
    (warning,) = imported(f"customer_name,territory\nAcme,{word}\n").report["warnings"]
    assert warning.startswith(f"territory: 1 cell holds {word} as a text (row 2).")


def test_a_row_that_is_left_out_is_no_blank_row_above_a_footer(imported: Callable[..., Ran]) -> None:
    ran = imported("customer_name,territory\nAcme,x\nBell,x\ncustomer_name,territory\nCole,y\n")
    assert ran.report["warnings"] == ["1 row repeats the headings and was left out (row 4)."]
