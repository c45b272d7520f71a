"""What a file of rows looks like before anybody knows where its table stands."""

from pathlib import Path

import pytest
import xlsxwriter
from django.utils import translation

from overplane.files.layouts import Layout
from overplane.files.outlines import Sheet, first_rows, sheets_to_choose
from overplane.files.sources import examined
from overplane.files.unusable import UnusableFile
from tests.files.tables import read, written


def workbook(folder: Path) -> Path:
    """With a blank row in a sheet, and a sheet without rows."""
    sheets = {"North": [["a", "b"], [], ["1", "2"]], "Blank": [], "South": [["c"]]}
    with xlsxwriter.Workbook(folder / "a.xlsx") as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, cells in enumerate(rows):
                sheet.write_row(number, 0, cells)
        book.get_worksheet_by_name("South").hide()
    return folder / "a.xlsx"


def test_filled_sheets_are_told_with_their_rows(tmp_path: Path) -> None:
    source = examined(workbook(tmp_path), "a.xlsx")
    assert sheets_to_choose(source) == [Sheet("North", 2, False), Sheet("South", 1, True)]
    assert first_rows(source, Layout("South"), 5) == [(1, ["c"])]
    assert first_rows(source, Layout(), 1) == [(1, ["a", "b"])]
    with pytest.raises(UnusableFile, match="There is no sheet 'East'"):
        first_rows(source, Layout("East"), 5)


def test_a_text_file_has_rows_and_no_sheets(tmp_path: Path) -> None:
    source = examined(written(tmp_path, "a.csv", "Title\n\na;a\n1;2\n"), "a.csv")
    assert sheets_to_choose(source) == []
    assert first_rows(source, Layout(delimiter=";"), 3) == [(1, ["Title"]), (2, []), (3, ["a", "a"])]


@pytest.mark.parametrize("heading_row", [None, 3])
def test_a_table_knows_its_sheet_and_the_rows_down_to_its_heading(tmp_path: Path, heading_row: int | None) -> None:
    path = written(tmp_path, "a.csv", "Title\n\nname,phone\nAcme,1\n")
    _, rows, table = read(path, heading_row=heading_row, recognizer=lambda cells: len({"name", "phone"} & {*cells}))
    assert table.head == [(1, ["Title"]), (2, []), (3, ["name", "phone"])]
    assert (table.sheet, rows) == (None, [(4, ["Acme", "1"])])
    table = read(workbook(tmp_path), sheet="North", heading_row=heading_row)[2]
    assert table.sheet == "North"
    assert [number for number, _ in table.head] == ([1] if heading_row is None else [1, 2, 3])
    many = written(tmp_path, "b.csv", "x\n" * 50 + "name\n")
    assert [number for number, _ in read(many, heading_row=51)[2].head] == [*range(44, 52)]


def test_notes_are_in_the_reader_s_language(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        for name in ("People", "Sums", "Old"):
            sheet = book.add_worksheet(name)
            sheet.write_row(2, 0, ["name", "phone"] if name == "People" else ["year", name])
            sheet.write_row(3, 0, ["Acme", 1])
        people = book.get_worksheet_by_name("People")
        people.write(0, 0, "Title")
        people.write_formula("C5", "=1+1", None, 2)
        people.merge_range("A6:A7", "Bell")
        people.set_row(4, None, None, {"hidden": True})
        people.set_column("B:B", None, None, {"hidden": True})
        book.get_worksheet_by_name("Old").hide()
    with translation.override("de"):
        table = read(tmp_path / "a.xlsx", recognizer=lambda cells: len({"name", "phone"} & {*cells}))[2]
    assert table.notes == [
        "Das Blatt 'People' wurde gelesen. 'Sums' ist auch gefüllt und wurde nicht gelesen."
        " Wenn ein anderes gemeint ist, nennen Sie es (--sheet).",
        "Das ausgeblendete Blatt 'Old' wurde nicht gelesen.",
        "Zeile 3 wurde für die Zeile mit den Überschriften gehalten; 1 Zeile darüber blieb weg."
        " Wenn das falsch ist, nennen Sie sie (--heading-row).",
        "1 Zelle enthält eine Formel (C5): übernommen wurde, was zuletzt berechnet war. Die Arbeitsmappe will neu"
        " berechnet werden: öffnen Sie sie in einer Tabellenkalkulation, prüfen und speichern Sie sie.",
        "1 Zelle ist über mehrere Zeilen verbunden (zuerst in Zeile 6): ihr Text wurde für jede dieser Zeilen übernommen.",
        "1 ausgeblendete Zeile wurde auch gelesen (Zeile 5). Wenn das falsch ist, löschen Sie, was ausgeblendet ist.",
        "1 ausgeblendete Spalte wurde auch gelesen (Spalte B).",
    ]
