"""Who may do what with a new kind of line item: the groups that may do it with supplier numbers. For its migration."""

from typing import Any

from django.contrib.auth.management import create_permissions
from django.db.migrations import RunPython

VERBS = ("view", "add", "change", "delete")


def grant(model: str, *, like: str = "suppliernumberatcustomer") -> RunPython:
    """The operation of a migration that gives each group the same rights over `model` (in small letters)."""

    def give(apps: Any, schema_editor: Any) -> None:
        # Django makes permissions after all migrations; the groups need theirs now.
        app = apps.get_app_config("crm")
        module, app.models_module = getattr(app, "models_module", None), True
        create_permissions(app, apps=apps, verbosity=0)
        app.models_module = module
        permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="crm")
        for verb in VERBS:
            permission = permissions.get(codename=f"{verb}_{model}")
            for group in apps.get_model("auth", "Group").objects.filter(permissions__codename=f"{verb}_{like}"):
                group.permissions.add(permission)

    return RunPython(give, RunPython.noop)
