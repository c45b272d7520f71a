"""An epoch that a promotion begins gets the second as its number, too."""

from typing import Any

from django.db import migrations

from overplane.events.epochs import BEGIN


def replace_function(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(BEGIN)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("overplane_events", "0005_versions_in_order")]

    operations = [migrations.RunPython(replace_function, migrations.RunPython.noop)]
