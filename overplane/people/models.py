from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class RecoveryCode(models.Model):
    """One that is not used yet. Who uses it deletes it; the code itself is stored nowhere."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="recovery_codes")
    number = models.PositiveSmallIntegerField()  # the code's first digit: only one hash is compared
    hash = models.CharField(max_length=128)  # as of a password

    class Meta:
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user", "number"], name="recovery_code_number")]

    def __str__(self) -> str:
        return f"{self.user_id}/{self.number}"
