"""What comes as bytes over a socket: gunicorn's own refusals, broken bodies, and answers to whoever is still sending."""

import contextlib
import gzip
import http.client
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from overplane.api import keys
from overplane.ids import new_ids
from overplane.problems import Code
from overplane.server.connections import LONGEST_REQUEST_LINE
from overplane.server.waiting_rooms import DRAINED_BYTES
from tests.conftest import CUSTOMER, ROW, Api
from tests.served import Service, served

pytestmark = [pytest.mark.slow, pytest.mark.half("postgresql")]


@pytest.fixture(scope="module")
def service(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """One for all of this file: starting is what takes long."""
    with django_db_blocker.unblock(), served(tmp_path_factory.mktemp("served"), LOG_LEVEL="WARNING") as running:
        yield running


@pytest.fixture
def reading_key(transactional_db: None) -> str:
    return keys.mint("reader", read_only=True)[1]


def answered(raw: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    headers = dict(one.split(": ", 1) for one in lines)
    return int(line.split()[1]), headers, body


def refused(raw: bytes, status: int, code: str) -> dict[str, Any]:
    got, headers, body = answered(raw)
    assert got == status, raw
    assert headers["Content-Type"] == "application/json"
    assert headers["Content-Length"] == str(len(body))
    error = json.loads(body)["error"]
    assert error["code"] == code
    assert error["code"] in set(Code)
    assert error["request_id"] == headers["Request-Id"]
    return error


def head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


LONG = "x" * (LONGEST_REQUEST_LINE + 1)


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (head("GET", f"{CUSTOMER}?q={LONG}"), 414, "parameter_too_long"),
        (head("GET", CUSTOMER, f"X-Long: {LONG[:9000]}"), 431, "parameter_too_long"),
        (head("GET", CUSTOMER, *[f"X-{i}: 1" for i in range(200)]), 431, "parameter_too_long"),
        (head("POST", CUSTOMER, "Expect: 200-ok", "Content-Length: 2") + b"{}", 417, "parameter_invalid"),
        (head("POST", CUSTOMER, "Content-Length: x") + b"{}", 400, "parameter_invalid"),
        (head("POST", CUSTOMER, "Content-Length: -1") + b"{}", 400, "parameter_invalid"),
        (head("POST", CUSTOMER, "Content-Length: 2", "Content-Length: 2") + b"{}", 400, "parameter_invalid"),
        (head("POST", CUSTOMER, "Content-Length: 2", "Transfer-Encoding: chunked") + b"{}", 400, "parameter_invalid"),
        (head("POST", CUSTOMER, "Transfer-Encoding: squeezed") + b"{}", 400, "parameter_invalid"),
        (head("POST", CUSTOMER, "Transfer-Encoding: chunked, chunked") + b"{}", 400, "parameter_invalid"),
        (head("POST", CUSTOMER, "Content-Length: 1_0") + b"{}", 400, "parameter_invalid"),
        (head("GET", CUSTOMER, "A header without a colon"), 400, "parameter_invalid"),
        (head("GET", CUSTOMER, "X: a", " folded"), 400, "parameter_invalid"),
        (head("GET", CUSTOMER, "Na(me: a"), 400, "parameter_invalid"),
        (head("GET", CUSTOMER, "X: a\0b"), 400, "parameter_invalid"),
        (head("GET", CUSTOMER, "Host: localhost"), 400, "parameter_invalid"),
        (head("GET", f"{CUSTOMER}?q=müller"), 400, "parameter_invalid"),
        (head("get", CUSTOMER), 400, "parameter_invalid"),
        (b"GET " + CUSTOMER.encode() + b" HTTP/3.7\r\n\r\n", 400, "parameter_invalid"),
        (b"GET " + CUSTOMER.encode() + b"\r\n\r\n", 400, "parameter_invalid"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, "parameter_invalid"),
        (head("CONNECT", "localhost:443"), 404, "route_unknown"),
        (head("TRACE", CUSTOMER), 401, "api_key_missing"),
        (head("GET", f"/{CUSTOMER}"), 404, "route_unknown"),
        (head("GET", "/api"), 404, "route_unknown"),
        (head("GET", "/api/crm/customer/a%2fb", "SCRIPT_NAME: /x"), 404, "route_unknown"),
        (head("GET", f"http://localhost{CUSTOMER}"), 401, "api_key_missing"),
        (f"GET {CUSTOMER} HTTP/1.0\r\n\r\n".encode(), 401, "api_key_missing"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,
)  # fmt: skip
def test_what_cannot_be_read_is_told_in_the_envelope(
    service: Service, transactional_db: None, sent: bytes, status: int, code: str
) -> None:
    refused(service.raw(sent), status, code)


def test_it_is_logged_as_one_line_and_counted(service: Service, transactional_db: None) -> None:
    error = refused(service.raw(head("GET", f"{CUSTOMER}?q={LONG}")), 414, "parameter_too_long")
    (line,) = [line for line in service.log.splitlines() if error["request_id"] in line]
    assert json.loads(line)["level"] == "warning"
    assert len(line) < 400
    counts = re.findall(
        r'overplane_requests_total\{.*route="none",status="414"\} (\d+)', service.get("/metrics")[1].decode()
    )
    assert sum(map(int, counts)) >= 1


def test_a_page_keeps_the_plain_words_of_the_server(service: Service, transactional_db: None) -> None:
    status, headers, _ = answered(service.raw(head("POST", "/admin/", "Content-Length: x")))
    assert (status, headers["Content-Type"]) == (400, "text/html")


def test_as_many_ids_as_a_page_may_show_fit_into_an_address(service: Service, live_api: Api) -> None:
    customer_id = live_api.create()["id"]
    ids = ",".join([*new_ids("customer", 999), customer_id])
    status, body = service.get(f"{CUSTOMER}?id[in]={ids}&limit=1000", live_api.key)
    assert (status, json.loads(body)["total"]) == (200, 1)


GOOD = b'{"customer_name": "Acme"}'
CHUNK = b"%x\r\n%s\r\n" % (len(GOOD), GOOD)
CHUNKED = "Transfer-Encoding: chunked"
BROKEN = {
    "no size": (CHUNKED, b"zz\r\n" + GOOD + b"\r\n0\r\n\r\n"),
    "negative size": (CHUNKED, b"-5\r\n" + GOOD + b"\r\n0\r\n\r\n"),
    "empty size": (CHUNKED, b"\r\n" + GOOD),
    "endless size": (CHUNKED, b"1" * 20_000),
    "chunk without its end": (CHUNKED, CHUNK[:-2] + b"xx0\r\n\r\n"),
    "cut off in a chunk": (CHUNKED, CHUNK[:-5]),
    "cut off between chunks": (CHUNKED, CHUNK),
    "cut off in the last chunk": (CHUNKED, CHUNK + b"0\r\n"),
    "nothing at all": (CHUNKED, b""),
    "bad extension": (CHUNKED, b"5;\x01=\x02\r\nabcde\r\n0\r\n\r\n"),
    "bad trailer": (CHUNKED, CHUNK + b"0\r\nno colon\r\n\r\n"),
    "forbidden trailer": (CHUNKED, CHUNK + b"0\r\nContent-Length: 5\r\n\r\n"),
    "endless trailer": (CHUNKED, CHUNK + b"0\r\n" + b"X: y\r\n" * 200_000),
    "shorter than announced": ("Content-Length: 100", GOOD),
    "announced, and nothing": ("Content-Length: 100", b""),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_body_is_the_callers_fault_on_every_route(service: Service, live_api: Api, kind: str) -> None:
    framing, sent = BROKEN[kind]
    customer = live_api.create()
    for method, path in [
        ("POST", CUSTOMER), ("PATCH", f"{CUSTOMER}/{customer['id']}"), ("POST", f"{CUSTOMER}/batch"), ("POST", ROW),
        ("POST", f"{ROW}/reorder"), ("PUT", f"{ROW}/reorder"),
    ]:  # fmt: skip
        for extra in ([], ["Idempotency-Key: k"]):
            lines = [f"Authorization: Bearer {live_api.key}", framing, *extra]
            raw = service.raw(head(method, path, *lines) + sent)
            refused(raw, 400, "json_invalid")
            assert raw.count(b"HTTP/1.1 ") == 1
    assert live_api.get(CUSTOMER).json()["total"] == 1
    assert "Traceback" not in service.log


@pytest.mark.parametrize(("method", "status"), [("DELETE", 200), ("GET", 200), ("PUT", 405)])
@pytest.mark.parametrize("kind", ["no size", "cut off in a chunk", "bad trailer", "shorter than announced"])
def test_a_broken_body_that_nobody_reads_is_not_answered_twice(
    service: Service, live_api: Api, kind: str, method: str, status: int
) -> None:
    framing, sent = BROKEN[kind]
    path = f"{CUSTOMER}/{live_api.create()['id']}"
    raw = service.raw(head(method, path, f"Authorization: Bearer {live_api.key}", framing) + sent)
    assert answered(raw)[0] == status
    assert raw.count(b"HTTP/1.1 ") == 1


def test_good_chunks_with_extensions_and_trailers(service: Service, live_api: Api) -> None:
    sent = b"5;a=b\r\n%s\r\n%x\r\n%s\r\n0\r\nX-Sum: 1\r\n\r\n" % (GOOD[:5], len(GOOD) - 5, GOOD[5:])
    raw = service.raw(
        head("POST", CUSTOMER, f"Authorization: Bearer {live_api.key}", CHUNKED, "Connection: close") + sent
    )
    assert answered(raw)[0] == 201


def test_a_foreign_host_fills_no_log(service: Service, live_api: Api) -> None:
    before = len(service.log)
    for path in ("/admin/", "/admin/login/", "/docs", "/nowhere", CUSTOMER):
        assert service.call("GET", path, Host="evil.example")[0] == 400
    said = service.log[before:]
    assert "Traceback" not in said
    assert "Invalid HTTP_HOST" not in said


MB = 1024 * 1024
EARLY: dict[str, tuple[int, Callable[[Api], tuple[str, str, dict[str, str]]]]] = {
    "no key": (401, lambda api: ("POST", CUSTOMER, {"Authorization": ""})),
    "unknown route": (404, lambda api: ("POST", "/api/crm/nothing", {})),
    "unknown object": (404, lambda api: ("DELETE", f"{CUSTOMER}/nobody", {})),
    "wrong method": (405, lambda api: ("PUT", CUSTOMER, {})),
    "foreign host": (400, lambda api: ("POST", CUSTOMER, {"Host": "evil.example"})),
    "too large": (413, lambda api: ("POST", CUSTOMER, {})),
    "other type": (415, lambda api: ("POST", CUSTOMER, {"Content-Type": "text/plain"})),
    "read": (200, lambda api: ("GET", CUSTOMER, {})),
}


@pytest.mark.parametrize("kind", EARLY)
@pytest.mark.parametrize("chunked", [False, True])
def test_whoever_is_still_sending_is_heard_out(service: Service, live_api: Api, kind: str, chunked: bool) -> None:
    """A client that sends all of 8 MB before it reads gets the answer, and is told that its connection ends with it."""
    status, call = EARLY[kind]
    method, path, headers = call(live_api)

    def body() -> Any:
        return (b"x" * 65536 for _ in range(128)) if chunked else b"x" * (8 * MB)

    caller = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    caller.request(method, path, body(), {"Authorization": f"Bearer {live_api.key}"} | headers, encode_chunked=chunked)
    answer = caller.getresponse()
    assert (answer.status, answer.headers["Connection"]) == (status, "close")
    json.loads(answer.read())
    caller.close()


@pytest.mark.parametrize("kind", ["no key", "unknown route", "wrong method"])
@pytest.mark.parametrize("framing", ["Content-Length", "chunked"])
def test_a_small_body_that_nobody_reads_ends_no_connection(
    service: Service, live_api: Api, kind: str, framing: str
) -> None:
    status, call = EARLY[kind]
    method, path, headers = call(live_api)
    lines = [f"{name}: {value}" for name, value in ({"Authorization": f"Bearer {live_api.key}"} | headers).items()]
    if framing == "chunked":
        request = head(method, path, CHUNKED, *lines) + CHUNK + b"0\r\n\r\n"
    else:
        request = head(method, path, f"Content-Length: {len(GOOD)}", *lines) + GOOD
    raw = service.raw(request * 3)
    assert raw.count(b"HTTP/1.1 ") == raw.count(b"HTTP/1.1 %d " % status) == 3


@pytest.mark.parametrize(("pause", "answers"), [(0, 2), (0.05, 1)])
def test_a_body_is_never_taken_for_the_next_call(service: Service, live_api: Api, pause: float, answers: int) -> None:
    """Wherever its packets end: here behind the size of a chunk that looks like a call. One that comes late is let go."""
    inside = b"GET /livez HTTP/1.1\r\nA: a\r\n"
    lines = [f"Authorization: Bearer {live_api.key}", CHUNKED]
    parts = [head("PUT", CUSTOMER, *lines), b"%x\r\n" % len(inside), inside, b"\r\n0\r\n\r\n"]
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as caller:
        for _ in range(2):
            for part in parts if pause else [b"".join(parts)]:
                caller.sendall(part)
                time.sleep(pause)
        caller.shutdown(socket.SHUT_WR)
        raw = b"".join(iter(lambda: caller.recv(65536), b""))
    assert raw.count(b"HTTP/1.1 ") == raw.count(b"HTTP/1.1 405 ") == answers


def test_a_read_only_key_and_a_refused_address_are_heard_out_too(
    service: Service, live_api: Api, reading_key: str
) -> None:
    status, body, _ = service.call("POST", CUSTOMER, reading_key, b"x" * (8 * MB))
    assert (status, json.loads(body)["error"]["code"]) == (403, "key_read_only")
    answers = [service.call("POST", CUSTOMER, "wrong", b"x" * (2 * MB))[0] for _ in range(24)]
    assert set(answers) == {401, 429}


def test_a_body_behind_bad_headers_is_heard_out(service: Service, transactional_db: None) -> None:
    for headers in ({"Content-Length": "8_388_608"}, {"Expect": "something"}):
        status, body, _ = service.call("POST", CUSTOMER, "", b"x" * (8 * MB), **headers)
        assert json.loads(body)["error"]["code"] == "parameter_invalid", status


def test_a_body_without_end_is_not(service: Service, live_api: Api) -> None:
    lines = [f"Authorization: Bearer {live_api.key}", f"Content-Length: {1024 * MB}"]
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as caller:
        caller.sendall(head("POST", CUSTOMER, *lines) + b"x" * MB)
        raw = caller.recv(65536)
        status, headers, _ = answered(raw)
        assert (status, headers["Connection"]) == (413, "close")
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 1024 * MB:
                caller.sendall(b"x" * MB)
                sent += MB
    assert sent < 3 * DRAINED_BYTES


def test_a_length_beyond_measure(service: Service, live_api: Api) -> None:
    lines = [f"Authorization: Bearer {live_api.key}", f"Content-Length: {10**20}"]
    refused(service.raw(head("POST", CUSTOMER, *lines) + b"{}"), 413, "body_too_large")


def test_a_client_that_stops_sending_holds_nobody_up(service: Service, live_api: Api) -> None:
    """More of them than there are threads, and the service answers."""
    lines = ["Authorization: Bearer wrong", f"Content-Length: {8 * MB}"]
    with contextlib.ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=30)) for _ in range(12)
        ]
        for caller in idle:
            caller.sendall(head("POST", CUSTOMER, *lines))
        assert {answered(caller.recv(65536))[0] for caller in idle} == {401}
        begun = time.monotonic()
        assert service.get(CUSTOMER, live_api.key)[0] == 200
        assert time.monotonic() - begun < 8


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl on this machine")
def test_curl_that_asks_first(service: Service, live_api: Api) -> None:
    """curl sends `Expect: 100-continue` with a large body, and waits."""
    address = f"http://127.0.0.1:{service.port}/api/crm/nothing"
    command = ["curl", "-sS", "-X", "POST", "-H", "Expect: 100-continue", "--data-binary", "@-", address]
    curl = subprocess.run(command, input=b"x" * (8 * MB), capture_output=True, check=True)
    assert json.loads(curl.stdout)["error"]["code"] == "route_unknown"


def test_a_header_that_comes_twice(service: Service, live_api: Api) -> None:
    """Lists may; of what there can be only one, two are none."""
    path, key = f"{CUSTOMER}/{live_api.create()['id']}", f"Authorization: Bearer {live_api.key}"
    length = "Content-Length: 2"

    def status_of(*lines: str) -> int:
        return answered(service.raw(head("PATCH", path, length, "Connection: close", *lines) + b"{}"))[0]

    assert status_of(key, 'If-Match: "7"', 'If-Match: "1"') == 200
    assert status_of(key, 'If-Match: "7"', 'If-Match: "8"') == 412
    assert status_of(key, 'If-Match: "7"', "If-Match: 1") == 400
    assert status_of(key, key) == 401
    assert status_of(key, "Content-Type: application/json", "Content-Type: text/plain") == 400
    assert status_of(key, "Content-Encoding: identity", "Content-Encoding: gzip") == 415


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("TRACE", CUSTOMER, 405, "method_not_allowed"),
        ("BREW", CUSTOMER, 405, "method_not_allowed"),
        ("GET", f"/{CUSTOMER}", 404, "route_unknown"),
        ("GET", "/api%2fcrm", 404, "route_unknown"),
        ("GET", "/api", 404, "route_unknown"),
        ("GET", "/api//crm/customer", 404, "route_unknown"),
        ("GET", "/api/../admin/", 404, "route_unknown"),
        ("GET", "/api/crm/customer;x=1", 404, "route_unknown"),
        ("GET", f"{CUSTOMER}/{'a%2f' * 9000}", 404, "route_unknown"),
        ("GET", f"{CUSTOMER}/{'%00' * 9000}", 404, "resource_missing"),
        ("GET", f"{CUSTOMER}?{'a=1&' * 9000}", 400, "parameter_invalid"),
        ("GET", f"{CUSTOMER}?#x", 200, ""),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_odd_addresses_and_methods(
    service: Service, live_api: Api, method: str, path: str, status: int, code: str, version: str
) -> None:
    """Also for a browser, which asks for HTML."""
    lines = [f"Authorization: Bearer {live_api.key}", "Accept: text/html", "Connection: close"]
    raw = service.raw(head(method, path, *lines).replace(b"HTTP/1.1", f"HTTP/{version}".encode(), 1))
    if status == 200:
        assert answered(raw)[0] == 200
    else:
        refused(raw, status, code)


def test_methods_of_a_callers_own_are_counted_as_one(service: Service, live_api: Api) -> None:
    for i in range(5):
        service.call("BREW" + "X" * i, CUSTOMER, live_api.key)
    text = service.get("/metrics")[1].decode()
    assert 'method="other"' in text
    assert "BREW" not in text


def test_a_packed_answer_over_the_wire(service: Service, live_api: Api) -> None:
    for _ in range(3):
        live_api.create()
    _, plain, _ = service.call("GET", CUSTOMER, live_api.key)
    _, packed, headers = service.call("GET", CUSTOMER, live_api.key, Accept_Encoding="gzip")
    assert (headers["Content-Encoding"], gzip.decompress(packed)) == ("gzip", plain)
    _, body, of_head = service.call("HEAD", CUSTOMER, live_api.key, Accept_Encoding="gzip")
    assert (body, of_head["Content-Length"]) == (b"", headers["Content-Length"])
    assert "no-body response" not in service.log


def test_a_small_answer_is_one_packet(service: Service, live_api: Api) -> None:
    request = f"GET {CUSTOMER} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {live_api.key}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as caller:
        for _ in range(20):
            caller.sendall(request)
            _, headers, body = answered(caller.recv(65_536))
            assert len(body) == int(headers["Content-Length"]) > 0
