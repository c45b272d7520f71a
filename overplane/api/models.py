"""What the frame around every endpoint keeps: keys, answers to repeat, allowances."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from overplane.database.fields import CascadeKey, IdField


class ApiKey(models.Model):
    """A credential of a program. The key itself is shown once and never stored, only its digest."""

    id = IdField()
    name = models.CharField(_("name"), max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    last_four = models.CharField(_("ends in"), max_length=4, editable=False)
    read_only = models.BooleanField(_("read-only"), default=False)
    # Rolled keys are one family: a retry under the new key finds what was done under the old one.
    family = models.CharField(max_length=100, editable=False)
    created_at = models.DateTimeField(_("created"), editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)
    plain_key: str  # the key itself, while the page that creates it is answered

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} (…{self.last_four})"


class IdempotentAnswer(models.Model):
    """The answer to a request that carried an Idempotency-Key, for its replay."""

    scope = models.CharField(max_length=100)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    headers = models.TextField()
    body = models.BinaryField(null=True)  # null: erased with the object it showed
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="idempotent_answer_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotent_answer_age")]
        default_permissions = ()


class IdempotentSubject(models.Model):
    """An object whose values a stored answer shows."""

    answer = CascadeKey(IdempotentAnswer)
    subject = models.CharField(max_length=100)

    class Meta:
        indexes = [models.Index(fields=["subject"], name="idempotent_subject")]
        default_permissions = ()


class Allowance(models.Model):
    """A token bucket that all workers share: what is left, and when that was so (seconds since 1970)."""

    name = models.CharField(max_length=120, primary_key=True)
    tokens = models.FloatField()
    at = models.FloatField()

    class Meta:
        default_permissions = ()
