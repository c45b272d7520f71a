"""Work that no request waits for: its queue, its progress and its outcome, and the files it reads and makes."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from overplane.database.fields import IdField, StringField


class State(models.TextChoices):
    QUEUED = "queued", _("waiting")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


OPEN = (State.QUEUED, State.RUNNING)


class Job(models.Model):
    id = IdField()
    kind = models.CharField(_("kind"), max_length=64)
    key = StringField(max_length=100)  # at most one open job of this key
    payload = models.JSONField(default=dict)
    actor = models.CharField(_("by"), max_length=100)
    # Stays when the person is deleted: then it is nobody's. No constraint, so the table of people may be emptied.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, db_constraint=False, related_name="+"
    )
    request_id = StringField(max_length=100)
    language = models.CharField(max_length=10, default="")  # in which its outcome is told
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.QUEUED)
    created_at = models.DateTimeField(_("created"))
    run_after = models.DateTimeField()
    started_at = models.DateTimeField(_("started"), null=True)
    heartbeat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    worker = StringField(max_length=100)
    # Which claim this is: a worker that was given up for dead and wakes up again may not finish another's work.
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(null=True)
    result = models.JSONField(null=True)
    error = models.TextField(_("error"), default="")

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ["-created_at", "-id"]
        default_permissions = ("view", "change")
        indexes = [
            models.Index(fields=["state", "id"], name="job_open", condition=models.Q(state__in=OPEN)),
            models.Index(fields=["kind", "-created_at"], name="job_kind"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["key"], condition=models.Q(state__in=OPEN), name="job_open_key"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


class JobFile(models.Model):
    """A file that a job reads or has made. It goes with its job, or after a while if no job ever took it."""

    id = IdField()
    job = models.ForeignKey(Job, models.CASCADE, null=True, related_name="files")
    name = models.CharField(max_length=255)
    content = models.FileField(upload_to="jobs/%Y-%m-%d", max_length=255)
    actor = models.CharField(max_length=100)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, db_constraint=False, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class Preset(models.Model):
    """Settings for one kind of job, saved by name to be chosen again."""

    kind = models.CharField(max_length=64)
    name = models.CharField(max_length=100)
    values = models.JSONField()
    actor = models.CharField(max_length=100)
    saved_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["kind", "name"], name="preset_name")]

    def __str__(self) -> str:
        return self.name
