from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("overplane_backoffice", "0001_saved_views")]

    operations = [
        migrations.AlterModelOptions(
            name="savedview",
            options={
                "default_permissions": (),
                "ordering": ["name", "id"],
                "permissions": [("share_savedview", "Can share views of lists with everybody")],
            },
        ),
        migrations.AddField("savedview", "arrangement", models.JSONField(default=dict)),
    ]
