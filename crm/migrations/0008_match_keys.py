"""E-mails and tax ids are indexed by the key by which customers are matched, no more by the value as it is written.

The new indexes stand before the old ones go, so nobody reads the whole table meanwhile; broken off, it is run again.
"""

from typing import Any

from django.db import migrations, models

import overplane.database.transforms
from overplane.database.dialect import is_postgresql
from overplane.database.index_operations import AddIndexWithoutLock, RemoveIndexWithoutLock


def analyze(apps: Any, schema_editor: Any) -> None:
    """What PostgreSQL knows of an expression it learns by ANALYZE only; until then it may read the table instead."""
    if is_postgresql(schema_editor.connection):
        schema_editor.execute("ANALYZE crm_customer")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("crm", "0007_search_numbers")]

    operations = [
        AddIndexWithoutLock(
            model_name="customer",
            index=models.Index(
                overplane.database.transforms.AsciiLower("email_id"),
                condition=models.Q(("email_id__isnull", False)),
                name="customer_email_key",
            ),
        ),
        AddIndexWithoutLock(
            model_name="customer",
            index=models.Index(
                overplane.database.transforms.AsciiLowerWithout(
                    "tax_id", "\t\n\r \xa0\u2007\u2009\u202f./-\xad\u2010\u2011\u2012\u2013\u2014\u2212"
                ),
                condition=models.Q(("tax_id__isnull", False)),
                name="customer_tax_key",
            ),
        ),
        migrations.RunPython(analyze, migrations.RunPython.noop),
        RemoveIndexWithoutLock(model_name="customer", name="customer_email_id"),
        RemoveIndexWithoutLock(model_name="customer", name="customer_tax_id"),
    ]
