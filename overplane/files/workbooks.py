"""XLSX: the first sheet that is shown, its cells as a person would type them."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from xml.etree.ElementTree import ParseError

from python_calamine import CalamineError, CalamineWorkbook

from overplane.files.archives import BROKEN, opened_archive
from overplane.files.cells import Table, text_of
from overplane.files.layouts import Layout, Recognizer
from overplane.files.sheets import checked_sheet
from overplane.files.sources import Source
from overplane.files.unusable import UnusableFile


@contextmanager
def workbook_table(source: Source, layout: Layout, recognizer: Recognizer | None) -> Iterator[Table]:
    """It is held in memory: for more than some 100,000 rows CSV is the better choice."""
    with source.plain_path() as path, path.open("rb") as raw:
        try:
            with opened_archive(raw) as archive:
                index = checked_sheet(archive, path.stat().st_size)
            raw.seek(0)
            sheet = CalamineWorkbook.from_filelike(raw).get_sheet_by_index(index)
        except (CalamineError, ParseError, *BROKEN) as error:
            raise UnusableFile(f"{source.name} is no workbook that can be read ({error}).") from None
        above = (sheet.start or (0, 0))[0]  # blank rows, which it gives too
        rows = ([_unescaped(text_of(cell)) for cell in row] for row in islice(sheet.iter_rows(), above, None))
        numbered = enumerate(rows, above + 1)
        headings = [cell.strip() for cell in next(numbered, (0, []))[1]]
        yield Table(headings, numbered)


def _unescaped(text: str) -> str:
    """The library undoes all escapes (`_x0001_`) but those of the two that are no characters: as such they are refused."""
    return text.replace("_xFFFE_", "\ufffe").replace("_xFFFF_", "\uffff") if "_xFFF" in text else text
