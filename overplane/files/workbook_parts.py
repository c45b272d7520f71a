"""The parts of an XLSX archive: its sheets, the texts and formats that they share. XML is read as bytes, block by block.

Parsing a sheet would take many times as long as searching it. A search can be led astray by comments and the like, so
XML that holds any is refused; no spreadsheet writes them.
"""

import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from posixpath import normpath
from xml.etree import ElementTree as ET

from overplane.files.archives import most_unpacked
from overplane.files.encodings import BLOCK
from overplane.files.findings import MOST_MERGED
from overplane.files.number_formats import PERCENT_FORMATS, NumberFormat
from overplane.files.unusable import UnusableFile
from overplane.files.wording import gettext as _

LARGEST_PART = 16 << 20  # of those that are parsed as a whole
WORKBOOK, RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
# With its bracket: a cell may hold the word as text.
DATA = re.compile(rb"</?(?:[\w.-]+:)?sheetData(?=[\s/>])[^>]*>")
VALUE = re.compile(rb"<(?:[\w.-]+:)?(?:v|is)(?=[\s>])")
MERGED = re.compile(rb"""<(?:[\w.-]+:)?mergeCell\s(?:[^>]*\s)?ref\s*=\s*["']([^"']{1,40})["']""")
PREFIX = re.compile(rb"</?[\w.-]+")


@dataclass(frozen=True, slots=True)
class SheetName:
    """`index` among all sheets of the workbook; `part`: where it is, in an archive."""

    index: int
    name: str
    is_hidden: bool
    part: str = ""


def unusual() -> str:
    return _("The workbook was written in an unusual way. Open it in a spreadsheet, save it anew.")


class WorkbookParts:
    """`size`: the file's. Raises `UnusableFile`, and what `archives.BROKEN` names."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        self.archive = archive
        check_members(archive, size)
        self.names = {name.lower(): name for name in archive.namelist()}
        if WORKBOOK not in self.names:
            raise UnusableFile(_("The file is no workbook. Save the table as .xlsx or CSV."))
        self.texts = self.styles = ""
        self._targets = self._relations()
        self.texts = self.names.get("xl/sharedstrings.xml", self.texts)
        workbook = self.parsed(self.names[WORKBOOK])
        self.sheets = self._sheets(workbook)
        if not self.sheets:
            raise UnusableFile(_("The workbook has no sheet with cells."))
        self.is_to_be_calculated = any(
            one.get("fullCalcOnLoad") in ("1", "true") for one in workbook.iter() if _local(one.tag) == "calcPr"
        )
        self.formats = self._formats() if self.styles else {}

    def _relations(self) -> dict[str | None, str]:
        """The parts of sheets by the name of their relation."""
        targets = {}
        for relation in self.parsed(self.names.get(RELATIONS, RELATIONS)):
            kind = relation.get("Type", "").rpartition("/")[2]
            target = relation.get("Target", "").removeprefix("/")
            part = self.names.get(normpath(target if target.startswith("xl/") else f"xl/{target}").lower(), "")
            if kind == "worksheet" and part:
                targets[relation.get("Id")] = part
            elif kind == "sharedStrings":
                self.texts = part
            elif kind == "styles":
                self.styles = part
        return targets

    def _sheets(self, workbook: ET.Element) -> list[SheetName]:
        sheets = [element for element in workbook.iter() if _local(element.tag) == "sheet"]
        return [
            SheetName(index, sheet.get("name", ""), sheet.get("state", "visible") != "visible", self._targets[relation])
            for index, sheet in enumerate(sheets)
            for name, relation in sheet.items()
            if name.endswith("}id") and relation in self._targets
        ]

    def _formats(self) -> dict[int, NumberFormat]:
        """Those of which a person sees something else than what is stored, by the number that cells name."""
        styles = self.parsed(self.styles)
        codes = dict(PERCENT_FORMATS)
        for one in styles.iter():
            if _local(one.tag) == "numFmt":
                codes[_whole(one.get("numFmtId"))] = one.get("formatCode", "")
        noteworthy = {
            id: number_format for id, code in codes.items() if (number_format := NumberFormat(code)).is_noteworthy
        }
        own = [one for group in styles if _local(group.tag) == "cellXfs" for one in group]
        ids = [_whole(one.get("numFmtId")) for one in own]
        return {index: noteworthy[id] for index, id in enumerate(ids) if id in noteworthy}

    def parsed(self, part: str) -> ET.Element:
        with self.archive.open(part) as stream:
            content = stream.read(LARGEST_PART + 1)
        if len(content) > LARGEST_PART:
            raise UnusableFile(_("The workbook's part %(part)s is too large. Save it anew.") % {"part": part})
        if b"<!DOCTYPE" in content or b"\0" in content:  # entities, in whatever encoding: no spreadsheet writes them
            raise UnusableFile(unusual())
        return ET.fromstring(content)  # noqa: S314 (without a DOCTYPE there are no entities to become large)

    def windows(self, part: str) -> Iterator[bytes]:
        """A part in blocks that end between two tags. Refuses XML in which a search could be led astray."""
        with self.archive.open(part) as stream:
            rest = b""
            while block := stream.read(BLOCK):
                block = rest + block
                if has(block, b"!", b"<!") or b"\0" in block or len(rest) > LARGEST_PART:
                    raise UnusableFile(unusual())
                cut = max(block.rfind(b"<"), 0)
                yield block[:cut]
                rest = block[cut:]
            yield rest

    def is_filled(self, sheet: SheetName) -> bool:
        """Whether any of its cells has a value."""
        return any(VALUE.search(rows) for rows in SheetPart(self, sheet.part).rows())


class SheetPart:
    """A sheet's XML, read once from its beginning. `head` is what stands before its rows, `merged` ranges behind them.

    Beside the rows there are formulas that make no value, so only they are searched for cells.
    """

    def __init__(self, parts: WorkbookParts, part: str) -> None:
        self.parts, self.part = parts, part
        self.head = b""
        self.merged: list[str] = []

    def rows(self) -> Iterator[bytes]:
        """In blocks of whole rows."""
        rest, sign = b"", b"<row"
        for window in self._data():
            rest += window
            if len(rest) > LARGEST_PART:
                raise UnusableFile(unusual())
            cut = rest.rfind(sign)
            if cut <= 0 and (prefixed := rest.rfind(b":row")) > 0:
                start = rest.rfind(b"<", 0, prefixed)
                cut = start if PREFIX.fullmatch(rest, start, prefixed) else cut
            if cut > 0:
                yield rest[:cut]
                rest = rest[cut:]
        yield rest

    def _data(self) -> Iterator[bytes]:
        windows = self.parts.windows(self.part)
        first = self._behind_head(windows)
        if first is None:
            return
        for window in chain([first], windows):
            end = DATA.search(window) if b"sheetData" in window else None
            if end is None:
                yield window
                continue
            yield window[: end.start()]
            self._search_tail(window[end.end() :])
            break
        for window in windows:
            self._search_tail(window)

    def _behind_head(self, windows: Iterator[bytes]) -> bytes | None:
        """What follows in the block in which the rows begin."""
        for window in windows:
            mark = DATA.search(window) if b"sheetData" in window else None
            self.head += window[: mark.start()] if mark else window
            if len(self.head) > LARGEST_PART:
                raise UnusableFile(unusual())
            if mark:
                return None if mark[0].endswith(b"/>") else window[mark.end() :]
        return None

    def _search_tail(self, window: bytes) -> None:
        if b"mergeCell" in window:
            self.merged += [name.decode("ascii", "replace") for name in MERGED.findall(window)]
        if len(self.merged) > MOST_MERGED:
            raise UnusableFile(
                _("The sheet has more than %(most_merged)s merged cells. Unmerge them, save it again.")
                % {"most_merged": MOST_MERGED}
            )


def check_members(archive: zipfile.ZipFile, size: int) -> None:
    members = archive.infolist()
    if sum(member.file_size for member in members) > most_unpacked(size):
        raise UnusableFile(_("The workbook unpacks to more than 200 times its size. Save the table anew, or as CSV."))
    if twice := [name for name, n in Counter(m.filename.lower() for m in members).items() if n > 1]:
        raise UnusableFile(_("The workbook has two parts named %(twice)s. Save it anew.") % {"twice": twice[0]})


def has(window: bytes, rare: bytes, sign: bytes) -> bool:
    """Looks for a rare byte of the sign first, which takes almost no time."""
    return rare in window and sign in window


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else -1
