"""Files into customers: checked, written, resumed.

Unless errors are to be skipped the whole file is checked first, and nothing is written until every row passes. Then
batch after batch is written, each in a short transaction with its events and with how far the run has come: whenever it
breaks off, `resume` goes on exactly there.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from crm.models import HAS_WRITTEN, ImportRun, RunState
from crm.transfer import announcements
from crm.transfer.options import ImportOptions
from crm.transfer.pipeline import CheckPass, PreviewPass, ReadPass, WritePass
from crm.transfer.recording import Recorder, storable
from crm.transfer.refused_files import RefusedRows
from crm.transfer.reports import Report
from crm.transfer.runs import refuse
from crm.transfer.task import CONFIRM, ImportProgress, ImportTask, RunOvertaken, hold
from overplane.files.sources import Source, UnusableFile
from overplane.ids import new_id

OPEN = (RunState.CHECKING, RunState.WRITING)
NOT_OPTIONS = ("format", "encoding", "errors", "again")  # what a run's settings hold beside them


class AlreadyImported(UnusableFile):
    """The very same file was imported before."""


class BegunOtherwise(UnusableFile):
    """A run cannot be gone on with otherwise than it was begun."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(_("The run was begun with other settings: %(names)s.") % {"names": ", ".join(names)})
        self.names = names


class BrokenOff(Exception):
    """A run ended in the middle of writing; the message says what stays and how to go on."""

    def __init__(self, run: ImportRun, error: Exception) -> None:
        super().__init__(
            _(
                "%(run)s broke off (%(error)s). What it wrote up to row %(position)d of %(file)s stays: go on with it (--resume),"
                " or take it back (undo_import %(run)s)."
            )
            % {"run": run.pk, "error": str(error).strip(), "position": run.position, "file": run.file_name}
        )
        self.run_id = run.pk


def check(
    source: Source,
    options: ImportOptions,
    *,
    progress: ImportProgress,
    refused: RefusedRows | None = None,
    run: ImportRun | None = None,
) -> Report:
    """Everything but the writing: what would be created, changed, left and refused. `run`: of which that is recorded."""
    task = ImportTask(source, options, progress, run)
    if refused:
        refused.imitate(source)
    PreviewPass(task, refused).execute()
    return _conclude(task, refused, RunState.CHECKED)


def run(
    source: Source,
    options: ImportOptions,
    *,
    started_by: str,
    progress: ImportProgress,
    refused: RefusedRows | None = None,
    again: bool = False,
    accept_encoding: bool = False,
    run_id: str | None = None,
    job_id: str | None = None,
) -> Report:
    """Imports the file. Raises `UnusableFile` before anything is written, `BrokenOff` when some of it is.

    `run_id`: of the run, which may wait for this already. `job_id`: the job that does it.
    """
    _confirm_encoding(source, accept_encoding=accept_encoding)
    if not again and (before := earlier(source)):
        raise AlreadyImported(_already_imported(before))
    if refused:
        refused.imitate(source)
    # Other runs of this file that are still checking it, or were killed while they did, must not write any more.
    _drop(ImportRun.objects.filter(file_hash=source.sha256, dry_run=False), str(begun_meanwhile()))
    beside = {"format": source.format, "encoding": source.encoding, "again": again}
    values = {
        "file_hash": source.sha256,
        "settings": asdict(options) | beside | {"errors": errors_setting(refused)},
        "state": RunState.CHECKING,
        "job_id": job_id,
    }
    own = {"created_at": timezone.now(), "started_by": started_by[:100], "file_name": source.name[:255]}
    started, _is_new = ImportRun.objects.update_or_create(
        id=run_id or new_id("run"), defaults=values, create_defaults=own | values
    )
    try:
        return _execute(ImportTask(source, options, progress, started), refused)
    except (UnusableFile, OSError) as error:
        # The file is the reason. After anything else that ends a check (a lost database, a stopped worker) the run can go on.
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        _drop(ImportRun.objects.filter(pk=started.pk), reason)
        raise


def begun_meanwhile() -> RunOvertaken:
    return RunOvertaken(_("Another import of this file was begun in the meantime; this one wrote nothing."))


def _drop(runs: QuerySet[ImportRun], reason: str) -> None:
    """Those of them that are only checked so far. A run whose file is kept has an address, so it stays, refused."""
    with transaction.atomic():
        # Locked: one that begins to write just now is left alone.
        checked = list(runs.filter(state=RunState.CHECKING).select_for_update().order_by("pk"))
        ImportRun.objects.filter(pk__in=[one.pk for one in checked if one.file_id is None]).delete()
        for one in checked:
            if one.file_id is not None:
                refuse(one.pk, reason)


def _confirm_encoding(source: Source, *, accept_encoding: bool) -> None:
    """A wrong guess makes other letters of people's names: it is not written unless somebody has seen it."""
    if source.readings and not accept_encoding:
        raise UnusableFile(f"{source.guess} {CONFIRM}")
    source.readings = ()


def errors_setting(refused: RefusedRows | None) -> str | None:
    """Where the refused rows go. A path is bytes, and not all bytes are text that the database stores."""
    return quote(os.fsencode(refused.path.absolute())) if refused else None


def resume(
    source: Source,
    *,
    progress: ImportProgress,
    refused: RefusedRows | None = None,
    run_id: str | None = None,
    requested: Mapping[str, Any] | None = None,
) -> Report:
    """Goes on with a run that broke off, with the settings that it was begun with.

    `requested`: settings of which somebody thinks that the run was begun with them. Raises `BegunOtherwise` if it was not.
    """
    with transaction.atomic():
        # A process that was killed may have a last commit under way: the lock waits for it.
        matching = ImportRun.objects.select_for_update().filter(
            **{"pk": run_id} if run_id else {"file_hash": source.sha256}
        )
        runs = sorted(matching, key=lambda one: (one.created_at, one.pk))
    begun = _to_be_resumed(runs)
    if begun.file_hash != source.sha256:
        raise UnusableFile(
            _("%(name)s is not the file that %(run)s was begun with; that is %(file_name)s.")
            % {"name": source.name, "run": begun.pk, "file_name": begun.file_name}
        )
    stored = begun.settings
    if different := [name for name, value in (requested or {}).items() if stored.get(name) != value]:
        raise BegunOtherwise(different)
    begun_with: dict[str, Any] = {name: value for name, value in stored.items() if name not in NOT_OPTIONS}
    # Earlier runs counted customers only.
    options = ImportOptions(**{"heaviest": None} | begun_with | {"nulls": tuple(begun_with["nulls"])})
    source.format = stored.get("format", source.format)
    source.set_encoding(stored.get("encoding", source.encoding))
    if refused and stored.get("errors"):
        refused.path = Path(os.fsdecode(unquote_to_bytes(stored["errors"])))
    if refused:
        refused.imitate(source)
    return _execute(ImportTask(source, options, progress, begun), refused)


def _to_be_resumed(runs: list[ImportRun]) -> ImportRun:
    # The others have written nothing, and are not about to: a dry run must not begin to.
    runs = [one for one in runs if not one.dry_run and one.state not in (RunState.QUEUED, RunState.REFUSED)]
    if not runs:
        raise UnusableFile(_("No run of this file broke off: there is nothing to resume."))
    *older, newest = runs
    if newest.state not in OPEN:
        half = [one.pk for one in older if one.state == RunState.WRITING]
        text = _("The last run of this file was %(run)s (%(state)s): there is nothing to resume.")
        message = text % {"run": newest.pk, "state": newest.get_state_display()}
        if half:
            message += " " + _("%(run)s before it broke off: take that back (undo_import %(run)s).") % {"run": half[-1]}
        raise UnusableFile(message)
    return newest


def earlier(source: Source) -> ImportRun | None:
    """The newest run that has imported this very file, or is about to."""
    return ImportRun.objects.filter(file_hash=source.sha256, state__in=HAS_WRITTEN).order_by("-created_at").first()


def _already_imported(run: ImportRun) -> str:
    if run.state == RunState.WRITING:
        return _(
            "%(run)s imports this file now, or broke off after row %(position)s: if nobody is at work on it,"
            " go on with it (--resume), or take it back (undo_import %(run)s). To start from the beginning say so (--again)."
        ) % {"run": run.pk, "position": run.position}
    if run.state == RunState.UNDOING:
        return _(
            "%(run)s, which imported this file, is being taken back. If that broke off, end it (undo_import %(run)s)."
        ) % {"run": run.pk}
    return _(
        "This very file was imported already (%(when)s as %(run)s, from %(file)s). To import it once more say so (--again)."
    ) % {"when": f"{run.created_at:%Y-%m-%d %H:%M} UTC", "run": run.pk, "file": run.file_name}


def _execute(task: ImportTask, refused: RefusedRows | None) -> Report:
    run, report = task.stored_run, task.report
    report.run = run.pk
    if run.state == RunState.CHECKING:
        if task.options.skip_errors:
            ReadPass(task).execute()
        else:
            CheckPass(task, refused).execute()
            if report.problem_count:
                task.recorder.refuse_all()
                return _conclude(task, refused, RunState.REFUSED)
        # What would only be found in the middle of writing: another program at work on the file.
        task.source.check_unchanged()
        _begin_writing(run)
    try:
        return _write(task, refused)
    except RunOvertaken:
        raise
    except (UnusableFile, OSError, DatabaseError) as error:
        with suppress(DatabaseError):  # it may be the reason itself
            ImportRun.objects.filter(pk=run.pk, state=RunState.WRITING).update(finished_at=timezone.now())
        raise BrokenOff(run, error) from error


def _begin_writing(run: ImportRun) -> None:
    """If several have checked the same file at the same time, only one goes on."""
    with transaction.atomic():
        same = ImportRun.objects.select_for_update().filter(file_hash=run.file_hash).order_by("pk")
        runs = {one.pk: one for one in same}
        if run.pk not in runs or runs[run.pk].state != RunState.CHECKING:
            raise begun_meanwhile()
        others = [one for one in runs.values() if one.state in HAS_WRITTEN]
        if others and not run.settings.get("again"):
            raise AlreadyImported(_already_imported(others[-1]))
        run.state = RunState.WRITING
        run.save(update_fields=["state"])
        Recorder(run).begin_anew()


def _write(task: ImportTask, refused: RefusedRows | None) -> Report:
    run, report = task.stored_run, task.report
    report.counts.clear()
    report.counts.update(run.counts)
    report.customers = 0
    if refused:
        with transaction.atomic():
            hold(run)  # or what somebody at work on it writes just now would be cut off
            _go_on(task, refused)
    WritePass(task, refused).execute()
    return _conclude(task, refused, RunState.DONE)


def _go_on(task: ImportTask, refused: RefusedRows) -> None:
    """With the refused rows where the run stands, or in a new file if theirs is not as it was left."""
    run = task.stored_run
    if refused.go_on_at(run.refused_bytes):
        return
    old = refused.begin_anew()
    run.settings["errors"], run.refused_bytes = errors_setting(refused), 0
    run.save(update_fields=["settings", "refused_bytes"])
    task.report.warnings.append(
        _(
            "%(old)s, with what was refused up to row %(position)s, is not as the run left it; what is refused"
            " from there on stands in %(path)s."
        )
        % {"old": old, "position": run.position, "path": refused.path}
    )


def _conclude(task: ImportTask, refused: RefusedRows | None, state: RunState) -> Report:
    """The refused rows first: whoever sees that the run has ended finds them."""
    if refused:
        refused.finish()
        task.report.add_warnings(refused.warnings)
    if task.run:
        _end(task, task.run, state, refused.stored_id if refused else None)
    if refused:
        refused.clean_up()
    task.report.state = str(state)
    return task.report


def _end(task: ImportTask, run: ImportRun, state: RunState, refused_id: str | None) -> None:
    report = task.report
    changed = ImportRun.objects.filter(pk=run.pk, state=run.state)
    outcome = {"warnings": [storable(warning) for warning in report.warnings]}
    values = {"state": state, "finished_at": timezone.now(), "counts": dict(report.counts)}
    with transaction.atomic():
        if not changed.update(**values, refused_id=refused_id, report=outcome):
            raise RunOvertaken(
                _("Somebody else is at work on %(run)s, has ended it, or is taking it back.") % {"run": run.pk}
            )
        announcements.finished(run, state, report.counts)
