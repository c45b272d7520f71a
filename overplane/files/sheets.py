"""A sheet looked through before it is read: that it does not fill the memory, and what its values do not tell.

The reader of workbooks trusts the positions of cells. It holds all cells between the outermost ones, and a copy of a
shared text for each cell that shows it: a kilobyte could ask for terabytes. It also reads errors and formulas without a
result as empty cells, and says nothing of formats and of what is hidden. So the XML is searched first, as bytes and
block by block, which takes a fraction of the time that parsing it would.
"""

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from overplane.files.cell_search import TAG, CellSearch, column_number, position_of, with_ends
from overplane.files.cells import MOST_COLUMNS
from overplane.files.findings import MOST_ROWS, Findings
from overplane.files.unusable import UnusableFile
from overplane.files.wording import gettext as _
from overplane.files.workbook_parts import VALUE, SheetName, SheetPart, WorkbookParts, has

# Bytes that the reader takes: for a cell with a value, for each position between the outermost cells, and at most.
FILLED, POSITION, MOST_MEMORY = 70, 32, 1 << 30
SHORT = 48  # a text of so many bytes, with its markup, is in that
ROW = re.compile(rb"<(?:[\w.-]+:)?row[\s/>]")
USUAL_COLUMN = re.compile(rb'<c r="([A-Z]+)[0-9]+"')
USUAL_ROW = re.compile(rb'<c r="[A-Z]+([0-9]+)"')
SHARED = re.compile(rb"""\st\s*=\s*["']s["'][^>]*>\s*<(?:[\w.-]+:)?v[^>]*>\s*([0-9]{1,9})""")
END_OF_TEXT = re.compile(rb"</(?:[\w.-]+:)?si\s*>|<(?:[\w.-]+:)?si\s*/>")
HIDDEN_COLUMN = re.compile(rb"""<(?:[\w.-]+:)?col\s[^>]*?hidden\s*=\s*["'](?:1|true)["'][^>]*>""")
BOUND = re.compile(rb"""\s(min|max)\s*=\s*["']([0-9]{1,9})["']""")
RANGE = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]{1,7}):\$?([A-Z]{1,3})\$?([0-9]{1,7})", re.IGNORECASE)


@dataclass(slots=True)
class Extent:
    """`cells` are those that are there, the rest tells how far they reach. Rows and columns count from 1."""

    rows: int = 0
    columns: int = 0
    cells: int = 0
    is_usual: bool = True  # else it is a guess

    @property
    def memory(self) -> int:
        return self.cells * FILLED + self.rows * self.columns * POSITION


def searched_sheet(parts: WorkbookParts, sheet: SheetName) -> Findings:
    """What the sheet holds beside its values. Raises `UnusableFile` if it is too large to be read."""
    findings = Findings(is_to_be_calculated=parts.is_to_be_calculated)
    part = SheetPart(parts, sheet.part)
    extent = _searched(part, CellSearch(findings, parts.formats))
    if not extent.is_usual:
        findings = Findings(is_to_be_calculated=parts.is_to_be_calculated)
        part = SheetPart(parts, sheet.part)
        extent = _measured(part, CellSearch(findings, parts.formats))
    elif extent.columns > MOST_COLUMNS or extent.memory > MOST_MEMORY:
        extent = _measured(SheetPart(parts, sheet.part), CellSearch(Findings(), {}))
    _check_size(parts, sheet, extent)
    _search_beside(part, findings)
    return findings


def row_count(parts: WorkbookParts, sheet: SheetName) -> int:
    """How many rows have values."""
    windows = SheetPart(parts, sheet.part).rows()
    return sum(VALUE.search(row) is not None for window in windows for row in ROW.split(window))


def _check_size(parts: WorkbookParts, sheet: SheetName, extent: Extent) -> None:
    if extent.columns > MOST_COLUMNS or extent.rows > MOST_ROWS:
        raise UnusableFile(
            _("The sheet goes to column %(columns)s and row %(rows)s; no sheet is so large.")
            % {"columns": extent.columns, "rows": extent.rows}
        )
    inline = max(parts.archive.getinfo(sheet.part).file_size - extent.cells * (FILLED + SHORT), 0)
    left = MOST_MEMORY - extent.memory - inline
    if left < 0:
        raise UnusableFile(
            _(
                "The sheet has %(rows)s rows and %(columns)s columns, too many for this format, which is held in"
                " memory as a whole. Delete what is empty at its ends, or save it as CSV."
            )
            % {"rows": extent.rows, "columns": extent.columns}
        )
    _check_texts(parts, sheet, extent.cells, left)


def _searched(part: SheetPart, search: CellSearch) -> Extent:
    """How far the sheet's cells reach, filled or not, if it is written as usual."""
    extent = Extent()
    columns: set[bytes] = set()
    rows: set[bytes] = set()
    for window in part.rows():
        usual = USUAL_COLUMN.findall(window)
        columns.update(usual)
        rows.update(USUAL_ROW.findall(window))
        extent.cells += len(usual)
        if has(window, b":", b":c") or window.count(b"<c") != len(usual) or not search.look(window):
            return Extent(is_usual=False)
    extent.columns, extent.rows = max(map(column_number, columns), default=0), max(map(int, rows), default=0)
    return extent


def _measured(part: SheetPart, search: CellSearch) -> Extent:
    """The same, however it is written, and without cells that are only formatted. Slower, so done only where it matters."""
    extent = Extent()
    row = column = 0
    for window in part.rows():
        for tag, end in with_ends(TAG, window):
            position = position_of(tag[2])
            if tag[1] == b"row":
                row, column = position[0] or row + 1, 0
                search.look_at_row(row, tag[2], window[tag.end() : window.find(b"row", tag.end())])
                continue
            row, column = (position[0] or row, position[1]) if position[1] else (row, column + 1)
            if tag[2].endswith(b"/"):
                continue
            extent.rows, extent.columns = max(extent.rows, row), max(extent.columns, column)
            extent.cells += 1
            search.look_at_cell(row, column, tag[2], window[tag.end() : end])
    return extent


def _search_beside(part: SheetPart, findings: Findings) -> None:
    """Hidden columns stand before the rows, merged cells behind them."""
    for column in HIDDEN_COLUMN.findall(part.head):
        bounds = {name: int(number) for name, number in BOUND.findall(column)}
        if len(bounds) == 2:
            findings.hidden_columns.append((bounds[b"min"], min(bounds[b"max"], MOST_COLUMNS)))
    for name in part.merged:
        if match := RANGE.fullmatch(name):
            first, last = (column_number(match[i].encode()) for i in (1, 3))
            findings.merge((int(match[2]), first), (int(match[4]), last))


def _check_texts(parts: WorkbookParts, sheet: SheetName, cells: int, left: int) -> None:
    """Texts that many cells share are copied for each: together they must stay below `left` bytes."""
    if not parts.texts:
        return
    left -= parts.archive.getinfo(parts.texts).file_size
    lengths = _lengths(parts.windows(parts.texts))
    if max(lengths, default=0) * cells < left:
        return
    for window in SheetPart(parts, sheet.part).rows():
        left -= sum(lengths[i] for i in map(int, SHARED.findall(window)) if i < len(lengths))
    if left < 0:
        raise UnusableFile(
            _("The sheet's texts are too large for this format, which is held in memory. Save it as CSV.")
        )


def _lengths(windows: Iterator[bytes]) -> array:
    """How many bytes each shared text has more than a short one."""
    lengths, begun = array("L"), 0
    for window in windows:
        start = 0
        for end in END_OF_TEXT.finditer(window):
            lengths.append(max(begun + end.end() - start - SHORT, 0))
            start, begun = end.end(), 0
        begun += len(window) - start
    return lengths
