"""What an operator may have set wrong at the database, and what must be there beside the tables."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection
from django.utils import timezone

from overplane.checkups import Finding, note, register, register_of_machine
from overplane.database import counters, disk, maintenance, replicas
from overplane.database.dialect import is_postgresql
from overplane.database.postgresql import poolers

OLDEST_SERVER, COLLATION_VERSIONS = 140000, 150000
OF_A_WORKER = 3  # connections of a worker process: its job, the job's heartbeat, webhooks
MOST_SKEW = 2.0  # seconds; a lease of ten is ended a second early (see overplane/events/webhooks/leases.py)
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


def row(sql: str, parameters: Any = ()) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()


def server() -> Iterator[Finding]:
    if not is_postgresql():
        (answer,) = row("PRAGMA quick_check(1)")
        if answer != "ok":
            yield Finding(f"the file is damaged: {answer}", "Stop the service, keep the file, and restore a backup")
        (mode,) = row("PRAGMA journal_mode")
        if mode != "wal":
            yield Finding(
                f"journal_mode is {mode}", "Readers and writers wait for each other: PRAGMA journal_mode = WAL"
            )
        return
    number, version, encoding = row(
        "SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_setting('server_encoding')"
    )
    if number < OLDEST_SERVER:
        yield Finding(f"PostgreSQL {version} is too old", "Upgrade to 14 or newer")
    if encoding != "UTF8":
        yield Finding(f"the encoding is {encoding}", "Create the database with ENCODING 'UTF8' and move the data there")
    if number >= COLLATION_VERSIONS and row(COLLATION_DIFFERS)[0]:
        yield Finding(
            "the system sorts texts otherwise than when the database was made: indexes may be wrong",
            f"REINDEX DATABASE {connection.settings_dict['NAME']}; then ALTER DATABASE … REFRESH COLLATION VERSION",
        )
    (extension,) = row("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'")
    if not extension:
        yield Finding("the extension pg_trgm is missing", "CREATE EXTENSION pg_trgm, as a superuser")


COLLATION_DIFFERS = """
SELECT count(*) FROM pg_database
WHERE datname = current_database() AND datcollversion <> pg_database_collation_actual_version(oid)
"""


def durability() -> Iterator[Finding]:
    """SQLite's is the service's own to set."""
    for name in DURABLE if is_postgresql() else ():
        (value,) = row(f"SHOW {name}")
        if value == "off":
            yield Finding(
                f"{name} is off: a crash loses what was acknowledged, or the whole cluster",
                f"ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf()",
            )


def connections() -> Iterator[Finding]:
    if not is_postgresql():
        return
    limit, reserved, used = row(
        "SELECT current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int,"
        " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')"
    )
    needed = settings.WEB_CONCURRENCY * settings.WEB_THREADS + OF_A_WORKER
    if settings.DATABASE_POOLER == "none" and needed > limit - reserved:
        yield Finding(
            f"WEB_CONCURRENCY × WEB_THREADS and one worker may need {needed} connections, the server lets in {limit - reserved}",
            "Raise max_connections, or lower WEB_CONCURRENCY or WEB_THREADS",
        )
    if used > 0.8 * (limit - reserved):
        yield note(f"{used} of {limit - reserved} connections are in use", "Raise max_connections, or see who has them")


def pooler() -> Iterator[Finding]:
    if not is_postgresql():
        return
    if said := poolers.contradiction(settings.DATABASE_POOLER, connection.get_connection_params()):
        what, _, to_do = said.partition(": ")
        yield Finding(what, to_do[:1].upper() + to_do[1:])
    if settings.DATABASE_POOLER == "none":
        return
    for name, seconds in (("statement_timeout", settings.STATEMENT_SECONDS), ("lock_timeout", settings.LOCK_SECONDS)):
        # Not as this process has it, which has no limits, but as the role has it.
        if seconds and row("SELECT reset_val FROM pg_settings WHERE name = %s", [name])[0] == "0":
            yield Finding(
                f"behind the pooler no connection has a {name}",
                f"ALTER ROLE {connection.settings_dict['USER']} SET {name} = '{seconds:g}s'; then reconnect the pooler",
            )


def triggers() -> Iterator[Finding]:
    for name in sorted(maintenance.missing(connection)):
        yield Finding(f"{name} is missing", "manage.py migrate puts it back and counts again")


def counts() -> Iterator[Finding]:
    for table in maintenance.counted:
        # Both in one statement, so that both are of one moment.
        kept, real = row(f"SELECT {counters.total_sql(table)}, (SELECT count(*) FROM {table})")
        if kept != real:
            yield Finding(
                f"the kept count of {table} is {kept}, and it has {real} rows",
                f"Stop the service, drop the trigger {table}_count_insert, then manage.py migrate counts again",
            )


def clock() -> Iterator[Finding]:
    if not is_postgresql():
        return
    before = timezone.now()
    (theirs,) = row("SELECT clock_timestamp()")
    skew = (theirs - before - (timezone.now() - before) / 2).total_seconds()
    if abs(skew) > MOST_SKEW:
        yield Finding(
            f"the database's clock is {skew:+.1f} s off this machine's", "Let both follow the same time server (chrony)"
        )


def space() -> Iterator[Finding]:
    for problem in disk.problems():
        yield Finding(problem.removeprefix("disk: "), "Make room; docs/operations.md says how")
    temporary = Path(tempfile.gettempdir())
    free = disk.free(temporary)
    if free < disk.LEAST_FREE:
        yield Finding(
            f"{temporary} has {free // disk.MEGABYTE} MB left", "Exports and uploads need room there; or set TMPDIR"
        )


def replicated() -> Iterator[Finding]:
    for alias, why in replicas.troubles() if settings.DATABASES.keys() - {DEFAULT_DB_ALIAS} else ():
        yield Finding(
            f"{alias} is not read from: {why}",
            "Mend it, or take it out of DATABASE_REPLICA_URLS (the first is replica_1)",
        )


register("database", server)
register("replicas", replicated)
register("durability", durability)
register("connections", connections)
register("pooler", pooler)
register("triggers", triggers)
register("kept counts", counts)
register("clock", clock)
register_of_machine("disk", space)
