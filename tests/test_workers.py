"""The service as `make run` starts it: gunicorn with two workers. What must hold although they share no memory."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from overplane.api import keys
from overplane.api.models import Allowance
from tests.conftest import CUSTOMER

ROOT = Path(__file__).parent.parent
RATE = 5


class Service:
    """Answers of two processes; a new connection each time, so that either of them may get it."""

    def __init__(self, port: int, process: subprocess.Popen) -> None:
        self.port, self.process = port, process

    def get(self, path: str, key: str = "") -> tuple[int, bytes]:
        caller = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        caller.request("GET", path, headers={"Authorization": f"Bearer {key}", "Connection": "close"})
        answer = caller.getresponse()
        status, body = answer.status, answer.read()
        caller.close()
        return status, body

    def many(self, count: int, path: str, key: str) -> Counter[int]:
        with ThreadPoolExecutor(8) as pool:
            return Counter(status for status, _ in pool.map(lambda _: self.get(path, key), range(count)))


def database_url() -> str:
    known = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{known['NAME']}"
    return f"postgresql://{known['USER']}:{known['PASSWORD']}@{known['HOST']}:{known['PORT']}/{known['NAME']}"


@pytest.fixture
def service(transactional_db: None, tmp_path: Path) -> Iterator[Service]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "DATABASE_URL": database_url(), "DATA_DIR": str(tmp_path), "PORT": str(port), "RATE_LIMIT": str(RATE),
        "WEB_CONCURRENCY": "2", "LOG_LEVEL": "ERROR",
    }  # fmt: skip
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "overplane/gunicorn.py", "overplane.wsgi"],
            cwd=ROOT, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            running = Service(port, process)
            wait_for(running, tmp_path / "log")
            yield running
        finally:
            process.terminate()
            process.wait(30)


def wait_for(service: Service, log: Path) -> None:
    for _ in range(300):
        try:
            if service.get("/readyz")[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the service does not start: {log.read_text()[-2000:]}")


def counted(service: Service, text: str) -> float:
    lines = service.get("/metrics")[1].decode().splitlines()
    return sum(
        float(line.rpartition(" ")[2]) for line in lines if line.startswith("overplane_requests_total") and text in line
    )


def test_two_workers_are_one_service(service: Service) -> None:
    """One start for all of it: starting is what takes long."""
    both_workers_are_counted(service)
    new_workers_go_on_where_the_old_ones_were(service)
    limits_are_exact(service)
    failures_are_counted_together_and_block_no_valid_key(service)
    Allowance.objects.all().delete()  # as a minute does
    a_revoked_key_stops_everywhere_within_five_seconds(service)


def both_workers_are_counted(service: Service) -> None:
    assert service.many(40, "/healthz", "") == {200: 40}
    assert [counted(service, 'route="healthz"') for _ in range(8)] == [40] * 8


def new_workers_go_on_where_the_old_ones_were(service: Service) -> None:
    service.process.send_signal(signal.SIGHUP)
    time.sleep(4)
    assert service.many(10, "/healthz", "") == {200: 10}
    assert [counted(service, 'route="healthz"') for _ in range(8)] == [50] * 8


def limits_are_exact(service: Service) -> None:
    record, key = keys.mint("busy")
    begun = time.time()
    answers = service.many(80, CUSTOMER, key)
    took = time.time() - begun
    assert answers[200] + answers[429] == 80
    assert RATE <= answers[200] <= RATE + RATE * took
    held = Allowance.objects.get(pk=f"key:{record.pk}")
    # What was there at first and what flowed in since is what was taken and what is left.
    assert answers[200] == pytest.approx(RATE + RATE * (held.at - begun) - held.tokens, abs=RATE * 0.5)


def failures_are_counted_together_and_block_no_valid_key(service: Service) -> None:
    begun = time.time()
    answers = service.many(40, CUSTOMER, "sk_test_wrong")
    regained = int((time.time() - begun) * 20 / 60) + 1
    assert set(answers) == {401, 429}
    assert 20 <= answers[401] <= 20 + regained
    assert service.get(CUSTOMER, keys.mint("valid")[1])[0] == 200


def a_revoked_key_stops_everywhere_within_five_seconds(service: Service) -> None:
    record, key = keys.mint("stolen")
    _, successor = keys.roll(record, grace=timedelta(hours=1))
    assert service.many(4, CUSTOMER, key)[200] == 4
    keys.revoke(record)
    revoked = time.monotonic()
    seen: list[tuple[float, int]] = []
    while time.monotonic() - revoked < 6.5 or seen[-1][0] < 5:
        seen.append((time.monotonic() - revoked, service.get(CUSTOMER, key)[0]))
        time.sleep(0.4)  # more than twenty failures a minute would be answered with 429
    assert {status for at, status in seen if at >= 5} == {401}
    assert service.get(CUSTOMER, successor)[0] == 200
