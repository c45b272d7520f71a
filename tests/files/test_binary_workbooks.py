"""XLS and XLSB: the same as of XLSX is known of their cells; whatever they ask for, this process stays as it is."""

import gzip
import resource
import struct
from pathlib import Path
from typing import Any

import pytest

from overplane.files.cells import split_broken
from overplane.files.sources import examined
from overplane.files.tables import opened_table
from tests.files.binary_books import XlsbCells, XlsCells, compound, record
from tests.files.tables import read, refusal, written, zipped

KINDS: dict[str, Any] = {"xls": XlsCells(), "xlsb": XlsbCells()}
each_kind = pytest.mark.parametrize("kind", KINDS)


def head(make: Any) -> list[bytes]:
    return [make.text(0, i, name) for i, name in enumerate("abc")]


@each_kind
def test_cells_are_read_as_they_are_shown(tmp_path: Path, kind: str) -> None:
    make = KINDS[kind]
    cells = [make.number(1, 0, 1067, 1), make.number(1, 1, 0.075, 2), make.number(1, 2, 7.5, 3), make.text(2, 0, "x"),
             make.number(2, 1, 1234.567)]  # fmt: skip
    headings, rows, table = read(written(tmp_path, f"a.{kind}", make.book({"Table": head(make) + cells})))
    assert headings == ["a", "b", "c"]
    assert rows == [(2, ["01067", "7.5%", "7.5 kg"]), (3, ["x", "1234.567", ""])]
    assert table.notes == []


@each_kind
@pytest.mark.parametrize("name", ["a.csv", "a.xls", "a.zip", "a.gz"])
def test_is_known_by_its_content(tmp_path: Path, kind: str, name: str) -> None:
    content = KINDS[kind].book({"Table": [*head(KINDS[kind]), KINDS[kind].text(1, 0, "x")]})
    content = gzip.compress(content) if name.endswith(".gz") else content
    content = zipped({f"inner.{kind}": content}) if name.endswith(".zip") else content
    path = written(tmp_path, name, content)
    assert examined(path, name).format == kind
    assert examined(path, name).is_sheet
    assert read(path)[1] == [(2, ["x", "", ""])]


@pytest.mark.slow
@each_kind
def test_formulas_errors_merges_and_what_is_hidden(tmp_path: Path, kind: str) -> None:
    make = KINDS[kind]
    cells = [
        make.hidden_column(1),
        *head(make),
        make.text(1, 0, "x"),
        make.formula(1, 1, 2.0),
        make.error(1, 2, "#N/A"),
    ]
    if kind == "xls":
        cells += [make.hidden_row(2), make.text(2, 1, "y"), make.wrong_formula(2, 2, "#REF!"), make.merged(1, 2, 0)]
    else:  # whose cells belong to the row before them
        second = [make.text(2, 1, "y"), make.wrong_formula(2, 2, "#REF!")]
        second[0] = make.hidden_row(2) + second[0][second[0].index(b"\x06", 20) :]
        cells += [*second, make.merged(1, 2, 0)]
    content = make.book({"Table": cells, "Secret": head(make), "Empty": []}, hidden=["Secret"])
    _, rows, table = read(written(tmp_path, f"a.{kind}", content))
    (_, first), (_, second) = rows
    assert first[:2] == ["x", "2"]
    assert split_broken(first[2]) == ("#N/A", "Cell C2 shows the error #N/A. Correct it, or empty it.")
    assert split_broken(second[2]) == ("#REF!", "Cell C3 shows the error #REF!. Correct it, or empty it.")
    assert table.merged == {3: {0: "x"}}
    assert table.notes == [
        "The hidden sheet 'Secret' was not read.",
        "1 cell holds a formula (B2): what was calculated last was taken.",
        "1 cell is merged over several rows (first in row 2): its text was taken for each of these rows.",
        "1 hidden row was read too (row 3). If that is wrong, delete what is hidden.",
        "1 hidden column was read too (column B).",
    ]


@pytest.mark.slow
@each_kind
def test_several_sheets(tmp_path: Path, kind: str) -> None:
    make = KINDS[kind]
    content = make.book({"North": [*head(make), make.text(1, 0, "x")], "South": head(make)})
    path = written(tmp_path, f"a.{kind}", content)
    assert refusal(path) == (
        "The workbook has 2 filled sheets: 'North' (2 rows), 'South' (1 row). Say which is meant (--sheet NAME). Each is"
        " read by itself."
    )
    assert read(path, sheet="north")[1] == [(2, ["x", "", ""])]


def test_what_cannot_be_found_out_is_told(tmp_path: Path) -> None:
    """The compound file's table has a chain without end, which the reader of values does not follow so far."""
    content = XLS.book({"Table": [*head(XLS), XLS.number(1, 0, 1067, 1)]})
    content = content[:520] + struct.pack("<I", 2) * 20 + content[600:]
    _, rows, table = read(written(tmp_path, "a.xls", content))
    assert rows == [(2, ["1067", "", ""])]
    assert table.notes == [
        "Number formats, errors, merged cells and hidden rows of this workbook could not be found out."
    ]


def test_a_sheet_may_be_left_before_its_end(tmp_path: Path) -> None:
    """The process that reads it ends with it."""
    make = KINDS["xls"]
    cells = [make.text(row, 0, "x" * 200) for row in range(200)]
    path = written(tmp_path, "a.xls", make.book({"Table": cells}))
    with opened_table(examined(path, "a.xls")) as table:
        assert next(table.rows)[0] == 2


PROTECTED = "The workbook is protected by a password. Save it without one."
NO_WORKBOOK = "The file is no workbook. Save the table as .xlsx or CSV."
XLS, XLSB = KINDS["xls"], KINDS["xlsb"]
FAR = XLSB.book({"Table": [XLSB.text(0, 0, "a"), XLSB.text(1_048_575, 16_383, "x")]})
BAD: dict[str, tuple[bytes, str]] = {
    "a protected XLSX": (compound(EncryptionInfo=b"x", EncryptedPackage=b"x"), PROTECTED),
    "a protected XLS": (XLS.book({"Table": head(XLS)}, more=record(0x2F, bytes(54))), PROTECTED),
    "a text document": (compound(WordDocument=b"x"), NO_WORKBOOK),
    "cells far apart": (FAR, "needs more memory"),
    "cut off": (XLS.book({"Table": head(XLS)})[:1500], "cannot be read"),
    "nothing behind its first bytes": (b"\xd0\xcf\x11\xe0" + bytes(99), "cannot be read"),
    "no records": (compound(Workbook=b"\xff" * 5000), "cannot be read|no sheet"),
    "an XLSB without parts": (zipped({"[Content_Types].xml": "x", "xl/workbook.bin": "x"}), "cannot be read"),
    "a bomb": (lambda: zipped({"[Content_Types].xml": "x", "xl/workbook.bin": "x" * (70 << 20)}), "cannot be read|200 times"),
    "a very old XLS": (b"\x09\x08\x08\x00" + bytes(99), "very old Excel"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD)
def test_refuses_in_one_sentence_and_keeps_its_memory(tmp_path: Path, name: str) -> None:
    content, expected = BAD[name]
    path = written(tmp_path, "a.xls", content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    message = refusal(path)
    assert any(part in message for part in expected.split("|")), message
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 << 10  # kilobytes
