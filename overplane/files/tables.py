"""Every format as one thing: headings, then numbered rows of text cells.

Row numbers are those that a spreadsheet shows (the heading is row 1, a line break inside of a cell
makes no new row); in JSON files the number of the line or object.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from overplane.files.binary_workbooks import binary_table
from overplane.files.cells import ABSENT, MOST_COLUMNS, Row, Table
from overplane.files.csv_tables import csv_table
from overplane.files.json_tables import json_table, ndjson_table
from overplane.files.layouts import FOUND_OUT, Layout, Recognizer
from overplane.files.parquet_tables import parquet_table, pyarrow_module
from overplane.files.sources import Source
from overplane.files.spreadsheets import unescape_formula
from overplane.files.unusable import UnusableFile
from overplane.files.wording import gettext as _
from overplane.files.workbooks import ods_table, workbook_table

__all__ = ["ABSENT", "Row", "Table", "opened_table", "pyarrow_module"]
READERS = {
    "csv": csv_table,
    "xlsx": workbook_table,
    "xls": binary_table,
    "xlsb": binary_table,
    "ods": ods_table,
    "ndjson": ndjson_table,
    "json": json_table,
    "parquet": parquet_table,
}


@contextmanager
def opened_table(
    source: Source,
    layout: Layout = FOUND_OUT,
    recognizer: Recognizer | None = None,
) -> Iterator[Table]:
    """The table in this file, to be read once. Raises `UnusableFile`, also while its rows are read.

    `recognizer` helps to find a heading row that is not the first, and the sheet that is meant.
    """
    with READERS[source.format](source, layout, recognizer) as table:
        if source.is_sheet:
            table.headings = [unescape_formula(heading) for heading in table.headings]
        if not any(table.headings):
            raise UnusableFile(
                _("%(file)s has no headings: its first row must name the columns.") % {"file": source.name}
            )
        if len(table.headings) > MOST_COLUMNS:
            numbers = {"file": source.name, "count": len(table.headings), "most": MOST_COLUMNS}
            raise UnusableFile(_("%(file)s has %(count)s columns; %(most)s is the most.") % numbers)
        twice = [heading for heading, n in Counter(table.headings).items() if n > 1 and heading]
        if twice:
            raise UnusableFile(
                _("These headings stand over more than one column: %(names)s. Rename one of each.")
                % {"names": _named(twice)}
            )
        yield table


def _named(names: list[str]) -> str:
    return ", ".join(map(repr, names))
