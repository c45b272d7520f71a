from typing import Any

from django.db import migrations


def create(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "CREATE UNLOGGED TABLE IF NOT EXISTS overplane_last_write (actor varchar(100) PRIMARY KEY, place bigint NOT NULL)"
            " WITH (fillfactor = 50)"  # as of the counts: a row is updated in its place
        )


def drop(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TABLE IF EXISTS overplane_last_write")


class Migration(migrations.Migration):
    """How far each actor has written. No model: only `overplane.database.replicas` reads and writes it."""

    atomic = False
    dependencies = [("overplane_database", "0001_row_count")]

    operations = [migrations.RunPython(create, drop)]
