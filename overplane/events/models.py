"""The append-only log of every change.

A poller reads in the order (epoch, xid, seq) and only below the oldest transaction still running:
numbers are given when a change is written, not when it commits, so `seq` alone would let a reader
step over an event that commits late. SQLite writes one transaction at a time: there `seq` is the order.
"""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from overplane.database.fields import StringField

# A transaction that waits for an object may have its number for long: from the object that it changed before. Who changed
# this one meanwhile and has ended may have a greater number. By this, versions of an object ascend with their positions.
LAST_TRANSACTION = (
    "GREATEST(pg_current_xact_id()::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1)"
)


class TransactionId(models.Func):
    """The number of the transaction that writes the row, or the greatest that had ended by then (0 where writers stand in line).

    Never less than the writer's own: what is below every running transaction is complete.
    """

    output_field = models.BigIntegerField()

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, tuple[Any, ...]]:
        return f"({LAST_TRANSACTION})", ()

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> tuple[str, tuple[Any, ...]]:
        return "0", ()


class Epoch(models.Model):
    """A stretch of the log within which transaction numbers ascend; a restored backup and a promoted standby start another."""

    token = models.CharField(max_length=32)
    fingerprint = models.CharField(max_length=100)
    timeline = models.IntegerField(default=0, db_default=0)  # PostgreSQL's, which is a part of the fingerprint
    started_at = models.DateTimeField()
    purged_xid = models.BigIntegerField(default=0)
    purged_seq = models.BigIntegerField(default=0)


class Event(models.Model):
    seq = models.BigAutoField(primary_key=True)
    epoch = models.IntegerField()
    xid = models.BigIntegerField(db_default=TransactionId())
    type = models.CharField(_("type"), max_length=64)
    created_at = models.DateTimeField()
    actor = models.CharField(max_length=100)
    subject = models.CharField(_("object"), max_length=100)  # the object itself, or that to which it belongs
    object_id = models.CharField(max_length=100)
    object_version = models.IntegerField()
    request_id = StringField(max_length=100)
    idempotency_key = StringField()
    # Texts, not JSON columns: written and served as they are, never searched inside.
    object = models.TextField(null=True)
    previous = models.TextField(null=True)
    changed = models.TextField(default="")  # the changed attributes' names, a blank around each

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["epoch", "xid", "seq"], name="event_feed"),
            models.Index(fields=["subject", "seq"], name="event_subject"),
            models.Index(fields=["actor", "seq"], name="event_actor"),
            # What belongs to something else; a subject's own events are found by `event_subject`.
            models.Index(fields=["object_id"], name="event_object", condition=~models.Q(object_id=models.F("subject"))),
        ]
        default_permissions = ("view",)
