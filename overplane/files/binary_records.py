"""Records of binary workbooks (XLS, XLSB), searched for what the reader of their values does not tell.

Used in a process of its own (see `reading_process`), so a broken or hostile file harms nobody: whatever goes wrong in
here ends that search only.
"""

import struct
from collections.abc import Callable, Iterator, Mapping

from overplane.files.findings import Findings
from overplane.files.number_formats import PERCENT_FORMATS, NumberFormat

ERRORS = {
    0: "#NULL!",
    7: "#DIV/0!",
    15: "#VALUE!",
    23: "#REF!",
    29: "#NAME?",
    36: "#NUM!",
    42: "#N/A",
    43: "#GETTING_DATA",
}
Record = tuple[int, bytes]


def noteworthy(codes: Mapping[int, str], styles: list[int]) -> dict[int, NumberFormat]:
    """`codes` of formats by their number, `styles` the number of each style's format. By the style's index."""
    formats = {number: NumberFormat(code) for number, code in (PERCENT_FORMATS | dict(codes)).items()}
    return {
        i: formats[number] for i, number in enumerate(styles) if number in formats and formats[number].is_noteworthy
    }


class RecordSearch:
    """What both formats have in common. Rows and columns count from 0 in them."""

    def __init__(self, formats: Mapping[int, NumberFormat]) -> None:
        self.findings = Findings()
        self.formats = formats
        self.hidden: set[int] = set()
        self.filled: set[int] = set()
        self.handlers: dict[int, Callable[[bytes], None]] = {}

    def search(self, records: Iterator[Record]) -> Findings:
        for kind, content in records:
            if handler := self.handlers.get(kind):
                handler(content)
        self.findings.hidden_rows.extend(row + 1 for row in sorted(self.hidden & self.filled))
        self.findings.merged.sort()
        return self.findings

    def cell(self, row: int, column: int, style: int) -> None:
        self.filled.add(row)
        if style in self.formats:
            self.findings.mark_format(row + 1, column + 1, style, self.formats[style])

    def formula(self, row: int, column: int) -> None:
        self.findings.note_formula(row + 1, column + 1)

    def error(self, row: int, column: int, code: int) -> None:
        self.filled.add(row)
        self.findings.mark_error(row + 1, column + 1, ERRORS.get(code, "#ERROR"))


class XlsSearch(RecordSearch):
    """Of a sheet in an XLS file (BIFF5 and BIFF8)."""

    def __init__(self, formats: Mapping[int, NumberFormat]) -> None:
        super().__init__(formats)
        self.handlers.update(dict.fromkeys((0x203, 0x27E, 0x0FD, 0x204, 0x0D6), self._cell))
        self.handlers |= {
            0x006: self._formula, 0x0BD: self._cells, 0x205: self._boolean_or_error, 0x208: self._row, 0x07D: self._columns,
            0x0E5: self._merged,
        }  # fmt: skip

    def _cell(self, content: bytes) -> None:
        self.cell(*struct.unpack_from("<HHH", content))

    def _cells(self, content: bytes) -> None:
        row, first = struct.unpack_from("<HH", content)
        for i in range((len(content) - 6) // 6):
            self.cell(row, first + i, struct.unpack_from("<H", content, 4 + 6 * i)[0])

    def _formula(self, content: bytes) -> None:
        row, column, style = struct.unpack_from("<HHH", content)
        result = content[6:14]
        if result[6:] == b"\xff\xff" and result[0] == 2:
            self.error(row, column, result[2])
        else:
            self.formula(row, column)
            self.cell(row, column, style)

    def _boolean_or_error(self, content: bytes) -> None:
        row, column, style, value, is_error = struct.unpack_from("<HHHBB", content)
        if is_error:
            self.error(row, column, value)
        else:
            self.cell(row, column, style)

    def _row(self, content: bytes) -> None:
        if content[12] & 0x20:
            self.hidden.add(struct.unpack_from("<H", content)[0])

    def _columns(self, content: bytes) -> None:
        first, last, _, _, flags = struct.unpack_from("<HHHHH", content)
        if flags & 1:
            self.findings.hidden_columns.append((first + 1, last + 1))

    def _merged(self, content: bytes) -> None:
        for i in range(struct.unpack_from("<H", content)[0]):
            top, bottom, left, _ = struct.unpack_from("<HHHH", content, 2 + 8 * i)
            self.findings.merge((top + 1, left + 1), (bottom + 1, left + 1))


class XlsbSearch(RecordSearch):
    """Of a sheet in an XLSB file (BIFF12)."""

    def __init__(self, formats: Mapping[int, NumberFormat]) -> None:
        super().__init__(formats)
        self.row = 0
        self.handlers.update(dict.fromkeys((2, 4, 5, 6, 7), self._cell))
        self.handlers.update(dict.fromkeys((8, 9, 10), self._formula))
        self.handlers |= {0: self._row, 3: self._error, 11: self._error, 60: self._columns, 176: self._merged}

    def _row(self, content: bytes) -> None:
        self.row = struct.unpack_from("<I", content)[0]
        if content[11] & 0x10:
            self.hidden.add(self.row)

    def _cell(self, content: bytes) -> None:
        column, style = struct.unpack_from("<II", content)
        self.cell(self.row, column, style & 0xFFFFFF)

    def _formula(self, content: bytes) -> None:
        self.formula(self.row, struct.unpack_from("<I", content)[0])
        self._cell(content)

    def _error(self, content: bytes) -> None:
        self.error(self.row, struct.unpack_from("<I", content)[0], content[8])

    def _columns(self, content: bytes) -> None:
        first, last = struct.unpack_from("<II", content)
        if content[16] & 1:
            self.findings.hidden_columns.append((first + 1, last + 1))

    def _merged(self, content: bytes) -> None:
        top, bottom, left, _ = struct.unpack_from("<IIII", content)
        self.findings.merge((top + 1, left + 1), (bottom + 1, left + 1))
