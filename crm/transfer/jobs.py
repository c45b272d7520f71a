"""What the worker does for imports and exports that were asked for through the API: the same passes as those of the command."""

import time
from typing import Any

from django.db import DatabaseError
from django.utils.translation import gettext_lazy as _

from crm.models import ImportRun, RunState
from crm.transfer import announcements, export_requests, imports, purging, runs, stored_exports, undo
from crm.transfer.long_cells import LongCells
from crm.transfer.recording import stored_report
from crm.transfer.refused_files import RefusedRows
from crm.transfer.reports import Report
from crm.transfer.stored_refusals import StoredRefusedRows
from crm.transfer.task import RunOvertaken
from overplane.files.sources import Source, UnusableFile, examined
from overplane.jobs import files, housekeeping
from overplane.jobs.kinds import Kind, Refused, Run, register
from overplane.jobs.models import Job, JobFile
from overplane.origin import Origin

STEPS = 1000  # of progress: of a large file one is some seconds
# Where in the whole work each pass over the file begins and ends: checking costs about a third of it.
RANGES = {"reading": (0.0, 0.1), "checking": (0.0, 0.35), "writing": (0.35, 1.0)}
DRY_RANGES = {"checking": (0.0, 1.0)}
NOTE_SECONDS = 2.0  # between two notes of the progress, each a small write


class Progress:
    """Notes how far the run is, and how many customers a second it does."""

    def __init__(self, run: ImportRun, job_run: Run) -> None:
        self.run, self.job_run = run, job_run
        self.ranges = DRY_RANGES if run.dry_run else RANGES
        self.doing, self.noted_at, self.noted = "", 0.0, 0
        self.state: dict[str, Any] = {}

    def __call__(self, doing: str, fraction: float, customers: int) -> None:
        first, last = self.ranges[doing]
        whole = first + fraction * (last - first)
        self.job_run.progress(int(whole * STEPS), STEPS)
        now = time.monotonic()
        if doing != self.doing:
            self.doing, self.noted_at, self.noted = doing, now, 0
        seconds = now - self.noted_at
        speed = round((customers - self.noted) / seconds) if seconds else 0
        self.state = {"fraction": round(whole, 3), "customers": customers, "customers_per_second": speed}
        if seconds >= NOTE_SECONDS:
            self.noted_at, self.noted = now, customers
            self.note()

    def note(self) -> None:
        report = ImportRun.objects.values_list("report", flat=True).get(pk=self.run.pk)
        ImportRun.objects.filter(pk=self.run.pk).update(report=report | {"progress": self.state})


def import_file(job_run: Run) -> dict[str, Any]:
    """Taken up again by another worker it goes on where it stood."""
    run = ImportRun.objects.get(pk=job_run.payload["run"])
    if run.state not in runs.UNDER_WAY:
        return {}  # a worker ended it, and was stopped before it could say so
    progress, refused = Progress(run, job_run), StoredRefusedRows(run, job_run.job)
    try:
        stored = JobFile.objects.get(pk=run.file_id)
        said = run.settings
        source = examined(
            files.local_path(stored), run.file_name, format=said.get("format"), encoding=said.get("encoding")
        )
        with refused:
            report = _execute(run, source, refused, progress)
    except imports.BrokenOff as error:
        if isinstance(error.__cause__, DatabaseError):
            raise error.__cause__ from None  # the worker tries once more, and goes on with the run
        ImportRun.objects.filter(pk=run.pk).update(report=run.report | {"error": str(error)})
        raise Refused(str(error)) from None
    except UnusableFile as error:
        runs.refuse(run.pk, str(error))
        if not isinstance(error, RunOvertaken):  # whoever is at work on the run writes these very files
            refused.remove()
        return {}
    if progress.state:
        progress.note()
    refused.remove()
    return stored_report(report)


def _execute(run: ImportRun, source: Source, refused: RefusedRows, progress: Progress) -> Report:
    if run.dry_run:
        run.state = RunState.CHECKING
        ImportRun.objects.filter(pk=run.pk).update(state=run.state)
        return imports.check(source, runs.options_of(run), progress=progress, refused=refused, run=run)
    if run.state != RunState.QUEUED:
        return imports.resume(source, progress=progress, refused=refused, run_id=run.pk)
    return imports.run(
        source,
        runs.options_of(run),
        started_by=run.started_by,
        progress=progress,
        refused=refused,
        again=bool(run.settings.get("again")),
        accept_encoding=bool(run.settings.get("accept_encoding")),
        run_id=run.pk,
        job_id=run.job_id,
    )


def undo_import(job_run: Run) -> dict[str, Any]:
    run_id = job_run.payload["run"]
    if ImportRun.objects.filter(pk=run_id, state=RunState.UNDONE).exists():
        return {}
    try:
        undo.undo(
            run_id,
            started_by=job_run.job.actor,
            progress=lambda fraction: job_run.progress(int(fraction * STEPS), STEPS),
        )
    except UnusableFile as error:
        raise Refused(str(error)) from None
    # Of a run that was canceled or broke off: nobody goes on with them any more.
    StoredRefusedRows(ImportRun.objects.get(pk=run_id), job_run.job).remove()
    return {}


def export_file(run: Run) -> dict[str, Any]:
    request = export_requests.read(run.payload["request"])
    return stored_exports.store(run, request.selection, request.format, LongCells(request.long_cells))


def tell_of_export(job: Job, result: dict[str, Any]) -> None:
    announcements.exported(runs.export_id(job), result["count"], Origin(job.actor, job.request_id))


# None is one transaction: they write in short ones of their own.
IMPORTING = Kind(runs.IMPORT, import_file, _("Import a file"), atomic=False)
UNDOING = Kind(runs.UNDO, undo_import, _("Take back an import (API)"), atomic=False)
EXPORTING = Kind(runs.EXPORT, export_file, _("Export customers (API)"), atomic=False, concluded=tell_of_export)
for kind in (IMPORTING, UNDOING, EXPORTING):
    register(kind)
housekeeping.register("results of imports of 30 days ago", purging.results)
