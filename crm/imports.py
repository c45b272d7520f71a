"""Files into customers: checked, written, gone on with.

Unless told otherwise the whole file is checked first and nothing is written until every row passes.
Then chunk after chunk is written, each in a short transaction of its own with its events and with
how far the run has come: whenever it breaks off, `resume` goes on exactly there.
"""

from dataclasses import asdict

from django.utils import timezone

from crm.models import ImportRun, RunState
from crm.passes import Progress, Settings, Work
from crm.reports import RefusedRows, Report
from overplane.events import epochs
from overplane.files.sources import Source, UnusableFile
from overplane.ids import new_id


class AlreadyImported(UnusableFile):
    """The very same file was imported before."""


def check(source: Source, settings: Settings, *, progress: Progress, refused: RefusedRows | None = None) -> Report:
    """Everything but the writing: what would be made, changed, left and refused."""
    work = Work(source, settings, progress)
    work.go_through("checking", is_first=True, refused=refused, tells=True)
    work.report.state = "checked"
    return work.report


def run(
    source: Source,
    settings: Settings,
    *,
    started_by: str,
    progress: Progress,
    refused: RefusedRows | None = None,
    again: bool = False,
    run_id: str | None = None,
) -> Report:
    """Imports the file. Raises `UnusableFile` before anything is written; any other error leaves a run to resume."""
    if not again:
        _refuse_repetition(source)
    started = ImportRun.objects.create(
        id=run_id or new_id("run"),
        created_at=timezone.now(),
        started_by=started_by[:100],
        file_name=source.name[:255],
        file_hash=source.sha256,
        settings=asdict(settings),
    )
    try:
        return _go_on(Work(source, settings, progress, started), refused)
    except UnusableFile:
        ImportRun.objects.filter(pk=started.pk, state=RunState.CHECKING).delete()
        raise


def resume(
    source: Source, *, progress: Progress, refused: RefusedRows | None = None, run_id: str | None = None
) -> Report:
    """Goes on with a run that broke off, with the settings that it was begun with."""
    found = ImportRun.objects.filter(state__in=(RunState.CHECKING, RunState.WRITING)).order_by("-created_at")
    found = found.filter(pk=run_id) if run_id else found.filter(file_hash=source.sha256)
    begun = found.first()
    if begun is None:
        raise UnusableFile("No run of this file broke off: there is nothing to resume.")
    if begun.file_hash != source.sha256:
        raise UnusableFile(f"{source.name} is not the file that {begun.pk} was begun with; that is {begun.file_name}.")
    settings = Settings(**begun.settings | {"nulls": tuple(begun.settings["nulls"])})
    return _go_on(Work(source, settings, progress, begun), refused)


def _refuse_repetition(source: Source) -> None:
    before = ImportRun.objects.filter(file_hash=source.sha256, state__in=(RunState.DONE, RunState.WRITING))
    if found := before.order_by("-created_at").first():
        if found.state == RunState.WRITING:
            message = f"broke off as {found.pk} after row {found.position}: --resume it, or undo_import {found.pk}"
            raise AlreadyImported(f"The import of this file {message}. --again starts from the beginning.")
        when = f"{found.created_at:%Y-%m-%d %H:%M} UTC as {found.pk}, from {found.file_name}"
        raise AlreadyImported(f"This very file was imported already ({when}). --again imports it once more.")


def _go_on(work: Work, refused: RefusedRows | None) -> Report:
    run, report = work.run, work.report
    assert run is not None
    report.run = run.pk
    if run.state == RunState.CHECKING:
        if not work.settings.skip_errors:
            work.go_through("checking", is_first=True, refused=refused)
            if report.problem_count:
                return _ended(work, RunState.REFUSED)
        run.state = RunState.WRITING
        run.save(update_fields=["state"])
    report.counts.clear()
    report.counts.update(run.counts)
    report.customers = 0
    epochs.current()  # asked here, for the thread that prepares events has no connection
    if refused:
        refused.go_on_at(run.refused_bytes)
    work.go_through("writing", is_first=work.settings.skip_errors, refused=refused, writes=True)
    return _ended(work, RunState.DONE)


def _ended(work: Work, state: RunState) -> Report:
    run, report = work.run, work.report
    assert run is not None
    run.state, run.finished_at, run.counts = state, timezone.now(), dict(report.counts)
    run.save(update_fields=["state", "finished_at", "counts"])
    report.state = str(state)
    return report
