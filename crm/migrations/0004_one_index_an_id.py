from typing import Any

from django.db import migrations

# Second indexes of the same columns, which no query used: these sort by code point, so `LIKE 'x%'` uses the first.
INDEXES = (
    "crm_customer_id_a37c7bc8_like",
    "crm_customertombstone_id_c2b11cc8_like",
    "crm_suppliernumberatcustomer_id_d3893732_like",
)


def drop(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP INDEX IF EXISTS {', '.join(INDEXES)}")


class Migration(migrations.Migration):
    dependencies = [("crm", "0003_groups")]

    operations = [migrations.RunPython(drop, migrations.RunPython.noop)]
