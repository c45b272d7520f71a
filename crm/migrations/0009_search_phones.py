import json
import time
from typing import Any

from django.db import migrations

from crm.search import with_phone
from overplane.database.dialect import is_postgresql

# Rows of a statement, whose locks are held until it ends: 0.1 to 0.3 s on either database, so nobody who writes waits longer.
AT_ONCE = 500
# SQLite's writers ask again every 0.05 to 0.1 s: who writes step after step would never let them in.
PAUSE_S = 0.05
# Only what is as it was read: whoever writes meanwhile writes the new text anyway.
SET = "UPDATE crm_customer SET search_text = new.text FROM"
IF_UNCHANGED = "WHERE crm_customer.id = new.id AND crm_customer.search_text = new.old"
ON_POSTGRESQL = f"{SET} unnest(%s::text[], %s::text[], %s::text[]) AS new (id, old, text) {IF_UNCHANGED}"
ON_SQLITE = (
    f"{SET} (SELECT value ->> 0 AS id, value ->> 1 AS old, value ->> 2 AS text FROM json_each(%s)) AS new {IF_UNCHANGED}"
)


def add_phones(apps: Any, schema_editor: Any) -> None:
    """Adds to every customer's searched text the other notations of its phone number.

    Each step is a statement of its own and locks its rows alone. Broken off, it is run again and writes only what is left.
    """
    connection = schema_editor.connection
    customers = apps.get_model("crm", "Customer").objects.using(connection.alias).order_by("pk")
    after = ""
    while step := list(customers.filter(pk__gt=after).values_list("pk", "search_text", "mobile_no")[:AT_ONCE]):
        texts = [(pk, text, with_phone(text, phone)) for pk, text, phone in step if phone]
        if changed := [row for row in texts if row[1] != row[2]]:
            with connection.cursor() as cursor:
                if is_postgresql(connection):
                    cursor.execute(ON_POSTGRESQL, [list(column) for column in zip(*changed, strict=True)])
                else:
                    cursor.execute(ON_SQLITE, [json.dumps(changed)])
                    time.sleep(PAUSE_S)
        after = step[-1][0]


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("crm", "0008_match_keys")]

    operations = [migrations.RunPython(add_phones, migrations.RunPython.noop)]
