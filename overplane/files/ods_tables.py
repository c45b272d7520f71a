"""OpenDocument spreadsheets (ODS), read as a stream: nothing is held in memory but a row, whatever is repeated how often.

The library that reads the other workbooks holds all cells of all sheets and writes out what is repeated; this format
says with each cell what a person sees, so the search that finds that out reads the values too.
"""

import re
import zipfile
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import unescape

from overplane.files.archives import Guarded
from overplane.files.cells import BROKEN, LONGEST_CELL, MOST_COLUMNS, Row, broken, split_broken
from overplane.files.findings import MOST_ROWS, Findings, cell_name
from overplane.files.ods_cells import text_of_cell
from overplane.files.sheet_choice import LoadedSheet
from overplane.files.unusable import UnusableFile
from overplane.files.wording import gettext as _
from overplane.files.workbook_parts import SheetName, check_members, unusual

CONTENT, MANIFEST = "content.xml", "META-INF/manifest.xml"
BLOCK = 1 << 16  # bytes that are parsed before their rows are handed on
# A row that is repeated may be written in some bytes: with more cells than this a sheet is no table.
MOST_CELLS = 15_000_000
TABLE = re.compile(rb"""<table:table(?=[\s/>])((?:[^>"']|"[^"]*"|'[^']*')*)>""")
NAME = re.compile(rb"""table:name\s*=\s*("[^"]*"|'[^']*')""")
STYLE_OF = re.compile(rb"""table:style-name\s*=\s*["']([^"']*)["']""")
STYLE = re.compile(
    rb"""<style:style\s[^>]*style:name="([^"]*)"[^>]*>\s*<style:table-properties\s[^>]*table:display="false\""""
)


class OdsBook:
    """Its sheets are found by a search of the bytes, which takes a fraction of the time that reading takes."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        check_members(archive, size)
        self.archive, self.size = archive, size
        if MANIFEST in archive.namelist():
            with archive.open(MANIFEST) as stream:
                if b"encryption-data" in stream.read(1 << 20):
                    raise UnusableFile(_("The workbook is protected by a password. Save it without one."))
        self.sheets: list[SheetName] = []
        self.filled: set[int] = set()
        self._search()
        if not self.sheets:
            raise UnusableFile(_("The workbook has no sheet."))

    def is_filled(self, sheet: SheetName) -> bool:
        return sheet.index in self.filled

    def row_count(self, sheet: SheetName) -> int:
        rows = OdsRows(sheet.index, Findings())
        return sum(any(cells) for _, cells in rows.read(self._content()))

    def load(self, sheet: SheetName) -> LoadedSheet:
        findings = Findings()
        rows = OdsRows(sheet.index, findings)
        return LoadedSheet(rows.read(self._content()), findings, is_streamed=True)

    def _content(self) -> Any:
        return Guarded(self.archive.open(CONTENT), self.size)

    def _search(self) -> None:
        hidden: set[bytes] = set()
        rest = b""
        stream = self._content()
        while block := stream.read(1 << 20):
            block = rest + block
            cut = max(block.rfind(b"<"), 0)
            window, rest = block[:cut], block[cut:]
            if len(rest) > LONGEST_CELL:
                raise UnusableFile(
                    _("The workbook was written in an unusual way. Open it in a spreadsheet, save it anew.")
                )
            if b"table:display" in window:
                hidden.update(STYLE.findall(window))
            start = 0
            for match in TABLE.finditer(window):
                self._note_values(window[start : match.start()])
                self.sheets.append(self._sheet(match[1], hidden))
                start = match.end()
            self._note_values(window[start:])

    def _sheet(self, attributes: bytes, hidden: set[bytes]) -> SheetName:
        name, style = NAME.search(attributes), STYLE_OF.search(attributes)
        text = unescape(name[1][1:-1].decode(errors="replace"), {"&quot;": '"', "&apos;": "'"}) if name else ""
        return SheetName(len(self.sheets), text, bool(style and style[1] in hidden))

    def _note_values(self, content: bytes) -> None:
        if b"office:value-type=" in content:
            self.filled.add(len(self.sheets) - 1)


class OdsRows:
    """The rows of the sheet of this number. What is found beside them is noted in `findings` as they are read.

    Names are taken with the prefixes that all programs write: to look up each one's namespace takes as long again.
    """

    def __init__(self, index: int, findings: Findings) -> None:
        self.wanted, self.findings = index, findings
        self.tables = -1
        self.depth = 0  # inside of what is no part of a cell's text, such as comments and drawings
        self.number = self.cell_count = 0
        self.column = 0
        self.cells: list[str] = []
        self.repeated, self.is_hidden = 1, False
        self.attributes: dict[str, str] = {}
        self.paragraphs: list[list[str]] = []
        self.is_in_paragraph = False
        self.length = 0
        self.ready: deque[tuple[int, list[str], int]] = deque()
        self.column_number = 1
        self.starts: dict[str, Callable[[dict[str, str]], None]] = {
            "table:table-column": self._start_column,
            "table:table-row": self._start_row,
            "table:table-cell": self._start_cell,
            "table:covered-table-cell": self._start_cell,
            "text:p": self._start_paragraph,
            "text:s": self._blanks,
            "text:tab": lambda attributes: self._text("\t"),
            "text:line-break": lambda attributes: self._text("\n"),
        }
        self.ends: dict[str, Callable[[], None]] = {
            "table:table-row": self._end_row,
            "table:table-cell": self._end_cell,
            "table:covered-table-cell": self._end_cell,
            "text:p": self._end_paragraph,
        }

    def read(self, stream: Any) -> Iterator[Row]:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = _refuse_doctype
        try:
            while block := stream.read(BLOCK):
                parser.Parse(block, False)
                yield from self._ready()
                if self.tables > self.wanted:
                    return
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise UnusableFile(
                _("The workbook is broken (%(error)s). Open it in a spreadsheet, save it anew.") % {"error": error}
            ) from None
        yield from self._ready()

    def _ready(self) -> Iterator[Row]:
        while self.ready:
            number, cells, repeated = self.ready.popleft()
            self.cell_count += len(cells) * repeated
            if self.cell_count > MOST_CELLS or number + repeated - 1 > MOST_ROWS:
                raise UnusableFile(
                    _("The sheet has too many cells to be a table. Delete what is repeated, or save it as CSV.")
                )
            for i in range(repeated):
                yield number + i, cells.copy()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table:table":
            self.tables += 1
        elif self.tables != self.wanted:
            return
        elif self.depth or name == "office:annotation" or name.startswith("draw:"):
            self.depth += 1
        elif start := self.starts.get(name):
            start(attributes)

    def _end(self, name: str) -> None:
        if self.tables != self.wanted:
            return
        if self.depth:
            self.depth -= 1
        elif end := self.ends.get(name):
            end()

    def _start_column(self, attributes: dict[str, str]) -> None:
        count = _count(attributes.get("table:number-columns-repeated"))
        if attributes.get("table:visibility", "visible") != "visible":
            self.findings.hidden_columns.append((self.column_number, self.column_number + count - 1))
        self.column_number += count

    def _start_row(self, attributes: dict[str, str]) -> None:
        self.number += 1
        self.column, self.cells = 0, []
        self.repeated = _count(attributes.get("table:number-rows-repeated"))
        self.is_hidden = attributes.get("table:visibility", "visible") != "visible"

    def _start_cell(self, attributes: dict[str, str]) -> None:
        self.attributes, self.paragraphs, self.length = attributes, [], 0

    def _start_paragraph(self, attributes: dict[str, str]) -> None:
        self.paragraphs.append([])
        self.is_in_paragraph = True

    def _blanks(self, attributes: dict[str, str]) -> None:
        self._text(" " * min(_count(attributes.get("text:c")), 1000))

    def _text(self, text: str) -> None:
        if self.is_in_paragraph and not self.depth:
            self.length += len(text)
            if self.length > LONGEST_CELL:
                raise UnusableFile(_("A cell in row %(number)s is too long.") % {"number": self.number})
            self.paragraphs[-1].append(text)

    def _end_paragraph(self) -> None:
        self.is_in_paragraph = False

    def _end_cell(self) -> None:
        attributes, self.column = self.attributes, self.column + 1
        first = self.column
        display_text = "\n".join(map("".join, self.paragraphs)) if self.length or len(self.paragraphs) > 1 else ""
        text = text_of_cell(attributes, display_text) if attributes or display_text else ""
        if text.startswith(BROKEN) or "table:formula" in attributes:
            text = self._noted(text)
        if "table:number-columns-repeated" in attributes:
            self.column += _count(attributes["table:number-columns-repeated"]) - 1
        if not text:
            return
        if self.column > MOST_COLUMNS:
            text = _("The sheet goes to column %(column)s; no sheet is so large.")
            raise UnusableFile(text % {"column": self.column})
        self.cells += [""] * (first - 1 - len(self.cells)) + [text] * (self.column - first + 1)
        if "table:number-rows-spanned" in attributes:
            last = self.number + _count(attributes["table:number-rows-spanned"]) - 1
            self.findings.merge((self.number, first), (last, first))

    def _noted(self, text: str) -> str:
        """A formula or a cell that cannot be read, with its place."""
        if text.startswith(BROKEN):
            seen, message = split_broken(text)
            return broken(seen, message.replace("{cell}", cell_name(self.number, min(self.column, MOST_COLUMNS))))
        self.findings.note_formula(self.number, self.column)
        return text

    def _end_row(self) -> None:
        if self.cells:
            self.ready.append((self.number, self.cells, self.repeated))
            if self.is_hidden:
                self.findings.hidden_rows.extend(range(self.number, min(self.number + self.repeated, MOST_ROWS)))
        self.number += self.repeated - 1


def _refuse_doctype(*_: Any) -> None:
    raise UnusableFile(unusual())


def _count(text: str | None) -> int:
    return max(int(text), 1) if text and text.isdecimal() and len(text) < 10 else 1
