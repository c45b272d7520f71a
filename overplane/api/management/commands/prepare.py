"""Everything between an installed checkout and a running service; `make run` calls it each time."""

import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

from overplane import private_files
from overplane.api import keys
from overplane.api.models import ApiKey
from overplane.database.dialect import is_sqlite
from overplane.database.short_locks import with_short_locks
from overplane.database.sole import alone

PREPARING = 7_130_431_219  # an advisory lock's number, of no other meaning


class Command(BaseCommand):
    help = "Migrates the database, collects static files and, on an empty database, creates the first user and key."

    def handle(self, **options: Any) -> None:
        database = Path(connection.settings_dict["NAME"]) if is_sqlite() else None
        folders = settings.MEDIA_ROOT, Path(settings.FILE_UPLOAD_TEMP_DIR)
        private_files.tighten(settings.DATA_DIR, *folders, database=database)
        with alone(PREPARING):
            self._prepare()

    def _prepare(self) -> None:
        with_short_locks(lambda: call_command("migrate", interactive=False, verbosity=0))
        call_command("collectstatic", interactive=False, verbosity=0)
        users = get_user_model().objects
        self.stdout.write(f"{settings.PRODUCT}: {settings.BASE_URL}/admin/   API reference: {settings.BASE_URL}/docs")
        if not settings.IS_HTTPS:
            self.stdout.write("Plain HTTP, for your own machine. What stands in front of it elsewhere is in deploy/.")
        if not users.exists():
            password = secrets.token_urlsafe(12)
            users.create_superuser("admin", password=password)
            self.stdout.write(f"First user: admin   password: {password}   (shown this once)")
        if not ApiKey.objects.exists():
            _, key = keys.mint("first key")
            self.stdout.write(f"First API key: {key}   (shown this once)")
