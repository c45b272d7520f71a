"""Sends requests to a server from several clients at once, each as soon as it has its answer, and times the answers.

A process of its own, so that it has a processor of its own: it reads what to do from standard input as JSON, and
writes what it saw.
"""

import itertools
import json
import random
import re
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
SEED = 4711


@dataclass
class Order:
    """`ids`: the customers that are asked for; each once where they are deleted. `body`: a whole customer."""

    port: int
    key: str
    what: str
    clients: int
    seconds: float
    keep_alive: bool = True
    ids: list[str] = field(default_factory=list)
    body: dict[str, Any] = field(default_factory=dict)
    mark: str = ""  # makes names new in each run

    def requests(self) -> Iterator[bytes]:
        dice = random.Random(SEED)
        ids = iter(self.ids) if self.what == "delete" else iter(lambda: dice.choice(self.ids), None)
        numbers = itertools.count()
        match self.what:
            case "retrieve" | "delete":
                return (self._request("DELETE" if self.what == "delete" else "GET", f"/{one}") for one in ids)
            case "list 20" | "list 100":
                return itertools.repeat(self._request("GET", f"?limit={self.what.partition(' ')[2]}"))
            case "create":
                return (self._request("POST", "", self.body | self._name(n)) for n in numbers)
            case "keyed create":
                return (self._request("POST", "", self.body | self._name(n), f"{self.mark}-{n}") for n in numbers)
            case "patch":
                return (self._request("PATCH", f"/{next(ids)}", self._name(n)) for n in numbers)
            case "batch":
                return (self._request("POST", "/batch", self._batch(n)) for n in numbers)
        raise ValueError(self.what)

    def _name(self, n: int) -> dict[str, str]:
        return {"customer_name": f"Nordlicht {self.mark} {n}"}

    def _batch(self, n: int) -> dict[str, Any]:
        customers = [self.body | self._name(n * 1000 + i) for i in range(1000)]
        return {"operations": [{"op": "create", "data": one} for one in customers]}

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None, key: str = "") -> bytes:
        content = b"" if body is None else json.dumps(body).encode()
        lines = [
            f"{method} /api/crm/customer{path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {self.key}",
            f"Content-Length: {len(content)}", "X-Forwarded-Proto: https",
            *(["Content-Type: application/json"] if content else []), *([f"Idempotency-Key: {key}"] if key else []),
            *([] if self.keep_alive else ["Connection: close"]),
        ]  # fmt: skip
        return "\r\n".join([*lines, "", ""]).encode() + content


@dataclass
class Seen:
    answers: int = 0
    refused: int = 0  # with a status of 400 or more
    seconds: float = 0.0
    cpu_seconds: float = 0.0  # that asking took
    milliseconds: list[float] = field(default_factory=list)


class Client:
    """One connection at a time, one request at a time."""

    def __init__(self, order: Order, requests: Iterator[bytes], selector: selectors.BaseSelector) -> None:
        self.order, self.requests, self.selector = order, requests, selector
        self.socket: socket.socket | None = None

    def send(self) -> bool:
        """False if there is nothing left to send."""
        if (request := next(self.requests, None)) is None:
            return False
        self.started, self.received, self.needed = time.perf_counter(), bytearray(), -1
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.order.port))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(self.socket, selectors.EVENT_READ, self)
        self.socket.sendall(request)
        return True

    def receive(self) -> bool:
        """Whether the whole answer is there."""
        assert self.socket
        piece = self.socket.recv(262_144)
        self.received += piece
        if self.needed < 0 and (end := self.received.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(self.received[: end + 2])
            self.needed = end + 4 + int(length[1]) if length else sys.maxsize
        is_whole = len(self.received) >= self.needed >= 0
        if not piece and not is_whole:
            raise ConnectionError("the server hung up")
        if is_whole and not self.order.keep_alive:
            self.close()
        return is_whole

    def close(self) -> None:
        if self.socket is not None:
            self.selector.unregister(self.socket)
            self.socket.close()
            self.socket = None


def run(order: Order) -> Seen:
    selector, requests, seen = selectors.DefaultSelector(), order.requests(), Seen()
    clients = [Client(order, requests, selector) for _ in range(order.clients)]
    started = time.perf_counter()
    waiting = sum(client.send() for client in clients)
    while waiting:
        for key, _ in selector.select(5):
            client = key.data
            if not client.receive():
                continue
            now = time.perf_counter()
            seen.answers += 1
            seen.refused += client.received[9:10] >= b"4"
            seen.milliseconds.append((now - client.started) * 1000)
            if now - started >= order.seconds or not client.send():
                waiting -= 1
                client.close()
    seen.seconds = time.perf_counter() - started
    return seen


if __name__ == "__main__":
    result = run(Order(**json.loads(sys.stdin.read())))
    result.cpu_seconds = time.process_time()
    result.milliseconds.sort()
    print(json.dumps(asdict(result)))
