from django.apps import AppConfig
from django.conf import settings
from django.contrib import admin
from django.contrib.admin import apps as admin_apps
from django.utils.translation import gettext_lazy as _


class SiteConfig(admin_apps.AdminConfig):
    default_site = "overplane.backoffice.site.Site"
    default = False


class BackofficeConfig(AppConfig):
    name = "overplane.backoffice"
    label = "overplane_backoffice"
    verbose_name = _("Back office")

    def ready(self) -> None:
        admin.site.site_header = admin.site.site_title = settings.PRODUCT
        admin.site.index_title = _("Overview")
        admin.site.site_url = None  # there is no site beside the back office
