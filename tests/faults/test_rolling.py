"""Deploys without a gap: whoever calls while services are started anew, or stopped, is answered."""

import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from crm.models import Customer
from overplane.api import keys
from tests import nginx
from tests.conftest import CUSTOMER
from tests.rolling import Load, machines, workers
from tests.served import Service, served

pytestmark = [pytest.mark.slow, pytest.mark.half("postgresql"), pytest.mark.django_db(transaction=True)]


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.mark.skipif(not nginx.PROGRAM, reason="there is no nginx on this machine")
def test_rolling_restarts_and_reloads_behind_nginx_fail_nobody(tmp_path: Path) -> None:
    """In short what `python -m bench rolling` does."""
    _, key = keys.mint("rolling")
    with machines(tmp_path, 2, WEB_CONCURRENCY="1") as (running, proxy):
        load = Load(proxy, key)
        try:
            for machine in running:
                machine.restart()
            running[0].reload()
        finally:
            load.stop()
    assert load.ledger.failures == []
    assert set(load.ledger.answers) == {"read", "create", "keyed create", "change", "delete", "stream", "feed"}
    assert len(load.acknowledged) == len(set(load.in_feed)) == sum(load.in_feed.values()) > 20
    assert Customer.objects.count() == len(load.acknowledged) - load.deleted


class Kept:
    """A connection that is kept."""

    def __init__(self, service: Service, key: str) -> None:
        self.caller, self.key = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60), key

    def __enter__(self) -> "Kept":
        return self

    def __exit__(self, *failure: object) -> None:
        self.caller.close()

    def get(self, path: str) -> tuple[int, str, bytes]:
        """Status, whether the connection is kept, and body."""
        self.caller.request("GET", path, headers={"Authorization": f"Bearer {self.key}"})
        answer = self.caller.getresponse()
        return answer.status, answer.headers["Connection"], answer.read()


def test_a_load_balancer_hears_first_and_then_nobody_is_let_in(tmp_path: Path) -> None:
    _, key = keys.mint("kept")
    with (
        served(tmp_path, WEB_CONCURRENCY="1", DRAIN_SECONDS="3") as service,
        Kept(service, key) as used,
        Kept(service, key) as idle,
    ):
        assert [one.get(CUSTOMER)[:2] for one in (used, idle)] == [(200, "keep-alive")] * 2
        service.process.terminate()
        until(lambda: service.get("/readyz")[0] == 503)
        assert json.loads(service.get("/readyz")[1])["problems"] == ["the service stops"]
        assert service.get("/healthz")[0] == 200
        # New connections are served, and those that were kept are told that their answer is the last one.
        assert service.get(CUSTOMER, key)[0] == 200
        assert used.get(CUSTOMER)[:2] == (200, "close")
        assert service.process.wait(60) == 0
        with pytest.raises(ConnectionRefusedError):
            service.get("/healthz")


def test_whoever_waits_at_the_door_when_the_service_is_told_to_stop_is_answered(tmp_path: Path) -> None:
    """Their connections stand; no process has taken them yet."""
    _, key = keys.mint("queue")
    body = json.dumps({"customer_name": "Acme"})
    lines = [
        f"POST {CUSTOMER} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {key}", "Content-Type: application/json",
        f"Content-Length: {len(body)}", "", body,
    ]  # fmt: skip
    with served(tmp_path) as service, ExitStack() as stack:
        processes = workers(service)
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            callers = [socket.create_connection(("127.0.0.1", service.port), 60) for _ in range(6)]
            for caller in callers:
                stack.enter_context(closing(caller))
                caller.sendall("\r\n".join(lines).encode())
            silent = stack.enter_context(closing(socket.create_connection(("127.0.0.1", service.port), 60)))
            service.process.terminate()
            time.sleep(1)
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)
        for caller in callers:
            answer = b"".join(iter(lambda caller=caller: caller.recv(65_536), b""))
            assert answer.startswith(b"HTTP/1.1 201 "), answer[:300]
            assert b"\r\nConnection: close\r\n" in answer
        assert silent.recv(1) == b""
        assert service.process.wait(60) == 0
    assert Customer.objects.count() == 6


def test_nobody_is_let_in_before_somebody_can_answer(tmp_path: Path) -> None:
    """So nginx takes another server as long as this one starts."""
    with served(tmp_path, awaited="", WEB_CONCURRENCY="1", LOG_LEVEL="INFO") as service:
        until(lambda: "Listening at" in service.log)  # the first process; the worker needs a second more
        with pytest.raises(ConnectionRefusedError):
            service.get("/healthz")
        until(lambda: is_open(service))
        assert service.get("/healthz")[0] == 200


def is_open(service: Service) -> bool:
    with closing(socket.socket()) as caller:
        return caller.connect_ex(("127.0.0.1", service.port)) == 0
