"""Who may do what with something new. For its migration, as Django makes permissions after all migrations only."""

from typing import Any

from django.contrib.auth.management import create_permissions
from django.db.migrations import RunPython

VERBS = ("view", "add", "change", "delete")


def make_permissions(apps: Any, label: str) -> None:
    """Those of an app, now."""
    app = apps.get_app_config(label)
    module, app.models_module = getattr(app, "models_module", None), True
    create_permissions(app, apps=apps, verbosity=0)
    app.models_module = module


def allow(permission: str, *groups: str) -> RunPython:
    """The operation of a migration that gives these groups a permission, as in `app.codename`."""
    label, codename = permission.split(".")

    def give(apps: Any, schema_editor: Any) -> None:
        make_permissions(apps, label)
        one = apps.get_model("auth", "Permission").objects.get(content_type__app_label=label, codename=codename)
        for group in apps.get_model("auth", "Group").objects.filter(name__in=groups):
            group.permissions.add(one)

    return RunPython(give, RunPython.noop)


def grant(model: str, *, like: str = "suppliernumberatcustomer") -> RunPython:
    """The same for a kind of line item `model` (in small letters): each group may do with it what it may do with `like`."""

    def give(apps: Any, schema_editor: Any) -> None:
        make_permissions(apps, "crm")
        permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="crm")
        for verb in VERBS:
            permission = permissions.get(codename=f"{verb}_{model}")
            for group in apps.get_model("auth", "Group").objects.filter(permissions__codename=f"{verb}_{like}"):
                group.permissions.add(permission)

    return RunPython(give, RunPython.noop)
