"""XLSB files: an archive like that of XLSX whose parts hold records instead of XML."""

import struct
import zipfile
from collections.abc import Iterator
from posixpath import normpath
from typing import Any
from xml.etree import ElementTree as ET

from overplane.files.archives import Guarded
from overplane.files.binary_records import Record, XlsbSearch, noteworthy
from overplane.files.findings import Findings
from overplane.files.unusable import UnusableFile
from overplane.files.workbook_parts import check_members, unusual

BLOCK = 1 << 20  # bytes that are read together
WORKBOOK, STYLES = "xl/workbook.bin", "xl/styles.bin"
SHEET, FORMAT, XF, BEGIN_STYLES, END_STYLES, END_OF_ROWS = 156, 44, 47, 617, 618, 146


def searched_xlsb(archive: zipfile.ZipFile, size: int, index: int) -> Findings:
    check_members(archive, size)
    with archive.open("xl/_rels/workbook.bin.rels") as stream:
        content = stream.read(BLOCK)
    if b"<!DOCTYPE" in content or b"\0" in content:
        raise UnusableFile(unusual())
    relations = ET.fromstring(content)  # noqa: S314 (without a DOCTYPE there are no entities to become large)
    targets = {one.get("Id"): one.get("Target", "") for one in relations}
    parts = []
    for kind, record in _records(archive, WORKBOOK, size):
        if kind == SHEET:
            relation, _ = _string(record, 8)
            target = targets[relation].removeprefix("/")
            parts.append(normpath(target if target.startswith("xl/") else f"xl/{target}"))
    formats = noteworthy(*_styles(archive, size)) if STYLES in archive.namelist() else {}
    return XlsbSearch(formats).search(_records(archive, parts[index], size))


def _styles(archive: zipfile.ZipFile, size: int) -> tuple[dict[int, str], list[int]]:
    codes: dict[int, str] = {}
    styles: list[int] = []
    is_of_cells = False
    for kind, content in _records(archive, STYLES, size):
        if kind == FORMAT:
            codes[struct.unpack_from("<H", content)[0]] = _string(content, 2)[0]
        elif kind in (BEGIN_STYLES, END_STYLES):
            is_of_cells = kind == BEGIN_STYLES
        elif kind == XF and is_of_cells:
            styles.append(struct.unpack_from("<H", content, 2)[0])
    return codes, styles


def _string(content: bytes, start: int) -> tuple[str, int]:
    """A text and where it ends."""
    (count,) = struct.unpack_from("<I", content, start)
    end = start + 4 + 2 * count
    return content[start + 4 : end].decode("utf-16-le", "replace"), end


def _records(archive: zipfile.ZipFile, part: str, size: int) -> Iterator[Record]:
    """A part's records: a kind of one or two bytes, a length of one to four (seven bits in each), the content."""
    with archive.open(part) as member:
        stream: Any = Guarded(member, size)
        content, start = b"", 0
        while True:
            if len(content) - start < 6 and (more := stream.read(BLOCK)):
                content, start = content[start:] + more, 0
            if start >= len(content):
                return
            kind, start = _number(content, start, 2)
            length, start = _number(content, start, 4)
            while len(content) - start < length and (more := stream.read(BLOCK)):
                content, start = content[start:] + more, 0
            yield kind, content[start : start + length]
            start += length


def _number(content: bytes, start: int, most: int) -> tuple[int, int]:
    """Kinds keep the eighth bit of their first byte away too: both are read alike."""
    number = 0
    for i in range(most):
        byte = content[start]
        start += 1
        number |= (byte & 0x7F) << 7 * i
        if not byte & 0x80:
            break
    return number, start
