"""Three Patroni nodes under load: nothing that was acknowledged is lost when the leader is changed, killed or frozen.

Needs the programs of Debian's packages `patroni`, `etcd-server`, `haproxy`. Two services write at the same time: one with
all three hosts in DATABASE_URL, one through HAProxy. A worker runs beside. No process of theirs is started anew.
"""

import json
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
from tests.served import ROOT, manage, served

CLIENTS = 4  # of each service
SECONDS = 4  # of writing before and after
AS_PROMISED = 10  # seconds from the promotion to the first acknowledged write
FOR_A_JOB = 30  # seconds, if the worker follows; it looks for one each second
EXPORT = "/api/crm/export"
EXPECTED = {"200", "201", "503"}
# Nobody tells a process that others lead; until its own writes have waited for two seconds it reads from the former leader,
# which knows nothing of what another process has just written elsewhere, and holds what waits there.
UNTOLD = {"Patroni frozen": {"404", "409"}}
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
            ("machine frozen", freeze_all, thaw_all),
        ):
            change_leader(cluster, running, label, disturb, mend)


def switch_over(cluster: Cluster, _leader: Node) -> None:
    cluster.switch_over()


def kill(_cluster: Cluster, leader: Node) -> None:
    leader.kill()


def freeze(_cluster: Cluster, leader: Node) -> None:
    """Its PostgreSQL goes on, and knows nothing of another leader."""
    leader.signal_patroni(signal.SIGSTOP)


def freeze_all(_cluster: Cluster, leader: Node) -> None:
    """A machine that says nothing any more: nobody who waits for it is told."""
    leader.signal_patroni(signal.SIGSTOP)
    leader.signal_server(signal.SIGSTOP)


def nothing(_cluster: Cluster, _old: Node) -> None:
    """It has become a standby by itself."""


def start_again(_cluster: Cluster, old: Node) -> None:
    old.start()


def thaw(_cluster: Cluster, old: Node) -> None:
    old.signal_patroni(signal.SIGCONT)


def thaw_all(_cluster: Cluster, old: Node) -> None:
    """PostgreSQL first, which still takes itself for the leader."""
    old.signal_server(signal.SIGCONT)
    old.signal_patroni(signal.SIGCONT)


@contextmanager
def services(cluster: Cluster) -> Iterator[list[Ledger]]:
    """Two on one database, as on two machines: with the same secret key."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        cluster.start_balancer()
        secret = {"SECRET_KEY": secrets.token_urlsafe(50)}
        manage(Path(name), "migrate", "--verbosity", "0", DATABASE_URL=cluster.hosts, **secret)
        key = manage(Path(name), "create_api_key", "bench", DATABASE_URL=cluster.hosts, **secret)
        found = []
        for way, url in {"three hosts": cluster.hosts, "HAProxy": cluster.balanced}.items():
            home = Path(name) / way
            home.mkdir()
            service = stack.enter_context(served(home, DATABASE_URL=url, WEB_THREADS="8", **secret))
            found.append(Ledger(way, service, key))
        stack.enter_context(worker(Path(name), DATABASE_URL=cluster.hosts, **secret))
        yield found


@contextmanager
def worker(home: Path, **variables: str) -> Iterator[None]:
    command = [sys.executable, "manage.py", "run_worker"]
    with (home / "worker.log").open("w") as log:
        environment = os.environ | {"DATA_DIR": str(home)} | variables
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def seconds_of_a_job(ledger: Ledger) -> float:
    """Until the worker has done one that is asked for now; no more than a minute."""
    began = time.monotonic()
    _, body, _ = ledger.service.call("POST", EXPORT, ledger.key, b"{}")
    address = f"{EXPORT}/{json.loads(body)['id']}?wait=20"
    while time.monotonic() < began + 60:
        status, body = ledger.service.get(address, ledger.key)
        if status == 200 and json.loads(body)["status"] == "done":
            break
    return time.monotonic() - began


def change_leader(cluster: Cluster, running: Sequence[Ledger], label: str, disturb: Act, mend: Act) -> None:
    cluster.wait_until_whole()
    for ledger in running:
        ledger.begin()
    with ledgers.all_running(running, CLIENTS):
        time.sleep(SECONDS)
        old, began = cluster.leader, time.monotonic()
        disturb(cluster, old)
        promoted = cluster.wait_for_leader(after=old)
        print(f"\n{label}: another one leads after {promoted - began:.1f} s", flush=True)
        with suppress(AssertionError):  # the table will say so
            wait_for_writes(running, promoted + 1, 2 * AS_PROMISED)
        mend(cluster, old)
        wait_for_writes(running, time.monotonic() + SECONDS, patroni.PATIENCE)
    cluster.wait_until_whole()
    for ledger in running:
        report(cluster, ledger, label, began, promoted)
    goals.at_most(f"{label}: s that the worker needs for a job", seconds_of_a_job(running[0]), FOR_A_JOB)


def wait_for_writes(running: Sequence[Ledger], after: float, seconds: float) -> None:
    patroni.wait_until(lambda: all(one.acknowledged_after(after) for one in running), "nothing is written", seconds)


def report(cluster: Cluster, ledger: Ledger, label: str, began: float, promoted: float) -> None:
    verdict = ledgers.judge(ledger, cluster.leader.url)
    assert verdict.resumed, "nothing was written to the new leader"
    resumed, wrong = verdict.resumed - promoted, (verdict.lost, verdict.doubled, verdict.missed)
    print(
        f"  {ledger.name}: {verdict.acknowledged} acknowledged, {len(verdict.lost)} lost, {len(verdict.doubled)} doubled;"
        f" written again {resumed:.2f} s after the promotion, after {ledger.longest_silence(began):.1f} s without a write\n"
        f"    answers {dict(ledger.statuses)}, refusals {dict(ledger.refusals)}; the reader had {len(ledger.reader.event_ids)}"
        f" events, answers {dict(ledger.reader.statuses)}, missed {len(verdict.missed)}, ids twice {ledger.reader.repeated_ids}"
    )
    goals.at_most(f"{label}, {ledger.name}: lost, doubled, missed", sum(map(len, wrong)), 0)
    goals.at_most(f"{label}, {ledger.name}: event ids twice", ledger.reader.repeated_ids, 0)
    goals.at_most(f"{label}, {ledger.name}: s until it writes", resumed, AS_PROMISED)
    goals.at_most(
        f"{label}, {ledger.name}: other answers", len(set(ledger.statuses) - EXPECTED - UNTOLD.get(label, set())), 0
    )
