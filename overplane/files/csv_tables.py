"""CSV with any delimiter. The hot path of large files: between rows nothing is done but count them.

It is read in the fastest way that it allows so far. When a place does not allow that, the file is read from its
beginning in another way, and goes on behind the rows that were given already.
"""

import csv
import re
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain, count, islice
from typing import BinaryIO

from overplane.files.careful_csv import CarefulReader
from overplane.files.cells import BROKEN, LONGEST_CELL, BrokenRow, BrokenRows, Row, Table, split_broken
from overplane.files.layouts import LOOKED_AT, PREVIEW_ROWS, Layout, Recognizer, find_heading_row, note_of_heading_row
from overplane.files.sources import Source
from overplane.files.texts import LONGEST_LINE, MARKING, BrokenText, decoded, lines
from overplane.files.unusable import UnusableFile
from overplane.files.wording import gettext as _

DELIMITERS = ",;\t|"
GUESSED_FROM = 1 << 18  # characters: the most columns, with headings of 16 each
# This line tells Excel the delimiter. Excel does not show it, so it does not count as a row.
MARKED = re.compile(r'"?sep=(.)"?(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
csv.field_size_limit(LONGEST_CELL)  # of the whole process, so not set anew for each file
# Quotes after blanks in one block that are looked at one by one: 0.1 ms. In prose there are as many.
FEW = 500
QUOTED = re.compile(r'(?:^|(?<=[,;\t|\r\n]))"(?:[^"]|"")*+"')


class QuoteAfterBlank(Exception):
    """`"Acme", "1 Main St"`: the csv module has to be told that such quotes are quotes."""


class RowCount:
    """How many rows of a file were given, in whatever way it was read."""

    def __init__(self) -> None:
        self.count = 0
        self._skipped: Iterator[int] | None = None

    def skip(self, rows: Iterator[list[str]]) -> None:
        """Passes over the rows that were given before: no Python runs between two of them."""
        self._skipped = count()
        deque(islice(rows, self.count), maxlen=0)
        self._skipped = None

    def progress(self) -> int:
        """Another number than before if rows were made meanwhile. Of those that are skipped each block makes some."""
        return self.count if self._skipped is None else next(self._skipped)


@dataclass(frozen=True, slots=True)
class _Parser:
    """How the text is taken apart. `begin`: how many characters before the first row are none of the table."""

    source: Source
    delimiter: str
    begin: int

    def texts(self, stream: BinaryIO, errors: str = "strict") -> Iterator[str]:
        texts = decoded(stream, self.source.encoding, errors)
        return chain([next(texts, "")[self.begin :]], texts)

    def rows(self) -> Generator[Row, None, None]:
        """The first is row 1."""
        row_count = RowCount()
        for takes_blanks in () if self.source.has_bad_bytes else (False, True):
            try:
                yield from self._rows_after(row_count, takes_blanks=takes_blanks)
                return
            except QuoteAfterBlank:
                continue
            except (csv.Error, BrokenText):
                break
        yield from self._rows_carefully(row_count.count)

    def _rows_after(self, row_count: RowCount, *, takes_blanks: bool) -> Iterator[Row]:
        """The rows that were not given yet, which it counts."""
        with self.source.bytes() as stream:
            texts = self.texts(stream)
            reader = csv.reader(
                lines(texts if takes_blanks else self._without_blanks(texts), row_count.progress),
                delimiter=self.delimiter,
                strict=True,
                skipinitialspace=takes_blanks,
            )
            row_count.skip(reader)
            for number, cells in enumerate(reader, row_count.count + 1):
                row_count.count = number
                yield number, cells

    def _without_blanks(self, texts: Iterator[str]) -> Iterator[str]:
        """The same blocks, up to one that may have a quote after a blank at the beginning of a cell.

        If it only looks so, nothing but leading blanks is lost.
        """
        before = ""
        for text in texts:
            is_at_the_edge = text.startswith(' "') or (before == " " and text.startswith('"'))
            if is_at_the_edge or self._may_begin_after_blank(text):
                raise QuoteAfterBlank
            before = text[-1:]
            yield text

    def _may_begin_after_blank(self, text: str) -> bool:
        """Searched for in C, and looked at where it stands: a regular expression takes longer than to read the rows."""
        beginnings = (" ", "\n", "\r", self.delimiter)
        at = 0
        for _attempt in range(FEW):
            at = text.find(' "', at + 1)
            if at < 0:
                return False
            if text[at - 1] in beginnings:
                return True
        return any(f'{sign} "' in text for sign in beginnings)

    def _rows_carefully(self, done: int) -> Iterator[Row]:
        number = done
        reader = CarefulReader(BrokenRows(self.source.name), self.source.encoding, self.delimiter)
        try:
            with self.source.bytes() as stream:
                for number, cells in reader.rows(lines(self.texts(stream, MARKING)), done):
                    yield number, cells
        except BrokenText as error:
            raise UnusableFile(
                _("%(name)s, row %(number)s: %(error)s")
                % {"name": self.source.name, "number": number + 1, "error": error}
            ) from None


@contextmanager
def csv_table(source: Source, layout: Layout, recognizer: Recognizer | None) -> Iterator[Table]:
    if layout.delimiter is not None:
        _check_delimiter(layout.delimiter)
    parser = _parser_of(source, layout, recognizer)
    with closing(parser.rows()) as rows:
        first = _first_rows(rows, layout)
        index = find_heading_row(first, layout, recognizer)
        table = Table(_headings(source, first, index), chain(first[index + 1 :], rows), delimiter=parser.delimiter)
        table.head, table.has_ends = first[: index + 1], True
        if layout.heading_row is None:
            table.notes += note_of_heading_row(first, index)
        yield table


def csv_rows(source: Source, layout: Layout) -> Generator[Row, None, None]:
    """All rows as they stand, whichever is the heading row."""
    return _parser_of(source, layout, None).rows()


def _first_rows(rows: Iterator[Row], layout: Layout) -> list[Row]:
    """Those among which the heading row is."""
    if layout.heading_row is not None:
        last: deque[Row] = deque(maxlen=PREVIEW_ROWS)
        for row in rows:
            last.append(row)
            if row[0] >= layout.heading_row:
                break
        return list(last)
    first: list[Row] = []
    length = 0
    for row in islice(rows, LOOKED_AT):
        first.append(row)
        length += sum(map(len, row[1]))
        if length > LONGEST_LINE:
            break
    return first


def _headings(source: Source, first: Sequence[Row], index: int) -> list[str]:
    number, cells = first[index] if first else (0, [])
    if isinstance(cells, BrokenRow):
        raise UnusableFile(
            _("%(name)s, row %(number)s: %(message)s It would be the heading row.")
            % {"name": source.name, "number": number, "message": cells.message}
        )
    broken = [split_broken(cell)[1] for cell in cells if cell.startswith(BROKEN)]
    if broken and not source.has_bad_bytes:  # nothing was seen yet by which the encoding would be the right one
        raise UnusableFile(
            _("%(name)s, row %(number)s: %(broken)s") % {"name": source.name, "number": number, "broken": broken[0]}
        )
    headings = [(split_broken(cell)[0] if cell.startswith(BROKEN) else cell).strip() for cell in cells]
    while headings and not headings[-1]:
        headings.pop()
    return headings


def _parser_of(source: Source, layout: Layout, recognizer: Recognizer | None) -> _Parser:
    """What the first block tells of the file."""
    try:
        with source.bytes() as stream:
            head = next(decoded(stream, source.encoding, MARKING), "")
    except BrokenText as error:
        raise UnusableFile(_("%(name)s, row 1: %(error)s") % {"name": source.name, "error": error}) from None
    marked = MARKED.match(head)
    begin = marked.end() if marked else 0
    delimiter = layout.delimiter or (marked and _check_delimiter(marked[1]))
    return _Parser(source, delimiter or _guessed(head[begin : begin + GUESSED_FROM], recognizer), begin)


def _guessed(head: str, recognizer: Recognizer | None) -> str:
    """With which a row names more fields than with any other; else what stands most often between the headings."""
    if recognizer:
        known = {delimiter: _most_known(head, delimiter, recognizer) for delimiter in DELIMITERS}
        most = max(known.values())
        if list(known.values()).count(most) == 1:
            return max(known, key=lambda delimiter: known[delimiter])
    first = re.split(r"[\r\n]", QUOTED.sub("", head).lstrip("\r\n"), maxsplit=1)[0]
    return max(DELIMITERS, key=first.count)


def _most_known(head: str, delimiter: str, recognizer: Recognizer) -> int:
    """How many fields are named by the row that names the most."""
    most = 0
    try:
        for cells in islice(csv.reader(lines([head]), delimiter=delimiter, skipinitialspace=True), LOOKED_AT):
            most = max(most, recognizer(cells))
    except (csv.Error, BrokenText):
        pass  # what came before counts
    return most


def _check_delimiter(delimiter: str) -> str:
    if len(delimiter) != 1 or delimiter in '"\0' or (delimiter.isspace() and delimiter != "\t"):
        raise UnusableFile(
            _("The delimiter must be one character, such as , ; | or a tab, not %(delimiter)s.")
            % {"delimiter": repr(delimiter)}
        )
    return delimiter
