"""Epochs: after a restore or a failover old cursors must not be trusted, and new events must sort after the old.

Which epoch an event belongs to is a fact of the database, asked by the statement that writes it (`expression`): no process
remembers one that another has ended. A restore shows in the cluster's identity or the database's oid, a promotion and a
point-in-time recovery in the timeline, from the first transaction on, and a SQLite file that was put back in what the
former one has shown (`served`).

An epoch's number is the second in which it began, so that two restores of the same backup do not count alike: the ids of
events are made of it.
"""

import secrets
from datetime import UTC, datetime

from django.apps import apps
from django.db import connection, transaction
from django.utils import timezone

from overplane.database import dialect
from overplane.events import served

ONE_AT_A_TIME = 7_130_431_216  # an advisory lock's number, of no other meaning
EPOCHS = '"overplane_events_epoch"'
# The control file has the timeline of the last checkpoint, which may be minutes old. A standby has no other, and may not be asked.
RUNNING = "('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int"
TIMELINE = f"CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint()) ELSE {RUNNING} END"
FINGERPRINT = (
    f"(SELECT system_identifier FROM pg_control_system()) || '/' || {TIMELINE}"
    " || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())"
)
SECONDS_FROM = datetime(2026, 1, 1, tzinfo=UTC)
MOST_SECONDS = 999_999_999  # a cursor's and an event id's room, until 2057; after that they are counted
_LAST = f"SELECT id FROM {EPOCHS} WHERE id = (SELECT max(id) FROM {EPOCHS})"
# Identity and oid are compared once a connection (`confirm`): within one they cannot change.
OF_EVENT = f"COALESCE(({_LAST} AND timeline = {RUNNING}), overplane_begin_epoch())"
_SECOND = f"extract(epoch FROM clock_timestamp() - '{SECONDS_FROM.isoformat()}'::timestamptz)::int"
_NUMBER = f"(SELECT GREATEST(COALESCE(max(id), 0) + 1, LEAST({_SECOND}, {MOST_SECONDS})) FROM {EPOCHS})"
BEGIN = f"""
CREATE OR REPLACE FUNCTION overplane_begin_epoch() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    mark text := {FINGERPRINT};
    number integer;
BEGIN
    -- Whoever waited here sees what the one before began.
    PERFORM pg_advisory_xact_lock({ONE_AT_A_TIME});
    number := ({_LAST} AND fingerprint = mark);
    IF number IS NULL THEN
        INSERT INTO {EPOCHS} (id, token, fingerprint, timeline, started_at, purged_xid, purged_seq)
        VALUES ({_NUMBER}, left(replace(gen_random_uuid()::text, '-', ''), 16), mark, {RUNNING}, clock_timestamp(), 0, 0)
        RETURNING id INTO number;
    END IF;
    RETURN number;
END $$;
"""
DROP = "DROP FUNCTION IF EXISTS overplane_begin_epoch()"


def expression() -> str:
    """SQL of the epoch that the events of a statement belong to. The first one after a failover begins it."""
    return dialect.choose(postgresql=OF_EVENT, sqlite=f"(SELECT max(id) FROM {EPOCHS})")


def is_current() -> str:
    """SQL that says of a row of epochs, the last one, whether it is that of the server as it runs now."""
    return dialect.choose(postgresql=f"(pg_is_in_recovery() OR timeline = {TIMELINE})", sqlite="1")


def current() -> int:
    """The number of the epoch that new events belong to, asked of the database. Begins it, if it is new."""
    confirm()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {expression()}")
        number: int = cursor.fetchone()[0]
    return number


def confirm() -> None:
    """Once a connection: the log is that of this very database. Else, as after a restore, its epoch begins here.

    A standby cannot begin one, and leaves it to whoever writes.
    """
    if connection.connection is not None and getattr(connection, "confirmed_log", None) is connection.connection:
        return
    if _last(fingerprint()) is None and not _is_standby():
        start(only_if_new=True)
    connection.confirmed_log = connection.connection  # type: ignore[attr-defined]  # an attribute of our own


def forget() -> None:
    """As with a new connection."""
    connection.confirmed_log = None  # type: ignore[attr-defined]  # our own


def fingerprint() -> str:
    if dialect.is_sqlite():
        return "sqlite"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {FINGERPRINT}")
        return cursor.fetchone()[0]


def _is_standby() -> bool:
    if dialect.is_sqlite():
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        return cursor.fetchone()[0]


def _last(mark: str) -> int | None:
    """The last epoch, if it is of this very database."""
    last = apps.get_model("overplane_events", "Epoch").objects.order_by("-id").first()
    return last.id if last and last.fingerprint == mark and not served.is_put_back() else None


def timeline_of(mark: str) -> int:
    return int(mark.split("/")[1]) if "/" in mark else 0


def start(*, only_if_new: bool = False) -> int:
    """Begins an epoch; every cursor given out so far is expired. Waits until all who write are done."""
    mark = fingerprint()
    with transaction.atomic():
        dialect.lock(ONE_AT_A_TIME)  # those who notice together must agree on one
        if only_if_new and (current := _last(mark)):
            return current
        if dialect.is_postgresql():
            # An event of the former epoch that were committed after this would lie behind all new cursors.
            with connection.cursor() as cursor:
                cursor.execute('LOCK TABLE "overplane_events_event" IN SHARE ROW EXCLUSIVE MODE')
        epochs, now = apps.get_model("overplane_events", "Epoch").objects, timezone.now()
        last = epochs.order_by("-id").values_list("id", flat=True).first() or 0
        # Beyond what a file that was put back has shown, also in the same second or with a clock that was ahead.
        last = max(last, served.newest_served()[0])
        second = int((now - SECONDS_FROM).total_seconds())
        epoch = epochs.create(
            id=max(last + 1, min(second, MOST_SECONDS)),
            token=secrets.token_hex(8),
            fingerprint=mark,
            timeline=timeline_of(mark),
            started_at=now,
        )
    return epoch.id
