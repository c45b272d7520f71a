from collections.abc import Sequence

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _

from crm import search
from overplane.database import maintenance
from overplane.events import types

CUSTOMER_EVENTS = [f"customer.{change}" for change in ("created", "updated", "deleted")]
ROW_EVENTS = [f"supplier_number_at_customer.{change}" for change in ("created", "updated", "deleted", "reordered")]


def names_of_imports(ids: Sequence[str]) -> dict[str, str]:
    """Whose file it was."""
    runs = apps.get_model("crm", "ImportRun").objects.filter(pk__in=ids).values_list("pk", "file_name", "started_by")
    return {run_id: f"{file}, {started_by.partition(':')[2]}" for run_id, file, started_by in runs}


class CrmConfig(AppConfig):
    name = "crm"
    verbose_name = _("Customer master data")

    def ready(self) -> None:
        types.names["import"] = types.Names(names_of_imports)
        types.known[:] = [*CUSTOMER_EVENTS, *ROW_EVENTS]
        types.subject_names |= dict.fromkeys(ROW_EVENTS, "customer_id")
        maintenance.manage_count("crm_customer")
        maintenance.manage(maintenance.ManagedObject("crm_customer", search.install, search.missing))
