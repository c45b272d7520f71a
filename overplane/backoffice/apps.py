from django.apps import AppConfig
from django.conf import settings
from django.contrib import admin
from django.utils.translation import gettext_lazy as _


class BackofficeConfig(AppConfig):
    name = "overplane.backoffice"
    label = "overplane_backoffice"
    verbose_name = _("Back office")

    def ready(self) -> None:
        admin.site.site_header = admin.site.site_title = settings.PRODUCT
        admin.site.index_title = _("Overview")
        admin.site.site_url = None  # there is no site beside the back office
