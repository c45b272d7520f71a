"""A file as it was given: found, unpacked, its format and encoding found out, and readable as often as need be.

Nothing is trusted: a small archive that unpacks to a huge one, a binary, a directory, an empty
file each end in one `UnusableFile` whose message says what to do.
"""

import codecs
import gzip
import hashlib
import io
import re
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

BLOCK = 1 << 20
FORMATS = ("csv", "xlsx", "ndjson", "json", "parquet")
ENDINGS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".xlsx": "xlsx", ".xlsm": "xlsx", ".ndjson": "ndjson",
           ".jsonl": "ndjson", ".json": "json", ".parquet": "parquet"}  # fmt: skip
OTHERS = {
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls). Save it as .xlsx or CSV",
    b"%PDF": "a PDF. Export the table as CSV or XLSX",
    b"\x89PNG": "a picture, not a table",
    b"\xff\xd8\xff": "a picture, not a table",
    b"\x7fELF": "a program, not a table",
    b"SQLi": "a database, not a table. Export the table as CSV",
    b"7z\xbc\xaf": "a 7z archive. Pack it as .zip or .gz",
    b"\x28\xb5\x2f\xfd": "packed with zstd. Pack it as .zip or .gz",
}
# Real tables pack to a tenth or a twentieth; this is far beyond, and small files may do as they like.
BOMB_RATIO, BOMB_FLOOR = 200, 64 << 20


class UnusableFile(Exception):
    """The file cannot be read as a table at all; the message says why and what to do."""


@dataclass(slots=True)
class Source:
    """`path` is a plain file of this machine; `name` is what people know it by."""

    path: Path
    name: str
    format: str = "csv"
    packed: str = ""
    encoding: str = "utf-8"
    sha256: str = ""
    size: int = 0
    _raw: BinaryIO | None = field(default=None, repr=False)

    @property
    def fraction(self) -> float:
        """How much of it has been read in the pass under way, from 0 to 1."""
        if self._raw is None or self._raw.closed or not self.size:
            return 0.0
        return min(self._raw.tell() / self.size, 1.0)

    @contextmanager
    def bytes(self) -> Iterator[BinaryIO]:
        """The content, unpacked."""
        with self.path.open("rb") as self._raw:
            if self.packed == "gz":
                with gzip.GzipFile(fileobj=self._raw) as stream:
                    yield _Guarded(stream, self.size)  # type: ignore[misc]
            elif self.packed == "zip":
                with _archive(self._raw) as archive, archive.open(_only_member(archive)) as stream:
                    yield _Guarded(stream, self.size)  # type: ignore[misc]
            else:
                yield self._raw

    @contextmanager
    def plain_path(self) -> Iterator[Path]:
        """The content as a file, for readers that jump about in it."""
        if not self.packed:
            yield self.path
            return
        with tempfile.NamedTemporaryFile(suffix="." + self.format) as unpacked, self.bytes() as stream:
            shutil.copyfileobj(stream, unpacked, BLOCK)
            unpacked.flush()
            yield Path(unpacked.name)


class _Guarded(io.RawIOBase):
    """An unpacked stream that ends with an error when it grows beyond any real table, or is broken."""

    def __init__(self, stream: Any, packed_size: int) -> None:
        self.stream, self.read_so_far = stream, 0
        self.limit = max(packed_size * BOMB_RATIO, BOMB_FLOOR)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self.stream.read(len(buffer))
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise UnusableFile(f"The archive is broken or protected ({error}).") from None
        self.read_so_far += len(data)
        if self.read_so_far > self.limit:
            raise UnusableFile(
                f"The archive unpacks to more than {BOMB_RATIO} times its size. If that is right, unpack it yourself."
            )
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def opened(given: str, *, format: str | None = None, encoding: str | None = None) -> Iterator[Source]:
    """`given` is a path, or `-` for standard input, which is kept on disk: it is read more than once."""
    if given == "-":
        with tempfile.NamedTemporaryFile(suffix=".stdin") as kept:
            shutil.copyfileobj(sys.stdin.buffer, kept, BLOCK)
            kept.flush()
            yield examined(Path(kept.name), "standard input", format=format, encoding=encoding)
    else:
        yield examined(Path(given), Path(given).name, format=format, encoding=encoding)


def examined(path: Path, name: str, *, format: str | None = None, encoding: str | None = None) -> Source:
    """Finds out what the file is. Raises `UnusableFile`."""
    if path.is_dir():
        raise UnusableFile(f"{name} is a directory. Name the files in it.")
    try:
        with path.open("rb") as raw:
            source = Source(path, name, sha256=_digest(raw), size=raw.tell())
            raw.seek(0)
            head = raw.read(4)
    except OSError as error:
        raise UnusableFile(f"{name} cannot be read: {error.strerror}.") from None
    if not source.size:
        raise UnusableFile(f"{name} is empty.")
    source.packed, source.format = _container(source, head)
    if source.format in ("xlsx", "parquet") and format not in (None, source.format):
        raise UnusableFile(f"{name} is {source.format.upper()}, not {format}.")
    if not source.format:
        source.format = format or _format_of(source)
    if source.format in ("csv", "json", "ndjson"):
        source.encoding = _known_encoding(encoding) if encoding else _encoding_of(source)
    return source


def _digest(raw: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := raw.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _container(source: Source, head: bytes) -> tuple[str, str]:
    """How it is packed, and its format if the first bytes tell."""
    for magic, what in OTHERS.items():
        if head.startswith(magic):
            raise UnusableFile(f"{source.name} is {what}.")
    if head[:2] == b"\x1f\x8b":
        return "gz", ""
    if head == b"PAR1":
        return "", "parquet"
    if head == b"PK\x03\x04":
        with source.path.open("rb") as raw, _archive(raw) as archive:
            if "[Content_Types].xml" in archive.namelist():
                _check_workbook(source, archive)
                return "", "xlsx"
            _only_member(archive)
        return "zip", ""
    return "", ""


@contextmanager
def _archive(raw: BinaryIO) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(raw) as archive:
            yield archive
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise UnusableFile(f"The archive is broken or protected ({error}).") from None


def _check_workbook(source: Source, archive: zipfile.ZipFile) -> None:
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > max(source.size * BOMB_RATIO, BOMB_FLOOR):
        raise UnusableFile("The workbook unpacks to more than 200 times its size. Save the table anew, or as CSV.")


def _only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
    if len(members) != 1:
        raise UnusableFile(f"The archive holds {len(members)} files; it must hold one table and nothing else.")
    return members[0]


def _format_of(source: Source) -> str:
    """By the name's ending (inside of an archive: the packed file's), else by the first character."""
    names = [source.name]
    if source.packed == "gz":
        names = [source.name[:-3] if source.name.lower().endswith(".gz") else ""]
    elif source.packed == "zip":
        with source.path.open("rb") as raw, _archive(raw) as archive:
            names = [_only_member(archive).filename]
    with source.bytes() as stream:
        head = stream.read(4096)
    ending = ENDINGS.get(Path(names[0]).suffix.lower())
    if ending in ("xlsx", "parquet") and not source.packed:
        raise UnusableFile(f"{source.name} is named like {ending.upper()} but is not. Save it anew.")
    if ending:
        return ending
    first = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return {b"[": "json", b"{": "ndjson"}.get(first, "csv")


def _known_encoding(name: str) -> str:
    try:
        known = codecs.lookup(name).name
        "".encode(known)
    except (LookupError, TypeError, ValueError):
        raise UnusableFile(f"There is no encoding {name!r}. Known are utf-8, utf-16, cp1252, latin-1 …") from None
    return "utf-8-sig" if known == "utf-8" else known


def _encoding_of(source: Source) -> str:
    """UTF-8 if all of it is; else by its mark; else cp1252, what Windows writes, unless it holds what that has not."""
    with source.bytes() as stream:
        head = stream.read(4096)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in head:
        return _wide_without_mark(source, head)
    decoder, is_windows, binary = codecs.getincrementaldecoder("utf-8-sig")(), True, False
    is_utf8 = True
    with source.bytes() as stream:
        while block := stream.read(BLOCK):
            if is_utf8:
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    is_utf8 = False
            is_windows = is_windows and not any(byte in block for byte in b"\x81\x8d\x8f\x90\x9d")
            binary = binary or (not is_utf8 and b"\0" in block)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        is_utf8 = False
    if binary:
        raise UnusableFile(f"{source.name} is binary, not a table. Save it as CSV or XLSX.")
    return "utf-8-sig" if is_utf8 else "cp1252" if is_windows else "latin-1"


def _wide_without_mark(source: Source, head: bytes) -> str:
    """Every second byte of Western text in UTF-16 is zero."""
    pairs = len(head) // 2
    for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if pairs and zeros.count(0) > pairs * 0.4 and (head.count(0) - zeros.count(0)) < pairs * 0.05:
            return encoding
    if not re.search(rb"[\x01-\x08\x0e-\x1a]", head):
        return "utf-8-sig"  # text with a stray NUL, which is told by row and column
    raise UnusableFile(f"{source.name} is binary, not a table. Save it as CSV or XLSX.")
