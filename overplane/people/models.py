from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models
from django.utils.module_loading import import_string
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


class Session(AbstractBaseSession):
    """As Django's, and whose it is. No constraint: who logs in while he is deleted has a session of nobody."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, db_constraint=False, related_name="sessions"
    )
    objects = BaseSessionManager()  # type: ignore[misc]  # the stubs know it for Django's own model

    class Meta(AbstractBaseSession.Meta):
        default_permissions = ()

    @classmethod
    def get_session_store_class(cls) -> type:
        return import_string(settings.SESSION_ENGINE + ".SessionStore")
