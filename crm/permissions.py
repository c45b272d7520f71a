"""Who may do what with something new. For its migration, as Django makes permissions after all migrations only."""

from typing import Any

from django.contrib.auth.management import create_permissions
from django.db.migrations import RunPython


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
