"""What every format is read as: headings over numbered rows of text cells."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from overplane.files.unusable import UnusableFile
from overplane.files.wording import gettext as _

# Longer than any attribute, whose own rule then reports the length; shorter than what an unclosed quote swallows.
LONGEST_CELL = 4 << 20
MOST_COLUMNS = 16_384  # as many as a sheet of Excel has
# The cell of a JSON object that has no such key.
ABSENT = "\0absent"
# A cell that cannot be read begins so; what it shows and the reason follow. (No text of a file holds a NUL.)
BROKEN = "\0broken:"
# Rows that cannot be taken apart: with more of them the file is no table, and its report no help.
MOST_BROKEN_ROWS = 1000
# Of a number spreadsheets show and calculate so many; what is stored may have two more, of no meaning.
MOST_DIGITS = 15
NO_TIME = timedelta()
LONGEST_RAW = 200  # characters of such a row, to recognize it by
Row = tuple[int, list[str]]


def broken(seen: str, message: str) -> str:
    """A cell that cannot be read, such as #N/A. It harms nobody who does not want its column."""
    return f"{BROKEN}{seen}\0{message}"


def split_broken(cell: str) -> tuple[str, str]:
    """What a broken cell shows, and why it cannot be read."""
    seen, _, message = cell.removeprefix(BROKEN).partition("\0")
    return seen, message


class BrokenRow(list[str]):
    """A row that could not be taken apart into cells: its raw text as the only one, and why."""

    def __init__(self, raw: str, message: str) -> None:
        super().__init__([raw[:LONGEST_RAW]])
        self.message = message


class BrokenRows:
    """Counts the rows of one reading that cannot be read, and gives up when there are too many."""

    def __init__(self, name: str) -> None:
        self.name, self.count, self.first = name, 0, ""

    def row(self, raw: str, message: str) -> BrokenRow:
        self.add(message)
        return BrokenRow(raw, message)

    def add(self, message: str) -> None:
        self.count += 1
        self.first = self.first or message
        if self.count > MOST_BROKEN_ROWS:
            raise UnusableFile(
                _("%(name)s has more than %(most_broken_rows)s rows that cannot be read. Of the first: %(first)s")
                % {"name": self.name, "most_broken_rows": MOST_BROKEN_ROWS, "first": self.first}
            )


@dataclass(slots=True)
class Table:
    """`unreadable`: columns whose cells are no single values, by heading, and what to tell whoever wants one of them.

    `nested`: by heading, the key of a list and the key inside of it that the column was made of. `notes`: what people
    should know of how the table was read, a sentence each; complete when all rows have been read. `merged`: by row
    number, cells (by index) that belong to a merged cell which begins above, and its text. `head`: of a file of rows, those
    down to the heading row as they stand (of many the last ones); `sheet`: the one that is read, of a workbook.
    `has_ends`: each row says where it ends, so what it has too little may be somewhere else.
    """

    headings: list[str]
    rows: Iterator[Row]
    is_sparse: bool = False  # cells may be ABSENT
    unreadable: dict[str, str] = field(default_factory=dict)
    nested: dict[str, tuple[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    merged: dict[int, dict[int, str]] = field(default_factory=dict)
    delimiter: str = ","  # of CSV
    has_ends: bool = False
    head: list[Row] = field(default_factory=list)
    sheet: str | None = None


def text_of(value: Any) -> str:
    """A value of a typed file as a person would type it; what is no single value (see `Table.unreadable`) as JSON."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _decimal(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
    if isinstance(value, (int, date, time, timedelta)):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def sheet_text(value: Any) -> str:
    """The same for a value of a workbook, where a number is shown with `MOST_DIGITS` and a duration in hours."""
    if type(value) is str:
        return value
    if type(value) is float and not value.is_integer():
        return _decimal(float(format(value, f".{MOST_DIGITS}g")))
    if type(value) is timedelta:
        minutes, seconds = divmod(abs(round(value.total_seconds())), 60)
        return f"{'-' if value < NO_TIME else ''}{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return text_of(value)


def _decimal(value: float) -> str:
    """All digits, no exponent: an identifier that was made a number stays readable."""
    if value.is_integer():
        return str(int(value))
    text = repr(value)
    return format(Decimal(text), "f") if "e" in text else text
