"""Epochs: after a backup is restored, old cursors must not be trusted, and new events must sort after the old.

A PostgreSQL restore shows in the cluster's identity, its timeline or the database's oid. A copied
SQLite file looks like its original: after putting one back run `manage.py start_event_epoch`.
"""

import secrets
from functools import lru_cache

from django.apps import apps
from django.db import connection, transaction
from django.utils import timezone

FINGERPRINT = """
SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || (SELECT timeline_id FROM pg_control_checkpoint())
       || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def fingerprint() -> str:
    if connection.vendor != "postgresql":
        return "sqlite"
    with connection.cursor() as cursor:
        cursor.execute(FINGERPRINT)
        return cursor.fetchone()[0]


@lru_cache(maxsize=1)
def current() -> int:
    """The number of the epoch that new events belong to."""
    epoch = apps.get_model("overplane_events", "Epoch")
    now = fingerprint()
    last = epoch.objects.order_by("-id").first()
    return last.id if last and last.fingerprint == now else start(now)


def start(mark: str | None = None) -> int:
    """Begins an epoch; every cursor given out so far is expired. Workers take it up within their next connection."""
    epoch = apps.get_model("overplane_events", "Epoch")
    with transaction.atomic():
        made = epoch.objects.create(
            token=secrets.token_hex(8), fingerprint=mark or fingerprint(), started_at=timezone.now()
        )
    return made.id
