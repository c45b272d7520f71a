"""A run as something that waits, goes on and ends: begun by a door, worked on by a job, looked at and steered meanwhile."""

from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from crm.models import HAS_WRITTEN, ImportRun, RunState
from crm.transfer import announcements, undo
from crm.transfer.options import ImportOptions
from overplane.files.sources import UnusableFile
from overplane.ids import new_id
from overplane.jobs import queue
from overplane.jobs.models import Job, JobFile, State
from overplane.origin import Origin

# Kinds of jobs.
IMPORT, UNDO, EXPORT = "crm.import_file", "crm.undo_import_run", "crm.export_file"
EXPORT_PREFIX = "export"
CANCELED, BROKEN_OFF = "canceled", "broken_off"
UNDER_WAY = (RunState.QUEUED, RunState.CHECKING, RunState.WRITING)
# Statuses after which nothing more happens by itself.
STILL = (RunState.CHECKED, RunState.DONE, RunState.REFUSED, RunState.UNDONE, CANCELED, BROKEN_OFF)
OPTIONS = tuple(one.name for one in fields(ImportOptions))


class WrongState(Exception):
    """What is asked for does not fit the state of the run."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


def begin(
    stored: JobFile, options: ImportOptions, *, file_hash: str, beside: dict[str, Any], dry_run: bool, origin: Origin
) -> ImportRun:
    """A new run and its job, in the caller's transaction. `beside`: how the file is to be read, and whether once more."""
    run = ImportRun.objects.create(
        id=new_id("run"),
        created_at=timezone.now(),
        started_by=origin.actor[:100],
        file_name=stored.name,
        file_hash=file_hash,
        file_id=stored.pk,
        settings=asdict(options) | beside,
        state=RunState.QUEUED,
        dry_run=dry_run,
    )
    _enqueue(run, IMPORT, origin)
    return run


def _enqueue(run: ImportRun, kind: str, origin: Origin) -> None:
    """A job of this run; its files go with the last one."""
    payload = {"run": run.pk, "name": run.file_name, "file": run.file_id}
    job = queue.enqueue(kind, payload, origin.actor, request_id=origin.request_id, key=f"{kind} {run.pk}")
    JobFile.objects.filter(pk__in=[one for one in (run.file_id, run.refused_id) if one]).update(job=job)
    run.job_id = job.pk
    ImportRun.objects.filter(pk=run.pk).update(job_id=job.pk)


def options_of(run: ImportRun) -> ImportOptions:
    values = {name: value for name, value in run.settings.items() if name in OPTIONS}
    return ImportOptions(**values | {"nulls": tuple(values["nulls"])})


def jobs_of(found: Iterable[ImportRun]) -> dict[str, Job]:
    """By the id of the run.

    A run that was read before its job ended is read once more: with its state of then it would seem to have broken off.
    """
    by_job = {run.job_id: run for run in found if run.job_id}
    jobs = {by_job[job.pk].pk: job for job in Job.objects.filter(pk__in=by_job)}
    for run in by_job.values():
        job = jobs.get(run.pk)
        if run.state in UNDER_WAY and job is not None and not job.is_open:
            run.refresh_from_db()
    return jobs


def status_of(run: ImportRun, job: Job | None) -> str:
    """A state, or how a run ended that did not come to its end. A command that was killed could not say so."""
    if run.state not in UNDER_WAY or (job and job.is_open):
        return str(run.state)
    if job is None:
        return BROKEN_OFF if run.job_id or run.finished_at else str(run.state)
    return CANCELED if job.state == State.CANCELLED else BROKEN_OFF


def _locked(run_id: str) -> tuple[ImportRun, Job | None, str]:
    run = ImportRun.objects.select_for_update().get(pk=run_id)
    job = jobs_of([run]).get(run.pk)
    return run, job, status_of(run, job)


@transaction.atomic
def apply(run_id: str, *, skip_errors: bool | None, again: bool | None, origin: Origin) -> None:
    """Writes what a dry run has checked. None: as the dry run had it."""
    run, _job, status = _locked(run_id)
    if status != RunState.CHECKED:
        raise WrongState(status, _("Only a dry run that has ended can be applied."))
    said = {"skip_errors": skip_errors, "again": again}
    settings = run.settings | {name: value for name, value in said.items() if value is not None}
    if run.counts.get("problems") and not settings["skip_errors"]:
        raise WrongState(status, _("The file has problems. Import the good rows only (--skip-errors), or mend it."))
    _check_file(run, status)
    run.state, run.dry_run, run.settings = RunState.QUEUED, False, settings
    run.counts, run.report, run.finished_at, run.refused_id = {}, {}, None, None
    run.save(update_fields=["state", "dry_run", "settings", "counts", "report", "finished_at", "refused_id"])
    _enqueue(run, IMPORT, origin)


def _check_file(run: ImportRun, status: str) -> None:
    if not JobFile.objects.filter(pk=run.file_id).exists():
        raise WrongState(status, _("Its file is not kept any more."))


@transaction.atomic
def cancel(run_id: str) -> None:
    """What is written by then stays, and can be gone on with or taken back. The worker notices within seconds."""
    run, job, status = _locked(run_id)
    if run.state not in UNDER_WAY or not job or not queue.cancel(job):
        raise WrongState(status, _("Only an import that a worker has, or waits for one, can be canceled."))


@transaction.atomic
def resume(run_id: str, *, origin: Origin) -> None:
    run, _job, status = _locked(run_id)
    if run.state in UNDER_WAY and not run.file_id:  # (a command that was killed could not say that it broke off)
        raise WrongState(status, _("It was begun elsewhere, by a command or a page: go on with it there."))
    if status not in (CANCELED, BROKEN_OFF):
        raise WrongState(status, _("Only an import that broke off or was canceled goes on."))
    _check_file(run, status)
    ImportRun.objects.filter(pk=run.pk).update(finished_at=None, report={})
    _enqueue(run, IMPORT, origin)


@transaction.atomic
def take_back(run_id: str, *, origin: Origin) -> None:
    """Raises `WrongState`, also for what can no longer be taken back."""
    run, job, status = _locked(run_id)
    is_busy = job is not None and job.is_open
    if run.state == RunState.UNDOING and is_busy:
        return
    if run.state not in HAS_WRITTEN or is_busy:
        raise WrongState(status, _("Only an import that has written, and is not at it any more, can be taken back."))
    try:
        undo.begin(run.pk, origin.actor)
    except UnusableFile as error:
        raise WrongState(status, str(error)) from None
    _enqueue(run, UNDO, origin)


@transaction.atomic
def refuse(run_id: str, reason: str) -> None:
    """The file as a whole cannot be imported. What has ended otherwise, or was canceled, stays what it is."""
    run, _job, status = _locked(run_id)
    if run.state not in (RunState.QUEUED, RunState.CHECKING) or status == CANCELED:
        return
    run.state, run.finished_at, run.report = RunState.REFUSED, timezone.now(), run.report | {"error": reason}
    run.save(update_fields=["state", "finished_at", "report"])
    announcements.finished(run, RunState.REFUSED, {})


def export_id(job: Job) -> str:
    """An export is its job; the id says what it is."""
    return f"{EXPORT_PREFIX}_{job.pk.partition('_')[2]}"


def export_job(export_id: str) -> Job | None:
    prefix, _separator, rest = export_id.partition("_")
    return Job.objects.filter(pk=f"job_{rest}", kind=EXPORT).first() if prefix == EXPORT_PREFIX else None
