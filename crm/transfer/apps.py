from django.apps import AppConfig


class TransferConfig(AppConfig):
    """Has jobs of its own, and no tables: those are the domain's."""

    name = "crm.transfer"
    label = "crm_transfer"
