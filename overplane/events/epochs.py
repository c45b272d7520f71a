"""Epochs: after a backup is restored, old cursors must not be trusted, and new events must sort after the old.

A PostgreSQL restore shows in the cluster's identity, its timeline or the database's oid. A copied
SQLite file looks like its original: after putting one back run `manage.py start_event_epoch`.
"""

import secrets
from functools import lru_cache

from django.apps import apps
from django.db import connection, transaction
from django.utils import timezone

from overplane.database import dialect

ONE_AT_A_TIME = 7_130_431_216  # an advisory lock's number, of no other meaning
FINGERPRINT = """
SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || (SELECT timeline_id FROM pg_control_checkpoint())
       || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def fingerprint() -> str:
    if dialect.is_sqlite():
        return "sqlite"
    with connection.cursor() as cursor:
        cursor.execute(FINGERPRINT)
        return cursor.fetchone()[0]


@lru_cache(maxsize=1)
def current() -> int:
    """The number of the epoch that new events belong to."""
    mark = fingerprint()
    return _last(mark) or start(only_if_new=True)


def _last(mark: str) -> int | None:
    """The last epoch, if it is of this very database."""
    last = apps.get_model("overplane_events", "Epoch").objects.order_by("-id").first()
    return last.id if last and last.fingerprint == mark else None


def start(*, only_if_new: bool = False) -> int:
    """Begins an epoch; every cursor given out so far is expired. Stop the workers for it: they remember theirs."""
    mark = fingerprint()
    with transaction.atomic():
        dialect.lock(ONE_AT_A_TIME)  # workers that start together must agree on one
        if only_if_new and (last := _last(mark)):
            return last
        epoch = apps.get_model("overplane_events", "Epoch").objects.create(
            token=secrets.token_hex(8), fingerprint=mark, started_at=timezone.now()
        )
    return epoch.id
