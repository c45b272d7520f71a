"""A large file goes through a web process and leaves nothing in its memory, and others are answered meanwhile."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from overplane.api import keys
from tests.served import Service, served

pytestmark = [pytest.mark.slow, pytest.mark.half("postgresql"), pytest.mark.django_db(transaction=True)]
IMPORT = "/api/crm/import"
MIB = 1024 * 1024
SIZE = 100 * MIB  # twice what a process may grow by; `python -m bench uploads` sends a gigabyte
GROWTH = 50
BUSY = 4  # seconds that a machine may take for anything while all tests run
ROWS = b"customer_name\n" + (b"x" * 255 + b"\n") * 4096
BOUNDARY = b"limit"
HEAD = b'--%b\r\nContent-Disposition: form-data; name="file"; filename="large.csv"\r\n\r\n' % BOUNDARY
AS_FORM = (b"multipart/form-data; boundary=" + BOUNDARY, HEAD, b"\r\n--%b--\r\n" % BOUNDARY)


@pytest.fixture
def service(transactional_db: None, tmp_path: Path) -> Iterator[Service]:
    with served(tmp_path) as running:
        yield running


@pytest.mark.parametrize("sent", [(b"text/csv", b"", b"\n"), AS_FORM], ids=["as it is", "as a form"])
def test_costs_no_memory_and_holds_nobody_up(service: Service, sent: tuple[bytes, bytes, bytes]) -> None:
    key = keys.mint("large")[1]
    service.many(8, "/api/crm/customer", key)
    before = peak(service)
    with ThreadPoolExecutor(1) as beside:
        upload = beside.submit(seconds_after_the_last_byte, service, key, *sent)
        waits = []
        while not upload.done():
            started = time.perf_counter()
            assert service.get("/api/crm/customer", key)[0] == 200
            waits.append(time.perf_counter() - started)
    assert peak(service) - before < GROWTH
    assert upload.result() < 1 + BUSY  # the file is renamed into its place, and not copied
    assert len(waits) > 2
    assert max(waits) < 1 + BUSY


def seconds_after_the_last_byte(service: Service, key: str, kind: bytes, head: bytes, end: bytes) -> float:
    length = len(head) + SIZE // len(ROWS) * len(ROWS) + len(end)
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as caller:
        caller.sendall(
            b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %b\r\nContent-Type: %b\r\n"
            b"Content-Length: %d\r\nConnection: close\r\n\r\n" % (IMPORT.encode(), key.encode(), kind, length)
        )
        caller.sendall(head)
        for _ in range(SIZE // len(ROWS)):
            caller.sendall(ROWS)
        time.sleep(0.5)  # what is under way arrives
        started = time.perf_counter()
        caller.sendall(end)
        answer = b"".join(iter(lambda: caller.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 202"), answer
        return time.perf_counter() - started


def peak(service: Service) -> float:
    """Megabytes of the web process that has used most."""
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
    lines = [line for child in children for line in Path(f"/proc/{child}/status").read_text().splitlines()]
    return max(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
