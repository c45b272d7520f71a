"""How far the log is settled: below the horizon nothing can be added any more, so there the feed may be served.

PostgreSQL gives an event its transaction's number when it is written, not when it commits. The horizon is the
lowest number that a transaction of this database may still have. SQLite's writers stand in line: all is settled.

The snapshot lists the running transactions of the whole server. One in another database cannot write here, but it
is left out only if it is proven to be one. Why that is safe:

- The snapshot is taken first. Who is in its list was running then, and whoever starts later gets a higher number.
- The activity of all processes is read after it (never a copy from before it): of each its database, then its
  transaction. If the process ends in between and another takes its slot, that one's transaction has begun after
  the snapshot and is not in the list. So a process that it shows in another database, with a number of the list, really is there.
- Whoever is not shown, or is gone by now, is not left out. That can hold the feed back a moment, never push it on.
  So the horizon may go down between two reads, and nothing may rely on it except as the end of what is settled.

Every role may see these columns (only states, times and texts of others are hidden).
"""

from typing import Any

from django.db import connection
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThanOrEqual, TupleLessThan

from overplane.database.dialect import choose, is_postgresql

# Where the list is empty nothing runs, or this is a standby, whose list is always empty: xmin is right for both.
# The functions behind pg_stat_activity and pg_prepared_xacts: the views join tables, which takes longer than all else.
POSTGRESQL = """(
    SELECT min(number) FROM (
        SELECT running.xid::text::bigint AS number
        FROM pg_snapshot_xip(pg_current_snapshot()) AS running (xid)
        WHERE running.xid::xid NOT IN (
            WITH ours AS (SELECT oid FROM pg_database WHERE datname = current_database())
            SELECT backend_xid FROM pg_stat_get_activity(NULL), ours WHERE backend_xid IS NOT NULL AND datid <> ours.oid
            UNION ALL
            SELECT transaction FROM pg_prepared_xact(), ours WHERE dbid <> ours.oid
        )
        UNION ALL
        SELECT CASE WHEN EXISTS (SELECT FROM pg_snapshot_xip(pg_current_snapshot()))
            THEN pg_snapshot_xmax(pg_current_snapshot()) ELSE pg_snapshot_xmin(pg_current_snapshot()) END::text::bigint
    ) AS bounds
)"""


def expression() -> str:
    """SQL of the horizon as its statement sees it; NULL on SQLite."""
    return choose(postgresql=POSTGRESQL, sqlite="NULL")


def refresh() -> None:
    """Before the horizon is asked for: within a transaction PostgreSQL would show the activity that it saw before."""
    if connection.in_atomic_block and is_postgresql():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")


def settled(epoch: int, horizon: int | None) -> list[Any]:
    """The condition of what lies below the horizon of the current epoch."""
    return [] if horizon is None else [TupleLessThan(Tuple("epoch", "xid"), (epoch, horizon))]


def unsettled(epoch: int, horizon: int) -> TupleGreaterThanOrEqual:
    return TupleGreaterThanOrEqual(Tuple("epoch", "xid"), (epoch, horizon))
