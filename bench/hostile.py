"""How long a normal client waits beside 300 slow heads, 100 slow bodies, 200 clients without think time and 5,000 malformed
requests: behind nginx as it is shipped, and on the bare server of `make run`.
"""

import asyncio
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import goals
from bench.service import ROOT, Client, Service
from bench.strangers import CUSTOMER, Order
from tests.nginx import NAME, PROGRAM, proxied

CLIENTS, PAUSE = 8, 0.1  # of normal ones: seconds between an answer and the next request
CUSTOMERS = 1000
CALM_SECONDS = 5.0
MALFORMED = int(os.environ.get("HOSTILE_MALFORMED", "5000"))
HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"
MOST_BEHIND_NGINX, MOST_BARE = 500.0, 2000.0


@dataclass
class Waited:
    milliseconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    def note(self, milliseconds: float, status: int) -> None:
        self.milliseconds.append(milliseconds)
        self.statuses[status] = self.statuses.get(status, 0) + 1

    def percentile(self, part: float) -> float:
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))]

    def __str__(self) -> str:
        p50, p99, most = self.percentile(0.5), self.percentile(0.99), self.percentile(1)
        return f"{len(self.milliseconds)} requests, p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {most:.0f} ms, {self.statuses}"


class Normal:
    """Reads a list, reads a customer, changes it, creates one; one kept connection, and a pause between two requests."""

    def __init__(self, order: Order, ids: list[str], waited: Waited) -> None:
        self.order, self.ids, self.waited = order, ids, waited
        self.connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self) -> None:
        number = 0
        while True:
            number += 1
            customer = self.ids[number % len(self.ids)]
            await self.call("GET", f"{CUSTOMER}?limit=20")
            await self.call("GET", f"{CUSTOMER}/{customer}")
            await self.call("PATCH", f"{CUSTOMER}/{customer}", {"customer_name": f"Nordlicht {number}"})
            await self.call("POST", CUSTOMER, {"customer_name": f"Nordlicht {number}"})

    async def call(self, method: str, path: str, body: dict[str, str] | None = None) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        started, status = time.perf_counter(), 0
        try:
            self.connection = self.connection or await self.order.connect()
            reader, writer = self.connection
            writer.write(self.order.head(method, path, f"Content-Length: {len(content)}") + content)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            status = int(head[9:12])
            await reader.readexactly(int(head.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]))
            if b"\r\nconnection: close" in head:
                self.close()
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
            self.close()  # a kept connection whose time was over: no status, and the next call has a new one
        self.waited.note((time.perf_counter() - started) * 1000, status)
        await asyncio.sleep(PAUSE)

    def close(self) -> None:
        if self.connection:
            self.connection[1].close()
        self.connection = None


async def beside(order: Order, ids: list[str], waited: Waited, until: Any) -> None:
    """Normal clients from the address HERE, until `until` is over."""
    own = Order(**{**order.__dict__, "source": HERE})
    clients = [asyncio.create_task(Normal(own, ids[i::CLIENTS], waited).run()) for i in range(CLIENTS)]
    await until
    for one in clients:
        one.cancel()
    await asyncio.gather(*clients, return_exceptions=True)


async def measure(order: Order, ids: list[str]) -> tuple[Waited, Waited, dict[str, Any]]:
    calm, busy = Waited(), Waited()
    await beside(order, ids, calm, asyncio.sleep(CALM_SECONDS))
    strangers = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.strangers", cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert strangers.stdin
    assert strangers.stdout
    strangers.stdin.write(json.dumps(order.__dict__).encode() + b"\n")
    await strangers.stdin.drain()
    await strangers.stdout.readline()  # they stand
    await beside(order, ids, busy, asyncio.shield(seen := asyncio.create_task(strangers.stdout.readline())))
    await strangers.wait()
    return calm, busy, json.loads(seen.result())


def report(label: str, order: Order, ids: list[str], service: Service, most: float) -> None:
    with goals.watched(service.server.pid) as noise:
        calm, busy, seen = asyncio.run(measure(order, ids))
    print(f"{label}\n  before: {calm}\n  beside: {busy}")
    print(
        f"  malformed: {seen['refused']}, closed without a word: {seen['silent']}; greedy: {seen['greedy']}", flush=True
    )
    for one in seen["without_envelope"]:
        print(f"  no envelope: {one}")
    goals.at_most(f"{label}, p99 in ms", busy.percentile(0.99), most, noise.processors)
    refused = sum(count for status, count in busy.statuses.items() if not 200 <= status < 300)
    goals.at_most(f"{label}, normal requests refused", refused, 0)
    # 503: the places for large bodies are taken, by those that never come.
    failures = sum(count for status, count in seen["refused"].items() if status >= "500" and status != "503")
    goals.at_most(f"{label}, 5xx and non-envelopes", failures + len(seen["without_envelope"]), 0)


def main() -> None:
    service = Service(
        workers=2, WEB_THREADS="4", BASE_URL=f"https://{NAME}", ALLOWED_HOSTS=f"{NAME},localhost,127.0.0.1",
        TRUSTED_PROXIES="127.0.0.1",
    )  # fmt: skip
    try:
        operations = [{"op": "create", "data": {"customer_name": f"Nordlicht {i}"}} for i in range(CUSTOMERS)]
        answer = Client(service).call("POST", f"{CUSTOMER}/batch", {"operations": operations})[1]
        ids = [one["object"]["id"] for one in answer["data"]]
        report("bare", Order(service.port, service.key, NAME, ELSEWHERE, malformed=MALFORMED), ids, service, MOST_BARE)
        if not PROGRAM:
            print("no nginx on this machine: nothing is measured behind it")
            return
        home = Path(tempfile.mkdtemp(prefix="overplane-nginx-"))
        home.chmod(0o755)
        with proxied(home, service.port) as proxy:
            trusted = str(home / "authority.pem")
            for label, source in (("behind nginx", ELSEWHERE), ("behind nginx, all of one address", HERE)):
                order = Order(proxy.port, service.key, NAME, source, trusted, malformed=MALFORMED)
                report(label, order, ids, service, MOST_BEHIND_NGINX)
    finally:
        service.close()
