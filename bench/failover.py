"""Three Patroni nodes under load: nothing that was acknowledged is lost when the leader is changed, killed or frozen.

Needs the programs of Debian's packages `patroni`, `etcd-server`, `haproxy`. Two services write at the same time: one with
all three hosts in DATABASE_URL, one through HAProxy. No process of either is started anew.
"""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from bench import goals
from tests import ledgers, patroni
from tests.ledgers import Ledger
from tests.patroni import Cluster, Node
from tests.served import ROOT, served

CLIENTS = 4  # of each service
SECONDS = 4  # of writing before and after
AS_PROMISED = 10  # seconds from the promotion to the first acknowledged write
EXPECTED = {"200", "201", "503"}
Act = Callable[[Cluster, Node], None]


def main() -> None:
    if missing := patroni.missing_programs():
        print(f"failover: not run, {', '.join(missing)} missing")
        return
    with patroni.cluster() as cluster, services(cluster) as running:
        for label, disturb, mend in (
            ("switchover", switch_over, nothing),
            ("leader killed", kill, start_again),
            ("Patroni frozen", freeze, thaw),
        ):
            change_leader(cluster, running, label, disturb, mend)


def switch_over(cluster: Cluster, _leader: Node) -> None:
    cluster.switch_over()


def kill(_cluster: Cluster, leader: Node) -> None:
    leader.kill()


def freeze(_cluster: Cluster, leader: Node) -> None:
    """Its PostgreSQL goes on, and knows nothing of another leader."""
    leader.signal_patroni(signal.SIGSTOP)


def nothing(_cluster: Cluster, _old: Node) -> None:
    """It has become a standby by itself."""


def start_again(_cluster: Cluster, old: Node) -> None:
    old.start()


def thaw(_cluster: Cluster, old: Node) -> None:
    old.signal_patroni(signal.SIGCONT)


@contextmanager
def services(cluster: Cluster) -> Iterator[list[Ledger]]:
    """Two on one database, as on two machines: with the same secret key."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        secret = {"SECRET_KEY": secrets.token_urlsafe(50)}
        manage(cluster.hosts, name, secret, "migrate", "--verbosity", "0")
        key = manage(cluster.hosts, name, secret, "create_api_key", "bench")
        found = []
        for way, url in {"three hosts": cluster.hosts, "HAProxy": cluster.balanced}.items():
            home = Path(name) / way
            home.mkdir()
            service = stack.enter_context(served(home, DATABASE_URL=url, WEB_THREADS="8", **secret))
            found.append(Ledger(way, service, key))
        yield found


def manage(url: str, home: str, secret: dict[str, str], *arguments: str) -> str:
    environment = os.environ | secret | {"DATABASE_URL": url, "DATA_DIR": home}
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def change_leader(cluster: Cluster, running: Sequence[Ledger], label: str, disturb: Act, mend: Act) -> None:
    cluster.wait_until_whole()
    for ledger in running:
        ledger.statuses.clear()
        ledger.refusals.clear()
    with ledgers.all_running(running, CLIENTS):
        time.sleep(SECONDS)
        old, began = cluster.leader, time.monotonic()
        disturb(cluster, old)
        promoted = cluster.wait_for_leader(after=old)
        print(f"\n{label}: another one leads after {promoted - began:.1f} s")
        with suppress(AssertionError):  # the table says so
            patroni.wait_until(lambda: all(one.acknowledged_after(promoted) for one in running), "", 2 * AS_PROMISED)
        time.sleep(SECONDS)
        mend(cluster, old)
        patroni.wait_until(lambda: all(one.acknowledged_after(promoted) for one in running), "nothing is written")
        time.sleep(SECONDS)
    cluster.wait_until_whole()
    for ledger in running:
        report(cluster, ledger, label, began, promoted)


def report(cluster: Cluster, ledger: Ledger, label: str, began: float, promoted: float) -> None:
    verdict = ledgers.judge(ledger, cluster.leader.url)
    first = ledger.acknowledged_after(promoted)[0] - promoted
    print(
        f"  {ledger.name:11} acknowledged {verdict.acknowledged}, lost {len(verdict.lost)}, doubled {len(verdict.doubled)};"
        f" first write {first:.2f} s after the promotion, none for {ledger.longest_silence(began):.1f} s at most;"
        f" answers {dict(ledger.statuses)}; the reader missed {len(verdict.missed)}, {dict(ledger.reader.statuses)}"
    )
    for refusal in sorted(ledger.refusals):
        print("     ", refusal)
    name = f"{label}, {ledger.name}"
    goals.at_most(f"{name}: lost, doubled, missed", sum(map(len, (verdict.lost, verdict.doubled, verdict.missed))), 0)
    goals.at_most(f"{name}: seconds until it writes", first, AS_PROMISED)
    goals.at_most(f"{name}: other answers than 503 meanwhile", len(set(ledger.statuses) - EXPECTED), 0)
