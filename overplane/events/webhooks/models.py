"""Endpoints, what is to be delivered to them, and what came of each attempt. Nothing of an event's values is in here.

An endpoint is a reader of the feed with a position. A delivery is made when its event is read, and the position moves
in the same transaction; so the position and the pending deliveries say together what is still to be sent.
"""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from overplane.database.fields import IdField, StringField
from overplane.events import feed
from overplane.events.positions import Position
from overplane.ids import sortable

URL_LENGTH = 2000
DIGITS = 13  # of base 32: any big integer
PREFIX, PING = "dlv_", "webhook.ping"


class Payload(models.TextChoices):
    SNAPSHOT = "snapshot", _("snapshot: all values of the object")
    THIN = "thin", _("thin: only its ID")


class EndpointStatus(models.TextChoices):
    ENABLED = "enabled", _("enabled")
    DISABLED = "disabled", _("disabled")


class Endpoint(models.Model):
    id = IdField()
    created_at = models.DateTimeField(_("created"))
    updated_at = models.DateTimeField(_("last changed"))
    url = models.CharField(_("URL"), max_length=URL_LENGTH)
    description = StringField(_("description"))
    event_types = models.JSONField(_("types of events"), default=list, blank=True)  # empty: all
    payload = models.CharField(_("payload"), max_length=16, choices=Payload, default=Payload.SNAPSHOT)
    status = models.CharField(_("status"), max_length=16, choices=EndpointStatus, default=EndpointStatus.ENABLED)
    disabled_reason = models.TextField(_("why it is disabled"), default="", blank=True)
    # Up to here the feed was read.
    epoch = models.IntegerField()
    xid = models.BigIntegerField()
    seq = models.BigIntegerField()
    # The secret is made of these (see `secret.py`).
    salt = models.BinaryField(max_length=16)
    check_bytes = models.BinaryField(max_length=4)
    previous_salt = models.BinaryField(max_length=16, null=True)
    previous_check = models.BinaryField(max_length=4, null=True)
    previous_until = models.DateTimeField(null=True)
    # Its health.
    failing_since = models.DateTimeField(_("failing since"), null=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    probe_at = models.DateTimeField(null=True)  # after many failures in a row: the one attempt that is next
    succeeded = models.BigIntegerField(default=0)  # attempts ever, for the metrics
    failed = models.BigIntegerField(default=0)
    # The worker that delivers, and until when nobody else may. Moments of the database's clock.
    holder = models.CharField(max_length=100, default="")
    held_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status=EndpointStatus.DISABLED) | Q(disabled_reason=""), name="endpoint_reason"
            ),
            models.CheckConstraint(
                condition=Q(failures=0, failing_since=None, probe_at=None)
                | Q(failures__gt=0, failing_since__isnull=False),
                name="endpoint_failing",
            ),
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.xid, self.seq)

    @position.setter
    def position(self, position: Position) -> None:
        self.epoch, self.xid, self.seq = position

    @property
    def is_enabled(self) -> bool:
        return self.status == EndpointStatus.ENABLED


class DeliveryStatus(models.TextChoices):
    PENDING = "pending", _("pending")
    SUCCEEDED = "succeeded", _("succeeded")
    FAILED = "failed", _("failed")
    ABANDONED = "abandoned", _("abandoned")


class Cause(models.TextChoices):
    """All but the feed's are tried once, also to a disabled endpoint, and say nothing of its health."""

    FEED = "feed", _("feed")
    REPLAY = "replay", _("replay")
    RESEND = "resend", _("resend")
    PING = "ping", _("ping")


OF_THE_FEED = Q(status=DeliveryStatus.PENDING, cause=Cause.FEED)
REQUESTED = Q(status=DeliveryStatus.PENDING) & ~Q(cause=Cause.FEED)


class Delivery(models.Model):
    id = models.BigAutoField(primary_key=True)  # the order of delivery
    # Without a constraint: an endpoint goes at once, its deliveries when `purging` comes by. While 300,000 of them were deleted
    # under its lock, all other endpoints waited 14 s.
    endpoint = models.ForeignKey(
        Endpoint, models.DO_NOTHING, related_name="deliveries", db_index=False, db_constraint=False
    )
    epoch = models.IntegerField(null=True)
    seq = models.BigIntegerField(null=True)  # of the event; a ping has none
    event_type = models.CharField(_("type"), max_length=64)
    subject = models.CharField(_("object"), max_length=100)
    created_at = models.DateTimeField(_("created"))
    cause = models.CharField(_("cause"), max_length=8, choices=Cause)
    status = models.CharField(_("status"), max_length=16, choices=DeliveryStatus, default=DeliveryStatus.PENDING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True)  # null: waits behind another of its subject
    last_at = models.DateTimeField(_("last attempt"), null=True)
    last_status_code = models.PositiveSmallIntegerField(_("status code"), null=True)
    last_milliseconds = models.PositiveIntegerField(_("milliseconds"), null=True)
    last_error = models.CharField(_("error"), max_length=255, default="")

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["endpoint", "-id"], name="delivery_list"),
            models.Index(
                fields=["endpoint", "next_attempt_at", "id"],
                name="delivery_due",
                condition=OF_THE_FEED & Q(next_attempt_at__isnull=False),
            ),
            models.Index(fields=["endpoint", "subject", "id"], name="delivery_line", condition=OF_THE_FEED),
            models.Index(fields=["endpoint", "id"], name="delivery_asked", condition=REQUESTED),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status=DeliveryStatus.PENDING) | Q(next_attempt_at=None), name="delivery_plan"
            ),
            models.CheckConstraint(
                condition=Q(cause=Cause.PING, seq=None, epoch=None)
                | (~Q(cause=Cause.PING) & Q(seq__isnull=False, epoch__isnull=False)),
                name="delivery_event",
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return PREFIX + sortable(self.pk, DIGITS)

    @property
    def event_id(self) -> str:
        if self.epoch is None or self.seq is None:
            return f"ping_{sortable(self.pk, DIGITS)}"
        return feed.id_of(self.epoch, self.seq)

    @property
    def is_of_feed(self) -> bool:
        return self.cause == Cause.FEED


class Attempt(models.Model):
    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="attempt_log")
    subject = models.CharField(max_length=100)  # the delivery's: with it the excerpt is erased
    at = models.DateTimeField(_("at"))
    status_code = models.PositiveSmallIntegerField(_("status code"), null=True)
    milliseconds = models.PositiveIntegerField(_("milliseconds"))
    error = models.CharField(_("error"), max_length=255, default="")
    excerpt = models.TextField(_("answer"), default="")  # of a failed one; a receiver may repeat values of the event

    class Meta:
        ordering = ["id"]
        default_permissions = ()
        indexes = [models.Index(fields=["subject"], name="attempt_excerpt", condition=~Q(excerpt=""))]


def key_of(public_id: str) -> int | None:
    """The number that a delivery's public id is made of."""
    digits: Any = public_id.removeprefix(PREFIX)
    try:
        key = int(digits, 32)
    except ValueError:
        return None
    return key if public_id == PREFIX + sortable(key, DIGITS) and 0 <= key <= feed.BIGGEST else None
