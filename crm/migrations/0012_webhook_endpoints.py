from django.db import migrations

from crm.permissions import allow


class Migration(migrations.Migration):
    dependencies = [
        ("crm", "0011_merged_customers"),
        ("overplane_webhooks", "0001_initial"),
    ]

    operations = [
        allow(f"overplane_webhooks.{verb}_endpoint", "Administrator") for verb in ("add", "change", "delete", "view")
    ]
