"""OpenDocument spreadsheets: what a person sees is read, whatever is repeated how often."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from overplane.files.cells import split_broken
from tests.files.tables import read, refusal, written, zipped

SPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{urn}:1.0"'
    for name, urn in (
        ("office", "office"),
        ("table", "table"),
        ("text", "text"),
        ("style", "style"),
        ("draw", "drawing"),
    )
)
CALC = 'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
STYLES = (
    '<style:style style:name="h" style:family="table"><style:table-properties table:display="false"/></style:style>'
)
MIME = "application/vnd.oasis.opendocument.spreadsheet"


def text(value: str, more: str = "") -> str:
    return f'<table:table-cell office:value-type="string" {more}><text:p>{value}</text:p></table:table-cell>'


def number(value: str, displayed: str, kind: str = "float", more: str = "") -> str:
    return (
        f'<table:table-cell office:value-type="{kind}" office:value="{value}" {more}><text:p>{displayed}</text:p>'
        "</table:table-cell>"
    )


def row(*cells: str, more: str = "") -> str:
    return f"<table:table-row {more}>{''.join(cells)}</table:table-row>"


def sheet(*rows: str, name: str = "Table", style: str = "v") -> str:
    return f'<table:table table:name="{name}" table:style-name="{style}">{"".join(rows)}</table:table>'


def ods(*sheets: str, **parts: Any) -> bytes:
    body = f"<office:body><office:spreadsheet>{''.join(sheets)}</office:spreadsheet></office:body>"
    automatic = f"<office:automatic-styles>{STYLES}</office:automatic-styles>"
    content = f"<office:document-content {SPACES} {CALC}>{automatic}{body}</office:document-content>"
    manifest = parts.pop("manifest", "<manifest:manifest/>")
    return zipped({"mimetype": MIME, "content.xml": content, "META-INF/manifest.xml": manifest} | parts)


HEAD = row(text("a"), text("b"))
BLANK = '<table:table-cell table:number-columns-repeated="16384"/>'
CELLS: dict[str, tuple[str, str]] = {
    "text": (text("Müller &amp; Söhne"), "Müller & Söhne"),
    "paragraphs": ('<table:table-cell office:value-type="string"><text:p>a<text:s text:c="3"/>b</text:p><text:p>c<text:tab/>'
                   "<text:span>d</text:span></text:p></table:table-cell>", "a   b\nc\td"),
    "a stored text": (text("shown", 'office:string-value="stored"'), "stored"),
    "a comment": ('<table:table-cell office:value-type="string"><office:annotation><text:p>no</text:p></office:annotation>'
                  "<text:p>yes</text:p></table:table-cell>", "yes"),
    "a drawing": ('<table:table-cell office:value-type="string"><draw:frame><draw:text-box><text:p>no</text:p></draw:text-box>'
                  "</draw:frame><text:p>yes</text:p></table:table-cell>", "yes"),
    "a number": (number("1234.567", "1.234,57"), "1234.567"),
    "a small number": (number("1E-7", "0"), "0.0000001"),
    "a large number": (number("4.41E+20", "4E20"), "441000000000000000000"),
    "thousands": (number("1234", "1.234"), "1234"),
    "thousands with blanks": (number("1234567", "1 234 567"), "1234567"),
    "money": (number("5", "5,00 €", "currency"), "5"),
    "money as a number": (number("5", "5 €"), "5"),
    "a percentage": (number("0.075", "8%", "percentage"), "7.5%"),
    "leading zeros": (number("1067", "01067"), "01067"),
    "leading zeros and thousands": (number("1067", "001.067"), "001067"),
    "an enormous number": (number("1E300", "1E300"), "1" + "0" * 300),
    "a hidden zero": (number("0", ""), ""),
    "a word": (number("1", "WAHR"), "WAHR"),
    "digits of no meaning": (number("0.30000000000000004", "0,3"), "0.3"),
    "a percentage of no meaning": (number("0.30800000000000005", "31%", "percentage"), "30.8%"),
    "a phone number": (number("5551234567", "(555) 123-4567"), "(555) 123-4567"),
    "a unit": (number("7", "7 kg"), "7 kg"),
    "a negative number": (number("-7", "-7"), "-7"),
    "a huge exponent": (number("1E999999", "1E999999"), "1E999999"),
    "no number": (number("NaN", "x"), "x"),
    "a day": ('<table:table-cell office:value-type="date" office:date-value="2024-02-29"><text:p>29.02.24</text:p></table:table-cell>', "2024-02-29"),
    "a moment": ('<table:table-cell office:value-type="date" office:date-value="2024-02-29T10:30:00"/>', "2024-02-29T10:30:00"),
    "a time": ('<table:table-cell office:value-type="time" office:time-value="PT08H05M00S"/>', "08:05:00"),
    "yes": ('<table:table-cell office:value-type="boolean" office:boolean-value="true"><text:p>WAHR</text:p></table:table-cell>', "true"),
    "a formula": (number("2", "2", more='table:formula="of:=1+1"'), "2"),
    "an empty result": (text("", 'table:formula="of:=x"'), ""),
    "a text like an error": (text("#N/A"), "#N/A"),
}  # fmt: skip
BROKEN_CELLS = {
    "an error": text("#N/A", 'table:formula="of:=NA()" calcext:value-type="error"'),
    "an error of an older program": text("Err:502", 'table:formula="of:=X"'),
    "an error with brackets": text("{x}", 'table:formula="of:=X" calcext:value-type="error"'),
    "never calculated": '<table:table-cell table:formula="of:=1+1"/>',
}


@pytest.mark.parametrize("name", CELLS)
def test_reads_a_cell_as_it_is_meant(tmp_path: Path, name: str) -> None:
    cell, value = CELLS[name]
    content = ods(sheet(HEAD, row(cell, text("z"))))
    assert read(written(tmp_path, "a.ods", content))[:2] == (["a", "b"], [(2, [value, "z"])])


@pytest.mark.parametrize("name", BROKEN_CELLS)
def test_errors_are_broken_cells(tmp_path: Path, name: str) -> None:
    ((_, cells),) = read(written(tmp_path, "a.ods", ods(sheet(HEAD, row(BROKEN_CELLS[name], text("z"))))))[1]
    seen, message = split_broken(cells[0])
    assert message.startswith("Cell A2 ")
    assert seen in BROKEN_CELLS[name]


@pytest.mark.parametrize("file", ["a.ods", "a.csv", "a.xls", "a.zip", "a.ods.gz"])
def test_is_known_by_its_content(tmp_path: Path, file: str) -> None:
    content = ods(sheet(HEAD, row(text("1"), text("2"))))
    content = gzip.compress(content) if file.endswith(".gz") else content
    content = zipped({"inner.ods": content}) if file.endswith(".zip") else content
    assert read(written(tmp_path, file, content))[1] == [(2, ["1", "2"])]


def test_what_is_repeated_is_written_out_and_blanks_are_not(tmp_path: Path) -> None:
    rows = [
        HEAD,
        row(BLANK, more='table:number-rows-repeated="3"'),
        row(text("x", 'table:number-columns-repeated="2"'), BLANK, more='table:number-rows-repeated="2"'),
        row('<table:table-cell table:number-columns-repeated="1"/>', text("y")),
        row(BLANK, more='table:number-rows-repeated="1048570"'),
    ]
    assert read(written(tmp_path, "a.ods", ods(sheet(*rows))))[1] == [(5, ["x", "x"]), (6, ["x", "x"]), (7, ["", "y"])]


BOMBS = {
    "rows": row(text("x"), more='table:number-rows-repeated="999999999"'),
    "a wide row": row(text("x", 'table:number-columns-repeated="999999999"')),
    "both": row(text("x", 'table:number-columns-repeated="16000"'), more='table:number-rows-repeated="1000000"'),
    "many": row(text("x", 'table:number-columns-repeated="16000"'), more='table:number-rows-repeated="900"') * 2,
    "blanks": row("<table:table-cell><text:p>" + '<text:s text:c="9999999"/>' * 5000 + "x</text:p></table:table-cell>"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_refuses_what_would_fill_the_memory(tmp_path: Path, name: str) -> None:
    message = refusal(written(tmp_path, "a.ods", ods(sheet(HEAD, BOMBS[name]))))
    assert any(part in message for part in ("too many cells", "no sheet is so large", "too long"))


BAD = {
    "a password": (ods(sheet(HEAD), manifest="<manifest:encryption-data/>"), "protected by a password"),
    "a text document": (zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "x"}), "no spreadsheet"),
    "broken XML": (zipped({"mimetype": MIME, "content.xml": f'<a {SPACES}><table:table table:name="a"></b>'}), "broken"),
    "no sheet": (zipped({"mimetype": MIME, "content.xml": "<a/>"}), "no sheet"),
    "entities": (zipped({"mimetype": MIME, "content.xml": f'<!DOCTYPE a [<!ENTITY e "x">]><a {SPACES}><table:table table:name="a"/></a>'}), "unusual"),
    "a bomb": (lambda: zipped({"mimetype": MIME, "content.xml": "x" * (70 << 20)}), "200 times"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_refuses_in_one_sentence(tmp_path: Path, name: str) -> None:
    content, expected = BAD[name]
    assert expected in refusal(written(tmp_path, "a.ods", content))


def test_notes_and_merged_cells(tmp_path: Path) -> None:
    rows = [
        '<table:table-column/><table:table-column table:visibility="collapse" table:number-columns-repeated="1"/>',
        row(text("Title")),
        HEAD,
        row(text("Acme", 'table:number-rows-spanned="2"'), number("1", "1", more='table:formula="of:=1"')),
        row("<table:covered-table-cell/>", number("2", "2"), more='table:visibility="filter"'),
        row(text("Bell"), number("3", "3"), more='table:visibility="collapse"'),
    ]
    content = ods(sheet(*rows), sheet(HEAD, name="Hidden &amp; filled", style="h"), sheet(row(BLANK), name="Empty"))
    headings, read_rows, table = read(written(tmp_path, "a.ods", content), heading_row=2)
    assert (headings, read_rows) == (["a", "b"], [(3, ["Acme", "1"]), (4, ["", "2"]), (5, ["Bell", "3"])])
    assert table.merged == {4: {0: "Acme"}}
    assert table.notes == [
        "The hidden sheet 'Hidden & filled' was not read.",
        "Row 2 was taken for the heading row; the 1 row above it was left out. If that is wrong, say which it is (--heading-row).",
        "1 cell holds a formula (B3): what was calculated last was taken.",
        "1 cell is merged over several rows (first in row 3): its text was taken for each of these rows.",
        "2 hidden rows were read too (row 4, 5). If that is wrong, delete what is hidden.",
        "1 hidden column was read too (column B).",
    ]


def test_several_sheets(tmp_path: Path) -> None:
    path = written(tmp_path, "a.ods", ods(sheet(HEAD, row(text("1")), name="North"), sheet(HEAD, name="South")))
    assert "2 filled sheets: 'North' (2 rows), 'South' (1 row). Say which" in refusal(path)
    assert read(path, sheet="north")[1] == [(2, ["1"])]
