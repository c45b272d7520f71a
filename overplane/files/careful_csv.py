"""CSV that is broken somewhere, read line by line: what cannot be taken apart is given as such, and the rest as it is.

Several times slower than the csv module alone. So a file is only read in this way once that module, or the decoder, has
stopped.
"""

import csv
import re
from collections import deque
from collections.abc import Iterator
from itertools import islice

from overplane.files.cells import BrokenRows, Row, broken
from overplane.files.texts import LONGEST_LINE, bad_byte, has_bad_bytes, without_marks
from overplane.files.wording import gettext as _

LONGEST_JOINED = 1 << 16  # characters of lines that are looked at once more as one row: longer ones are a lost quote's


class _Lines:
    """Lines to make a row of; those that turn out to be none of its own are given again."""

    def __init__(self, lines: Iterator[str], line: int) -> None:
        self.lines = lines
        self.waiting: deque[str] = deque()
        self.consumed: list[str] = []
        self.length = 0
        self.line = line  # the number of the first one of the row, from 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.waiting.popleft() if self.waiting else next(self.lines)
        self.consumed.append(line)
        self.length += len(line)
        if self.length > LONGEST_LINE and len(self.consumed) > 1:
            raise csv.Error("the row is longer than 16 MiB")
        return line

    def begin(self) -> None:
        self.line += len(self.consumed)
        self.consumed, self.length = [], 0

    def keep_first(self) -> str:
        """The row is its first line only."""
        self.waiting.extendleft(reversed(self.consumed[1:]))
        del self.consumed[1:]
        return self.consumed[0]


class CarefulReader:
    def __init__(self, broken_rows: BrokenRows, encoding: str, delimiter: str) -> None:
        self.broken_rows, self.encoding = broken_rows, encoding
        self.delimiter = delimiter
        own = re.escape(delimiter)
        # A cell in quotes with blanks around them, else one that does not begin with a quote; and what ends it.
        self.cell = re.compile(
            rf' *(?:"(?P<quoted>(?:[^"]|"")*+)" *|(?P<plain>[^"{own}\r\n][^{own}\r\n]*)?)(?P<end>{own}|(?:\r\n|\r|\n)?\Z)'
        )

    def rows(self, lines: Iterator[str], done: int) -> Iterator[Row]:
        """The rows after the first `done`, which are known to be right."""
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True, skipinitialspace=True)
        deque(islice(reader, done), maxlen=0)
        own = _Lines(lines, reader.line_num + 1)
        reader = csv.reader(own, delimiter=self.delimiter, strict=True, skipinitialspace=True)
        number = done
        while True:
            own.begin()
            number += 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                cells = self._mended(own, error)
            if cells is None:
                return
            if any(map(has_bad_bytes, own.consumed)):
                self._mark_cells(cells, own)
            yield number, cells

    def _mended(self, own: _Lines, error: csv.Error) -> list[str]:
        if len(own.consumed) > 1 and own.length < LONGEST_JOINED and (cells := self._spaced("".join(own.consumed))):
            return cells
        is_alone = len(own.consumed) == 1
        first = own.keep_first()
        if cells := self._spaced(first):
            return cells
        is_open = not is_alone or "end of data" in str(error)
        message = _("This row is not CSV (%(error)s). A quote inside of quotes must be doubled.") % {"error": error}
        if is_open:
            message = _(
                "This row is not CSV: a quote is opened in it and closed nowhere. Close it, or double a quote that is meant."
            )
        return self.broken_rows.row(without_marks(first).rstrip("\r\n"), message)

    def _spaced(self, text: str) -> list[str] | None:
        """The cells of a row that has blanks beside its quotes; None if that does not explain it."""
        cells: list[str] = []
        at = 0
        while match := self.cell.match(text, at):
            quoted = match["quoted"]
            cells.append((match["plain"] or "") if quoted is None else quoted.replace('""', '"'))
            at = match.end()
            if match["end"] != self.delimiter:
                return cells
        return None

    def _mark_cells(self, cells: list[str], own: _Lines) -> None:
        line, text = next((own.line + i, line) for i, line in enumerate(own.consumed) if has_bad_bytes(line))
        self.broken_rows.add(bad_byte(text, self.encoding, line))
        for i, cell in enumerate(cells):
            if has_bad_bytes(cell):
                cells[i] = broken(without_marks(cell), bad_byte(cell, self.encoding, line))
