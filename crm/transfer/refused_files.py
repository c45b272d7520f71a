"""The file of refused rows, to be corrected and imported: in the format, the encoding and with the delimiter of its source.

A German Excel opens a file with commas as one column, so a file with semicolons comes back with semicolons.
"""

import codecs
import csv
import io
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, suppress
from itertools import count
from pathlib import Path
from shutil import copyfile
from typing import Any, BinaryIO, NamedTuple, Self

from django.utils.translation import gettext as _

from crm.transfer.batch import Batch, ParseOptions
from crm.transfer.columns import REFUSAL_COLUMNS
from crm.transfer.refused_rows import refused_objects, refused_rows
from overplane.files import workbook_writing
from overplane.files.sources import Source, UnusableFile
from overplane.files.spreadsheets import escape_formula

ENDINGS = {"csv": (".csv",), "xlsx": (".xlsx", ".csv"), "ndjson": (".ndjson",)}  # of the path, by format

BEGIN = f'"{REFUSAL_COLUMNS[0]}"'  # the first heading


def refused_name(file_name: str, ending: str) -> str:
    return f"{file_name.rpartition('.')[0] or file_name}.refused.{ending}"


class Encoded(NamedTuple):
    """How text becomes bytes. `mark` begins the file, for Excel."""

    codec: str
    mark: bytes = b""


UTF_8 = Encoded("utf-8", codecs.BOM_UTF8)
MARKED = {
    **dict.fromkeys(("utf-8", "utf-8-sig", "ascii"), UTF_8),
    **dict.fromkeys(("utf-16", "utf-16-le", "utf-16-be"), Encoded("utf-16-le", codecs.BOM_UTF16_LE)),
    **dict.fromkeys(("utf-32", "utf-32-le", "utf-32-be"), Encoded("utf-32-le", codecs.BOM_UTF32_LE)),
}


def format_of(source: Source) -> str:
    """What the refused rows of this file become: objects can say that a key is absent."""
    if not source.is_sheet:
        return "ndjson"
    return "csv" if source.format == "csv" else "xlsx"


class RefusedRows:
    """The file is made when the first row is refused. `path`: where it stands when it is finished.

    Rows have their reason in columns before their own, so that a row with too few or too many cells stays one. A workbook
    cannot be gone on with where a run broke off: until the run ends its rows are kept as CSV.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: BinaryIO | None = None
        self.warnings: list[str] = []
        self.stored_id: str | None = None  # where somebody keeps the finished file
        self.left: Path | None = None  # what a workbook was made of
        self.format, self.delimiter, self.encoded = "csv", ",", UTF_8

    def imitate(self, source: Source) -> None:
        """To be called before anything else, as soon as the path is known."""
        self.format = format_of(source)
        if self.path.suffix == ".csv":
            self.format = "csv"
        if self.format == source.format == "csv":
            self.encoded = MARKED.get(source.encoding, Encoded(source.encoding))

    @property
    def working_path(self) -> Path:
        """What is written while the run goes on."""
        return _part(self.path) if self.format == "xlsx" else self.path

    def go_on_at(self, size: int) -> bool:
        """Cuts off what was written after the last commit of the run. False if the file is missing or shorter."""
        if self.file is None and size:
            path = self.working_path
            if not path.is_file() or path.stat().st_size < size:
                return False
            with path.open("r+b") as file:
                if self.format != "ndjson" and not self._recognize(file.read(64)):
                    return False
                file.truncate(size)
            self.file = path.open("ab")
        return True

    def _recognize(self, head: bytes) -> bool:
        """Whether it is a file of ours, to be gone on with in the way that it was begun."""
        if head.startswith(UTF_8.mark):
            self.encoded = UTF_8
        begin = head.removeprefix(self.encoded.mark).decode(self.encoded.codec, "replace")
        if not begin.startswith(BEGIN):
            return False
        self.delimiter = begin[len(BEGIN)]
        return True

    def begin_anew(self) -> Path:
        """Goes on in a file of another name. Returns the old path, whose file stays as it is."""
        old, names = self.path, (self.path.with_name(f"{self.path.stem}.{i}{self.path.suffix}") for i in count(2))
        self.path = next(path for path in names if not path.exists())
        return old

    def flushed(self) -> int:
        """Hands everything to the operating system. Returns how many bytes the file has."""
        if self.file is None:
            return 0
        self.file.flush()
        return self.working_path.stat().st_size

    def add(self, batch: Batch, parse_options: ParseOptions) -> None:
        headings = parse_options.columns.headings
        is_new = self.file is None
        if self.format == "ndjson":
            self._write("".join(refused_objects(batch, parse_options)))
            return
        if is_new:
            self.delimiter = parse_options.delimiter
            # In quotes, or a heading with many semicolons would be taken for several.
            own = [escape_formula(heading) for heading in headings if heading not in REFUSAL_COLUMNS]
            self._write(_lines(self.delimiter, [[*REFUSAL_COLUMNS, *own]], csv.QUOTE_ALL))
        self._write(
            _lines(self.delimiter, refused_rows(batch, headings, is_text=self.format == "csv"), csv.QUOTE_MINIMAL)
        )

    def _write(self, text: str) -> None:
        try:
            content = text.encode(self.encoded.codec)
        except UnicodeEncodeError:
            self._fall_back()
            content = text.encode(self.encoded.codec, "replace")  # halves of a pair of surrogates are no text at all
        if self.file is None:
            self.file = self.working_path.open("wb")
            self.file.write(b"" if self.format == "ndjson" else self.encoded.mark)
        self.file.write(content)

    def _fall_back(self) -> None:
        """From here on in UTF-8, and what was written before too."""
        if self.encoded.codec == UTF_8.codec:
            return
        self.warnings.append(
            _("The refused rows hold characters that %(encoding)s does not have; %(file)s is UTF-8.")
            % {"encoding": self.encoded.codec, "file": self.path.name}
        )
        if self.file is not None:
            self.file.close()
            before = self.working_path.read_bytes().removeprefix(self.encoded.mark).decode(self.encoded.codec)
            changed = self.working_path.with_name(f"{self.working_path.name}.utf-8")
            changed.write_bytes(UTF_8.mark + before.encode(UTF_8.codec))
            changed.replace(self.working_path)
            self.file = self.working_path.open("ab")
        self.encoded = UTF_8

    def finish(self) -> None:
        """Makes the file what it is to be. Until the run has ended what it was made of stays: the run may be gone on with."""
        if self.file is None:
            return
        self.file.close()
        if self.format == "xlsx":
            self._make_workbook()

    def _make_workbook(self) -> None:
        working = self.left = self.working_path
        try:
            _write_workbook(working, self.path, self.delimiter)
        except (UnusableFile, IndexError) as error:  # a cell with its reason may be longer than a workbook's can be
            self.path = self.path.with_suffix(".csv") if self.path.suffix == ".xlsx" else self.path
            copyfile(working, self.path)
            self.warnings.append(
                _("The refused rows do not fit into a workbook (%(error)s) %(file)s is CSV.")
                % {"error": error, "file": self.path.name}
            )
            self.format = "csv"

    def clean_up(self) -> None:
        """Once the run has ended: what was only worked with."""
        if self.left:
            self.left.unlink(missing_ok=True)

    def remove(self) -> None:
        """All that there is of it: somebody else keeps it, or nobody needs it."""
        for path in (self.path, _part(self.path)):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        if self.file is not None:
            self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, type_: Any, error: Any, traceback: Any) -> None:
        # Only the first error is raised: on a full disk closing fails too.
        with suppress(OSError) if error else nullcontext():
            self.close()


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _lines(delimiter: str, rows: Iterable[Sequence[Any]], quoting: Any) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quoting=quoting).writerows(rows)
    return text.getvalue()


def _write_workbook(source: Path, path: Path, delimiter: str) -> None:
    """The whole of it, or nothing."""
    new = path.with_name(f"{path.name}.new")
    try:
        with source.open(encoding="utf-8-sig", newline="") as lines, new.open("wb") as target:
            rows = csv.reader(lines, delimiter=delimiter)
            workbook_writing.write(target, "refused", next(rows), rows)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
