"""nginx as it is shipped before the real gunicorn: what it answers by itself, what it lets through, and whom it bears with."""

import gzip
import http.client
import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from crm.models import Customer
from overplane.ids import new_ids
from overplane.problems import Code
from overplane.server.listening import refuse_newcomers
from tests import nginx
from tests.conftest import CUSTOMER, Api
from tests.nginx import BASE_URL, NAME, Proxy, proxied
from tests.served import Service, served

pytestmark = [
    pytest.mark.slow,
    pytest.mark.half("sqlite"),
    pytest.mark.skipif(not nginx.PROGRAM, reason="there is no nginx on this machine"),
]
MIB = 1024 * 1024
HOST = f"Host: {NAME}"


@pytest.fixture(scope="module")
def service(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home: Path = tmp_path_factory.mktemp("behind")
    with served(
        home, BASE_URL=BASE_URL, ALLOWED_HOSTS=f"{NAME},localhost,127.0.0.1", TRUSTED_PROXIES="127.0.0.1",
        WEB_THREADS="2",
    ) as running:  # fmt: skip
        yield running


@pytest.fixture(scope="module")
def proxy(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxied(tmp_path_factory.mktemp("nginx"), service.port) as running:
        yield running


def answered(raw: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    return int(line.split()[1]), dict(one.split(": ", 1) for one in lines), body


def refused(status: int, headers: Any, body: bytes, expected: tuple[int, str]) -> dict[str, Any]:
    assert (status, headers["Content-Type"]) == (expected[0], "application/json"), body[:500]
    error = json.loads(body)["error"]
    assert error.keys() == {"type", "code", "message", "param", "doc_url", "request_id", "errors"}
    assert error["code"] == expected[1]
    assert error["code"] in set(Code)
    assert error["doc_url"] == f"{BASE_URL}/docs#error-{error['code']}"
    assert error["request_id"] == headers["Request-Id"]
    assert re.fullmatch("req_[0-9a-z]{24,}", error["request_id"])
    assert error["errors"] == [{name: error[name] for name in ("code", "param", "message")}]
    assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
    if status in (429, 502, 503, 504):
        assert int(headers["Retry-After"]) >= 1
    return error


def head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", HOST, "Connection: close", *lines, "", ""]).encode()


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"\x16\x03\x01\r\n\r\n", 400, "parameter_invalid"),
        (f"GET {CUSTOMER} HTTP/3.7\r\n{HOST}\r\n\r\n".encode(), 400, "parameter_invalid"),
        (f"GET {CUSTOMER} HTTP/1.1\r\n\r\n".encode(), 400, "parameter_invalid"),
        (head("GET", CUSTOMER, HOST), 400, "parameter_invalid"),
        (head("GET", "/api/../../x"), 400, "parameter_invalid"),
        (head("GET", "/%61pi/%00"), 400, "parameter_invalid"),
        (head("POST", CUSTOMER, "Content-Length: x"), 400, "parameter_invalid"),
        (head("POST", CUSTOMER, "Content-Length: 2", "Transfer-Encoding: chunked") + b"{}", 400, "parameter_invalid"),
        (head("POST", CUSTOMER, "Transfer-Encoding: squeezed"), 400, "parameter_invalid"),
        (head("POST", CUSTOMER, "Transfer-Encoding: chunked") + b"zz\r\n", 400, "parameter_invalid"),
        (head("GET", f"{CUSTOMER}?q={'x' * 70_000}"), 414, "parameter_too_long"),
        (head("GET", CUSTOMER, f"X: {'x' * 70_000}"), 431, "parameter_too_long"),
        (head("GET", CUSTOMER, f"X: {'x' * 9_000}"), 431, "parameter_too_long"),
        (head("POST", CUSTOMER, f"Content-Length: {2 * MIB}"), 413, "body_too_large"),
        (head("POST", f"{CUSTOMER}/batch", f"Content-Length: {17 * MIB}"), 413, "body_too_large"),
        (head("POST", CUSTOMER, "Expect: miracles", "Content-Length: 2") + b"{}", 417, "parameter_invalid"),
        (head("TRACE", CUSTOMER), 405, "method_not_allowed"),
        (head("GET", CUSTOMER).replace(NAME.encode(), b"nobody.example"), 400, "host_invalid"),
        (head("GET", "/api/nothing"), 404, "route_unknown"),
        (head("GET", CUSTOMER), 401, "api_key_missing"),
    ],
    ids=lambda value: value[:30].decode("latin-1") if isinstance(value, bytes) else None,
)  # fmt: skip
def test_every_refusal_under_api_is_the_envelope(
    proxy: Proxy, transactional_db: None, sent: bytes, status: int, code: str
) -> None:
    refused(*answered(proxy.raw(sent)), (status, code))


def test_a_key_is_not_carried_on_in_the_clear(proxy: Proxy, transactional_db: None) -> None:
    refused(*answered(proxy.raw(head("GET", CUSTOMER), plain=True)), (400, "parameter_invalid"))
    status, headers, _ = answered(proxy.raw(head("GET", "/admin/?q=1"), plain=True))
    assert (status, headers["Location"]) == (308, f"{BASE_URL}/admin/?q=1")


@pytest.mark.parametrize(("language", "words"), [("de-AT,de;q=0.9", "Das ist zu groß"), ("fr", "This is too large")])
def test_people_get_a_page(proxy: Proxy, transactional_db: None, language: str, words: str) -> None:
    sent = head("POST", "/language", f"Content-Length: {2 * MIB}", f"Accept-Language: {language}")
    status, headers, body = answered(proxy.raw(sent))
    assert (status, headers["Content-Type"]) == (413, "text/html; charset=utf-8")
    assert words in body.decode()
    assert headers["Request-Id"] in body.decode()


def test_answers_of_the_service_are_passed_on_as_they_are(proxy: Proxy, service: Service, live_api: Api) -> None:
    customer = live_api.create()
    for path in (f"{CUSTOMER}/{customer['id']}", f"{CUSTOMER}/nobody"):
        _, direct, own = service.call("GET", path, live_api.key, Host=NAME)
        status, body, headers = proxy.call("GET", path, live_api.key)
        assert {name for name, _ in headers.items()} == {name for name, _ in own.items()}
        assert len(headers.get_all("Request-Id", [])) == 1
        assert headers["ETag"] == own["ETag"]
        assert (body == direct) is (status == 200)
    _, packed, headers = proxy.call("GET", f"{CUSTOMER}?fields=id", live_api.key, Accept_Encoding="gzip")
    assert packed.startswith(b"\x1f\x8b") == (headers["Content-Encoding"] == "gzip")
    if headers["Content-Encoding"]:
        gzip.decompress(packed)


def test_metrics_are_closed_and_health_is_open(proxy: Proxy, transactional_db: None) -> None:
    for path in ("/metrics", "//metrics", "/%6detrics", "/x/../metrics"):
        assert answered(proxy.raw(head("GET", path)))[0] == 404
    for name in (NAME, "10.0.0.7"):
        for plain in (True, False):
            sent = head("GET", "/healthz").replace(NAME.encode(), name.encode())
            assert answered(proxy.raw(sent, plain=plain))[0] == 200


def test_as_many_ids_as_a_page_may_show_fit_into_an_address(proxy: Proxy, live_api: Api) -> None:
    ids = ",".join([*new_ids("customer", 999), live_api.create()["id"]])
    status, body, _ = proxy.call("GET", f"{CUSTOMER}?id[in]={ids}&limit=1000", live_api.key)
    assert (status, json.loads(body)["total"]) == (200, 1)


def test_batches_and_uploads_of_two_megabytes_pass(proxy: Proxy, live_api: Api) -> None:
    data = {"customer_name": "Long", "customer_details": "y" * 60_000}
    body = json.dumps({"operations": [{"op": "create", "data": data}] * 40}).encode()
    assert len(body) > 2 * MIB
    status, _, _ = proxy.call("POST", f"{CUSTOMER}/batch", live_api.key, body)
    assert (status, Customer.objects.count()) == (200, 40)
    # The service answers these, who asks for a session or the form's token first.
    for path, size in (("/admin/import/", 25 * MIB), ("/admin/login/", 2 * MIB)):
        status, answer, _ = proxy.call("POST", path, body=b"x" * size, Content_Type="multipart/form-data; boundary=b")
        assert status in (302, 403), answer[:300]


def test_a_stranger_cannot_choose_an_address(proxy: Proxy, live_api: Api) -> None:
    """nginx replaces what it is told, so that no list of addresses grows that somebody might read from the wrong end."""
    text = (proxy.home / "nginx.conf").read_text()
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in text
    assert "proxy_add_x_forwarded_for" not in text
    status, _, _ = proxy.call("GET", CUSTOMER, live_api.key, X_Forwarded_For="1.2.3.4", X_Forwarded_Host="evil.example")
    assert status == 200


def test_no_query_stands_in_the_log(proxy: Proxy, live_api: Api) -> None:
    proxy.call("GET", f"{CUSTOMER}?q=canary-of-a-query", live_api.key)
    _, _, headers = proxy.call("GET", f"{CUSTOMER}?customer_name=canary-of-a-name", live_api.key)
    answered(proxy.raw(head("GET", f"{CUSTOMER}?q=canary{'x' * 70_000}")))
    lines = [json.loads(line) for line in proxy.log.splitlines() if line.startswith("{")]
    (own,) = [line for line in lines if line["request_id"] == headers["Request-Id"]]
    assert (own["path"], own["status"], own["method"]) == (CUSTOMER, "200", "GET")
    assert "canary" not in proxy.log
    assert live_api.key not in proxy.log


def test_the_feed_waits(proxy: Proxy, live_api: Api) -> None:
    cursor = live_api.get("/api/crm/event").json()["next_cursor"]
    began = time.monotonic()
    status, body, _ = proxy.call("GET", f"/api/crm/event?after={cursor}&wait=2", live_api.key)
    assert (status, json.loads(body)["data"]) == (200, [])
    assert time.monotonic() - began > 1.5


def large_customers(api: Api, count: int) -> None:
    data = {"customer_name": "Long", "customer_details": "y" * 30_000}
    assert api.post(f"{CUSTOMER}/batch", {"operations": [{"op": "create", "data": data}] * count}).status_code == 200


def test_exports_that_nobody_reads_occupy_nobody(proxy: Proxy, service: Service, live_api: Api) -> None:
    """nginx takes them from the service: the only thread of each process that may stream is free again."""
    large_customers(live_api, 400)
    with ExitStack() as stack:
        for _ in range(2):
            caller = stack.enter_context(proxy.connect())
            caller.sendall(head("GET", f"{CUSTOMER}/export", f"Authorization: Bearer {live_api.key}"))
            assert caller.recv(12) == b"HTTP/1.1 200"
            time.sleep(1)  # the one after the other: two at the same time may be of one process
        for _ in range(4):
            assert service.call("GET", f"{CUSTOMER}/export", live_api.key, Host=NAME)[0] == 200


def test_an_export_that_breaks_off_is_not_taken_for_a_whole_one(
    service: Service, live_api: Api, tmp_path_factory: pytest.TempPathFactory
) -> None:
    large_customers(live_api, 400)
    home: Path = tmp_path_factory.mktemp("dying")
    environment = {"BASE_URL": BASE_URL, "ALLOWED_HOSTS": f"{NAME},127.0.0.1", "TRUSTED_PROXIES": "127.0.0.1"}
    with (
        served(home, **environment) as dying,
        proxied(home / "nginx", dying.port) as own,
        ExitStack() as stack,
    ):
        # So that the answer cannot be whole before its process ends: nginx may keep 512 MB of it.
        text = (own.home / "nginx.conf").read_text()
        assert "proxy_max_temp_file_size 512m;" in text
        caller = stack.enter_context(
            closing(http.client.HTTPSConnection("127.0.0.1", own.port, timeout=30, context=own.context))
        )
        caller.request("GET", f"{CUSTOMER}/export", headers={"Host": NAME, "Authorization": f"Bearer {live_api.key}"})
        answer = stack.enter_context(caller.getresponse())
        first = answer.read(1000)
        for child in Path(f"/proc/{dying.process.pid}/task/{dying.process.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
        try:
            whole = first + answer.read()
        except http.client.IncompleteRead:
            return
        assert whole.rstrip().splitlines()[-1].startswith(b'{"end":true,"count":400')


def test_a_service_that_is_stopped_comes_back(live_api: Api, tmp_path_factory: pytest.TempPathFactory) -> None:
    home: Path = tmp_path_factory.mktemp("stopped")
    environment = {"BASE_URL": BASE_URL, "ALLOWED_HOSTS": f"{NAME},127.0.0.1", "TRUSTED_PROXIES": "127.0.0.1"}
    with served(home, **environment) as running, proxied(home / "nginx", running.port) as own:
        port = running.port
        assert own.call("GET", CUSTOMER, live_api.key)[0] == 200
        running.process.terminate()
        running.process.wait(30)
        status, body, headers = own.call("GET", CUSTOMER, live_api.key)
        refused(status, headers, body, (502, "unavailable"))
        status, body, headers = own.call("GET", "/admin/", Accept="text/html")
        assert (status, headers["Content-Type"]) == (502, "text/html; charset=utf-8")
        with served(home, **environment, PORT=str(port)):
            assert own.call("GET", CUSTOMER, live_api.key)[0] == 200


def test_a_service_that_says_nothing_or_hangs_up_is_answered_for(tmp_path: Path) -> None:
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as mute,
        proxied(tmp_path / "nginx", mute.getsockname()[1], read_timeout="1s") as own,
        ThreadPoolExecutor(1) as pool,
    ):
        for says, expected in (("nothing", (504, "timeout")), ("farewell", (502, "unavailable"))):
            asks = pool.submit(own.call, "POST", CUSTOMER, "", b"{}")
            came, _ = mute.accept()
            with came:
                came.recv(65536)  # so that the connection ends, and is not reset
                if says == "farewell":
                    came.shutdown(socket.SHUT_RDWR)
                status, body, headers = asks.result()
                refused(status, headers, body, expected)


def test_a_machine_that_is_dead_is_passed_over(
    service: Service, live_api: Api, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It refuses nobody, as a stopped one does: it says nothing. Who is sent there waits for three seconds, and is answered."""
    with closing(socket.create_server(("127.0.0.1", 0))) as dead:
        refuse_newcomers(dead)
        with proxied(tmp_path_factory.mktemp("two"), service.port, dead.getsockname()[1]) as own:
            body = b'{"customer_name": "Acme"}'
            answers = [
                own.call("POST", CUSTOMER, live_api.key, body, Content_Type="application/json") for _ in range(3)
            ]
            ends, tried = time.monotonic() + 10, []
            while len(tried) < len(answers) and time.monotonic() < ends:  # nginx writes a line after its answer
                tried = [json.loads(line)["upstream_status"] for line in own.log.splitlines() if line.startswith("{")]
                time.sleep(0.05)
    assert [status for status, _, _ in answers] == [201, 201, 201]
    assert "504, 201" in tried
    assert Customer.objects.count() == 3


def opened(proxy: Proxy, stack: ExitStack, count: int, sent: bytes) -> None:
    for _ in range(count):
        stack.enter_context(proxy.connect(source="127.0.0.2")).sendall(sent)


def asked(proxy: Proxy, source: str) -> bytes:
    with proxy.connect(source=source) as caller:
        caller.sendall(head("GET", CUSTOMER))
        return b"".join(iter(lambda: caller.recv(65536), b""))


@pytest.mark.parametrize(
    ("sent", "count"),
    [
        pytest.param(head("GET", CUSTOMER)[:-2] + b"X-Slow: ", 300, id="heads without end"),
        pytest.param(head("POST", CUSTOMER, "Content-Length: 900000") + b"{", 100, id="bodies without end"),
        pytest.param(head("POST", "/admin/import/", "Content-Length: 90000000"), 100, id="uploads without end"),
    ],
)
def test_slow_clients_disturb_nobody(proxy: Proxy, live_api: Api, sent: bytes, count: int) -> None:
    with ExitStack() as stack:
        opened(proxy, stack, count, sent)
        for _ in range(5):
            began = time.monotonic()
            assert proxy.call("GET", CUSTOMER, live_api.key)[0] == 200
            # A hundredth of that on a quiet machine (`python -m bench hostile`); who was disturbed waits for half a minute.
            assert time.monotonic() - began < 10


def test_who_asks_for_too_much_at_the_same_time_is_told_so(proxy: Proxy, live_api: Api) -> None:
    """The limit is for each address: another one is served meanwhile."""
    with ExitStack() as stack:
        opened(proxy, stack, 400, head("POST", CUSTOMER, "Content-Length: 900000") + b"{")
        ends = time.monotonic() + 10
        while answered(raw := asked(proxy, "127.0.0.2"))[0] != 429 and time.monotonic() < ends:
            time.sleep(0.1)  # nginx has not read all the heads yet
        error = refused(*answered(raw), (429, "rate_limit"))
        assert error["type"] == "rate_limit_error"
        assert proxy.call("GET", CUSTOMER, live_api.key)[0] == 200
