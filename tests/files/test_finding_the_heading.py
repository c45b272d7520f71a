"""Lines above the heading row, and the delimiter that makes a heading of it."""

from pathlib import Path

import pytest

from overplane.files.cells import Row
from overplane.files.layouts import LOOKED_AT, Layout
from overplane.files.sources import opened
from overplane.files.tables import opened_table
from overplane.files.unusable import UnusableFile

FIELDS = {"name", "mail", "place"}


def read(path: Path, content: str, layout: Layout | None = None) -> tuple[list[str], list[Row], list[str]]:
    path.write_text(content)
    with (
        opened(str(path)) as source,
        opened_table(source, layout or Layout(), lambda cells: len(FIELDS.intersection(cells))) as table,
    ):
        return table.headings, list(table.rows), table.notes


NOTE = "Row {} was taken for the heading row; the {} left out. If that is wrong, say which it is (--heading-row)."
TEXTS = {
    "at once": ("name,mail\nx,y\n", ["name", "mail"], [(2, ["x", "y"])], []),
    "blank lines": ("\n\nname,mail\nx,y\n", ["name", "mail"], [(4, ["x", "y"])], []),
    "a letterhead": ("Acme, Inc., Berlin\n\nCustomers\nname;mail\nx;y\n", ["name", "mail"], [(5, ["x", "y"])], [NOTE.format(4, "2 rows above it were")]),
    "a title": ("Customers,,\nname,mail,other\nx,y,z\n", ["name", "mail", "other"], [(3, ["x", "y", "z"])], [NOTE.format(2, "1 row above it was")]),
    "sep": ("sep=;\nCustomers\nname;mail\nx;y\n", ["name", "mail"], [(3, ["x", "y"])], [NOTE.format(2, "1 row above it was")]),
    "line breaks": ('"Our\ncustomers"\nname|mail\nx|y\n', ["name", "mail"], [(3, ["x", "y"])], [NOTE.format(2, "1 row above it was")]),
    "commas within": ("name;mail;a,b,c,d\nx;y;z\n", ["name", "mail", "a,b,c,d"], [(2, ["x", "y", "z"])], []),
    "nothing known": ("a,b;c;d\n1,2;3;4\n", ["a,b", "c", "d"], [(2, ["1,2", "3", "4"])], []),
    "escaped": ('="name",mail\nx,y\n', ["name", "mail"], [(2, ["x", "y"])], []),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_the_heading_row_and_the_delimiter_are_found(tmp_path: Path, name: str) -> None:
    content, *expected = TEXTS[name]
    assert list(read(tmp_path / "a.csv", content)) == expected


def test_the_heading_row_may_be_named(tmp_path: Path) -> None:
    content = "name,mail\n\n" + "x,y\n" * 50 + "a,b\n1,2\n"
    headings, rows, notes = read(tmp_path / "a.csv", content, Layout(heading_row=53))
    assert (headings, rows, notes) == (["a", "b"], [(54, ["1", "2"])], [])
    assert LOOKED_AT < 53
    with pytest.raises(UnusableFile, match="There is no row 99 that could be the heading row"):
        read(tmp_path / "a.csv", content, Layout(heading_row=99))


def test_a_delimiter_that_is_named_is_not_doubted(tmp_path: Path) -> None:
    headings, _, _ = read(tmp_path / "a.csv", "name,mail;x\n", Layout(delimiter=";"))
    assert headings == ["name,mail", "x"]
