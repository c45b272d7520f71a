"""The four groups and what each may do. Later changes, made in the admin, are the operators' own."""

from typing import Any

from django.contrib.auth.management import create_permissions
from django.db import migrations

LOOK = [
    "crm.view_customer",
    "crm.view_suppliernumberatcustomer",
    "overplane_events.view_event",
]
EDIT = [
    "crm.add_customer",
    "crm.change_customer",
    "crm.add_suppliernumberatcustomer",
    "crm.change_suppliernumberatcustomer",
]
MANAGE = [
    "crm.delete_customer",
    "crm.delete_suppliernumberatcustomer",
    "crm.export_customer",
    "overplane_jobs.view_job",
    "overplane_jobs.change_job",
]
ADMINISTER = [
    *(f"auth.{verb}_{name}" for name in ("user", "group") for verb in ("add", "change", "delete", "view")),
    *(f"overplane_api.{verb}_apikey" for verb in ("add", "change", "view")),
    "axes.view_accessattempt",
    "axes.delete_accessattempt",
    "axes.view_accesslog",
]
GROUPS = {
    "Viewer": LOOK,
    "Editor": LOOK + EDIT,
    "Manager": LOOK + EDIT + MANAGE,
    "Administrator": LOOK + EDIT + MANAGE + ADMINISTER,
}


def create(apps: Any, schema_editor: Any) -> None:
    """Permissions are made after all migrations; these groups need theirs now."""
    for label in sorted({name.partition(".")[0] for names in GROUPS.values() for name in names}):
        app = apps.get_app_config(label)
        module, app.models_module = getattr(app, "models_module", None), True
        create_permissions(app, apps=apps, verbosity=0)
        app.models_module = module
    permissions = {
        f"{one.content_type.app_label}.{one.codename}": one
        for one in apps.get_model("auth", "Permission").objects.select_related("content_type")
    }
    for name, allowed in GROUPS.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.set([permissions[one] for one in allowed])


def drop(apps: Any, schema_editor: Any) -> None:
    apps.get_model("auth", "Group").objects.filter(name__in=GROUPS).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("crm", "0002_search"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("axes", "0001_initial"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("overplane_api", "0001_initial"),
        ("overplane_events", "0001_initial"),
        ("overplane_jobs", "0001_initial"),
    ]

    operations = [migrations.RunPython(create, drop)]
