"""The versions of an object stand in the log in their order, also where a transaction had its number before the object."""

from typing import Any

from django.db import migrations

from overplane.events.models import LAST_TRANSACTION


def set_default(apps: Any, schema_editor: Any) -> None:
    """Of the column alone: no row is touched. (A database that is made now has it from its first migration.)"""
    if schema_editor.connection.vendor == "postgresql":
        table = apps.get_model("overplane_events", "Event")._meta.db_table
        schema_editor.execute(f"ALTER TABLE {table} ALTER COLUMN xid SET DEFAULT ({LAST_TRANSACTION})")


class Migration(migrations.Migration):
    dependencies = [("overplane_events", "0004_epoch_of_the_timeline")]

    operations = [migrations.RunPython(set_default, migrations.RunPython.noop)]
