"""What a search of a sheet found beside its values: cells that mean something else than they store, hidden rows, merges.

A mark is a number of eight bytes, so that a sheet full of them stays small: row, column and what it means.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from overplane.files.cells import broken, sheet_text
from overplane.files.number_formats import NumberFormat
from overplane.files.unusable import UnusableFile
from overplane.files.wording import gettext as _

MOST_ROWS = 1_048_576  # as many as a sheet of Excel has
NAMED = 3  # places that a note names, of however many
COLUMN_BITS, MEANING_BITS = 15, 20
# As many cells as fit into the memory that a sheet may take (a gigabyte, 70 bytes each); sheets with more are refused.
MOST_MARKS = 15_000_000
# A merged cell stands there once for each record of a person. (Its rows are counted: each becomes an entry.)
MOST_MERGED = 100_000
# Different texts of errors; programs know about ten.
MOST_ERRORS = 1000
Meaning = Callable[[Any, int, int], Any]  # value, row and column of a cell, and what is meant by it


def letters_of(column: int) -> str:
    """1 is A, 16384 XFD."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def cell_name(row: int, column: int) -> str:
    return f"{letters_of(column)}{row}"


def never_calculated(value: Any, row: int, column: int) -> str:
    message = _(
        "Cell %(cell)s holds a formula that was never calculated. Open the file in a spreadsheet and save it."
    ) % {"cell": cell_name(row, column)}
    return broken("", message)


@dataclass(slots=True)
class Tally:
    """How many, and where the first are."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, row: int, column: int) -> None:
        if self.count < NAMED:
            self.first.append(cell_name(row, column))
        self.count += 1

    def __str__(self) -> str:
        return ", ".join(self.first) + (" …" if self.count > len(self.first) else "")


@dataclass(slots=True)
class Findings:
    """Rows and columns count from 1. `hidden_rows` are those with values. `merged`: row, column and last row."""

    marks: array = field(default_factory=lambda: array("Q"))
    meanings: list[Meaning] = field(default_factory=list)
    formulas: Tally = field(default_factory=Tally)
    concealed: Tally = field(default_factory=Tally)  # cells whose format shows nothing
    hidden_rows: array = field(default_factory=lambda: array("L"))
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)
    merged: list[tuple[int, int, int]] = field(default_factory=list)
    is_unknown: bool = False  # what the file holds beside values could not be found out
    is_to_be_calculated: bool = False  # the program that wrote it asks the next one to do so
    _known: dict[Any, int] = field(default_factory=dict)

    def mark(self, row: int, column: int, key: Any, meaning: Meaning) -> None:
        """Cells of the same `key` have the same meaning."""
        if len(self.marks) >= MOST_MARKS:
            raise UnusableFile(_("The sheet has too many cells for this format. Save it as CSV."))
        if not 0 < row <= MOST_ROWS or not 0 < column < 1 << COLUMN_BITS:
            return  # no sheet is so large: it will be refused
        if key not in self._known:
            self._known[key] = len(self.meanings)
            self.meanings.append(meaning)
        self.marks.append((row << COLUMN_BITS | column) << MEANING_BITS | self._known[key])

    def mark_error(self, row: int, column: int, seen: str) -> None:
        if len(self._known) >= MOST_ERRORS and ("error", seen) not in self._known:
            seen = "#ERROR"

        def error(value: Any, row: int, column: int) -> str:
            message = _("Cell %(cell)s shows the error %(error)s. Correct it, or empty it.") % {
                "cell": cell_name(row, column),
                "error": seen or "(unknown)",
            }
            return broken(seen, message)

        self.mark(row, column, ("error", seen), error)

    def mark_never_calculated(self, row: int, column: int) -> None:
        self.mark(row, column, "never calculated", never_calculated)

    def mark_format(self, row: int, column: int, style: Any, format: NumberFormat) -> None:
        if format.hides_all:
            self.concealed.add(row, column)
        else:
            self.mark(row, column, ("format", style), lambda value, row, column: format(value))

    def note_formula(self, row: int, column: int) -> None:
        self.formulas.add(row, column)

    def merge(self, first: tuple[int, int], last: tuple[int, int]) -> None:
        """Cells by row and column. Only those of several rows matter."""
        if last[0] > first[0]:
            self.merged.append((first[0], first[1], min(last[0], MOST_ROWS)))
        if len(self.merged) > MOST_MERGED:
            raise UnusableFile(
                _("The sheet has more than %(most_merged)s merged cells. Unmerge them, save it again.")
                % {"most_merged": MOST_MERGED}
            )

    def applied(self, rows: Iterator[tuple[int, list[Any]]], left: int) -> Iterator[tuple[int, list[Any]]]:
        """The rows (in their order) with what is meant in the marked cells. `left`: columns before the first of a row."""
        marks = self.marks if _is_sorted(self.marks) else array("Q", sorted(self.marks))
        coming = iter(marks)
        mark = next(coming, None)
        shift = COLUMN_BITS + MEANING_BITS
        for number, cells in rows:
            while mark is not None and mark >> shift <= number:
                column = (mark >> MEANING_BITS & (1 << COLUMN_BITS) - 1) - left
                if mark >> shift == number and 0 < column <= len(cells):
                    meaning = self.meanings[mark & (1 << MEANING_BITS) - 1]
                    cells[column - 1] = meaning(cells[column - 1], number, column + left)
                mark = next(coming, None)
            yield number, cells


def _is_sorted(marks: array) -> bool:
    return all(map(int.__le__, marks, islice(marks, 1, None)))


def texts(rows: Iterator[tuple[int, list[Any]]]) -> Iterator[tuple[int, list[str]]]:
    for number, cells in rows:
        yield number, [unescaped(sheet_text(cell)) for cell in cells]


def unescaped(text: str) -> str:
    """The reader of workbooks undoes all escapes (`_x0001_`) but those of the two that are no characters: as such they are refused."""
    return text.replace("_xFFFE_", "\ufffe").replace("_xFFFF_", "\uffff") if "_xFFF" in text else text
