"""Members of a group, logged in."""

from importlib import import_module

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client

from crm.permissions import allow

User = get_user_model()
PASSWORD = "a password that is long"


def member(role: str, name: str = "anna") -> Client:
    if not Group.objects.exists():  # a test with committed data has emptied all tables after itself
        import_module("crm.migrations.0003_groups").create(apps, None)
        allow("overplane_backoffice.share_savedview", "Manager", "Administrator").code(apps, None)
        for verb in ("add", "change", "delete", "view"):
            allow(f"overplane_webhooks.{verb}_endpoint", "Administrator").code(apps, None)
    user = User.objects.create_user(name, password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client
