"""A file as it was given: opened, unpacked, with its format and encoding, and readable several times.

Nothing is trusted: a small archive that unpacks to a huge one, a binary, a directory, a device, an
empty file each end in one `UnusableFile` whose message says what to do.
"""

import gzip
import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from overplane.files.archives import Guarded, only_member, opened_archive, opened_member
from overplane.files.encodings import BLOCK, encoding_of, known_encoding
from overplane.files.unusable import UnusableFile

FORMATS = ("csv", "xlsx", "ndjson", "json", "parquet")
TEXTS = ("csv", "ndjson", "json")
ENDINGS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".xlsx": "xlsx", ".xlsm": "xlsx", ".ndjson": "ndjson",
           ".jsonl": "ndjson", ".json": "json", ".parquet": "parquet"}  # fmt: skip
OTHERS = {
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls) or a protected one. Save it as .xlsx or CSV",
    b"%PDF": "a PDF. Export the table as CSV or XLSX",
    b"\x89PNG": "a picture, not a table",
    b"\xff\xd8\xff": "a picture, not a table",
    b"\x7fELF": "a program, not a table",
    b"SQLi": "a database, not a table. Export the table as CSV",
    b"7z\xbc\xaf": "a 7z archive. Pack it as .zip or .gz",
    b"Rar!": "a RAR archive. Pack it as .zip or .gz",
    b"BZh": "packed with bzip2. Pack it as .zip or .gz",
    b"\xfd7zX": "packed with xz. Pack it as .zip or .gz",
    b"\x28\xb5\x2f\xfd": "packed with zstd. Pack it as .zip or .gz",
    b"<htm": "a web page, whatever its name. Open it in a spreadsheet and save it as XLSX or CSV",
    b"<!DO": "a web page, whatever its name. Open it in a spreadsheet and save it as XLSX or CSV",
    b"<?xm": "XML, not a table. Open it in a spreadsheet and save it as XLSX or CSV",
}
PACKED_WORKBOOK = b"PK\x03\x04"


@dataclass(slots=True)
class Source:
    """`path` is a plain file of this machine; `name` is what people know it by."""

    path: Path
    name: str
    format: str = "csv"
    packed: str = ""
    encoding: str = "utf-8"
    encoding_is_guessed: bool = False
    sha256: str = ""
    size: int = 0
    _raw: BinaryIO | None = field(default=None, repr=False)

    @property
    def is_sheet(self) -> bool:
        """Rows of cells, as spreadsheets write and read them; else objects."""
        return self.format in ("csv", "xlsx")

    @property
    def fraction(self) -> float:
        """How much of it has been read in the pass under way, from 0 to 1."""
        try:
            return min(self._raw.tell() / self.size, 1.0) if self._raw else 0.0
        except (ValueError, OSError, ZeroDivisionError):  # the thread that reads has closed it, or is about to
            return 0.0

    @contextmanager
    def bytes(self) -> Iterator[BinaryIO]:
        """The content, unpacked."""
        with self.path.open("rb") as self._raw:
            if self.packed == "gz":
                with gzip.GzipFile(fileobj=self._raw) as stream:
                    yield Guarded(stream, self.size)  # type: ignore[misc]  # readable is all that its readers need it to be
            elif self.packed == "zip":
                with opened_archive(self._raw) as archive, opened_member(archive, self.size) as stream:
                    yield stream
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


@contextmanager
def opened(argument: str, *, format: str | None = None, encoding: str | None = None) -> Iterator[Source]:
    """`argument` is a path, or `-` for standard input, which is kept on disk: it is read more than once."""
    if argument == "-":
        with tempfile.NamedTemporaryFile(suffix=".stdin") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy, BLOCK)
            copy.flush()
            yield examined(Path(copy.name), "standard input", format=format, encoding=encoding)
    else:
        yield examined(Path(argument), Path(argument).name or argument, format=format, encoding=encoding)


def examined(path: Path, name: str, *, format: str | None = None, encoding: str | None = None) -> Source:
    """Finds out what the file is. Raises `UnusableFile`."""
    name = os.fsencode(name).decode("utf-8", "replace")  # the name is shown, stored and sent, so it must be text
    try:
        _check_regular(path, name)
        with path.open("rb") as raw:
            source = Source(path, name, sha256=_digest(raw), size=raw.tell())
            raw.seek(0)
            head = raw.read(4)
    except (OSError, ValueError) as error:
        raise UnusableFile(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    if not source.size:
        raise UnusableFile(f"{name} is empty.")
    source.packed = _packed(source, head)
    source.format = _format(source, format)
    if source.format in TEXTS:
        detected = known_encoding(encoding) if encoding else encoding_of(name, source.bytes)
        source.encoding, source.encoding_is_guessed = detected
    return source


def _check_regular(path: Path, name: str) -> None:
    """A device or a pipe may never end, and cannot be read twice."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise UnusableFile(f"{name} is a directory. Name the files in it.")
    if not stat.S_ISREG(mode):
        raise UnusableFile(
            f"{name} is a device or a pipe, no file. To read a stream, pipe it in and name it - instead."
        )


def _digest(raw: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := raw.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _packed(source: Source, head: bytes) -> str:
    if head[:2] == b"\x1f\x8b":
        return "gz"
    if head == PACKED_WORKBOOK:
        with source.path.open("rb") as raw, opened_archive(raw) as archive:
            names = archive.namelist()
            if "content.xml" in names and "mimetype" in names:
                raise UnusableFile(f"{source.name} is an OpenDocument file (.ods). Save it as .xlsx or CSV.")
            if "[Content_Types].xml" not in names:
                only_member(archive)
                return "zip"
    return ""


def _format(source: Source, requested: str | None) -> str:
    """By the content where that is beyond doubt, then as asked for, then by the name's ending, then by the first character."""
    with source.bytes() as stream:
        head = stream.read(4096)
    for magic, what in OTHERS.items():
        if head.startswith(magic):
            raise UnusableFile(f"{source.name} is {what}.")
    detected = "parquet" if head.startswith(b"PAR1") else "xlsx" if head.startswith(PACKED_WORKBOOK) else ""
    if detected and requested not in (None, detected):
        raise UnusableFile(f"{source.name} is {detected.upper()}, not {requested}.")
    if detected or requested:
        return detected or requested or ""
    ending = ENDINGS.get(Path(_inner_name(source)).suffix.lower())
    if ending in ("xlsx", "parquet"):
        raise UnusableFile(f"{source.name} is named like {ending.upper()} but is not. Save it anew.")
    if ending:
        return ending
    first = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return {b"[": "json", b"{": "ndjson"}.get(first, "csv")


def _inner_name(source: Source) -> str:
    """Inside of an archive the packed file's."""
    if source.packed == "gz":
        return source.name[:-3] if source.name.lower().endswith(".gz") else ""
    if source.packed == "zip":
        with source.path.open("rb") as raw, opened_archive(raw) as archive:
            return only_member(archive).filename
    return source.name
