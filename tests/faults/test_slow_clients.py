"""Clients that are slow, or mean it ill, beside one that wants an answer now: on the real gunicorn, with more of them than threads."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from crm.models import Customer
from overplane.api.turns import HELD
from tests.conftest import CUSTOMER, Api
from tests.served import Service, served

pytestmark = [pytest.mark.slow, pytest.mark.half("postgresql")]

CLIENT_SECONDS = 3
SOON = 2.0


@pytest.fixture(scope="module")
def service(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home: Path = tmp_path_factory.mktemp("slow")
    with served(home, WEB_CONCURRENCY="1", WEB_THREADS="2", CLIENT_SECONDS=str(CLIENT_SECONDS)) as running:
        yield running


@contextmanager
def opened(service: Service, count: int, sent: bytes) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        callers = [
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=30)) for _ in range(count)
        ]
        for caller in callers:
            caller.sendall(sent)
        time.sleep(0.2)
        yield callers


def seconds(service: Service, path: str, key: str = "") -> float:
    began = time.monotonic()
    assert service.get(path, key)[0] == 200
    return time.monotonic() - began


def large_customers(api: Api, count: int) -> str:
    data = {"customer_name": "Long", "customer_details": "y" * 30_000}
    answer = api.post(f"{CUSTOMER}/batch", {"operations": [{"op": "create", "data": data}] * count})
    return answer.json()["data"][0]["object"]["id"]


def with_key(sent: str, api: Api) -> bytes:
    """Who has none is sent away before its body is read."""
    return sent.replace("Host: localhost\r\n", f"Host: localhost\r\nAuthorization: Bearer {api.key}\r\n").encode()


START = f"POST {CUSTOMER} HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param("", id="nothing at all"),
        pytest.param(START[:10], id="half a line"),
        pytest.param(START + "X-Slow: ", id="headers without end"),
        pytest.param(START + "Content-Length: 9000\r\n\r\n{", id="a body without end"),
        pytest.param(START + "Content-Length: 900000\r\n\r\n{", id="a large body without end"),
        pytest.param(START + "Transfer-Encoding: chunked\r\n\r\n5\r\n{", id="chunks without end"),
        pytest.param(START + "Expect: 100-continue\r\nContent-Length: 90\r\n\r\n", id="a body that is asked for"),
        pytest.param("POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\na=", id="a form"),
    ],
)
def test_three_hundred_that_do_not_finish_disturb_nobody(service: Service, live_api: Api, sent: str) -> None:
    with opened(service, 300, with_key(sent, live_api)):
        assert max(seconds(service, path, live_api.key) for path in (CUSTOMER, "/healthz", "/readyz")) < SOON


LARGE = f"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nCookie: csrftoken={'a' * 32}\r\n"  # read to find the token


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(LARGE + "Content-Length: 200000\r\n\r\na=", id="large"),
        pytest.param(LARGE + "Content-Length: 00000000000009\r\n\r\na=", id="an odd length"),
        pytest.param(LARGE + "Transfer-Encoding: chunked\r\n\r\n5\r\na=", id="chunked"),
        pytest.param(LARGE + "Expect: 100-continue\r\nContent-Length: 9\r\n\r\na=", id="asked first"),
        pytest.param(START + "X: " + "y" * 140_000, id="headers"),
    ],
)
def test_what_a_thread_must_read_leaves_threads_free(service: Service, live_api: Api, sent: str) -> None:
    with opened(service, 6, sent.encode()):
        assert seconds(service, CUSTOMER, live_api.key) < SOON


def test_who_sends_an_object_slowly_holds_up_no_other_write(service: Service, live_api: Api) -> None:
    start = f"{START}Authorization: Bearer {live_api.key}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{{"
    with opened(service, 1, start.encode()):
        time.sleep(HELD + 0.3)
        assert service.call("POST", CUSTOMER, live_api.key, b'{"customer_name": "x"}')[0] == 201


def test_who_waits_in_line_for_too_long_is_told_when_to_come_again(service: Service, live_api: Api) -> None:
    lines = f"Authorization: Bearer {live_api.key}\r\nContent-Length: 200000\r\n\r\n{{"
    with opened(service, 6, (START + lines).encode()) as callers:
        answers = [b"".join(iter(lambda: caller.recv(4096), b"")) for caller in callers]  # noqa: B023 (used at once)
    assert {answer[:12] for answer in answers} == {b"HTTP/1.1 400", b"HTTP/1.1 503"}
    (late, *_) = [answer for answer in answers if b" 503 " in answer]
    assert b"Retry-After: " in late
    assert b'"code":"unavailable"' in late


def test_as_many_connections_as_may_be_lock_nobody_out(live_api: Api, tmp_path: Path) -> None:
    with (
        served(tmp_path, WEB_CONCURRENCY="1", GUNICORN_CMD_ARGS="--worker-connections 30") as few,
        opened(few, 20, b""),
        opened(few, 20, (START + "X-Slow: ").encode()),
        opened(few, 40, b"GET /healthz HTTP/1.1\r\n\r\n"),
    ):
        assert max(seconds(few, path, live_api.key) for path in (CUSTOMER, "/healthz") * 20) < SOON


def test_a_worker_that_stops_does_not_wait_for_who_does_not_finish(live_api: Api, tmp_path: Path) -> None:
    with served(tmp_path, WEB_CONCURRENCY="1") as stopping, opened(stopping, 5, (START + "X-Slow: ").encode()):
        began = time.monotonic()
        stopping.process.terminate()
        stopping.process.wait(30)
        assert time.monotonic() - began < 9


def test_who_does_not_finish_is_told_so_and_let_go(service: Service, live_api: Api) -> None:
    with opened(service, 2, (START + "X-Slow: ").encode()) as callers:
        answers = [b"".join(iter(lambda: caller.recv(4096), b"")) for caller in callers]  # noqa: B023 (used at once)
    assert all(answer.startswith(b"HTTP/1.1 408 ") and b'"code":"timeout"' in answer for answer in answers)


def test_who_says_nothing_is_let_go_without_a_word(service: Service, live_api: Api) -> None:
    with opened(service, 1, b"") as (caller,):
        began = time.monotonic()
        assert caller.recv(10) == b""
        assert time.monotonic() - began < CLIENT_SECONDS + 3


def test_a_request_that_comes_byte_by_byte_is_served(service: Service, live_api: Api) -> None:
    body = b'{"customer_name": "Slow"}'
    request = (START + f"Authorization: Bearer {live_api.key}\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body
    with opened(service, 1, b"") as (caller,):
        for i in range(len(request)):
            caller.sendall(request[i : i + 1])
            if i % 20 == 0:
                time.sleep(0.05)
        assert caller.recv(65536).startswith(b"HTTP/1.1 201 ")
    assert Customer.objects.filter(customer_name="Slow").count() == 1


def test_requests_that_are_sent_ahead_are_answered_in_order(service: Service, live_api: Api) -> None:
    lines = f"Host: localhost\r\nAuthorization: Bearer {live_api.key}\r\n"
    body = '{"customer_name": "First"}'
    first = f"POST {CUSTOMER} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n{body}"
    second = f"GET {CUSTOMER}/nobody HTTP/1.1\r\n{lines}\r\n"
    raw = service.raw((first + second + first).encode())
    assert [int(line.split()[1]) for line in raw.split(b"HTTP/1.1")[1:] for line in [b"x" + line]] == [201, 404, 201]


def test_answers_that_nobody_reads_occupy_no_thread_for_long(service: Service, live_api: Api) -> None:
    """More than a client's and our own system keep for it: then the thread waits, for so long as the client may be slow."""
    customer = large_customers(live_api, 400)
    lines = f"Host: localhost\r\nAuthorization: Bearer {live_api.key}\r\n\r\n"
    with opened(service, 12, f"GET {CUSTOMER}/export HTTP/1.1\r\n{lines}".encode()):
        assert seconds(service, "/healthz") < SOON
        with ThreadPoolExecutor(4) as pool:
            took = list(pool.map(lambda _: seconds(service, f"{CUSTOMER}/{customer}", live_api.key), range(4)))
        assert max(took) < SOON


def test_a_slow_reader_gets_its_whole_answer(service: Service, live_api: Api) -> None:
    """As long as it goes on reading, however long that takes."""
    large_customers(live_api, 300)
    sent = f"GET {CUSTOMER}/export HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {live_api.key}\r\n\r\n"
    with opened(service, 1, sent.encode()) as (caller,):
        raw = bytearray()
        while piece := caller.recv(512 * 1024):
            raw += piece
            time.sleep(0.2)
    assert raw.rstrip().splitlines()[-1].startswith(b'{"end":true,"count":300')
