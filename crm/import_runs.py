"""The tables of imports: each run, and what it found and did row by row. `crm.models` has them, too, where Django looks."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from overplane.database.fields import CascadeKey, IdField, StringField


class RunState(models.TextChoices):
    QUEUED = "queued", _("waiting")
    CHECKING = "checking", _("is being checked")
    CHECKED = "checked", _("checked")
    WRITING = "writing", _("is being written, or broke off")
    DONE = "done", _("done")
    REFUSED = "refused", _("refused")
    UNDOING = "undoing", _("is being taken back, or that broke off")
    UNDONE = "undone", _("taken back")


# A run in one of these has changed customers, or is about to, and not all of it is taken back.
HAS_WRITTEN = (RunState.DONE, RunState.WRITING, RunState.UNDOING)


class ImportRun(models.Model):
    """One import of one file: what was asked for, how far it came, what became of it. Its id is the events' actor.

    `job_id`, `file_id`, `refused_id`: the job that works on it, the file that it reads and that of the refused rows, as long
    as they are there. A run of a command has none of them while it goes on.
    """

    id = IdField()
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    started_by = models.CharField(max_length=100)
    file_name = models.CharField(max_length=255)
    file_hash = models.CharField(max_length=64, db_index=True)  # SHA-256 of its bytes
    settings = models.JSONField()
    state = models.CharField(max_length=16, choices=RunState, default=RunState.CHECKING)
    position = models.BigIntegerField(default=0)  # every customer up to this row of the file is done
    counts = models.JSONField(default=dict)
    refused_bytes = models.BigIntegerField(default=0)  # of the file of refused rows, as far as committed
    dry_run = models.BooleanField(default=False)
    job_id = StringField(max_length=100)
    file_id = StringField(max_length=100)
    refused_id = StringField(max_length=100)
    report = models.JSONField(default=dict)  # warnings, why it ended, how fast it goes

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.file_name} ({self.id})"


class ImportProblem(models.Model):
    """What is wrong with one row of an imported file, in the order of the file."""

    run = CascadeKey(ImportRun, related_name="problems", db_index=False)
    number = models.BigIntegerField()
    column = models.TextField()
    value = models.TextField()
    code = models.CharField(max_length=64)
    message = models.TextField()

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["run", "id"], name="import_problem_run")]

    def __str__(self) -> str:
        return f"{self.number}: {self.message}"


class ImportOutcomes(models.Model):
    """What became of the rows of one batch: lines of CSV. Written with the batch, so they are right whenever a run ends."""

    run = CascadeKey(ImportRun, related_name="outcomes", db_index=False)
    lines = models.TextField()

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["run", "id"], name="import_outcomes_run")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.pk}"
