from django.db import migrations

from crm.permissions import allow


class Migration(migrations.Migration):
    dependencies = [
        ("crm", "0009_search_phones"),
        ("overplane_backoffice", "0002_arranged_and_shared"),
    ]

    operations = [allow("overplane_backoffice.share_savedview", "Manager", "Administrator")]
