"""Tables as workbooks (XLSX): one sheet of texts, which `tables` reads back as they were. The same table gives the same bytes."""

import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.worksheet import Worksheet

from overplane.files.sources import UnusableFile
from overplane.files.wording import gettext as _

CREATED = datetime(1980, 1, 1, tzinfo=UTC)  # as the archive says of its parts
# What XML cannot hold, what would be read as such an escape, and what XlsxWriter would take for ready-made XML.
NOT_IN_XML = r"\0-\x08\x0b-\x1f\ufffe\uffff"
# (Readers that leave the last two escapes as they are would take the end of one for the beginning of another.)
HEX = rf"[0-9a-fA-F]{{4}}[_{NOT_IN_XML}]"
ESCAPED = re.compile(rf"[{NOT_IN_XML}]|_(?=x{HEX})|(?<=[\ufffe\uffff])x(?={HEX})|\A<(?=r>)")


LONGEST_TEXT = 32_767  # characters of a cell, in units of UTF-16, as Excel counts them
# What is to stand in a cell whose text is too long: called with its row (the heading is 1), its column's index and the
# text. Or it raises `UnusableFile`.
LongCell = Callable[[int, int, str], str]


def length_of(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def cut(text: str) -> str:
    """As much as a cell holds, never half of a character."""
    return text.encode("utf-16-le")[: 2 * LONGEST_TEXT].decode("utf-16-le", "ignore")


class Sheet(Worksheet):
    @staticmethod
    def _escape_control_characters(data: str) -> str:
        """XlsxWriter's own misses an escape that shares its `_` with the one before, or is given it by the one behind."""
        return ESCAPED.sub(lambda match: f"_x{ord(match[0]):04X}_", data)


def write(
    target: BinaryIO,
    name: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    long_cell: LongCell | None = None,
) -> None:
    """A sheet of this name. Raises `UnusableFile` for what it cannot hold; nothing has been written then.

    `long_cell` is asked right after its row was taken from `rows`. Without it, such a cell is refused.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "table.xlsx"
        try:
            _write_workbook(path, name, headings, rows, long_cell=long_cell or _refusing(headings))
        except FileCreateError as error:  # an OSError in disguise
            raise error.args[0] from None
        with path.open("rb") as file:
            shutil.copyfileobj(file, target)


def _write_workbook(
    path: Path, name: str, headings: Sequence[str], rows: Iterable[Sequence[str]], *, long_cell: LongCell
) -> None:
    options = {"constant_memory": True, "tmpdir": str(path.parent), "use_zip64": True}
    with Workbook(path, options | {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        book.set_properties({"created": CREATED})
        sheet = book.add_worksheet(name, Sheet)
        sheet.freeze_panes(1, 1)
        sheet.write_row(0, 0, headings, book.add_format({"bold": True}))
        for row, cells in enumerate(rows, 1):
            for column, cell in enumerate(cells):
                if cell and sheet.write_string(row, column, cell):
                    if row >= sheet.xls_rowmax:
                        raise UnusableFile(_("A sheet holds 1,048,575 rows; these are more. Export CSV, or fewer."))
                    sheet.write_string(row, column, long_cell(row + 1, column, cell))  # it has cut the text itself


def _refusing(headings: Sequence[str]) -> LongCell:
    def refuse(row: int, column: int, text: str) -> str:
        raise UnusableFile(
            _(
                "%(heading)s in row %(row)s has %(length)s characters as Excel counts them; a cell of XLSX holds"
                " %(most)s. Export CSV."
            )
            % {"heading": headings[column], "row": row, "length": length_of(text), "most": LONGEST_TEXT}
        )

    return refuse
