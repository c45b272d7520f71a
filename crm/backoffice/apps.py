from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CrmBackofficeConfig(AppConfig):
    """The wing as an app of its own: so Django finds its admin, its jobs and its template tags where they lie."""

    name = "crm.backoffice"
    label = "crm_backoffice"
    verbose_name = _("Customer master data")
