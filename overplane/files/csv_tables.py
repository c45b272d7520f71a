"""CSV with any delimiter. The hot path of large files: nothing is done between rows but counting them."""

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import BinaryIO

from overplane.files.cells import LONGEST_CELL, Row, Table
from overplane.files.layouts import Layout, Recognizer
from overplane.files.sources import Source
from overplane.files.texts import BrokenText, decoded, lines
from overplane.files.unusable import UnusableFile

DELIMITERS = ",;\t|"
GUESSED_FROM = 1 << 18  # characters: the most columns, with headings of 16 each
# This line tells Excel the delimiter. Excel does not show it, so it does not count as a row.
MARKED = re.compile(r'"?sep=(.)"?(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
csv.field_size_limit(LONGEST_CELL)  # of the whole process, so not set anew for each file
QUOTED = re.compile(r'(?:^|(?<=[,;\t|\r\n]))"(?:[^"]|"")*+"')


@contextmanager
def csv_table(source: Source, layout: Layout, recognizer: Recognizer | None) -> Iterator[Table]:
    delimiter = layout.delimiter
    if delimiter is not None:
        _check_delimiter(delimiter)
    with source.bytes() as stream:
        rows = _rows(source, stream, delimiter)
        first = next((cells for _, cells in rows if len(cells) > 1 or any(map(str.strip, cells))), [])  # no blank line
        headings = [heading.strip() for heading in first]
        while headings and not headings[-1]:
            headings.pop()
        yield Table(headings, rows)


def _rows(source: Source, stream: BinaryIO, delimiter: str | None) -> Iterator[Row]:
    """The heading is row 1."""
    number = 0
    try:
        texts = decoded(stream, source.encoding)
        head = next(texts, "")
        if marked := MARKED.match(head):
            head = head[marked.end() :]
            delimiter = delimiter or _check_delimiter(marked[1])
        reader = csv.reader(
            lines(chain([head], texts), lambda: number), delimiter=delimiter or _guessed(head), strict=True
        )
        for number, cells in enumerate(reader, 1):
            yield number, cells
    except csv.Error as error:
        hint = " Is a quote never closed?" if "end of data" in str(error) or "larger" in str(error) else ""
        raise UnusableFile(f"{source.name}, row {number + 1}: this is not CSV ({error}).{hint}") from None
    except BrokenText as error:
        raise UnusableFile(f"{source.name}, row {number + 1}: {error}") from None


def _guessed(head: str) -> str:
    """What stands between the headings most often, outside of quotes."""
    first = re.split(r"[\r\n]", QUOTED.sub("", head[:GUESSED_FROM]).lstrip("\r\n"), maxsplit=1)[0]
    return max(DELIMITERS, key=first.count)


def _check_delimiter(delimiter: str) -> str:
    if len(delimiter) != 1 or delimiter in '"\0' or (delimiter.isspace() and delimiter != "\t"):
        raise UnusableFile(f"The delimiter must be one character, such as , ; | or a tab, not {delimiter!r}.")
    return delimiter
