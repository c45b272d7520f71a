"""Text with a stray quote, a bad byte or a row in another shape: that row is told, and all others are read."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from overplane.files.cells import BROKEN, BrokenRow, Row, split_broken
from overplane.files.layouts import Layout
from overplane.files.sources import opened
from overplane.files.tables import opened_table
from overplane.files.unusable import UnusableFile

NOT_CLOSED = (
    "This row is not CSV: a quote is opened in it and closed nowhere. Close it, or double a quote that is meant."
)


def read(path: Path, content: str | bytes, *, delimiter: str | None = None, **more: Any) -> list[Row]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with opened(str(path), **more) as source, opened_table(source, Layout(delimiter=delimiter)) as table:
        return list(table.rows)


def problems_of(rows: list[Row]) -> list[tuple[int, str, str]]:
    """What is broken: row, what it shows, the message."""
    problems = []
    for number, cells in rows:
        if isinstance(cells, BrokenRow):
            problems.append((number, cells[0], cells.message))
        problems += [(number, *split_broken(cell)) for cell in cells if cell.startswith(BROKEN)]
    return problems


def whole(rows: list[Row]) -> dict[int, list[str]]:
    return {number: cells for number, cells in rows if not isinstance(cells, BrokenRow)}


DOUBLED = "This row is not CSV (',' expected after '\"'). A quote inside of quotes must be doubled."
QUOTES = {
    "a stray quote": ('a,b\n1,2\n"Acme "Best" Ltd",x\n3,4\n', [(3, '"Acme "Best" Ltd",x', DOUBLED)], {2: ["1", "2"], 4: ["3", "4"]}),
    "never closed": ('a,b\n"Acme,1\nBeta,2\n', [(2, '"Acme,1', NOT_CLOSED)], {3: ["Beta", "2"]}),
    "closed by the next one": ('a,b\n"Acme,1\n"Beta",2\n', [(2, '"Acme,1', NOT_CLOSED)], {3: ["Beta", "2"]}),
    "two": ('a,b\n"A" B,1\nx,y\n"C" D,2\nz,""\n', [(2, '"A" B,1', DOUBLED), (4, '"C" D,2', DOUBLED)], {3: ["x", "y"], 5: ["z", ""]}),
    "lines in quotes around it": ('a,b\n"1\n2",3\n"x"y,4\n"5\n6",7\n', [(3, '"x"y,4', DOUBLED)], {2: ["1\n2", "3"], 4: ["5\n6", "7"]}),
    "the last line": ('a,b\n1,2\n"', [(3, '"', NOT_CLOSED)], {2: ["1", "2"]}),
    "a blank line": ('a,b\n"x"y,4\n\n1,2\n', [(2, '"x"y,4', DOUBLED)], {3: [], 4: ["1", "2"]}),
}  # fmt: skip


@pytest.mark.parametrize("name", QUOTES)
def test_a_quote_where_none_may_stand_spoils_its_row_only(tmp_path: Path, name: str) -> None:
    content, broken, good = QUOTES[name]
    rows = read(tmp_path / "a.csv", content)
    assert (problems_of(rows), whole(rows)) == (broken, good)


@pytest.mark.slow
def test_a_quote_that_is_never_closed_takes_no_more_than_its_line(tmp_path: Path) -> None:
    lines = [f"{i},{'x' * 1000}" for i in range(17_000)]  # more than 16 MiB
    lines[1000] = '"lost,x'
    rows = read(tmp_path / "a.csv", "a,b\n" + "\n".join(lines))
    assert problems_of(rows) == [(1002, '"lost,x', NOT_CLOSED)]
    assert (len(rows), rows[-1]) == (len(lines), (len(lines) + 1, ["16999", "x" * 1000]))


def test_too_many_broken_rows_are_no_table(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile) as caught:
        read(tmp_path / "a.csv", "a\n" + '"x"y\n' * 1001)
    assert str(caught.value).startswith(
        "a.csv has more than 1000 rows that cannot be read. Of the first: This row is not"
    )
    assert len(problems_of(read(tmp_path / "b.csv", "a\n" + '"x"y\n' * 1000))) == 1000


def test_the_heading_row_must_be_whole(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match=r"row 1: This row is not CSV .* It would be the heading row"):
        read(tmp_path / "a.csv", '"a"x,b\n1,2\n')


BYTES: dict[str, tuple[bytes, dict[str, Any], list[tuple[int, str, str]]]] = {
    "one": ("a,b\nMüller,1\nSöhne,2\n".encode() + b"caf\xe9,3\nx,4\n", {}, [(4, "caf�", "Line 4: the byte 0xE9 is not UTF-8.")]),
    "bad first": (b"a\ncaf\xe9\n" + "Müller\n".encode(), {}, [(2, "caf�", "Line 2: the byte 0xE9 is not UTF-8.")]),
    "cut": ("a\nMüller\nSö".encode()[:-1], {}, [(3, "S�", "Line 3: the byte 0xC3 is not UTF-8.")]),
    "line breaks in cells": ('a,b\n"ü\nü",1\nx,'.encode() + b"\xff\n", {}, [(3, "�", "Line 4: the byte 0xFF is not UTF-8.")]),
    "named": (b"a\n1\n2\n\xff\n", {"encoding": "utf-8"}, [(4, "�", "Line 4: the byte 0xFF is not UTF-8.")]),
    "Japanese": (b"a\n1\n\x81\nx\n", {"encoding": "shift_jis"}, [(3, "�", "Line 3: the byte 0x81 is not shift_jis.")]),
    "Windows": (b"a\n\x81\nx\n", {"encoding": "cp1252"}, [(2, "�", "Line 2: the byte 0x81 is not cp1252.")]),
    "an odd byte": ("a\n1\n".encode("utf-16") + b"x", {}, [(3, "�", "Line 3: the byte 0x78 is not utf-16.")]),
    "in NDJSON": ('{"a":"ü"}\n{"a":"'.encode() + b'\xfc"}\n{"a":1}\n', {"format": "ndjson"}, [(2, '{"a":"�"}', "Line 2: the byte 0xFC is not UTF-8.")]),
    "in JSON": ('[{"a":"ü"},{"a":"'.encode() + b'\xfc"},{"a":1}]', {"format": "json"}, [(2, '{"a":"�"}', "A byte is not UTF-8.")]),
}  # fmt: skip


@pytest.mark.parametrize("name", BYTES)
def test_a_bad_byte_spoils_its_cell_only(tmp_path: Path, name: str) -> None:
    content, more, broken = BYTES[name]
    rows = read(tmp_path / "a.csv", content, **more)
    assert [(number, seen, message.partition(". ")[0] + ".") for number, seen, message in problems_of(rows)] == broken
    assert all("--encoding" in message for _, _, message in problems_of(rows))
    end = content.decode(more.get("encoding", "utf-16" if content[0] > 0xF0 else "utf-8"), "replace")
    assert len(rows) == (3 if end[0] in "[{" else len(end.splitlines()) - 1 - end.count('"') // 2)


def test_a_bad_byte_in_a_heading_is_shown(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"n\xe4me,Stra\xc3\x9fe\nx,y\n")
    with opened(str(tmp_path / "a.csv")) as source, opened_table(source) as table:
        assert table.headings == ["n�me", "Straße"]
    with pytest.raises(UnusableFile, match="row 1: Line 1: the byte 0xE4 is not UTF-8"):
        read(tmp_path / "a.csv", b"n\xe4me\nx\n", encoding="utf-8")


SPACED = {
    "all quoted": ('"a", "b"\n"Acme", "1 Main St"\n', [["Acme", "1 Main St"]]),
    "line breaks": ('a, b\nAcme, "1 Main St\nBerlin, ""B"""\nx, y\n', [["Acme", '1 Main St\nBerlin, "B"'], ["x", "y"]]),
    "blank cells": ('a, b, c\n"x", , "z"\n', [["x", "", "z"]]),
    "the first cell": ('a,b\n  "x",y\n', [["x", "y"]]),
    "several blanks": ('a,b\nx,   "y, z"\n', [["x", "y, z"]]),
    "behind as well": ('a;b\n"x" ; "y" \n"1";2\n', [["x", "y"], ["1", "2"]]),
    "behind, with line breaks": ('a,b\n"x\ny" , "z"\n', [["x\ny", "z"]]),
    "only further down": ('a,b\n 1, 2\nx, "y"\n', [["1", "2"], ["x", "y"]]),
    "a quote in a cell": ('a,b\n5" pipe,he said "x"\n6" , 7"\n', [['5" pipe', 'he said "x"'], ['6" ', ' 7"']]),
    "a word in quotes": ('a,b\nAcme, "Big" Jim\nBeta, "x"\n', [["Acme", ' "Big" Jim'], ["Beta", "x"]]),
    "no blanks": ('a,b\n1, 2\n" x",3\n', [["1", " 2"], [" x", "3"]]),
}


@pytest.mark.parametrize("name", SPACED)
def test_quotes_after_a_blank_are_quotes(tmp_path: Path, name: str) -> None:
    content, rows = SPACED[name]
    read_rows = read(tmp_path / "a.csv", content, delimiter=";" if ";" in content else ",")
    assert [[cell.strip() for cell in cells] for _, cells in read_rows] == [[c.strip() for c in row] for row in rows]
    if name in ("a quote in a cell", "no blanks"):
        assert [cells for _, cells in read_rows] == rows  # not even blanks are lost
    assert [number for number, _ in read_rows] == list(range(2, len(rows) + 2))


@pytest.mark.slow
def test_the_first_quote_after_a_blank_may_stand_anywhere(tmp_path: Path) -> None:
    plain = "".join(f"{i}, {'x' * 1000}\n" for i in range(3000))  # several blocks
    rows = read(tmp_path / "a.csv.gz", gzip.compress(f'a,b\n{plain}y, "z"\n'.encode()))
    assert rows[-1] == (3002, ["y", "z"])
    assert [number for number, _ in rows] == list(range(2, 3003))


@pytest.mark.slow
def test_a_quote_after_a_blank_at_the_end_of_a_block(tmp_path: Path) -> None:
    for length in range((1 << 20) - 4, 1 << 20):
        filling = "a,b\n" + f"1,{'x' * 1021}\n" * 1023
        filling += "1," + "x" * (length - len(filling) - 3) + "\n"
        rows = read(tmp_path / "a.csv", filling + 'x, "y"\n' * 2)
        assert [cells for _, cells in rows[-2:]] == [["x", "y"]] * 2, length


def test_very_many_quotes_after_a_blank_inside_of_cells_are_data(tmp_path: Path) -> None:
    """They are looked at one by one up to a number, then all at once."""
    prose = 'he said "no"' * 600
    assert read(tmp_path / "a.csv", f"a,b\n{prose},1\n") == [(2, [prose, "1"])]
    assert read(tmp_path / "b.csv", f'a,b\n{prose},1\nx, "y, z"\n') == [(2, [prose, "1"]), (3, ["x", "y, z"])]
