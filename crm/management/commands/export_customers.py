import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from crm import exports
from crm.filters import asked_for
from crm.representation import CUSTOMER_NAMES
from overplane.api.errors import ApiError
from overplane.files.sources import UnusableFile
from overplane.problems import nearest


class Command(BaseCommand):
    help = "Exports customers, newest first, as they are at one moment. The import reads the file back as it was."

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("file", help="its ending says the format: .csv, .xlsx, .ndjson, .parquet; - is standard output")
        add("--format", choices=exports.FORMATS, help="if the ending does not say it; default for -: csv")
        add("--columns", metavar="NAME,NAME…", help="default: all")
        add("--rows", choices=exports.LAYOUTS, default="lines", help="how supplier numbers stand beside their customer")
        add("--filter", action="append", default=[], metavar="PARAMETER=VALUE", help="as in the API's list; repeat")
        add("--search", help="only customers in which all these words are found, as q= does")
        add("--quiet", action="store_true")

    def handle(self, *, file: str, **options: Any) -> None:
        format = options["format"] or self._format_of(file)
        names = self._names(options["columns"])
        customers = self._customers(options["filter"], options["search"])
        wanted = exports.Wanted(customers, names, options["rows"], is_marked=file != "-")
        try:
            with _target(file) as target, self._progress(quiet=options["quiet"]) as progress:
                count = exports.export(wanted, format, target, progress=progress)
        except (UnusableFile, OSError) as error:
            raise CommandError(str(error), returncode=2) from None
        if not options["quiet"]:
            self.stderr.write(f"{count} customers exported.")

    def _format_of(self, file: str) -> str:
        ending = "csv" if file == "-" else Path(file).suffix.lower().lstrip(".")
        if ending not in exports.FORMATS:
            raise CommandError(f"{file}: end its name in {', '.join(exports.FORMATS)}, or say --format.", returncode=2)
        return ending

    def _names(self, text: str | None) -> list[str]:
        names = [name.strip() for name in text.split(",")] if text else list(CUSTOMER_NAMES)
        for name in names:
            if name not in CUSTOMER_NAMES:
                raise CommandError(f"There is no column {name!r}.{nearest(name, CUSTOMER_NAMES)}", returncode=2)
        return names

    def _customers(self, filters: list[str], words: str | None) -> Any:
        pairs = [tuple(text.partition("=")[::2]) for text in filters] + ([("q", words)] if words else [])
        try:
            return asked_for(urlencode(pairs))
        except ApiError as error:
            told = "; ".join(f"{problem.param}: {problem.message}" for problem in error.problems)
            raise CommandError(told, returncode=2) from None

    @contextmanager
    def _progress(self, *, quiet: bool) -> Iterator[exports.Progress]:
        console = Console(stderr=True)
        if quiet or not console.is_terminal:
            yield lambda count: None
            return
        with Progress(TextColumn("{task.completed:,} rows"), TimeElapsedColumn(), console=console) as bar:
            task = bar.add_task("", total=None)
            yield lambda count: bar.update(task, completed=count)


@contextmanager
def _target(file: str) -> Iterator[BinaryIO]:
    """The file appears under its name when it is complete: an export that breaks off leaves the old one as it was."""
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    path = Path(file)
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "wb") as target:
            yield target
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(path)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()
