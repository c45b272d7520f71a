"""The file of refused rows where every machine finds it, whichever door began the run."""

from typing import Any

from django.conf import settings
from django.core.files import File
from django.db import transaction

from crm.models import ImportRun
from crm.transfer import runs
from crm.transfer.recording import stored_report
from crm.transfer.refused_files import RefusedRows, refused_name
from crm.transfer.reports import Report
from overplane.jobs import files, queue
from overplane.jobs.models import Job


def store(refused: RefusedRows, file_name: str, job: Job) -> str:
    with refused.path.open("rb") as content:
        return files.store(File(content), refused_name(file_name, refused.format), job.actor, job).pk


class StoredRefusedRows(RefusedRows):
    """Of a run that a worker does."""

    def __init__(self, run: ImportRun, job: Job) -> None:
        super().__init__(settings.MEDIA_ROOT / f"{run.pk}.refused")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.run, self.job = run, job

    def finish(self) -> None:
        super().finish()
        if self.file is not None:
            self.stored_id = store(self, self.run.file_name, self.job)


@transaction.atomic
def record_run(report: Report, refused: RefusedRows) -> None:
    """A command's run that has ended is listed among the jobs and has a page there, and its refused rows lie with it.

    All of that or nothing. Raises whatever the store does if the file cannot be stored.
    """
    run = ImportRun.objects.get(pk=report.run)
    job = _record(run, stored_report(report))
    run.refused_id = store(refused, run.file_name, job) if refused.file is not None else None
    run.save(update_fields=["job_id", "refused_id"])


@transaction.atomic
def record_broken_off(run_id: str, error: str) -> None:
    """The same of one that ended in the middle, unless another door began it: it goes on there. Its refused rows lie where
    the command works with them.
    """
    run = ImportRun.objects.get(pk=run_id)
    if run.job_id is None:
        _record(run, None, error)
        run.save(update_fields=["job_id"])


def _record(run: ImportRun, result: dict[str, Any] | None, error: str = "") -> Job:
    payload = {"run": run.pk, "name": run.file_name}
    before = Job.objects.filter(pk=run.job_id).first()  # of the person who began it, if a command went on with it
    owner = before.owner_id if before else None
    job = queue.record(
        runs.IMPORT, payload, run.started_by, began=run.created_at, owner=owner, result=result, error=error
    )
    run.job_id = job.pk
    return job
