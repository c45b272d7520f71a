from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from crm import search
from overplane.database import upkeep
from overplane.events import types

EVENT_TYPES = [
    *(f"customer.{change}" for change in ("created", "updated", "deleted")),
    *(f"supplier_number_at_customer.{change}" for change in ("created", "updated", "deleted", "reordered")),
]


class CrmConfig(AppConfig):
    name = "crm"
    verbose_name = _("Customer master data")

    def ready(self) -> None:
        types.known[:] = EVENT_TYPES
        upkeep.keep_count("crm_customer")
        upkeep.keep(upkeep.Kept("crm_customer", search.install, search.missing))
