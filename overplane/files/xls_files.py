"""XLS files: streams in a compound file (OLE2), records in the stream of the workbook."""

import struct
from collections.abc import Iterator

from overplane.files.binary_records import Record, XlsSearch, noteworthy
from overplane.files.findings import Findings
from overplane.files.unusable import UnusableFile
from overplane.files.wording import gettext as _

END = 0xFFFFFFFA  # and above: no sector
DIRECTORY_ENTRY = 128
BOF, EOF, FILEPASS, BOUNDSHEET, FORMAT, XF = 0x809, 0x0A, 0x2F, 0x85, 0x41E, 0xE0


class CompoundFile:
    """`content` is held as a whole: it is as large as the file. Raises ValueError and the like if it is broken."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.sector = 1 << struct.unpack_from("<H", content, 30)[0]
        if self.sector not in (512, 4096):
            raise ValueError("sectors of an unknown size")
        first_directory, self.mini_cutoff = (
            struct.unpack_from("<I", content, 48)[0],
            struct.unpack_from("<I", content, 56)[0],
        )
        first_mini, first_more = struct.unpack_from("<I", content, 60)[0], struct.unpack_from("<I", content, 68)[0]
        self.fat = self._table(self._fat_sectors(first_more))
        directory = self._chain(first_directory)
        self.entries = {}
        for start in range(0, len(directory) - DIRECTORY_ENTRY + 1, DIRECTORY_ENTRY):
            entry = directory[start : start + DIRECTORY_ENTRY]
            length, kind = struct.unpack_from("<HB", entry, 64)
            if kind:
                name = entry[: max(length - 2, 0)].decode("utf-16-le", "replace").lower()
                self.entries[name] = (kind, *struct.unpack_from("<II", entry, 116))
        self.mini_fat = list(struct.iter_unpack("<I", self._chain(first_mini))) if first_mini < END else []
        roots = [first for kind, first, _ in self.entries.values() if kind == 5]
        self.mini = self._chain(roots[0]) if roots and roots[0] < END else b""

    def stream(self, name: str) -> bytes:
        _, first, size = self.entries[name]
        if size >= self.mini_cutoff:
            return self._chain(first)[:size]
        parts, seen = [], set()
        while first < END and first not in seen:
            seen.add(first)
            parts.append(self.mini[first * 64 : first * 64 + 64])
            first = self.mini_fat[first][0]
        return b"".join(parts)[:size]

    def _read(self, number: int) -> bytes:
        return self.content[(number + 1) * self.sector : (number + 2) * self.sector]

    def _fat_sectors(self, more: int) -> list[int]:
        sectors = list(struct.unpack_from("<109I", self.content, 76))
        seen = set()
        while more < END and more not in seen:
            seen.add(more)
            *further, more = (one for (one,) in struct.iter_unpack("<I", self._read(more)))
            sectors += further
        return [sector for sector in sectors if sector < END]

    def _table(self, sectors: list[int]) -> list[int]:
        return [one for sector in sectors for (one,) in struct.iter_unpack("<I", self._read(sector))]

    def _chain(self, number: int) -> bytes:
        parts, seen = [], set()
        while number < END:
            if number in seen:
                raise ValueError("a chain of sectors without end")
            seen.add(number)
            parts.append(self._read(number))
            number = self.fat[number]
        return b"".join(parts)


def records_of(stream: bytes, start: int = 0) -> Iterator[Record]:
    """To the end of the substream that begins there; those in it (charts) are left out."""
    depth = 0
    while start + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, start)
        start += 4
        if kind == BOF:
            depth += 1
        elif kind == EOF:
            depth -= 1
            if depth <= 0:
                return
        if depth == 1:
            yield kind, stream[start : start + length]
        start += length


def workbook_stream(content: bytes) -> bytes:
    """Raises `UnusableFile` for what is no workbook, or protected."""
    compound = CompoundFile(content)
    if "encryptedpackage" in compound.entries:
        raise UnusableFile(_("The workbook is protected by a password. Save it without one."))
    names = [name for name in ("workbook", "book") if name in compound.entries]
    if not names:
        raise UnusableFile(_("The file is no workbook. Save the table as .xlsx or CSV."))
    stream = compound.stream(names[0])
    if any(kind == FILEPASS for kind, _ in records_of(stream)):
        raise UnusableFile(_("The workbook is protected by a password. Save it without one."))
    return stream


def searched_xls(stream: bytes, index: int) -> Findings:
    """Raises ValueError and the like if the stream is broken."""
    starts: list[int] = []
    codes: dict[int, str] = {}
    styles: list[int] = []
    is_biff8 = True
    for kind, content in records_of(stream):
        if kind == BOF:
            is_biff8 = struct.unpack_from("<H", content)[0] == 0x600
        elif kind == BOUNDSHEET:
            starts.append(struct.unpack_from("<I", content)[0])
        elif kind == FORMAT:
            codes[struct.unpack_from("<H", content)[0]] = _format_code(content, is_biff8=is_biff8)
        elif kind == XF:
            styles.append(struct.unpack_from("<H", content, 2)[0])
    return XlsSearch(noteworthy(codes, styles)).search(records_of(stream, starts[index]))


def _format_code(content: bytes, *, is_biff8: bool) -> str:
    if not is_biff8:
        return content[3 : 3 + content[2]].decode("cp1252", "replace")
    count, flags = struct.unpack_from("<HB", content, 2)
    if flags & 1:
        return content[5 : 5 + 2 * count].decode("utf-16-le", "replace")
    return content[5 : 5 + count].decode("latin-1")
