"""How far the feed is behind what is written, and who holds it back: for `/metrics` and `/readyz`.

The feed waits for the oldest transaction of this database. Usually that takes milliseconds; one that somebody left
open (a console, a broken client, a prepared transaction) holds back every event that is written after it has begun.
"""

import logging
from collections.abc import Iterator

from django.conf import settings
from django.db import Error, connection
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from overplane.database.dialect import is_sqlite
from overplane.events import horizon
from overplane.events.feed import Log
from overplane.events.models import Event

# State and time of other roles' processes are shown to members of pg_read_all_stats only.
HOLDER = """
SELECT format('process %%s (%%s)', pid, concat_ws(', ', usename, nullif(application_name, ''), state,
           'for ' || extract(epoch FROM clock_timestamp() - xact_start)::int || ' s')),
       format('SELECT pg_terminate_backend(%%s)', pid)
FROM pg_stat_activity WHERE backend_xid = %(xid)s::text::xid8::xid
UNION ALL
SELECT format('the prepared transaction %%L of %%s', gid, owner), format('ROLLBACK PREPARED %%L', gid)
FROM pg_prepared_xacts WHERE transaction = %(xid)s::text::xid8::xid
"""
log = logging.getLogger("overplane.events")


def seconds() -> float:
    """The age of the first event that is written and not served yet; 0 if all are."""
    return _age(Log.now())


def _age(now: Log) -> float:
    if now.horizon is None:
        return 0.0
    waiting = Event.objects.filter(horizon.unsettled(now.epoch, now.horizon)).order_by("epoch", "xid", "seq")
    first = waiting.values_list("created_at", flat=True).first()
    return max((timezone.now() - first).total_seconds(), 0.0) if first else 0.0


def warnings() -> list[str]:
    """What an operator should do something about: nothing, or that the feed is too far behind, and because of whom."""
    if is_sqlite():
        return []
    now = Log.now()
    age = _age(now)
    if age <= settings.FEED_LAG_LIMIT:
        return []
    with connection.cursor() as cursor:
        cursor.execute(HOLDER, {"xid": now.horizon})
        holder = cursor.fetchone()
    holder_text = f"; held back by {holder[0]}, which ends by {holder[1]}" if holder else ""
    return [f"event feed: {age:.0f} s behind{holder_text}"]


class LagCollector(Collector):
    """Asks when somebody scrapes. While the database is away there is no sample: the lag is not known then."""

    def collect(self) -> Iterator[Metric]:
        try:
            lag = seconds()
        except Error as failure:
            log.warning("the lag of the event feed is not known: %s", type(failure).__name__)
            return
        gauge = GaugeMetricFamily(
            "overplane_feed_lag_seconds", "Age of the first event that is written and not served yet; 0 if all are."
        )
        gauge.add_metric([], lag)
        yield gauge
