"""Which sheet and which heading row hold the table; what is not read is told."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from tests.files.tables import Read, read, refusal, written
from tests.files.xlsx_books import book

FIELDS = {"name", "phone", "mail"}
TABLE = [["name", "phone"], ["Acme", "1"], ["Bell", "2"]]
COVER = [["Customers of the north"], ["as of May"]]
OTHER = [["year", "sum"], [2024, 7]]


def recognizer(cells: Sequence[str]) -> int:
    return len(FIELDS.intersection(cells))


def workbook(folder: Path, hidden: Sequence[str] = (), **sheets: list[list[Any]]) -> Path:
    with xlsxwriter.Workbook(folder / "a.xlsx") as writer:
        for name, rows in sheets.items():
            sheet = writer.add_worksheet(name)
            for number, cells in enumerate(rows):
                sheet.write_row(number, 0, cells)
            if name in hidden:
                sheet.hide()
    return folder / "a.xlsx"


def rows_of(table: Read) -> list[list[str]]:
    return [table[0], *(cells for _, cells in table[1])]


def test_the_only_filled_sheet_is_read(tmp_path: Path) -> None:
    table = read(workbook(tmp_path, Blank=[], Table=OTHER, More=[]))
    assert rows_of(table) == [["year", "sum"], ["2024", "7"]]
    assert table[2].notes == []


def test_of_several_sheets_the_one_with_known_headings_is_read(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["Secret"], Cover=COVER, Table=TABLE, Sums=OTHER, Secret=TABLE)
    table = read(path, recognizer=recognizer)
    assert rows_of(table) == TABLE
    assert table[2].notes == [
        "The sheet 'Table' was read. 'Cover', 'Sums' are filled too and were not read. If another one is meant, name it"
        " (--sheet).",
        "The hidden sheet 'Secret' was not read.",
    ]


@pytest.mark.parametrize("sheets", [{"North": TABLE, "South": TABLE + TABLE}, {"North": OTHER * 2, "South": OTHER * 3}])
def test_two_sheets_that_could_be_meant_are_refused_by_name(tmp_path: Path, sheets: dict[str, Any]) -> None:
    path = workbook(tmp_path, **sheets)
    n, m = map(len, sheets.values())
    assert refusal(path, recognizer=recognizer) == (
        f"The workbook has 2 filled sheets: 'North' ({n} rows), 'South' ({m} rows). Say which is meant (--sheet NAME)."
        " Each is read by itself."
    )


@pytest.mark.parametrize(("name", "first"), [("South", "2"), ("south ", "2"), ("NORTH", "1"), ("north", "3")])
def test_a_sheet_may_be_named(tmp_path: Path, name: str, first: str) -> None:
    sheets = {"North": [["a"], [1]], "South": [["a"], [2]]}
    path = workbook(tmp_path, **sheets)
    if first == "3":  # hidden: it is read if it is named
        path = workbook(tmp_path, ["North"], North=[["a"], [3]], South=[["a"], [2]])
    assert read(path, sheet=name)[1] == [(2, [first])]


def test_an_unknown_sheet_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    path = workbook(tmp_path, North=TABLE, South=TABLE)
    assert refusal(path, sheet="West") == "There is no sheet 'West'. The sheets are: 'North', 'South'."


def test_only_hidden_sheets_are_filled(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["Table"], Blank=[], Table=TABLE)
    assert refusal(path) == "All visible sheets are empty. Hidden ones are not ('Table'): name one (--sheet)."


def test_the_heading_row_is_found_below_a_title(tmp_path: Path) -> None:
    path = workbook(tmp_path, Table=[["Our customers"], [], ["as of May", "", "x"], *TABLE])
    headings, rows, table = read(path, recognizer=recognizer)
    assert (headings[:2], rows) == (["name", "phone"], [(5, ["Acme", "1", ""]), (6, ["Bell", "2", ""])])
    (note,) = table.notes
    assert note.startswith("Row 4 was taken for the heading row; the 2 rows above it were left out.")


def test_the_heading_row_may_be_named(tmp_path: Path) -> None:
    path = workbook(tmp_path, Table=[[], *[["x", "y"]] * 50, ["c", "d"], ["1", "2"]])
    assert read(path, heading_row=52)[:2] == (["c", "d"], [(53, ["1", "2"])])
    assert refusal(path, heading_row=99) == "There is no row 99 that could be the heading row."


def test_a_sheet_without_rows_is_not_filled(tmp_path: Path) -> None:
    """Whatever stands beside its rows."""
    content = book("", data="<sheetData/><extLst><x:is>a</x:is></extLst>")
    assert refusal(written(tmp_path, "a.xlsx", content)).startswith("All visible sheets are empty.")
