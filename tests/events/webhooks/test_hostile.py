"""Receivers that answer what no server should: nothing of it may stop the loop, fill its memory or get into its log."""

import logging
import socket
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from overplane.database.text import has_forbidden_characters
from overplane.events.webhooks import services, transport
from overplane.events.webhooks.transport import Sender
from tests.conftest import Api
from tests.events.webhooks.conftest import Courier, deliveries, trust
from tests.events.webhooks.receiving import Receiver, listening, read_request

OK = b"HTTP/1.1 200 OK\r\n"
FAR = b"Mon, 01 Jan 2024 00:00:00 +99999999999999999999"


@contextmanager
def answering(answer: bytes, poured: int = 0) -> Iterator[str]:
    """The URL of a server that answers every request with these bytes, then with so many megabytes."""

    def serve(client: socket.socket) -> None:
        read_request(client)
        client.sendall(answer)
        for _ in range(poured):
            client.sendall(b"x" * 1_000_000)

    with listening(serve) as port:
        yield f"http://127.0.0.1:{port}/hook?token=hush"


@pytest.fixture
def sender(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    monkeypatch.setattr(transport, "SECONDS", 2.0)
    own = Sender(tls=trust())
    own.start()
    yield own
    own.close()


STRANGE = [
    b"\0\x01\x9f garbage\r\n\r\n",
    b"HTTP/1.1 99999999 \0\r\n\r\n",
    b"HTTP/1.1 500 \0\r\nContent-Length: 3\r\n\r\n\0\x1b[",
    OK + b"Transfer-Encoding: chunked\r\n\r\n\0\x1b\xff\r\n",
    OK + b"X: " + b"x" * 70_000 + b"\r\n\r\n",
    OK + b"X: x\r\n" * 200 + b"\r\n",
    b"HTTP/1.1 500 No\r\nContent-Length: -7\r\n\r\nno",
    b"HTTP/1.1 500 No\r\nContent-Length: 1, 2\r\n\r\nno",
    b"HTTP/1.1 503 No\r\nRetry-After: " + FAR + b"\r\n\r\n",
    b"HTTP/1.1 503 No\r\nRetry-After: " + b"9" * 5000 + b"\r\n\r\n",
    b"HTTP/1.1 500 No\r\nContent-Type: text/html; charset=\xff\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8bno",
    b"",
]


@pytest.mark.parametrize("answer", STRANGE)
def test_what_is_no_answer_is_a_failure_in_plain_words(answer: bytes, sender: Sender) -> None:
    with answering(answer) as url:
        outcome = sender.send(url, b"{}", {})
    assert not outcome.is_success
    assert outcome.error
    assert not has_forbidden_characters(outcome.error + outcome.excerpt)


def test_a_header_that_nobody_needs_spoils_no_success(sender: Sender) -> None:
    with answering(OK + b"Retry-After: " + FAR + b"\r\nContent-Length: 0\r\n\r\n") as url:
        assert sender.send(url, b"{}", {}).is_success


@pytest.mark.parametrize("length", [b"-1", b"-7", b"ffffffffffffffff"])
def test_of_a_chunk_of_any_length_little_is_read(length: bytes, sender: Sender) -> None:
    """Python reads on to the end of a chunk whose length is -1."""
    tracemalloc.start()
    try:
        with answering(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n" + length + b"\r\n", poured=30) as url:
            sender.send(url, b"{}", {})
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_neither_the_url_nor_the_answer_gets_into_the_log(sender: Sender, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), answering(OK + b"no header\r\nX-Inj: 1\r\n\r\n") as url:
        sender.send(url, b"{}", {})
    assert "hush" not in caplog.text
    assert "X-Inj" not in caplog.text


def test_a_strange_answer_stops_no_other_endpoint(live_api: Api, receiver: Receiver, courier: Courier) -> None:
    with answering(STRANGE[0]) as url:
        bad = services.create_endpoint({"url": url})[0]
        good = services.create_endpoint({"url": receiver.url})[0]
        live_api.create()
        courier.deliver()
        assert [one.status for one in deliveries(good)] == ["succeeded"]
        assert [one.attempts for one in deliveries(bad)] == [1]
