"""Small workbooks in the binary formats, record by record: XLS (BIFF8 in a compound file) and XLSB (BIFF12 in an archive)."""

import struct
from collections.abc import Sequence
from typing import Any

from tests.files.tables import zipped

SECTOR, FREE, END_OF_CHAIN, IS_FAT = 512, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
ERROR_CODES = {"#N/A": 42, "#REF!": 23}
FORMATS = {"00000": 164, "0.0%": 165, '0" kg"': 166}  # their style is the index + 1; 0 is General


def compound(**streams: bytes) -> bytes:
    """A compound file (version 3) with one sector of FAT, so up to 62 kilobytes. Streams of any size are no mini streams."""
    fat, body, directory = [IS_FAT, END_OF_CHAIN], b"", [entry("Root Entry", 5, END_OF_CHAIN, 0)]
    for name, stream in streams.items():
        content = stream.ljust(4096, b"\0") + bytes(-max(len(stream), 4096) % SECTOR)
        first, count = len(fat), len(content) // SECTOR
        fat += [*range(first + 1, first + count), END_OF_CHAIN]
        directory.append(entry(name, 2, first, len(content)))
        body += content
    assert len(fat) <= 128
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(10)
    header += struct.pack("<IIIIIIIII", 1, 1, 0, 4096, END_OF_CHAIN, 0, END_OF_CHAIN, 0, 0)
    header += struct.pack("<108I", *[FREE] * 108)
    table = struct.pack("<128I", *fat, *[FREE] * (128 - len(fat)))
    return header + table + b"".join(directory).ljust(SECTOR, b"\0") + body


def entry(name: str, kind: int, first: int, size: int) -> bytes:
    text = name.encode("utf-16-le") + b"\0\0"
    links = struct.pack("<III", FREE, FREE if kind == 2 else 1, FREE if kind == 2 else 1)
    return (
        text.ljust(64, b"\0")
        + struct.pack("<HBB", len(text), kind, 1)
        + links
        + bytes(36)
        + struct.pack("<III", first, size, 0)
    )


def record(kind: int, content: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def short_text(text: str) -> bytes:
    return bytes([len(text), 0]) + text.encode("latin-1")


class XlsCells:
    """Each answers the records of a cell."""

    def text(self, row: int, column: int, text: str) -> bytes:
        return record(0x204, struct.pack("<HHHHB", row, column, 0, len(text), 0) + text.encode("latin-1"))

    def number(self, row: int, column: int, value: float, style: int = 0) -> bytes:
        return record(0x203, struct.pack("<HHHd", row, column, style, value))

    def error(self, row: int, column: int, error: str) -> bytes:
        return record(0x205, struct.pack("<HHHBB", row, column, 0, ERROR_CODES[error], 1))

    def formula(self, row: int, column: int, result: float) -> bytes:
        return record(0x006, struct.pack("<HHHdHIH", row, column, 0, result, 0, 0, 3) + b"\x1e\1\0")

    def wrong_formula(self, row: int, column: int, error: str) -> bytes:
        result = bytes([2, 0, ERROR_CODES[error], 0, 0, 0, 0xFF, 0xFF])
        return record(0x006, struct.pack("<HHH", row, column, 0) + result + struct.pack("<HIH", 0, 0, 3) + b"\x1e\1\0")

    def hidden_row(self, row: int) -> bytes:
        return record(0x208, struct.pack("<HHHHHHHH", row, 0, 9, 255, 0, 0, 0x20, 0))

    def hidden_column(self, column: int) -> bytes:
        return record(0x07D, struct.pack("<HHHHHH", column, column, 0, 0, 1, 0))

    def merged(self, first: int, last: int, column: int) -> bytes:
        return record(0x0E5, struct.pack("<HHHHH", 1, first, last, column, column))

    def book(self, sheets: dict[str, Sequence[bytes]], *, hidden: Sequence[str] = (), more: bytes = b"") -> bytes:
        start = record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0)) + more + record(0x042, b"\xb0\x04")
        for code, number in FORMATS.items():
            start += record(0x41E, struct.pack("<HHB", number, len(code), 0) + code.encode())
        start += b"".join(record(0x0E0, struct.pack("<HH", 0, n) + bytes(16)) for n in (0, *FORMATS.values()))
        names = [(short_text(name), 1 if name in hidden else 0) for name in sheets]
        parts = [
            record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0)) + b"".join(one) + record(0x0A)
            for one in sheets.values()
        ]
        at = len(start) + sum(len(record(0x085, bytes(6) + name)) for name, _ in names) + len(record(0x0A))
        for (name, state), part in zip(names, parts, strict=True):
            start += record(0x085, struct.pack("<IBB", at, state, 0) + name)
            at += len(part)
        return compound(Workbook=start + record(0x0A) + b"".join(parts))


def long_record(kind: int, content: bytes = b"") -> bytes:
    kinds = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
    return kinds + bytes([len(content) & 0x7F | 0x80, len(content) >> 7 & 0x7F]) + content


def wide_text(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


class XlsbCells:
    def _cell(self, row: int, column: int, kind: int, content: bytes, style: int = 0) -> bytes:
        head = long_record(0, struct.pack("<IIHHBI", row, 0, 255, 0, 0, 0))
        return head + long_record(kind, struct.pack("<II", column, style) + content)

    def text(self, row: int, column: int, text: str) -> bytes:
        return self._cell(row, column, 6, wide_text(text))

    def number(self, row: int, column: int, value: float, style: int = 0) -> bytes:
        return self._cell(row, column, 5, struct.pack("<d", value), style)

    def error(self, row: int, column: int, error: str) -> bytes:
        return self._cell(row, column, 3, bytes([ERROR_CODES[error]]))

    def formula(self, row: int, column: int, result: float) -> bytes:
        return self._cell(row, column, 9, struct.pack("<dHI", result, 0, 0))

    def wrong_formula(self, row: int, column: int, error: str) -> bytes:
        return self._cell(row, column, 11, bytes([ERROR_CODES[error]]) + struct.pack("<HI", 0, 0))

    def hidden_row(self, row: int) -> bytes:
        return long_record(0, struct.pack("<IIHBBI", row, 0, 255, 0, 0x10, 0))

    def hidden_column(self, column: int) -> bytes:
        return long_record(60, struct.pack("<IIIIH", column, column, 0, 0, 1))

    def merged(self, first: int, last: int, column: int) -> bytes:
        return long_record(176, struct.pack("<IIII", first, last, column, column))

    def book(self, sheets: dict[str, Sequence[bytes]], *, hidden: Sequence[str] = (), **parts: Any) -> bytes:
        relations, bundles = "", b""
        for i, name in enumerate(sheets, 1):
            relations += f'<Relationship Id="r{i}" Type="http://x/worksheet" Target="worksheets/sheet{i}.bin"/>'
            bundles += long_record(
                156, struct.pack("<II", 1 if name in hidden else 0, i) + wide_text(f"r{i}") + wide_text(name)
            )
        formats = b"".join(long_record(44, struct.pack("<H", n) + wide_text(code)) for code, n in FORMATS.items())
        styles = b"".join(long_record(47, struct.pack("<HH", 0, n) + bytes(12)) for n in (0, *FORMATS.values()))
        content: dict[str, Any] = {
            "[Content_Types].xml": "<Types/>",
            "xl/workbook.bin": long_record(131) + long_record(153, bytes(12)) + long_record(143) + bundles + long_record(144) + long_record(132),
            "xl/_rels/workbook.bin.rels": f'<Relationships xmlns="http://x">{relations}</Relationships>',
            "xl/styles.bin": long_record(278) + long_record(615, struct.pack("<I", len(FORMATS))) + formats + long_record(616)
            + long_record(617, struct.pack("<I", len(FORMATS) + 1)) + styles + long_record(618) + long_record(279),
        }  # fmt: skip
        for i, records in enumerate(sheets.values(), 1):
            columns = [one for one in records if one[0] == 60]
            merged = [one for one in records if one[:2] == long_record(176)[:2]]
            cells = [one for one in records if one not in columns + merged]
            content[f"xl/worksheets/sheet{i}.bin"] = (
                long_record(129) + long_record(148, struct.pack("<IIII", 0, 9, 0, 9)) + long_record(390) + b"".join(columns)
                + long_record(391) + long_record(145) + b"".join(cells) + long_record(146) + b"".join(merged) + long_record(130)
            )  # fmt: skip
        return zipped(content | parts)
