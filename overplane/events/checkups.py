"""Whether the log is whole: nothing holds it back, nothing is beyond its end, every object's newest version is in it."""

from collections.abc import Iterator

from django.db import connection

from overplane.checkups import Finding, note, register
from overplane.database.dialect import choose, is_postgresql
from overplane.events import epochs, lag
from overplane.events.log import EVENTS
from overplane.events.models import Epoch, Event

NEW_EPOCH = "Stop the service, then manage.py start_event_epoch"
# The greatest number that a row has, and the last one that was given out. No row's may be above it, nor a
# transaction's above those that the server has begun: the next ones would stand before it in the feed.
NUMBERS_POSTGRESQL = f"""
SELECT COALESCE(max(seq), 0), COALESCE((SELECT last_value FROM pg_sequences
           WHERE format('%%I.%%I', schemaname, sequencename)::regclass = pg_get_serial_sequence('{EVENTS.name}', 'seq')::regclass), 0),
       COALESCE((SELECT max(xid) FROM {EVENTS.name} WHERE epoch = %s), 0), pg_snapshot_xmax(pg_current_snapshot())::text::bigint
FROM {EVENTS.name}
"""
NUMBERS_SQLITE = f"""
SELECT COALESCE(max(seq), 0), COALESCE((SELECT seq FROM sqlite_sequence WHERE name = '{Event._meta.db_table}'), 0), 0, 1
FROM {EVENTS.name} WHERE %s IS NOT NULL
"""


def log() -> Iterator[Finding]:
    last = Epoch.objects.order_by("-id").first()
    if last is None or last.fingerprint != epochs.fingerprint():
        if last is not None:
            yield note(
                "the database is a restored copy", "The next request begins a new epoch by itself; old cursors get 410"
            )
        return
    with connection.cursor() as cursor:
        cursor.execute(choose(postgresql=NUMBERS_POSTGRESQL, sqlite=NUMBERS_SQLITE), [last.pk])
        seq, given_out, xid, next_xid = cursor.fetchone()
    if seq > given_out:
        yield Finding(
            f"the log's last event has the number {seq}, and the next one gets {given_out + 1}",
            "Restore a whole backup",
        )
    if xid >= next_xid:
        yield Finding("events are of transactions that this server has not begun: it was put back", NEW_EPOCH)
    elif is_postgresql():
        for warning in lag.warnings():
            yield Finding(
                warning.removeprefix("event feed: ") + ", and its readers get nothing new", "End what holds it back"
            )


def unrecorded(table: str) -> int:
    """How many rows of this table have a version that no event tells of. Those of which all was purged are not asked for."""
    # Compared as the log's index is sorted, or PostgreSQL must read the log for each row where it has no statistics yet.
    id = choose(postgresql='o.id COLLATE "default"', sqlite="o.id")
    of_it = f"SELECT 1 FROM {EVENTS.name} e WHERE e.subject = {id} AND e.object_id = {id}"
    known = f"AND EXISTS ({of_it})" if Epoch.objects.exclude(purged_seq=0).exists() else ""
    sql = f"SELECT count(*) FROM {table} o WHERE NOT EXISTS ({of_it} AND e.object_version = o.version) {known}"
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])


register("event log", log)
