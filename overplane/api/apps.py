from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from overplane import reporting


class ApiConfig(AppConfig):
    name = "overplane.api"
    label = "overplane_api"
    verbose_name = _("API")

    def ready(self) -> None:
        reporting.begin()
