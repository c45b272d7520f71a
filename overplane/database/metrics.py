"""How many connections the database has, for `/metrics`."""

import logging
from collections.abc import Iterator

from django.db import Error, connection
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from overplane.database.dialect import is_sqlite

log = logging.getLogger("overplane.database")
# States of others' processes are null for whoever may not see them.
USED = """
SELECT CASE WHEN state LIKE 'idle in transaction%%' THEN 'idle_in_transaction' WHEN state IN ('active', 'idle') THEN state
            ELSE 'other' END, count(*)
FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP BY 1
"""
STATES = ("active", "idle", "idle_in_transaction", "other")


class ConnectionCollector(Collector):
    """Of the whole server, since that is what has a limit. SQLite has neither."""

    def collect(self) -> Iterator[Metric]:
        if is_sqlite():
            return
        try:
            with connection.cursor() as cursor:
                cursor.execute(USED)
                used = dict(cursor.fetchall())
                cursor.execute("SELECT current_setting('max_connections')::int")
                (limit,) = cursor.fetchone()
        except Error as failure:
            log.warning("the connections are not known: %s", type(failure).__name__)
            return
        connections = GaugeMetricFamily("overplane_database_connections", "Connections in use.", labels=["state"])
        for state in STATES:
            connections.add_metric([state], used.get(state, 0))
        most = GaugeMetricFamily("overplane_database_connections_limit", "As many connections the server lets in.")
        most.add_metric([], limit)
        yield from (connections, most)
