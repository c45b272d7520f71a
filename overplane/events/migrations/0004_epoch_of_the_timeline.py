"""The epoch of an event is asked of the database by the statement that writes it."""

from typing import Any

from django.db import migrations, models

from overplane.events.epochs import BEGIN, DROP, timeline_of


def fill(apps: Any, schema_editor: Any) -> None:
    for epoch in apps.get_model("overplane_events", "Epoch").objects.all():
        epoch.timeline = timeline_of(epoch.fingerprint)
        epoch.save(update_fields=["timeline"])


def create_function(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(BEGIN)


def drop_function(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(DROP)


class Migration(migrations.Migration):
    dependencies = [("overplane_events", "0003_by_object")]

    operations = [
        migrations.AddField("epoch", "timeline", models.IntegerField(default=0, db_default=0)),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunPython(create_function, drop_function),
    ]
