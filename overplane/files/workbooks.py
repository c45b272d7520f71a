"""Workbooks: the sheet that holds the table, its cells as a person sees and would type them."""

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from overplane.files.archives import BROKEN, opened_archive
from overplane.files.cells import Row, Table, sheet_text
from overplane.files.findings import Findings, texts, unescaped
from overplane.files.layouts import Layout, Recognizer
from overplane.files.ods_tables import OdsBook
from overplane.files.sheet_choice import Book, LoadedSheet, chosen_table
from overplane.files.sheets import row_count, searched_sheet
from overplane.files.sources import Source
from overplane.files.unusable import UnusableFile
from overplane.files.wording import gettext as _
from overplane.files.workbook_parts import SheetName, WorkbookParts


class XlsxBook:
    """Its sheets are searched first, then read."""

    def __init__(self, archive: zipfile.ZipFile, raw: BinaryIO, size: int) -> None:
        self.parts = WorkbookParts(archive, size)
        self.sheets = self.parts.sheets
        self.raw = raw
        self._reader: Any = None

    def is_filled(self, sheet: SheetName) -> bool:
        return self.parts.is_filled(sheet)

    def row_count(self, sheet: SheetName) -> int:
        return row_count(self.parts, sheet)

    def load(self, sheet: SheetName) -> LoadedSheet:
        findings = searched_sheet(self.parts, sheet)
        if self._reader is None:
            self._reader = CalamineWorkbook.from_filelike(self.raw)
        return loaded(self._reader.get_sheet_by_index(sheet.index), findings)


def loaded(sheet: CalamineSheet, findings: Findings) -> LoadedSheet:
    above, left = sheet.start or (0, 0)  # blank rows, which it gives too, and blank columns, which it does not
    return LoadedSheet(_rows(sheet, findings, above, left), findings, left)


def _rows(sheet: CalamineSheet, findings: Findings, above: int, left: int) -> Iterator[Row]:
    rows = islice(sheet.iter_rows(), above, None)
    if findings.marks:
        return texts(findings.applied(enumerate(rows, above + 1), left))
    plain = ([unescaped(sheet_text(cell)) for cell in row] for row in rows)
    return enumerate(plain, above + 1)


@contextmanager
def workbook_table(source: Source, layout: Layout, recognizer: Recognizer | None) -> Iterator[Table]:
    """It is held in memory: for more than some 100,000 rows CSV is the better choice."""
    yield _sheet_in_memory(source, layout, recognizer)


def _sheet_in_memory(source: Source, layout: Layout, recognizer: Recognizer | None) -> Table:
    """The rest of the workbook, with all its texts, is let go of."""
    with xlsx_book(source) as book, one_error(source.name):
        return chosen_table(book, layout, recognizer)


@contextmanager
def ods_table(source: Source, layout: Layout, recognizer: Recognizer | None) -> Iterator[Table]:
    """Read as a stream."""
    with ods_book(source) as book:
        with one_error(source.name):
            table = chosen_table(book, layout, recognizer)
        yield table


@contextmanager
def xlsx_book(source: Source) -> Iterator[Book]:
    with source.plain_path() as path, path.open("rb") as raw, path.open("rb") as again, ExitStack() as stack:
        with one_error(source.name):
            archive = stack.enter_context(opened_archive(raw))
            book = XlsxBook(archive, again, path.stat().st_size)
        yield book


@contextmanager
def ods_book(source: Source) -> Iterator[Book]:
    with source.plain_path() as path, path.open("rb") as raw, opened_archive(raw) as archive:
        with one_error(source.name):
            book = OdsBook(archive, path.stat().st_size)
        yield book


@contextmanager
def one_error(name: str) -> Iterator[None]:
    try:
        yield
    except (CalamineError, ParseError, *BROKEN) as error:
        raise UnusableFile(
            _("%(name)s is no workbook that can be read (%(error)s).") % {"name": name, "error": error}
        ) from None
