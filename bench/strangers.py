"""Clients that are slow, greedy or mean it ill, until they are stopped; and requests that are no HTTP.

A process of its own: reads what to do from standard input as JSON, and writes what it saw when it is done with the
malformed requests.
"""

import asyncio
import json
import random
import ssl
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

SEED = 4711
CUSTOMER = "/api/crm/customer"
BROKEN = 40  # malformed requests that are under way at the same time


@dataclass
class Order:
    """`source`: the address they come from, any of 127.0.0.0/8. `certificate`: who is trusted; none: no TLS."""

    port: int
    key: str
    host: str
    source: str
    certificate: str = ""
    slow_heads: int = 300
    slow_bodies: int = 100
    greedy: int = 200
    malformed: int = 5000
    lasts_after: float = 0.0  # seconds that the others go on after the last malformed request

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = ssl.create_default_context(cafile=self.certificate) if self.certificate else None
        return await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=context, server_hostname=self.host if context else None,
            local_addr=(self.source, 0),
        )  # fmt: skip

    def head(self, method: str, path: str, *lines: str) -> bytes:
        first = [f"{method} {path} HTTP/1.1", f"Host: {self.host}", f"Authorization: Bearer {self.key}"]
        return "\r\n".join([*first, *lines, "", ""]).encode()


@dataclass
class Seen:
    """`refused`: answers to malformed requests by status; `silent`: connections that were closed without one."""

    refused: Counter[str] = field(default_factory=Counter)
    silent: int = 0
    without_envelope: list[str] = field(default_factory=list)
    greedy: Counter[str] = field(default_factory=Counter)


async def again(client: Any) -> None:
    """Somebody who is sent away comes back."""
    while True:
        with suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
            await client()
        await asyncio.sleep(0.5)


async def dribble(order: Order, start: bytes, piece: bytes) -> None:
    reader, writer = await order.connect()
    try:
        writer.write(start)
        while not reader.at_eof():
            await asyncio.sleep(1)
            writer.write(piece)
            await writer.drain()
    finally:
        writer.close()


async def slow_head(order: Order) -> None:
    await dribble(order, order.head("GET", CUSTOMER)[:-2], b"X-A: b\r\n")


async def slow_body(order: Order) -> None:
    await dribble(order, order.head("POST", CUSTOMER, "Content-Length: 500000"), b"{")


async def greedy(order: Order, seen: Seen) -> None:
    reader, writer = await order.connect()
    try:
        while True:
            writer.write(order.head("GET", f"{CUSTOMER}?limit=20"))
            head = await reader.readuntil(b"\r\n\r\n")
            seen.greedy[head[9:12].decode()] += 1
            length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            await reader.readexactly(length)
    finally:
        writer.close()


def malformed(order: Order, number: int) -> bytes:
    """No request; where a path can be read in it, it is one of the API's."""
    dice = random.Random(SEED + number)
    noise = dice.randbytes(dice.randrange(1, 200)).replace(b"\n", b"")
    path, host = CUSTOMER.encode(), f"Host: {order.host}\r\n".encode()
    kinds = [
        noise + b"\r\n\r\n",
        b"GET " + noise + b" HTTP/1.1\r\n" + host + b"\r\n",
        b"GET " + path + b" HTTP/9." + noise[:2] + b"\r\n\r\n",
        b"GET " + path + b"?q=" + b"%" * dice.randrange(1, 70_000) + b" HTTP/1.1\r\n" + host + b"\r\n",
        b"GET " + path + b" HTTP/1.1\r\n" + host + noise + b"\r\n\r\n",
        b"GET " + path + b" HTTP/1.1\r\n" + host + b"X: " + b"x" * dice.randrange(60_000, 90_000) + b"\r\n\r\n",
        b"POST " + path + b" HTTP/1.1\r\n" + host + b"Content-Length: " + noise + b"\r\n\r\n",
        b"POST " + path + b" HTTP/1.1\r\n" + host + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST " + path + b" HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n" + noise + b"\r\n",
        b"POST " + path + b" HTTP/1.1\r\n" + host + b"Transfer-Encoding: " + noise[:20] + b"\r\n\r\n",
        b"GET " + path + b" HTTP/1.1\r\n" + host + host + b"\r\n",
        b"GET " + path + b" HTTP/1.1\r\nHost: nobody.example\r\n\r\n",
        b"TRACE " + path + b" HTTP/1.1\r\n" + host + b"\r\n",
        b"POST " + path + b" HTTP/1.1\r\n" + host + b"Content-Length: 99999999\r\n\r\n{}",
        b"POST " + path + b" HTTP/1.1\r\n" + host + b"Expect: miracles\r\nContent-Length: 2\r\n\r\n{}",
    ]
    return kinds[number % len(kinds)]


async def send_malformed(order: Order, numbers: Any, seen: Seen) -> None:
    for number in numbers:
        sent, raw = malformed(order, number), b""
        try:
            reader, writer = await order.connect()
        except OSError:
            seen.silent += 1
            continue
        with suppress(OSError, ssl.SSLError, TimeoutError):
            writer.write(sent)
            if not order.certificate:
                writer.write_eof()
            async with asyncio.timeout(30):
                while b"\r\n\r\n" not in raw or not raw.endswith(b"}"):
                    if not (piece := await reader.read(65536)):
                        break
                    raw += piece
        writer.close()
        if not raw:
            seen.silent += 1
            continue
        status = raw[9:12].decode("latin-1")
        seen.refused[status] += 1
        body = raw.partition(b"\r\n\r\n")[2]
        if not body.startswith((b'{"error":', b'{"data":', b'{"id":')):
            seen.without_envelope.append(f"{number % 15}: {raw[:80]!r}")


async def main(order: Order) -> Seen:
    seen = Seen()
    crowd = [
        *(asyncio.create_task(again(lambda: slow_head(order))) for _ in range(order.slow_heads)),
        *(asyncio.create_task(again(lambda: slow_body(order))) for _ in range(order.slow_bodies)),
        *(asyncio.create_task(again(lambda: greedy(order, seen))) for _ in range(order.greedy)),
    ]
    await asyncio.sleep(2)  # until they stand
    print("ready", flush=True)
    numbers = iter(range(order.malformed))
    await asyncio.gather(*(send_malformed(order, numbers, seen) for _ in range(BROKEN)))
    await asyncio.sleep(order.lasts_after)
    for one in crowd:
        one.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)
    return seen


if __name__ == "__main__":
    result = asyncio.run(main(Order(**json.loads(sys.stdin.readline()))))
    result.without_envelope = result.without_envelope[:20]
    print(json.dumps(result.__dict__))
