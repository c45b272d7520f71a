"""What a file of rows looks like before anybody knows where its table stands: its sheets, and its first rows as they stand."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import NamedTuple

from overplane.files.binary_workbooks import binary_book
from overplane.files.cells import Row
from overplane.files.csv_tables import csv_rows
from overplane.files.layouts import Layout
from overplane.files.sheet_choice import Book, named_sheet
from overplane.files.sources import Source
from overplane.files.workbooks import ods_book, one_error, xlsx_book

BOOKS = {"xlsx": xlsx_book, "xls": binary_book, "xlsb": binary_book, "ods": ods_book}


class Sheet(NamedTuple):
    """One that is filled, with its number of rows."""

    name: str
    rows: int
    is_hidden: bool


def sheets_to_choose(source: Source) -> list[Sheet]:
    """The filled sheets of a workbook, where there are several. Raises `UnusableFile`."""
    if source.format not in BOOKS:
        return []
    with _opened_book(source) as book:
        filled = [sheet for sheet in book.sheets if book.is_filled(sheet)]
        if len(filled) < 2:
            return []
        return [Sheet(sheet.name, book.row_count(sheet), sheet.is_hidden) for sheet in filled]


def first_rows(source: Source, layout: Layout, count: int) -> list[Row]:
    """Of a workbook those of the sheet that `layout` names, or of the first one with any. Raises `UnusableFile`."""
    if source.format not in BOOKS:
        with closing(csv_rows(source, layout)) as rows:
            return list(islice(rows, count))
    with _opened_book(source) as book:
        if layout.sheet is None:
            sheet = next(filter(book.is_filled, book.sheets), book.sheets[0])
        else:
            sheet = named_sheet(book.sheets, layout.sheet)
        return list(islice(book.load(sheet).rows, count))


@contextmanager
def _opened_book(source: Source) -> Iterator[Book]:
    with BOOKS[source.format](source) as book, one_error(source.name):
        yield book
