"""Services that are started anew, one after the other, while clients of every kind call them through nginx."""

import http.client
import json
import signal
import ssl
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.nginx import BASE_URL, NAME, Proxy, proxied
from tests.served import Service, served

CUSTOMER, EVENT = "/api/crm/customer", "/api/crm/event"
PAUSE = 0.02  # of a client between two requests: a rush would measure the machine
# nginx marks a server that it could not reach, and forgets that after this time (see docs/operations.md).
FORGOTTEN = 1.5


class Machine:
    """One instance at an address of its own; a new process at each start."""

    def __init__(self, home: Path, **environment: str) -> None:
        home.mkdir()
        self.home, self.environment = home, environment
        self._running = ExitStack()
        self.start()

    def start(self) -> None:
        self.service: Service = self._running.enter_context(served(self.home, **self.environment))
        self.environment["PORT"] = str(self.service.port)

    def stop(self) -> None:
        """Told to end, and waited for."""
        self._running.close()

    def restart(self) -> None:
        self.stop()
        self.start()
        time.sleep(FORGOTTEN)

    def reload(self) -> None:
        """Other workers in the place of these; returns when these have ended."""
        before = set(workers(self.service))
        self.service.process.send_signal(signal.SIGHUP)
        ends = time.monotonic() + 120
        while before & set(workers(self.service)):
            assert time.monotonic() < ends, self.service.log
            time.sleep(0.1)


def workers(service: Service) -> list[int]:
    process = service.process.pid
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@contextmanager
def machines(home: Path, count: int, **environment: str) -> Iterator[tuple[list[Machine], Proxy]]:
    """Services of the same database behind one nginx."""
    usual = {"BASE_URL": BASE_URL, "ALLOWED_HOSTS": f"{NAME},127.0.0.1", "TRUSTED_PROXIES": "127.0.0.1"}
    with ExitStack() as stack:
        running = []
        for number in range(count):
            running.append(Machine(home / f"machine-{number}", **usual, SECRET_KEY="x" * 60, **environment))
            stack.callback(running[-1].stop)
        yield running, stack.enter_context(proxied(home / "nginx", *[one.service.port for one in running]))


@dataclass
class Ledger:
    """What the clients got. `failures`: each answer that was not the expected one. `longest`: seconds, for each kind."""

    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    longest: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def note(self, kind: str, seconds: float, failure: str) -> None:
        self.answers[kind] += 1
        self.longest[kind] = max(self.longest.get(kind, 0), seconds)
        if failure:
            self.failures.append(f"{time.monotonic() - self.began:.2f} s, after {seconds:.2f} s: {kind}: {failure}")


class Caller:
    """One kept connection to nginx; a request that fails is not sent again."""

    def __init__(self, proxy: Proxy, key: str, ledger: Ledger) -> None:
        self.key, self.ledger = key, ledger
        self.connection = http.client.HTTPSConnection("127.0.0.1", proxy.port, timeout=60, context=proxy.context)

    def call(self, kind: str, status: int, method: str, path: str, body: Any = None, **headers: str) -> bytes | None:
        """What was answered; None if it was not what is expected."""
        sent = {"Host": NAME, "Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        content, began, raw = None if body is None else json.dumps(body), time.monotonic(), b""
        try:
            self.connection.request(method, path, content, sent | {n.replace("_", "-"): v for n, v in headers.items()})
            answer = self.connection.getresponse()
            raw = answer.read()
            failure = "" if answer.status == status else f"{answer.status} {raw[:300]!r}"
        except (OSError, http.client.HTTPException, ssl.SSLError) as broken:
            self.connection.close()
            failure = repr(broken)[:300]
        if kind == "stream" and not failure and not raw.rstrip().rpartition(b"\n")[2].startswith(b'{"end":true'):
            failure = f"no end: {raw[-200:]!r}"
        self.ledger.note(kind, time.monotonic() - began, failure)
        return None if failure else raw

    def close(self) -> None:
        self.connection.close()


class Load:
    """Threads that call until `stop`. `acknowledged`: names of customers whose creation was answered with 201."""

    def __init__(self, proxy: Proxy, key: str) -> None:
        self.proxy, self.key, self.ledger = proxy, key, Ledger()
        self.acknowledged: list[str] = []
        self.in_feed: Counter[str] = Counter()
        self.deleted = 0
        self._ends, self._reader_ends = threading.Event(), threading.Event()
        with closing(self._caller()) as caller:
            self._cursor = json.loads(caller.call("feed", 200, "GET", EVENT) or b"")["next_cursor"]
        kinds: list[Callable[[Caller], None]] = [
            self._read,
            self._read,
            self._write,
            self._write_with_key,
            self._change,
        ]
        self._threads = [self._thread(one, self._ends) for one in [*kinds, self._stream]]
        self._reader = self._thread(self._follow, self._reader_ends)

    def _caller(self) -> Caller:
        return Caller(self.proxy, self.key, self.ledger)

    def _thread(self, step: Callable[[Caller], None], ends: threading.Event) -> threading.Thread:
        def run() -> None:
            with closing(self._caller()) as caller:
                while not ends.is_set():
                    step(caller)
                    time.sleep(PAUSE)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def stop(self) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join()
        time.sleep(2)  # what was written last is in the feed by now
        self._reader_ends.set()
        self._reader.join()

    def _read(self, caller: Caller) -> None:
        caller.call("read", 200, "GET", f"{CUSTOMER}?limit=5")

    def _write(self, caller: Caller, **headers: str) -> str:
        name, kind = f"c-{uuid.uuid4().hex}", "keyed create" if headers else "create"
        if raw := caller.call(kind, 201, "POST", CUSTOMER, {"customer_name": name}, **headers):
            self.acknowledged.append(name)
            return json.loads(raw)["id"]
        return ""

    def _write_with_key(self, caller: Caller) -> None:
        self._write(caller, Idempotency_Key=uuid.uuid4().hex)

    def _change(self, caller: Caller) -> None:
        if made := self._write(caller):
            caller.call("change", 200, "PATCH", f"{CUSTOMER}/{made}", {"territory": "North"})
            caller.call("delete", 200, "DELETE", f"{CUSTOMER}/{made}")
            self.deleted += 1

    def _stream(self, caller: Caller) -> None:
        caller.call("stream", 200, "GET", f"{CUSTOMER}/export")

    def _follow(self, caller: Caller) -> None:
        if raw := caller.call("feed", 200, "GET", f"{EVENT}?after={self._cursor}&wait=2&limit=1000"):
            page = json.loads(raw)
            self._cursor = page["next_cursor"]
            self.in_feed.update(
                one["data"]["object"]["id"] for one in page["data"] if one["type"] == "customer.created"
            )
