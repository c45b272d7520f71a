from collections import defaultdict
from typing import Any

from django.db import migrations, transaction

from overplane.database.text import search_text

SEARCHED = ("customer_name", "email_id", "mobile_no", "tax_id", "customer_pos_id", "first_name", "last_name")
AT_ONCE = 2000


def refresh(apps: Any, schema_editor: Any) -> None:
    """Makes every customer's searched text anew: numbers stand in it in one piece too, invisible characters no more.

    Each step commits, so that nobody waits for all of it; broken off, it is run again and goes past what is done.
    """
    connection = schema_editor.connection
    customers = apps.get_model("crm", "Customer").objects.using(connection.alias).order_by("pk")
    after = ""
    while True:
        with transaction.atomic(using=connection.alias):
            # Held, so that a text is not written over that somebody changes meanwhile.
            held = customers.filter(pk__gt=after).select_for_update(no_key=True)
            step = list(held.values_list("pk", "search_text", *SEARCHED)[:AT_ONCE])
            if not step:
                return
            numbers = _supplier_numbers(apps, connection.alias, [row[0] for row in step])
            texts = [(search_text([*values, *numbers[pk]]), pk, old) for pk, old, *values in step]
            changed = [(new, pk) for new, pk, old in texts if new != old]
            if changed:
                with connection.cursor() as cursor:
                    cursor.executemany("UPDATE crm_customer SET search_text = %s WHERE id = %s", changed)
        after = step[-1][0]


def _supplier_numbers(apps: Any, alias: str, ids: list[str]) -> dict[str, list[str | None]]:
    rows = apps.get_model("crm", "SupplierNumberAtCustomer").objects.using(alias).filter(customer_id__in=ids)
    numbers: dict[str, list[str | None]] = defaultdict(list)
    for customer_id, number in rows.order_by("customer_id", "idx").values_list("customer_id", "supplier_number"):
        numbers[customer_id].append(number)
    return numbers


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("crm", "0006_undoing")]

    operations = [migrations.RunPython(refresh, migrations.RunPython.noop)]
