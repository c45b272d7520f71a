"""What a cell of a workbook means, where that is not what it stores: formats, formulas, errors, merges, hidden rows."""

from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from overplane.files.cells import split_broken
from overplane.files.findings import letters_of
from overplane.files.number_formats import NumberFormat
from tests.files.tables import read, refusal, written
from tests.files.xlsx_books import HEAD, book

NEVER = "Cell B2 holds a formula that was never calculated. Open the file in a spreadsheet and save it."
ERROR = "Cell B2 shows the error #N/A. Correct it, or empty it."
FORMULAS: dict[str, tuple[str, str]] = {  # the row's XML, and what B2 is
    "a formula": ('<c r="B2"><f>1+1</f><v>2</v></c>', "2"),
    "attributes in another order": ('<c t="n" s="1" r="B2"><f>1+1</f><v>2</v></c>', "2"),
    "single quotes": ("<c r='B2' t='n'><f>1+1</f><v>2</v></c>", "2"),
    "line breaks": ('<c\n r = "B2"\n>\n  <f>1+1</f><v>2</v></c>', "2"),
    "prefixes": ('<x:c r="B2"><x:f>1+1</x:f><x:v>2</x:v></x:c>', "2"),
    "a shared formula": ('<c r="B2"><f t="shared" si="0"/><v>2</v></c>', "2"),
    "an empty text": ('<c r="B2" t="str"><f>""</f><v></v></c>', ""),
    "an empty text, short": ('<c r="B2" t="str"><f>""</f><v/></c>', ""),
    "a text": ('<c r="B2" t="str"><f>"a"</f><v>a</v></c>', "a"),
}
UNCALCULATED = {
    "no result": '<c r="B2"><f>1+1</f></c>',
    "an empty result": '<c r="B2"><f>1+1</f><v></v></c>',
    "an empty result, short": '<c r="B2"><f>1+1</f><v/></c>',
    "a text without a result": '<c r="B2" t="str"><f>1+1</f></c>',
    "prefixes": '<x:c r="B2"><x:f>1+1</x:f></x:c>',
    "a shared one": '<c r="B2"><f t="shared" si="0"/></c>',
    "no places": '<c t="inlineStr"><is><t>x</t></is></c><c><f>1+1</f></c>',
    "a text that looks like the end": (
        '<c r="A2" t="inlineStr"><is><t>the sheetData> part</t></is></c><c r="B2"><f>1+1</f></c>'
    ),
}
ERRORS = {
    "an error": '<c r="B2" t="e"><v>#N/A</v></c>',
    "of a formula": '<c r="B2" t="e"><f>1/0</f><v>#N/A</v></c>',
    "quoted otherwise": "<c t = 'e' r='B2'><v>#N/A</v></c>",
    "far apart": '<c r="B2" t = "e"><v>#N/A</v></c>',
    "prefixes": '<x:c r="B2" t="e"><x:v>#N/A</x:v></x:c>',
}
LAST = '<c r="C2" t="inlineStr"><is><t>z</t></is></c>'


def row(cells: str) -> bytes:
    return book(f'{HEAD}<row r="2">{cells}{LAST}</row>')


@pytest.mark.parametrize("name", FORMULAS)
def test_the_stored_result_of_a_formula_is_taken_and_told(tmp_path: Path, name: str) -> None:
    cells, value = FORMULAS[name]
    _, rows, table = read(written(tmp_path, "a.xlsx", row(cells)))
    assert rows == [(2, ["", value, "z"])]
    assert table.notes[1:] == ["1 cell holds a formula (B2): what was calculated last was taken."]


@pytest.mark.parametrize("name", UNCALCULATED)
def test_a_formula_without_a_result_is_a_broken_cell(tmp_path: Path, name: str) -> None:
    ((_, cells),) = read(written(tmp_path, "a.xlsx", row(UNCALCULATED[name])))[1]
    assert split_broken(cells[1]) == ("", NEVER)
    assert cells[2] == "z"


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_a_broken_cell(tmp_path: Path, name: str) -> None:
    ((_, cells),) = read(written(tmp_path, "a.xlsx", row(ERRORS[name])))[1]
    assert split_broken(cells[1]) == ("#N/A", ERROR)
    assert cells[2] == "z"


def test_a_broken_heading_is_refused_with_its_cell(tmp_path: Path) -> None:
    cells = '<c r="A1" t="inlineStr"><is><t>a</t></is></c><c r="B1" t="e"><v>#REF!</v></c>'
    message = refusal(written(tmp_path, "a.xlsx", book(f'<row r="1">{cells}</row>')))
    assert message == "Row 1 should name the columns. Cell B1 shows the error #REF!. Correct it, or empty it."


FORMATS: list[tuple[str, Any, Any]] = [
    ("0%", 0.075, "7.5%"),
    ("0.00%", 0.07, "7%"),
    ("0%", 1.0, "100%"),
    ("0%", 0.0, "0%"),
    ("0.0%;[Red]-0.0%", -0.075, "-7.5%"),
    ("0.00\\ %", 0.12345678901, "12.345678901%"),
    ("0%", 1e-12, "0.0000000001%"),
    ("00000", 1234.0, "01234"),
    ("[$-409]00000", 1234.0, "01234"),
    ("00000", -12.0, "-00012"),
    ("00000;-00000", -12.0, "-00012"),
    ("00000", 1e22, "10000000000000000000000"),
    ("00000", 1234.5, "01234.5"),
    ("000-00-0000", 123456789.0, "123-45-6789"),
    ("(###) ###-####", 5551234567.0, "(555) 123-4567"),
    ("[<=9999999]###-####;\\(###\\)\\ ###\\-####", 5551234.0, "555-1234"),
    ("[<=9999999]###-####;\\(###\\)\\ ###\\-####", 2125551234.0, "(212) 555-1234"),
    ('"DE"000000000', 123456789.0, "DE123456789"),
    ('"+"00 000 000', 49123456.0, "+49 123 456"),
    ('0" kg"', 7.5, "7.5 kg"),
    ('0" kg"', -7.0, "-7 kg"),
    ('General" kg"', 2.5, "2.5 kg"),
    ("000_ 000*x", 12.0, "000 012"),
    ("??0-000", 1234.0, "1-234"),
    ('"yes";"yes";"no"', 0.0, "no"),
    ('@" x"', "a", "a x"),
    ('0#" "##" "##" "##" "##', 123456789.0, "01 23 45 67 89"),  # telephone numbers in France
    ("0###", 7.0, "0007"),
    ("000,000", 1234.0, "001234"),
    ("00.00", 5.5, "05.50"),
    ("00.00", -5.125, "-05.125"),
    ("0;-0;;@", 0.0, ""),
    ("#,##0;-#,##0;", 0.0, ""),
    ("0;;0", -5.0, ""),
    ("0;-0;;@", 7.0, 7.0),
    ("0%", 0.28 * 1.1, "30.8%"),  # 0.30800000000000005
    ('0.0%;-0.0%;"-"', 0.0, 0.0),
    # Amounts are not dressed up.
    ("0,000.0", 1234567.0, "1234567.0"),
    ('00.00 "€"', 5.5, 5.5),
    ("00/00", 0.5, 0.5),
    ("00E+00", 5.0, 5.0),
    ("General", 0.1, 0.1),
    ("0", 5.4, 5.4),
    ("0.00", 5.123, 5.123),
    ("#,##0.00", 1234.5, 1234.5),
    ("# ##0", 1234567.0, 1234567.0),
    ('#,##0 "€"', 5.0, 5.0),
    ('0 "EUR"', 5.0, 5.0),
    ("[$€-407] 0", 5.0, 5.0),
    ("[$CHF-807] 0", 5.0, 5.0),
    ('_-* #,##0_-;-* #,##0_-;_-* "-"_-;_-@_-', 0.0, 0.0),
    ("0;(0)", -5.0, -5.0),
    ("0.00E+00", 5.0, 5.0),
    ("# ?/?", 0.5, 0.5),
    ("yyyy-mm-dd", 5.0, 5.0),
    (";;;", 5.0, 5.0),
    ("@", 5.0, 5.0),
    ("00000", "text", "text"),
    ("00000", True, True),
]


@pytest.mark.parametrize(("code", "value", "expected"), FORMATS)
def test_a_format_shows_what_is_meant(code: str, value: Any, expected: Any) -> None:
    number_format = NumberFormat(code)
    assert number_format(value) == expected
    assert number_format.is_noteworthy or expected == value


def test_a_cell_whose_format_shows_nothing_is_told(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_column(0, 0, ["a", "x"])
        sheet.write_number(2, 0, 5, workbook.add_format({"num_format": ";;;"}))
    _, rows, table = read(tmp_path / "a.xlsx")
    assert rows == [(2, ["x"]), (3, ["5"])]
    assert table.notes == [
        "1 cell shows nothing, by its format, and has a value (A3), which was taken. If that is wrong, empty it."
    ]


def test_numbers_have_the_digits_that_spreadsheets_know_and_durations_are_hours(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as workbook:
        sheet, hours = workbook.add_worksheet(), workbook.add_format({"num_format": "[h]:mm"})
        sheet.write_column(0, 0, ["a", 0.1 + 0.2, 0.12345678901])
        sheet.write_number(3, 0, 1.5, hours)
    assert [cells[0] for _, cells in read(tmp_path / "a.xlsx")[1]] == ["0.3", "0.12345678901", "36:00:00"]


def test_cells_are_read_as_they_are_shown(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, ["rate", "zip", "price", "text"])
        percent, zip_code, price = (workbook.add_format({"num_format": code}) for code in ("0%", "00000", "#,##0.00 €"))
        sheet.write_number(1, 0, 0.075, percent)
        sheet.write_number(1, 1, 1067, zip_code)
        sheet.write_number(1, 2, 1234.567, price)
        sheet.write_string(1, 3, "12", zip_code)
        sheet.write_number(2, 1, 99, zip_code)
        sheet.write_blank(2, 0, None, percent)
        sheet.write_formula(3, 0, "=A2*2", percent, 0.15)
    _, rows, table = read(tmp_path / "a.xlsx")
    assert rows == [
        (2, ["7.5%", "01067", "1234.567", "12"]),
        (3, ["", "00099", "", ""]),
        (4, ["15%", "", "", ""]),
    ]
    (note,) = table.notes
    assert note.startswith("1 cell holds a formula (A4): what was calculated last was taken. The workbook asks to be")


def test_merged_cells_hold_for_each_row(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as workbook:
        sheet = workbook.add_worksheet()
        sheet.merge_range("B1:C1", "Table")
        sheet.merge_range("B2:B3", "name")
        sheet.write_column("C2", ["city", "x"])
        sheet.merge_range("B4:B6", "Acme")
        sheet.write_column("C4", ["Bonn", "Köln", "Ulm"])
        sheet.merge_range("B8:C9", "both")
        sheet.merge_range("B11:C11", "one row")
    _, rows, table = read(tmp_path / "a.xlsx", heading_row=2)
    assert [number for number, _ in rows] == [3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert table.merged == {5: {0: "Acme"}, 6: {0: "Acme"}, 9: {0: "both"}}
    assert table.notes[1:] == [
        "2 cells are merged over several rows (first in row 4, 8): their text was taken for each of these rows."
    ]


def test_hidden_rows_and_columns_are_told(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as workbook:
        sheet = workbook.add_worksheet()
        for i in range(8):
            sheet.write_row(i, 0, [f"a{i}", f"b{i}", f"c{i}"])
        for i in (3, 5, 6, 7, 20):  # the last is blank
            sheet.set_row(i, options={"hidden": True})
        sheet.set_column("B:B", options={"hidden": True})
        sheet.set_column("X:XFD", options={"hidden": True})
    _, rows, table = read(tmp_path / "a.xlsx")
    assert len(rows) == 7
    assert table.notes == [
        "4 hidden rows were read too (row 4, 6, 7 …). If that is wrong, delete what is hidden.",
        "1 hidden column was read too (column B).",
    ]


def test_hidden_rows_are_told_however_they_are_written(tmp_path: Path) -> None:
    rows = '<x:row hidden="1" r="2"><x:c r="A2"><x:v>1</x:v></x:c></x:row><x:row hidden="true"><x:c><x:v>2</x:v></x:c></x:row>'
    _, _, table = read(written(tmp_path, "a.xlsx", book(HEAD + rows + '<row r="4" hidden="1"/>')))
    assert table.notes[1:] == ["2 hidden rows were read too (row 2, 3). If that is wrong, delete what is hidden."]


@pytest.mark.slow
def test_a_row_may_be_as_wide_as_a_sheet(tmp_path: Path) -> None:
    """Longer than a block: its cells are still looked at whole."""
    cells = "".join(f'<c r="{letters_of(i)}2" t="str"><f>{"A1+" * 40}</f><v>x{i}</v></c>' for i in range(1, 16_385))
    ((_, row),), table = read(written(tmp_path, "a.xlsx", book(f'{HEAD}<row r="2">{cells}</row>')))[1:]
    assert row == [f"x{i}" for i in range(1, 16_385)]
    assert table.notes[1:] == ["16384 cells hold formulas (A2, B2, C2 …): what was calculated last was taken."]
