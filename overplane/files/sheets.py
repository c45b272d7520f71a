"""A workbook looked through before it is read: which sheet, no formulas, no errors, and nothing that fills the memory.

The reader of workbooks trusts the positions of cells. It holds all cells between the outermost ones, and a copy of a
shared text for each cell that shows it: a kilobyte could ask for terabytes. It also reads errors as empty cells, and
formulas as their last result. So the XML is searched first, as bytes
and block by block, which takes a fraction of the time that parsing it would.
"""

import re
import zipfile
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import normpath
from xml.etree import ElementTree as ET

from overplane.files.archives import most_unpacked
from overplane.files.cells import MOST_COLUMNS
from overplane.files.encodings import BLOCK
from overplane.files.unusable import UnusableFile

MOST_ROWS = 1_048_576  # as many as a sheet of Excel has
# Bytes that the reader takes: for a cell with a value, for each position between the outermost cells, and at most.
FILLED, POSITION, MOST_MEMORY = 70, 32, 1 << 30
SHORT = 48  # a text of so many bytes, with its markup, is in that
LARGEST_PART = 16 << 20  # of those that are parsed as a whole
TAIL = 1 << 16  # bytes of the text before, in which the name of the last cell is looked for
UNUSUAL = "The workbook was written in an unusual way. Open it in a spreadsheet, save it anew."
WORKBOOK, RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
USUAL_COLUMN = re.compile(rb'<c r="([A-Z]+)[0-9]+"')
USUAL_ROW = re.compile(rb'<c r="[A-Z]+([0-9]+)"')
# The same with any prefix, quotes and order of attributes; an attribute's text may hold a >.
TAG = re.compile(rb"""<(?:[\w.-]+:)?(row|c)(?=[\s/>])((?:[^>"']|"[^"]*"|'[^']*')*)>""")
POSITION_OF = re.compile(rb"""\sr\s*=\s*["']\s*\$?([A-Za-z]{0,4})\$?([0-9]{0,9})\s*["']""")
FORMULA = re.compile(rb"<(?:[\w.-]+:)?f[\s/>]")
ERROR = re.compile(rb"""\st\s*=\s*["']e["']""")
SHARED = re.compile(rb"""\st\s*=\s*["']s["'][^>]*>\s*<(?:[\w.-]+:)?v[^>]*>\s*([0-9]{1,9})""")
END_OF_TEXT = re.compile(rb"</(?:[\w.-]+:)?si\s*>|<(?:[\w.-]+:)?si\s*/>")
# With its bracket: a cell may hold the word as text.
DATA = re.compile(rb"</?(?:[\w.-]+:)?sheetData(?=[\s/>])[^>]*>")


@dataclass(slots=True)
class Sheet:
    """The parts of the archive that hold a sheet and the texts it shares with others; `index` among all sheets."""

    index: int
    part: str
    texts: str | None


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


def checked_sheet(archive: zipfile.ZipFile, size: int) -> int:
    """The index of the sheet to be read: the first that is shown. `size`: the file's. Raises `UnusableFile`."""
    members = archive.infolist()
    if sum(member.file_size for member in members) > most_unpacked(size):
        raise UnusableFile("The workbook unpacks to more than 200 times its size. Save the table anew, or as CSV.")
    if twice := [name for name, n in Counter(m.filename.lower() for m in members).items() if n > 1]:
        raise UnusableFile(f"The workbook has two parts named {twice[0]}. Save it anew.")
    sheet = _first_visible(archive)
    extent = _searched(archive, sheet.part)
    if not extent.is_usual or extent.columns > MOST_COLUMNS or extent.memory > MOST_MEMORY:
        extent = _measured(archive, sheet.part)
    if extent.columns > MOST_COLUMNS or extent.rows > MOST_ROWS:
        raise UnusableFile(f"The sheet goes to column {extent.columns} and row {extent.rows}; no sheet is so large.")
    inline = max(archive.getinfo(sheet.part).file_size - extent.cells * (FILLED + SHORT), 0)
    left = MOST_MEMORY - extent.memory - inline
    if left < 0:
        raise UnusableFile(
            f"The sheet has {extent.rows} rows and {extent.columns} columns, too many for this format, which is held in"
            " memory as a whole. Delete what is empty at its ends, or save it as CSV."
        )
    _check_texts(archive, sheet, extent.cells, left)
    return sheet.index


def _first_visible(archive: zipfile.ZipFile) -> Sheet:
    names = {name.lower(): name for name in archive.namelist()}
    if WORKBOOK not in names:
        kind = "a binary workbook (.xlsb)" if "xl/workbook.bin" in names else "no workbook"
        raise UnusableFile(f"The file is {kind}. Save the table as .xlsx or CSV.")
    targets, texts = {}, None
    for relation in _parsed(archive, names.get(RELATIONS, RELATIONS)):
        kind = relation.get("Type", "").rpartition("/")[2]
        target = relation.get("Target", "").removeprefix("/")
        part = names.get(normpath(target if target.startswith("xl/") else f"xl/{target}").lower())
        if kind == "worksheet" and part:
            targets[relation.get("Id")] = part
        elif kind == "sharedStrings":
            texts = part
    sheets = [e for e in _parsed(archive, names[WORKBOOK]).iter() if e.tag.rpartition("}")[2] == "sheet"]
    candidates = [
        (sheet.get("state", "visible") != "visible", index, targets[relation])
        for index, sheet in enumerate(sheets)
        for name, relation in sheet.items()
        if name.endswith("}id") and relation in targets
    ]
    if not candidates:
        raise UnusableFile("The workbook has no sheet with cells.")
    _, index, part = min(candidates)
    return Sheet(index, part, names.get("xl/sharedstrings.xml", texts))


def _parsed(archive: zipfile.ZipFile, part: str) -> ET.Element:
    with archive.open(part) as stream:
        content = stream.read(LARGEST_PART + 1)
    if len(content) > LARGEST_PART:
        raise UnusableFile(f"The workbook's part {part} is too large. Save it anew.")
    if b"<!DOCTYPE" in content or b"\0" in content:  # entities, in whatever encoding: no spreadsheet writes them
        raise UnusableFile(UNUSUAL)
    return ET.fromstring(content)  # noqa: S314 (without a DOCTYPE there are no entities to become large)


def _windows(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """A part in blocks that end between two tags. Refuses XML in which a search could be led astray."""
    with archive.open(part) as stream:
        rest = b""
        while block := stream.read(BLOCK):
            block = rest + block
            if _has(block, b"!", b"<!") or b"\0" in block or len(rest) > LARGEST_PART:
                raise UnusableFile(UNUSUAL)
            cut = max(block.rfind(b"<"), 0)
            yield block[:cut]
            rest = block[cut:]
        yield rest


def _has(window: bytes, rare: bytes, sign: bytes) -> bool:
    """Looks for a rare byte of the sign first, which takes almost no time."""
    return rare in window and sign in window


def _data(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """Only rows and cells: beside them there are formulas that make no value."""
    is_inside = False
    for window in _windows(archive, part):
        marks = list(DATA.finditer(window)) if b"sheetData" in window else []
        start = 0
        if not is_inside:
            if not marks or marks[0][0].endswith(b"/>"):
                continue
            is_inside, start = True, marks.pop(0).end()
        if marks:
            yield window[start : marks[0].start()]
            return
        yield window[start:]


def _searched(archive: zipfile.ZipFile, part: str) -> Extent:
    """How far the sheet's cells reach, filled or not, if it is written as usual. Refuses formulas and errors."""
    extent, before = Extent(), b""
    first, errors = "", 0
    columns: set[bytes] = set()
    rows: set[bytes] = set()
    for window in _data(archive, part):
        is_usual = not _has(window, b":", b":c")
        if (b"<f" in window or not is_usual) and (formula := FORMULA.search(window)):
            cell = _last_cell(before + window[: formula.start()])
            raise UnusableFile(f"Cell {cell} holds a formula. Copy the cells, paste them as values, save again.")
        if b'"e"' in window or _has(window, b"'", b"'e'"):
            wrong = [tag[0] for tag in TAG.finditer(window) if tag[1] == b"c" and ERROR.search(tag[2])]
            first = first or (_last_cell(wrong[0]) if wrong else "")
            errors += len(wrong)
        usual = USUAL_COLUMN.findall(window)
        columns.update(usual)
        rows.update(USUAL_ROW.findall(window))
        extent.cells += len(usual)
        extent.is_usual = extent.is_usual and is_usual and window.count(b"<c") == len(usual)
        before = window[-TAIL:]
    if errors:
        others = f" and {errors - 1} more cells hold errors" if errors > 1 else " holds an error"
        raise UnusableFile(f"Cell {first}{others} (#N/A, #REF! …). Mend or empty them, save again.")
    extent.columns, extent.rows = max(map(_number, columns), default=0), max(map(int, rows), default=0)
    return extent


def _last_cell(text: bytes) -> str:
    """The name of the last cell in it, such as B2."""
    positions = [position for position in POSITION_OF.findall(text) if position[0]]
    return b"".join(positions[-1]).decode() if positions else "(unnamed)"


def _number(letters: bytes) -> int:
    """Of a column: A is 1, XFD 16384."""
    number = 0
    for letter in letters[:7].upper():
        number = number * 26 + letter - 64
    return number


def _measured(archive: zipfile.ZipFile, part: str) -> Extent:
    """The same, however it is written, and without cells that are only formatted. Slower, so done only where it matters."""
    extent = Extent(is_usual=True)
    row, column, top, left = 0, 0, 0, 0
    for window in _data(archive, part):
        for tag, attributes in TAG.findall(window):
            position = POSITION_OF.search(attributes)
            if tag == b"row":
                row, column = int(position[2] or 0) if position else row + 1, 0
                continue
            column += 1
            if position:
                row, column = int(position[2] or 0), _number(position[1])
            if attributes.endswith(b"/"):
                continue
            top, left = min(top or row, row), min(left or column, column)
            extent.rows, extent.columns = max(extent.rows, row), max(extent.columns, column)
            extent.cells += 1
    return extent


def _check_texts(archive: zipfile.ZipFile, sheet: Sheet, cells: int, left: int) -> None:
    """Texts that many cells share are copied for each: together they must stay below `left` bytes."""
    if not sheet.texts:
        return
    left -= archive.getinfo(sheet.texts).file_size
    lengths = _lengths(archive, sheet.texts)
    if max(lengths, default=0) * cells < left:
        return
    for window in _data(archive, sheet.part):
        left -= sum(lengths[i] for i in map(int, SHARED.findall(window)) if i < len(lengths))
    if left < 0:
        raise UnusableFile("The sheet's texts are too large for this format, which is held in memory. Save it as CSV.")


def _lengths(archive: zipfile.ZipFile, part: str) -> array:
    """How many bytes each shared text has more than a short one."""
    lengths, begun = array("L"), 0
    for window in _windows(archive, part):
        start = 0
        for end in END_OF_TEXT.finditer(window):
            lengths.append(max(begun + end.end() - start - SHORT, 0))
            start, begun = end.end(), 0
        begun += len(window) - start
    return lengths
