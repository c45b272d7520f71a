"""Reading XLSX: cells as a person would type them; what would fill the memory is refused before."""

import gzip
import io
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import xlsxwriter

from tests.files.tables import read, refusal, replaced, written, zipped
from tests.files.xlsx_books import HEAD, book

BOOKS: dict[str, tuple[bytes, list[str]]] = {
    "as usual": (book(HEAD + '<row r="2"><c r="A2"><v>1.5</v></c></row>'), ["1.5"]),
    "sixteen digits": (book(HEAD + '<row r="2"><c r="A2"><v>1234567890123456</v></c></row>'), ["1234567890123456"]),
    "an exponent": (book(HEAD + '<row r="2"><c r="A2"><v>4.41E+20</v></c></row>'), ["441000000000000000000"]),
    "a small number": (book(HEAD + '<row r="2"><c r="A2"><v>1E-7</v></c></row>'), ["0.0000001"]),
    "formatted but empty to the end": (
        book(HEAD + '<row r="2"><c r="A2" t="s"><v>0</v></c><c r="XFD2" s="1"/></row><row r="1048576"><c r="XFD1048576" s="1"/></row>', texts=["x"]),
        ["x"],
    ),
    "prefixes": (book('<x:row r="1"><x:c r="A1" t="s"><x:v>0</x:v></x:c></x:row><x:row r="2"><x:c r="A2"><x:v>7</x:v></x:c></x:row>', texts=["a"]), ["7"]),
    "prefixes, also outside": (book('<x:row r="1"><x:c r="A1" t="s"><x:v>0</x:v></x:c></x:row><x:row r="2"><x:c r="A2"><x:v>7</x:v></x:c></x:row>', texts=["a"], data="<x:sheetData>{}</x:sheetData>"), ["7"]),
    "no rows": (book('<c r="A1" t="s"><v>0</v></c><c r="A2"><v>7</v></c>', texts=["a"]), ["7"]),
    "no places": (book('<row><c t="s"><v>0</v></c></row><row><c><v>7</v></c></row>', texts=["a"]), ["7"]),
    "words of formulas": (book(HEAD + '<row r="2"><c r="A2" t="s"><v>0</v></c></row>', texts=["&lt;f&gt; :f \"e\""]), ['<f> :f "e"']),
    "a formula beside the cells": (book(HEAD + '<row r="2"><c r="A2"><v>1</v></c></row>', data="<sheetData>{}</sheetData><extLst><x:f>A1</x:f></extLst>"), ["1"]),
}  # fmt: skip


@pytest.mark.parametrize("file", ["a.xlsx", "a.xls", "a.csv", "a.zip", "a.xlsx.gz"])
@pytest.mark.parametrize("name", BOOKS)
def test_reads_workbooks(tmp_path: Path, name: str, file: str) -> None:
    content, column = BOOKS[name]
    content = gzip.compress(content) if file.endswith(".gz") else content
    content = zipped({"inner.xlsx": content}) if file.endswith(".zip") else content
    headings, rows, _ = read(written(tmp_path, file, content))
    assert (headings, [cells[0] for _, cells in rows]) == (["a"], column)


def row(cells: str) -> bytes:
    return book(HEAD + f'<row r="2">{cells}</row>')


def with_entities(content: bytes) -> bytes:
    """Each entity is ten of the one before: a few bytes that would become very many."""
    grown = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    bomb = f'<!DOCTYPE workbook [<!ENTITY e0 "x">{grown}]>'
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    parts["xl/workbook.xml"] = bomb + parts["xl/workbook.xml"].replace(' name="', ' name="&e11;', 1)
    return zipped(parts)


def bomb() -> bytes:
    return zipped({"[Content_Types].xml": "x", "x": b"x" * (70 << 20)})


MANY = "".join(f'<row r="{i}"><c r="A{i}"><v>1</v></c></row>' for i in range(2, 5000))
SHARING = "".join(f'<row r="{i}"><c r="A{i}" t="s"><v>0</v></c></row>' for i in range(1, 4000))
BAD_BOOKS: dict[str, tuple[bytes | Callable[[], bytes], str]] = {
    "the last cell": (row('<c r="XFD1048576"><v>1</v></c>'), "save it as CSV"),
    "the last cell, unusual": (row("<c r='XFD1048576'><v>1</v></c>"), "CSV"),
    "the last cell, hidden": (row('<c s=">" r="XFD1048576"><v>1</v></c>'), "CSV"),
    "places by rows": (book(HEAD + '<row r="1048576">' + "<c><v>1</v></c>" * 16384 + "</row>"), "CSV"),
    "beyond the last": (row('<c r="XFE2"><v>1</v></c>'), "column 16385"),
    "a wide row over many": (book(HEAD + MANY + '<row r="9000"><c r="XFD9000"><v>1</v></c></row>'), "CSV"),
    "one text in many cells": (book(SHARING, texts=["x" * 400_000]), "texts are too large"),
    "hidden by a comment": (row('<!-- </sheetData> --><c r="XFD1048576"><v>1</v></c>'), "unusual way"),
    "broken XML": (replaced(row(""), b"xl/workbook.xml", b"xl/workbook.XXX"), "cannot be read|no workbook"),
    "entities": (with_entities(row("")), "unusual way"),
    "no workbook": (zipped({"[Content_Types].xml": "x", "word/document.xml": "x"}), "no workbook"),
    "a bomb": (bomb, "200 times"),
    "a bomb in an archive": (lambda: gzip.compress(bomb()), "200 times"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_BOOKS)
def test_refuses_workbooks_before_they_fill_the_memory(tmp_path: Path, name: str) -> None:
    content, expected = BAD_BOOKS[name]
    message = refusal(written(tmp_path, "a.xlsx", content))
    assert any(part in message for part in expected.split("|")), message


@pytest.mark.slow
def test_a_text_in_many_cells_is_fine_if_it_is_short(tmp_path: Path) -> None:
    many = '<row r="{0}"><c r="A{0}" t="s"><v>{1}</v></c></row>'
    cells = "".join(many.format(i + 1, min(i, 1)) for i in range(40_000))
    rows = read(written(tmp_path, "a.xlsx", book(cells, texts=["x" * 30_000, "y"])))[1]
    assert len(rows) == 39_999


def test_reads_what_a_spreadsheet_writes(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as workbook:
        chart, drawn = workbook.add_chartsheet("Chart"), workbook.add_chart({"type": "line"})
        drawn.add_series({"values": "=Table!$C$4:$C$5"})
        chart.set_chart(drawn)
        sheet = workbook.add_worksheet("Table")
        sheet.write_row(2, 1, ["name", "number", "day", "yes", "error"])
        sheet.write_row(3, 1, ["Müller", 12])
        sheet.write_datetime(3, 3, datetime(2024, 2, 29), workbook.add_format({"num_format": "yyyy-mm-dd"}))  # noqa: DTZ001
        sheet.write_boolean(3, 4, True)
        sheet.write_string(3, 5, "#N/A")
    headings, rows, _ = read(tmp_path / "a.xlsx")
    assert headings == ["name", "number", "day", "yes", "error"]
    assert rows == [(4, ["Müller", "12", "2024-02-29", "true", "#N/A"])]
