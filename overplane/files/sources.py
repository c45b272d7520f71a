"""A file as it was given: opened, unpacked, with its format and encoding, and readable several times.

Nothing is trusted: a small archive that unpacks to a huge one, a binary, a directory, a device, an
empty file each end in one `UnusableFile` whose message says what to do.
"""

import gzip
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from django.utils.translation import gettext_lazy

from overplane.files.archives import Guarded, only_member, opened_archive, opened_member
from overplane.files.checked_files import BLOCK, CheckedFile, ExaminedFile
from overplane.files.encoding_guesses import EncodingGuess
from overplane.files.encodings import encoding_of, known_encoding
from overplane.files.unusable import UnusableFile
from overplane.files.wording import gettext as _

WORKBOOKS = ("xlsx", "xls", "xlsb", "ods")
FORMATS = ("csv", *WORKBOOKS, "ndjson", "json", "parquet")
TEXTS = ("csv", "ndjson", "json")
ANCIENT = "a workbook of a very old Excel. Save it as .xlsx or CSV"
# (.xls says nothing: many programs name CSV and web pages so.)
ENDINGS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".xlsx": "xlsx", ".xlsm": "xlsx", ".xlsb": "xlsb", ".ods": "ods",
           ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "json", ".parquet": "parquet"}  # fmt: skip
OTHERS = {
    b"\x09\x00\x04\x00": ANCIENT,
    b"\x09\x02\x06\x00": ANCIENT,
    b"\x09\x04\x06\x00": ANCIENT,
    b"\x09\x08\x08\x00": ANCIENT,
    b"\x09\x08\x10\x00": ANCIENT,
    b"%PDF": gettext_lazy("a PDF. Export the table as CSV or XLSX"),
    b"\x89PNG": gettext_lazy("a picture, not a table"),
    b"\xff\xd8\xff": gettext_lazy("a picture, not a table"),
    b"\x7fELF": gettext_lazy("a program, not a table"),
    b"SQLi": gettext_lazy("a database, not a table. Export the table as CSV"),
    b"7z\xbc\xaf": gettext_lazy("a 7z archive. Pack it as .zip or .gz"),
    b"Rar!": gettext_lazy("a RAR archive. Pack it as .zip or .gz"),
    b"BZh": gettext_lazy("packed with bzip2. Pack it as .zip or .gz"),
    b"\xfd7zX": gettext_lazy("packed with xz. Pack it as .zip or .gz"),
    b"\x28\xb5\x2f\xfd": gettext_lazy("packed with zstd. Pack it as .zip or .gz"),
    b"<htm": gettext_lazy("a web page, whatever its name. Open it in a spreadsheet and save it as XLSX or CSV"),
    b"<!DO": gettext_lazy("a web page, whatever its name. Open it in a spreadsheet and save it as XLSX or CSV"),
    b"<?xm": gettext_lazy("XML, not a table. Open it in a spreadsheet and save it as XLSX or CSV"),
}
PACKED_WORKBOOK = b"PK\x03\x04"
OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
OPEN_DOCUMENT = b"application/vnd.oasis.opendocument."


@dataclass(slots=True)
class Source:
    """`name` is what people know the file by. Its content is what was examined, or reading it ends with `UnusableFile`.

    `readings`: of an encoding that was only guessed, what it and others would make of the file, the best first.
    """

    file: ExaminedFile
    name: str
    format: str = "csv"
    packed: str = ""
    encoding: str = "utf-8"
    encoding_is_guessed: bool = False
    readings: tuple[EncodingGuess, ...] = ()
    has_bad_bytes: bool = False
    _raw: CheckedFile | None = field(default=None, repr=False)

    @property
    def sha256(self) -> str:
        return self.file.sha256

    @property
    def is_sheet(self) -> bool:
        """Rows of cells, as spreadsheets write and read them; else objects."""
        return self.format in ("csv", *WORKBOOKS)

    @property
    def fraction(self) -> float:
        """How much of it has been read in the pass under way, from 0 to 1."""
        raw = self._raw  # the thread that reads may close it meanwhile
        return min(raw.at / self.file.size, 1.0) if raw else 0.0

    @property
    def guess(self) -> str:
        """What is to be said of an encoding that somebody has to confirm; nothing of any other."""
        if not self.readings:
            return ""
        best, *others = self.readings
        alternatives = ", ".join(f"{name} ({', '.join(words)})" for name, words in others)
        text = _("%(file)s is not UTF-8. It seems to be %(encoding)s (%(words)s).")
        if alternatives:
            text = _(
                "%(file)s is not UTF-8. It seems to be %(encoding)s (%(words)s); other encodings would read it so: %(others)s."
            )
        return text % {
            "file": self.name,
            "encoding": best.encoding,
            "words": ", ".join(best.words),
            "others": alternatives,
        }

    def set_encoding(self, name: str) -> None:
        """As somebody confirmed it, or a run was begun with."""
        self.encoding, self.encoding_is_guessed, self.readings = name, False, ()

    def check_unchanged(self) -> None:
        """Reads all of it. Raises `UnusableFile`."""
        self.file.check()

    @contextmanager
    def bytes(self) -> Iterator[BinaryIO]:
        """The content, unpacked."""
        with self.file.opened() as packed:
            self._raw = cast("CheckedFile", packed.raw)
            try:
                if self.packed == "gz":
                    with gzip.GzipFile(fileobj=packed) as stream:
                        yield Guarded(stream, self.file.size)  # type: ignore[misc]  # readable is all that its readers need it to be
                elif self.packed == "zip":
                    with opened_archive(packed) as archive, opened_member(archive, self.file.size) as stream:
                        yield stream
                else:
                    yield packed
            finally:
                self._raw = None

    @contextmanager
    def seekable(self) -> Iterator[BinaryIO]:
        """The content for readers that jump about in it."""
        if self.packed:
            with self._copy() as copy:
                yield copy
        else:
            with self.file.opened() as file:
                yield file

    @contextmanager
    def plain_path(self) -> Iterator[Path]:
        """The content as a file of our own, for readers that want a path: at the given one others may write."""
        with self._copy() as copy:
            yield Path(copy.name)

    @contextmanager
    def _copy(self) -> Iterator[BinaryIO]:
        with tempfile.NamedTemporaryFile(suffix="." + self.format) as copy:
            with self.bytes() as stream:
                shutil.copyfileobj(stream, copy, BLOCK)
            copy.flush()
            copy.seek(0)
            yield cast("BinaryIO", copy)


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
        source = Source(ExaminedFile(path, name), name)
    except (OSError, ValueError) as error:
        raise UnusableFile(
            _("%(name)s cannot be read: %(reason)s.")
            % {"name": name, "reason": getattr(error, "strerror", None) or error}
        ) from None
    if not source.file.size:
        raise UnusableFile(_("%(name)s is empty.") % {"name": name})
    source.packed = _packed(source)
    source.format = _format(source, format)
    if source.format in TEXTS:
        known = known_encoding(encoding) if encoding else encoding_of(name, source.bytes)
        source.encoding, source.encoding_is_guessed, source.readings, source.has_bad_bytes = known
    return source


def _check_regular(path: Path, name: str) -> None:
    """A device or a pipe may never end, and cannot be read twice."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise UnusableFile(_("%(name)s is a directory. Name the files in it.") % {"name": name})
    if not stat.S_ISREG(mode):
        raise UnusableFile(
            _("%(name)s is a device or a pipe, no file. To read a stream, pipe it in and name it - instead.")
            % {"name": name}
        )


def _packed(source: Source) -> str:
    with source.bytes() as stream:
        head = stream.read(4)
    if head[:2] == b"\x1f\x8b":
        return "gz"
    if head == PACKED_WORKBOOK:
        with source.file.opened() as raw, opened_archive(raw) as archive:
            names = archive.namelist()
            if "[Content_Types].xml" not in names and not ("content.xml" in names and "mimetype" in names):
                only_member(archive)
                return "zip"
    return ""


def _format(source: Source, requested: str | None) -> str:
    """By the content where that is beyond doubt, then as asked for, then by the name's ending, then by the first character."""
    with source.bytes() as stream:
        head = stream.read(4096)
    for magic, what in OTHERS.items():
        if head.startswith(magic):
            raise UnusableFile(_("%(name)s is %(what)s.") % {"name": source.name, "what": what})
    detected = "parquet" if head.startswith(b"PAR1") else _workbook_format(source, head)
    if detected and requested not in (None, detected):
        raise UnusableFile(
            _("%(name)s is %(detected)s, not %(requested)s.")
            % {"name": source.name, "detected": detected.upper(), "requested": requested}
        )
    if detected or requested:
        return detected or requested or ""
    ending = ENDINGS.get(Path(_inner_name(source)).suffix.lower())
    if ending in (*WORKBOOKS, "parquet"):
        raise UnusableFile(
            _("%(name)s is named like %(ending)s but is not. Save it anew.")
            % {"name": source.name, "ending": ending.upper()}
        )
    if ending:
        return ending
    first = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return {b"[": "json", b"{": "ndjson"}.get(first, "csv")


def _workbook_format(source: Source, head: bytes) -> str:
    if head.startswith(OLD_WORKBOOK):
        return "xls"
    if not head.startswith(PACKED_WORKBOOK):
        return ""
    with source.plain_path() as path, path.open("rb") as raw, opened_archive(raw) as archive:
        names = archive.namelist()
        if "content.xml" in names and "mimetype" in names:
            with archive.open("mimetype") as stream:
                kind = stream.read(100)
            if not kind.startswith(OPEN_DOCUMENT + b"spreadsheet"):
                raise UnusableFile(_("%(name)s is an OpenDocument file, but no spreadsheet.") % {"name": source.name})
            return "ods"
        return "xlsb" if "xl/workbook.bin" in names else "xlsx"


def _inner_name(source: Source) -> str:
    """Inside of an archive the packed file's."""
    if source.packed == "gz":
        return source.name[:-3] if source.name.lower().endswith(".gz") else ""
    if source.packed == "zip":
        with source.file.opened() as raw, opened_archive(raw) as archive:
            return only_member(archive).filename
    return source.name
