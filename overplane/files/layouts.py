"""Where in a file the table stands: on which sheet, below which heading row, its cells parted by what."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from overplane.files.cells import Row
from overplane.files.unusable import UnusableFile
from overplane.files.wording import gettext as _
from overplane.files.wording import ngettext

# How many different fields these headings name.
Recognizer = Callable[[Sequence[str]], int]
LOOKED_AT = 30  # rows in which the heading row is looked for: a letterhead with some lines of explanation
PREVIEW_ROWS = 8  # rows above a heading row that somebody named, which are kept to be shown
FEWEST = 2  # fields that a row must name to be taken for the heading row


@dataclass(frozen=True, slots=True)
class Layout:
    """What somebody said of it; None is found out. `heading_row` by the number that a spreadsheet shows."""

    sheet: str | None = None
    heading_row: int | None = None
    delimiter: str | None = None


FOUND_OUT = Layout()


def find_heading_row(rows: Sequence[Row], layout: Layout, recognizer: Recognizer | None) -> int:
    """The index of the heading row among the first rows (at least `LOOKED_AT`, or all). Raises `UnusableFile`."""
    if layout.heading_row is not None:
        for index, (number, _cells) in enumerate(rows):
            if number == layout.heading_row:
                return index
        raise UnusableFile(_("There is no row %(row)s that could be the heading row.") % {"row": layout.heading_row})
    filled = [index for index, (_number, cells) in enumerate(rows) if any(map(str.strip, cells))]
    if not filled:
        return 0
    first = filled[0]
    if recognizer is None or not _may_be_title(rows[first][1], recognizer):
        return first
    known = {index: recognizer(rows[index][1]) for index in filled}
    best = max(filled, key=lambda index: known[index])  # of several the first
    return best if known[best] >= FEWEST else first


def _may_be_title(cells: Sequence[str], recognizer: Recognizer) -> bool:
    return recognizer(cells) == 0 or sum(map(bool, map(str.strip, cells))) == 1


def note_of_heading_row(rows: Sequence[Row], index: int) -> list[str]:
    """What to tell people where something stands above the heading row."""
    above = [number for number, cells in rows[:index] if any(map(str.strip, cells))]
    if not above:
        return []
    note = ngettext(
        "Row %(row)s was taken for the heading row; the %(count)s row above it was left out."
        " If that is wrong, say which it is (--heading-row).",
        "Row %(row)s was taken for the heading row; the %(count)s rows above it were left out."
        " If that is wrong, say which it is (--heading-row).",
        len(above),
    )
    return [note % {"row": rows[index][0], "count": len(above)}]
