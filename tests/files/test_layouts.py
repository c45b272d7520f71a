"""Which row is the heading row."""

import pytest

from overplane.files.layouts import LOOKED_AT, Layout, find_heading_row, note_of_heading_row
from overplane.files.unusable import UnusableFile

FIELDS = {"name", "phone", "mail"}


def recognizer(cells: list[str]) -> int:
    return len(FIELDS.intersection(cells))


@pytest.mark.parametrize(
    ("rows", "index"),
    [
        ([["name", "phone"], ["A", "1"]], 0),
        ([["Our customers"], [""], ["name", "phone"], ["A", "1"]], 2),
        ([["name"], ["name", "phone"]], 1),
        ([["", ""], ["name", "phone"]], 1),
        ([["name", "other"], ["phone", "mail"]], 0),  # a row of data may hold such words
        ([["Report", "2026"], ["name", "x"]], 0),  # one known field proves nothing
        ([["a", "b"], ["c", "d"]], 0),
        ([["Title"], ["name", "phone"], ["name", "phone", "mail"]], 2),
        ([["Title"], ["name", "phone"], ["name", "phone"]], 1),
    ],
)
def test_the_heading_row_is_the_first_unless_a_later_one_is_clearly_it(rows: list[list[str]], index: int) -> None:
    assert find_heading_row(list(enumerate(rows, 1)), Layout(), recognizer) == index


def test_the_row_that_somebody_named_is_it() -> None:
    rows = [(2, ["name", "phone"]), (5, ["x", "y"])]
    assert find_heading_row(rows, Layout(heading_row=5), recognizer) == 1
    with pytest.raises(UnusableFile, match="There is no row 3"):
        find_heading_row(rows, Layout(heading_row=3), recognizer)


def test_what_stands_above_is_told() -> None:
    rows = [(1, ["Our customers"]), (2, [""]), (4, ["as of May"]), (5, ["name"])]
    (note,) = note_of_heading_row(rows, 3)
    assert note == (
        "Row 5 was taken for the heading row; the 2 rows above it were left out."
        " If that is wrong, say which it is (--heading-row)."
    )
    assert note_of_heading_row(rows[1:], 0) == []
    assert LOOKED_AT >= 30
