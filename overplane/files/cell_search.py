"""Cells of a sheet's XML that mean something else than their value says: formats, formulas, errors; and hidden rows.

Where a block holds no sign of them, nothing is done for its cells.
"""

import re
from collections.abc import Iterator, Mapping

from overplane.files.findings import Findings
from overplane.files.number_formats import NumberFormat
from overplane.files.workbook_parts import VALUE, has

# With any prefix, quotes and order of attributes; an attribute's text may hold a >.
TAG = re.compile(rb"""<(?:[\w.-]+:)?(row|c)(?=[\s/>])((?:[^>"']|"[^"]*"|'[^']*')*)>""")
POSITION = re.compile(rb"""\sr\s*=\s*["']\s*\$?([A-Za-z]{0,4})\$?([0-9]{0,9})\s*["']""")
FORMULA = re.compile(rb"<(?:[\w.-]+:)?f[\s/>]")
RESULT = re.compile(rb"<(?:[\w.-]+:)?v(?:\s[^>]*)?/?>([^<]*)")
TYPE = re.compile(rb"""\st\s*=\s*["']([a-z]+)["']""", re.IGNORECASE)
STYLE = re.compile(rb"""\ss\s*=\s*["']([0-9]{1,7})["']""")
HIDDEN = re.compile(rb"""\shidden\s*=\s*["'](?:1|true)["']""")
# The same as they are usually written.
USUAL_ROW = re.compile(rb"<row(?=[\s/>])([^>]*)>")
USUAL_ERROR = re.compile(rb'<c( r="[A-Z]+[0-9]+"[^>]*?\st\s*=\s*"e"[^>]*)>')
USUAL_FORMULA = re.compile(rb'<c( r="[A-Z]+[0-9]+"[^>]*)>\s*(?=<f[\s/>])')
MOST_NAMED = 64  # styles that an expression names; of more each cell is asked


def column_number(letters: bytes) -> int:
    """Of a column: A is 1, XFD 16384."""
    number = 0
    for letter in letters[:7].upper():
        number = number * 26 + letter - 64
    return number


def position_of(attributes: bytes) -> tuple[int, int]:
    """Row and column, 0 where nothing is said."""
    match = POSITION.search(attributes)
    return (int(match[2] or 0), column_number(match[1])) if match else (0, 0)


def with_ends(tag: re.Pattern[bytes], window: bytes) -> Iterator[tuple[re.Match[bytes], int]]:
    """Each tag, and where the next one begins."""
    tags = tag.finditer(window)
    before = next(tags, None)
    for following in tags:
        if before:
            yield before, following.start()
        before = following
    if before:
        yield before, len(window)


class CellSearch:
    """Notes what it finds in `findings`. `formats` are the noteworthy ones by the number that cells name."""

    def __init__(self, findings: Findings, formats: Mapping[int, NumberFormat]) -> None:
        self.findings, self.formats = findings, formats
        self.styled = _pattern_of(formats)

    def look(self, window: bytes) -> bool:
        """Whole rows. False: they are written in a way that must be read cell by cell."""
        if b"'" in window and (b"='" in window or b"= '" in window):
            return False
        if b"hidden" in window:
            self._look_at_rows(window)
        if self.styled:
            for cell in self.styled.finditer(window):
                self._note_style(*position_of(cell[1]), cell[1])
        if has(window, b'"', b'"e"'):
            for cell in USUAL_ERROR.finditer(window):
                self._note_error(*position_of(cell[1]), _content(window, cell))
        if b"<f" not in window:
            return True
        formulas = list(USUAL_FORMULA.finditer(window))
        for cell in formulas:
            self._note_formula(*position_of(cell[1]), cell[1], _content(window, cell))
        return len(formulas) == len(FORMULA.findall(window))

    def _look_at_rows(self, window: bytes) -> None:
        for tag, end in with_ends(USUAL_ROW, window):
            if HIDDEN.search(tag[1]):
                self.look_at_row(position_of(tag[1])[0], tag[1], window[tag.end() : end])

    def look_at_row(self, row: int, attributes: bytes, content: bytes) -> None:
        if HIDDEN.search(attributes) and VALUE.search(content):
            first_cell = TAG.search(content)
            row = row or (position_of(first_cell[2])[0] if first_cell else 0)
            self.findings.hidden_rows.append(row)

    def look_at_cell(self, row: int, column: int, attributes: bytes, content: bytes) -> None:
        """However it is written."""
        if self.formats:
            self._note_style(row, column, attributes)
        kind = TYPE.search(attributes)
        if kind and kind[1] == b"e":
            self._note_error(row, column, content)
        if FORMULA.search(content):
            self._note_formula(row, column, attributes, content)

    def _note_style(self, row: int, column: int, attributes: bytes) -> None:
        style = STYLE.search(attributes)
        if style and (number := int(style[1])) in self.formats:
            self.findings.mark_format(row, column, number, self.formats[number])

    def _note_error(self, row: int, column: int, content: bytes) -> None:
        result = RESULT.search(content)
        self.findings.mark_error(row, column, result[1].decode(errors="replace").strip()[:20] if result else "")

    def _note_formula(self, row: int, column: int, attributes: bytes, content: bytes) -> None:
        kind, result = TYPE.search(attributes), RESULT.search(content)
        name = kind[1] if kind else b""
        if result and (result[1] or name == b"str"):
            if name != b"e":  # which is told by itself
                self.findings.note_formula(row, column)
        elif name != b"e":
            self.findings.mark_never_calculated(row, column)


def _content(window: bytes, cell: re.Match[bytes]) -> bytes:
    return window[cell.end() : window.find(b"</c>", cell.end())]


def _pattern_of(formats: Mapping[int, NumberFormat]) -> re.Pattern[bytes] | None:
    """Cells of these styles that are not empty."""
    if not formats:
        return None
    named = "|".join(map(str, formats)) if len(formats) <= MOST_NAMED else "[0-9]+"
    return re.compile(rb'<c( r="[A-Z]+[0-9]+"[^>]*?\ss\s*=\s*"(?:' + named.encode() + rb')"(?:[^>]*[^>/])?)>')
