from django.apps import AppConfig

from crm import search
from overplane.database import upkeep


class CrmConfig(AppConfig):
    name = "crm"
    verbose_name = "Customer master data"

    def ready(self) -> None:
        upkeep.keep_count("crm_customer")
        upkeep.keep(upkeep.Kept("crm_customer", search.install, search.missing))
