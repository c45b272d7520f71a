"""Patroni makes another node the leader, as planned: the service that knows all nodes writes there, and nothing is lost.

`python -m bench failover` also kills and freezes leaders, which takes Patroni's `ttl` of 20 seconds each.
"""

import time
from pathlib import Path

import psycopg
import pytest

from tests import ledgers, patroni
from tests.ledgers import Ledger
from tests.served import manage, served

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(patroni.missing_programs()), reason=f"not installed: {patroni.missing_programs()}"),
]


def test_a_service_that_knows_all_nodes_follows_a_switchover(tmp_path: Path) -> None:
    with patroni.cluster() as cluster:
        manage(tmp_path, "migrate", "--verbosity", "0", DATABASE_URL=cluster.hosts)
        key = manage(tmp_path, "create_api_key", "test", DATABASE_URL=cluster.hosts)
        with served(tmp_path, DATABASE_URL=cluster.hosts) as service:
            cluster.wait_until_whole()
            ledger, old = Ledger("test", service, key), cluster.leader
            with ledger.running(clients=3):
                time.sleep(1)
                cluster.switch_over()
                promoted = cluster.wait_for_leader(after=old)
                patroni.wait_until(lambda: ledger.acknowledged_after(promoted + 0.5), "nothing is written")
            cluster.start_balancer()
            patroni.wait_until(lambda: _port_behind(cluster.balanced) == cluster.leader.port, "HAProxy leads elsewhere")
            verdict = ledgers.judge(ledger, cluster.leader.url)
    assert (verdict.lost, verdict.doubled, verdict.missed, ledger.reader.repeated_ids) == ([], [], [], 0)
    assert verdict.resumed is not None
    assert verdict.resumed < promoted + 10
    assert set(ledger.statuses) <= {"200", "201", "503"}
    assert ledger.reader.sent_away == 1  # to an export, since the log has begun another epoch


def _port_behind(url: str) -> int | None:
    """Of the server that answers there."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            row = connection.execute("SELECT inet_server_port()").fetchone()
    except psycopg.Error:
        return None
    return int(row[0]) if row else None
