from typing import Any

from django.db import migrations


def create(apps: Any, schema_editor: Any) -> None:
    """PostgreSQL's index for `q=`. SQLite's is kept with triggers, see crm.search."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        schema_editor.execute("CREATE INDEX customer_search ON crm_customer USING gin (search_text gin_trgm_ops)")


def drop(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX customer_search")


class Migration(migrations.Migration):
    dependencies = [("crm", "0001_initial")]

    operations = [migrations.RunPython(create, drop)]
