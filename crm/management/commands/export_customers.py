import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from stat import S_IMODE
from typing import Any, BinaryIO
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import Error as DatabaseFailure
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from crm.filters import customers_of
from crm.line_items import LINE_ITEMS
from crm.management.file_commands import FileCommand
from crm.representation import CUSTOMER_NAMES
from crm.transfer import exports, long_cells
from overplane.database.text import has_forbidden_characters
from overplane.files.sources import UnusableFile
from overplane.problems import nearest, problems_in

USAGE, BROKEN = 2, 3
ITEMS = ", ".join(str(kind.label_plural) for kind in LINE_ITEMS)


class Command(FileCommand):
    help = "Exports customers, newest first, as they are at one moment. The import reads the file back as it was."
    epilog = """
With line items in CSV and XLSX the column id comes first, whatever --columns says: without it nobody could tell whose
the further lines are. --rows none leaves line items out, and the columns are those named.

A file appears under its name when it is complete; what a link points to is replaced, pipes and devices are written to.

Exit codes: 0 exported, 2 usage or a value that the format cannot hold, 3 broken off.
"""

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("file", help="its ending says the format: .csv, .xlsx, .ndjson, .parquet; - is standard output")
        add("--format", choices=exports.FORMATS, help="if the ending does not say it; default for -: csv")
        add("--columns", metavar="NAME,NAME…", help="default: all")
        add(
            "--rows",
            choices=exports.LAYOUTS,
            default="lines",
            help=f"how line items ({ITEMS}) stand beside their customer",
        )
        add("--filter", action="append", default=[], metavar="PARAMETER=VALUE", help="as in the API's list; repeat")
        add("--search", help="only customers in which all these words are found, as q= does")
        add(
            "--long-cells",
            choices=long_cells.CHOICES,
            default="refuse",
            help="texts that no cell of XLSX holds: refuse the export and name the customer (default), cut them, or leave"
            " them out (omit)",
        )
        add("--quiet", action="store_true")

    def handle(self, *, file: str, **options: Any) -> None:
        format = options["format"] or self._format_of(file)
        names = self._names(options["columns"])
        customers = self._customers(options["filter"], options["search"])
        selection = exports.Selection(customers, names, options["rows"], is_marked=file != "-")
        long = long_cells.LongCells(options["long_cells"])
        try:
            with _target(file) as target, self._progress(quiet=options["quiet"]) as progress:
                count = exports.export(selection, format, target, progress=progress, long_cells=long)
        except UnusableFile as error:
            raise CommandError(str(error), returncode=USAGE) from None
        except (OSError, DatabaseFailure, KeyboardInterrupt) as error:
            reason = getattr(error, "strerror", None) or str(error).strip().partition("\n")[0] or "interrupted"
            raise CommandError(f"Broken off: {reason}.", returncode=BROKEN) from None
        if long.note:  # also where only results are to be seen: the file says something else than the database
            self.stderr.write(long.note)
        if not options["quiet"]:
            self.stderr.write(f"{count} {'customer' if count == 1 else 'customers'} exported.")

    def _format_of(self, file: str) -> str:
        ending = "csv" if file == "-" else Path(file).suffix.lower().lstrip(".")
        if ending not in exports.FORMATS:
            message = f"{file}: end its name in {', '.join(exports.FORMATS)}, or say --format."
            raise CommandError(message, returncode=USAGE)
        return ending

    def _names(self, text: str | None) -> list[str]:
        names = [name.strip() for name in text.split(",")] if text is not None else list(CUSTOMER_NAMES)
        for name in names:
            if name not in CUSTOMER_NAMES:
                raise CommandError(f"There is no column {name!r}.{nearest(name, CUSTOMER_NAMES)}", returncode=USAGE)
            if names.count(name) > 1:
                raise CommandError(f"--columns names {name} more than once.", returncode=USAGE)
        return names

    def _customers(self, filters: list[str], words: str | None) -> Any:
        for text in (*filters, words or ""):
            if has_forbidden_characters(text):
                raise CommandError(
                    f"{text!r} is no text: it must be UTF-8, without control characters.", returncode=USAGE
                )
        pairs = [(name, value) for name, _sign, value in (text.partition("=") for text in filters)]
        pairs += [("q", words)] if words else []
        try:
            return customers_of(urlencode(pairs))
        except ValidationError as error:
            messages = "; ".join(f"{problem.param}: {problem.message}" for problem in problems_in(error))
            raise CommandError(messages, returncode=USAGE) from None

    @contextmanager
    def _progress(self, *, quiet: bool) -> Iterator[exports.ExportProgress]:
        console = Console(stderr=True)
        if quiet or not console.is_terminal:
            yield lambda count: None
            return
        with Progress(TextColumn("{task.completed:,} rows"), TimeElapsedColumn(), console=console) as bar:
            task = bar.add_task("", total=None)
            yield lambda count: bar.update(task, completed=count)


@contextmanager
def _target(file: str) -> Iterator[BinaryIO]:
    with ExitStack() as stack:
        try:
            target = stack.enter_context(_opened(file))
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}.", returncode=USAGE) from None
        yield target


def _opened(file: str) -> AbstractContextManager[BinaryIO]:
    if file == "-":
        return _standard_output()
    path = Path(file)
    if path.exists() and not path.is_file():  # a pipe or a device
        return path.open("wb")
    return _replaced(Path(os.path.realpath(file)))  # what a link points to


@contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    try:
        yield sys.stdout.buffer
        sys.stdout.flush()
    except OSError:
        # Nobody reads any more. Python would try once again at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


@contextmanager
def _replaced(path: Path) -> Iterator[BinaryIO]:
    """The file appears under its name when it is complete: an export that breaks off leaves the old one as it was."""
    mode = S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_mask()
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "wb") as target:
            yield target
        Path(name).chmod(mode)
        Path(name).replace(path)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


def _mask() -> int:
    """The umask of this process. Reading it is possible only by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
