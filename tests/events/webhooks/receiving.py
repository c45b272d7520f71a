"""A receiver that does what it is told, also what it should not."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Handler"], None]


@dataclass
class Received:
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def subject(self) -> str:
        return self.event["data"]["object"]["id"]


@dataclass
class Receiver:
    url: str = ""
    received: list[Received] = field(default_factory=list)
    answer: Answer = lambda handler: handler.say(200)
    ended: threading.Event = field(default_factory=threading.Event)
    under_way: int = 0
    most_at_once: int = 0
    connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [one.event for one in self.received]

    @property
    def ids(self) -> list[str]:
        return [one.headers["webhook-id"] for one in self.received]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    receiver: Receiver
    said: Received

    def setup(self) -> None:
        super().setup()
        with self.receiver.lock:
            self.receiver.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.said = Received({name.lower(): value for name, value in self.headers.items()}, body)
        with self.receiver.lock:
            self.receiver.received.append(self.said)
            self.receiver.under_way += 1
            self.receiver.most_at_once = max(self.receiver.most_at_once, self.receiver.under_way)
        try:
            self.receiver.answer(self)
        except OSError:
            self.close_connection = True
        finally:
            with self.receiver.lock:
                self.receiver.under_way -= 1

    def say(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    return lambda handler: handler.say(code, body, **headers)


def hang(handler: Handler) -> None:
    handler.receiver.ended.wait(30)


def reset(handler: Handler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    os.close(handler.connection.detach())  # close() would wait for the files that read from it
    raise ConnectionResetError


def drip_headers(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not handler.receiver.ended.wait(0.02):
        handler.wfile.write(b"X-Drop: 1\r\n")


def drip_body(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while not handler.receiver.ended.wait(0.02):
        handler.wfile.write(b".")


def pour(handler: Handler) -> None:
    """A gigabyte, as fast as it is read."""
    handler.wfile.write(b"HTTP/1.1 500 No\r\nContent-Length: 1000000000\r\n\r\n")
    for _ in range(1000):
        handler.wfile.write(b"x" * 1_000_000)


def read_request(client: socket.socket) -> bytes:
    """For servers by hand: what is left unread would reset the connection before the answer has arrived."""
    with client.makefile("rb") as lines:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = lines.readline()
            if not line:
                return head
            head += line
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        return head + lines.read(int(length))


def slow(seconds: float) -> Answer:
    def answer(handler: Handler) -> None:
        time.sleep(seconds)
        handler.say(200)

    return answer


@contextmanager
def receiving(answer: Answer | None = None) -> Iterator[Receiver]:
    receiver = Receiver()
    if answer is not None:
        receiver.answer = answer
    handler = type("Own", (Handler,), {"receiver": receiver})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that speaks no HTTP by itself: `serve` gets each connection, one after the other."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, suppress(OSError):  # the client has gone
                serve(client)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
