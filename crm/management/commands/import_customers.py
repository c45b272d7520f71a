import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper
from django.db import Error as DatabaseFailure
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from crm.line_items import LINE_ITEMS
from crm.management.counting import counted
from crm.management.file_commands import FileCommand
from crm.transfer import imports
from crm.transfer.columns import column_name, customer_columns
from crm.transfer.options import MATCH_KEYS, MODES
from crm.transfer.refused_files import ENDINGS, RefusedRows, format_of
from crm.transfer.reports import COUNTS, Report
from crm.transfer.stored_refusals import record_broken_off, record_run
from overplane.database.encoding import dumps
from overplane.files.json_tables import unique_keys
from overplane.files.sources import FORMATS, Source, UnusableFile, opened
from overplane.origin import shell_user

MAX_PRINTED = 20  # problems and changes that are printed: a screenful; the report has more
REFUSED, USAGE, BROKEN = 1, 2, 3
ITEMS = ", ".join(str(kind.label_plural) for kind in LINE_ITEMS)
EXAMPLE = column_name(LINE_ITEMS[0], LINE_ITEMS[0].names[0])
# What a run that is resumed was begun with, by option; it may be said again.
OF_THE_RUN = {
    "map": "mapping", "mapping": "mapping", "ignore_unknown": "ignore_unknown", "set": "constants", "null": "nulls",
    "mode": "mode", "match_on": "match_on", "replace_rows": "replace_rows", "keep_when_blank": "keep_when_blank",
    "skip_errors": "skip_errors", "atomic": "skip_errors", "again": "again", "delimiter": "delimiter", "sheet": "sheet",
    "heading_row": "heading_row", "errors": "errors", "encoding": "encoding", "format": "format",
}  # fmt: skip


class Command(FileCommand):
    help = (
        f"Imports customers and their {ITEMS} from CSV, XLSX, XLS, XLSB, ODS, NDJSON, JSON or Parquet, also packed"
        " (.gz, .zip)."
    )
    epilog = f"""
A column is found by the field's name, its label or what people call it ("Company name", "E-mail", "VAT no.").
The fields of a customer:
{fill(", ".join(customer_columns()), 110, initial_indent="  ", subsequent_indent="  ")}
Line items ({ITEMS}) stand in the same file (in columns such as {EXAMPLE}), further ones in lines
of their own with the customer's cells blank or repeated; or in a file that has a column customer_id.
A column that is absent leaves a field as it is (or gives a new customer the default); an empty cell resets it,
unless --keep-when-blank says otherwise, or a ? behind the field: --map 'Phone=mobile_no?'. Several columns are
joined by +: --map 'Street+City+Zip=primary_address'. The same stands in files of --mapping.

Exit codes: 0 all in, 1 some refused, 2 usage, 3 broken off (go on with --resume).
"""

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("files", nargs="+", metavar="FILE", help="a path, or - for standard input")
        add(
            "--map",
            action="append",
            default=[],
            metavar="HEADING=FIELD",
            help="what a column is; repeat for each. A+B=FIELD joins columns",
        )
        add("--mapping", type=Path, metavar="FILE.json", help="the same from a file: {heading: field}")
        add("--save-mapping", type=Path, metavar="FILE.json", help="keep what each column was taken for")
        add(
            "--keep-when-blank",
            action="store_true",
            help="a blank cell leaves what is stored; of one column: --map 'HEADING=FIELD?'",
        )
        add("--ignore-unknown", action="store_true", help="leave out columns whose meaning cannot be told")
        add("--set", action="append", default=[], metavar="FIELD=VALUE", help="a value for every customer of the file")
        add("--null", action="append", default=[], metavar="WORD", help="a word that stands for an empty cell")
        add("--mode", choices=MODES, help="default: create, or upsert with --match-on")
        add("--match-on", choices=MATCH_KEYS, help="by what customers are found that are there already")
        add("--replace-rows", action="store_true", help="delete line items that the file does not have")
        add("--skip-errors", action="store_true", help="import the good rows; the default is all or none")
        add("--atomic", action="store_true", help="all or none (the default)")
        add("--dry-run", action="store_true", help="do everything but write, and say what would change")
        add("--resume", action="store_true", help="go on with the run of this file that broke off")
        add("--again", action="store_true", help="import a file that was imported before")
        add("--format", choices=FORMATS, help="if the name does not tell")
        add("--encoding", help="utf-8, utf-16, cp1252, latin-1 …; default: found out")
        add("--accept-encoding", action="store_true", help="import a file whose encoding could only be guessed")
        add("--delimiter", help="of CSV; default: found out")
        add("--sheet", metavar="NAME", help="of a workbook; default: the one whose headings are known")
        add("--heading-row", type=int, metavar="N", help="the row that names the columns; default: found out")
        add(
            "--errors",
            type=Path,
            metavar="FILE",
            help="where refused rows go; default: FILE.errors.csv (.xlsx, .ndjson: as FILE is)",
        )
        add("--json", action="store_true", help="the report as JSON on standard output")
        add("--quiet", action="store_true", help="say nothing unless something is wrong")

    def handle(self, *, files: list[str], **options: Any) -> None:
        _check_options(files, options)
        reports: list[Report] = []
        try:
            for file in files:
                reports.append(self._import(file, options))
                if reports[-1].counts["refused"] and not options["skip_errors"]:
                    break
        finally:
            if options["json"] and reports:
                output = [report.as_json() for report in reports]
                answer = output[0] if len(files) == 1 else output
                self.stdout.write(json.dumps(answer, ensure_ascii=False, default=str))
        if refusals := [_refusal(report) for report in reports if report.counts["refused"]]:
            raise CommandError("\n".join(refusals), returncode=REFUSED)

    def _import(self, file: str, options: dict[str, Any]) -> Report:
        try:
            with (
                opened(file, format=options["format"], encoding=options["encoding"]) as source,
                RefusedRows(_errors_path(file, source, options)) as refused,
                _progress(options) as progress,
            ):
                report = self._execute(source, refused, progress, options)
        except imports.BrokenOff as error:
            _record(partial(record_broken_off, error.run_id, str(error.__cause__).strip()), self.stderr)
            raise CommandError(str(error), returncode=BROKEN) from None
        except imports.RunOvertaken as error:
            raise CommandError(str(error), returncode=BROKEN) from None
        except (UnusableFile, OSError) as error:
            raise CommandError(str(error), returncode=USAGE) from None
        except (DatabaseFailure, KeyboardInterrupt) as error:
            stays = "" if options["dry_run"] else " What was committed stays, if anything was: --resume goes on."
            message = f"Broken off ({str(error).strip() or 'interrupted'}).{stays}"
            raise CommandError(message, returncode=BROKEN) from None
        if refused.file is not None:
            report.errors_file = str(refused.path)
        if report.run:
            _record(partial(record_run, report, refused), self.stderr)
        if options["save_mapping"]:
            text = json.dumps(report.mapping, ensure_ascii=False, indent=2)
            options["save_mapping"].write_text(text + "\n", encoding="utf-8")
        self._tell(report, options)
        return report

    def _execute(
        self, source: Source, refused: RefusedRows, progress: imports.ImportProgress, options: dict[str, Any]
    ) -> Report:
        if options["resume"]:
            return _resume(source, refused, progress, options)
        import_options = _import_options(options)
        if options["dry_run"]:
            return imports.check(source, import_options, progress=progress, refused=refused)
        return imports.run(
            source,
            import_options,
            started_by=f"shell:{shell_user()}",
            progress=progress,
            refused=refused,
            again=options["again"],
            accept_encoding=options["accept_encoding"],
        )

    def _tell(self, report: Report, options: dict[str, Any]) -> None:
        if options["json"]:
            return
        for warning in report.warnings:
            self.stderr.write(f"warning: {warning}")
        for problem in report.problems[:MAX_PRINTED]:
            where = f"row {problem.number}, {problem.column or 'row'}"
            value = f" {problem.value[:60]!r}" if problem.value else ""
            self.stderr.write(f"{where}:{value} {problem.problem.message} ({problem.problem.code})")
        if options["quiet"]:
            return
        for change in report.changes[:MAX_PRINTED] if options["dry_run"] else []:
            old, new = dumps(change.old).decode(), dumps(change.new).decode()
            self.stdout.write(f"row {change.number}, {change.customer_id}: {change.name} {old} → {new}")
        counts = ", ".join(_outcome(name, report.counts[name]) for name in COUNTS if report.counts[name])
        if report.state == "refused":
            return
        verb = "Would be" if options["dry_run"] else f"Imported as {report.run}:"
        self.stdout.write(
            f"{report.file}: {counted(report.customers, 'customer')}. {verb} {counts or 'nothing to do'}."
        )


def _record(work: Callable[[], None], messages: OutputWrapper) -> None:
    """What is written is written whatever becomes of this."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 (each store has kinds of its own)
        messages.write(f"warning: the run has no page in the admin ({error})")


def _check_options(files: list[str], options: dict[str, Any]) -> None:
    if options["atomic"] and options["skip_errors"]:
        raise CommandError("--atomic and --skip-errors exclude each other.", returncode=USAGE)
    if options["errors"] and len(files) > 1:
        raise CommandError("--errors is of one FILE; without it each has its own.", returncode=USAGE)
    if options["resume"] and options["dry_run"]:
        raise CommandError("--resume goes on with a run; --dry-run writes nothing. Leave one out.", returncode=USAGE)
    if options["heading_row"] is not None and options["heading_row"] < 1:
        raise CommandError("--heading-row: rows are counted from 1.", returncode=USAGE)
    if options["save_mapping"]:
        _check_writable(options["save_mapping"])


def _resume(source: Source, refused: RefusedRows, progress: imports.ImportProgress, options: dict[str, Any]) -> Report:
    """Options may be said again as the run was begun with them."""
    values = json.loads(json.dumps(asdict(_import_options(options))))  # as they are stored
    values |= {"again": True, "errors": imports.errors_setting(refused)}
    values |= {"encoding": source.encoding, "format": source.format}
    requested = {setting: values[setting] for name, setting in OF_THE_RUN.items() if options[name]}
    try:
        return imports.resume(source, progress=progress, refused=refused, requested=requested)
    except imports.BegunOtherwise as error:
        wrong = [name for name, setting in OF_THE_RUN.items() if options[name] and setting in error.names]
        named = ", ".join("--" + name.replace("_", "-") for name in wrong)
        raise UnusableFile(
            f"--resume goes on as the run was begun, which was otherwise: leave out {named}, or import anew."
        ) from None


def _import_options(options: dict[str, Any]) -> imports.ImportOptions:
    mapping = _read_mapping(options["mapping"]) if options["mapping"] else {}
    mapping |= dict(_pair(text, "--map", "Heading=field") for text in options["map"])
    return imports.ImportOptions(
        mode=options["mode"] or ("upsert" if options["match_on"] else "create"),
        match_on=options["match_on"],
        mapping=mapping,
        constants=dict(_pair(text, "--set", "field=value", first=True) for text in options["set"]),
        nulls=tuple(options["null"]),
        ignore_unknown=options["ignore_unknown"],
        replace_rows=options["replace_rows"],
        keep_when_blank=options["keep_when_blank"],
        skip_errors=options["skip_errors"],
        sheet=options["sheet"],
        heading_row=options["heading_row"],
        delimiter={"\\t": "\t", "tab": "\t"}.get(options["delimiter"], options["delimiter"]),
    )


def _errors_path(file: str, source: Source, options: dict[str, Any]) -> Path:
    """Beside the file, or wherever else something can be written."""
    ending = format_of(source)
    path = options["errors"] or Path(f"{'standard-input' if file == '-' else file}.errors.{ending}")
    if options["errors"]:
        _check_writable(path)
        if path.suffix in {one for endings in ENDINGS.values() for one in endings} - {*ENDINGS[ending]}:
            raise CommandError(f"--errors {path}: of such a file it must end in .{ending}.", returncode=USAGE)
    elif not _is_writable(path):
        path = next(filter(_is_writable, (Path(path.name), Path(tempfile.gettempdir()) / path.name)), path)
    if path.exists() and file != "-" and path.samefile(file):
        raise CommandError(f"--errors {path} is the very file that is imported.", returncode=USAGE)
    return path


@contextmanager
def _progress(options: dict[str, Any]) -> Iterator[imports.ImportProgress]:
    console = Console(stderr=True)
    if options["quiet"] or options["json"] or not console.is_terminal:
        yield lambda doing, fraction, customers: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        tasks: dict[str, TaskID] = {}

        def progress(doing: str, fraction: float, customers: int) -> None:
            if doing not in tasks:
                tasks[doing] = bar.add_task(doing, total=1.0, rate="")
            seconds = bar.tasks[tasks[doing]].elapsed or 1e-9
            bar.update(tasks[doing], completed=fraction, rate=f"{customers:,} ({customers / seconds:,.0f}/s)")

        yield progress


def _outcome(name: str, number: int) -> str:
    """`2 created`, `1 row created`."""
    what, _, done = name.rpartition("_")
    return f"{counted(number, what.removesuffix('s'))} {done}" if what else f"{number} {done}"


def _refusal(report: Report) -> str:
    kinds = "; ".join(f"{n} × {code} in {column or 'row'}" for (code, column), n in report.kinds.most_common(10))
    done = "Nothing imported. " if report.state == "refused" else ""
    where = f" All of them, with the rows to mend: {report.errors_file}" if report.errors_file else ""
    others = " The others go in with --skip-errors." if done and report.customers > report.counts["refused"] else ""
    counts = f"{counted(report.counts['refused'], 'customer')} refused, {counted(report.problem_count, 'problem')}"
    return f"{report.file}: {done}{counts}{': ' + kinds if kinds else ''}.{where}{others}"


def _check_writable(path: Path) -> None:
    """Before anything is done, not after."""
    if not _is_writable(path):
        raise CommandError(f"{path} cannot be written. Name another file.", returncode=USAGE)


def _is_writable(path: Path) -> bool:
    return not path.is_dir() and os.access(path if path.exists() else path.parent, os.W_OK)


def _pair(text: str, option: str, form: str, *, first: bool = False) -> tuple[str, str]:
    left, separator, right = text.partition("=") if first else text.rpartition("=")
    if not separator:
        raise CommandError(f"{option} {text!r}: write it as '{form}'.", returncode=USAGE)
    return left.strip(), right.strip()


def _read_mapping(path: Path) -> dict[str, str]:
    try:
        mapping = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=unique_keys)
    except (OSError, ValueError, RecursionError) as error:
        raise CommandError(f"--mapping {path}: {error}", returncode=USAGE) from None
    if not isinstance(mapping, dict) or not all(isinstance(value, str) for value in mapping.values()):
        raise CommandError(f"--mapping {path}: must be an object of headings and fields.", returncode=USAGE)
    return mapping
