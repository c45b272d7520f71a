"""GET /api/crm/event?after=…&wait=…: an answer as soon as there is something, else an empty one."""

import http.client
import json
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.http import HttpResponse

from overplane import observability, waiting
from overplane.api import keys
from overplane.api.models import ApiKey
from overplane.events import epochs, feed
from tests.conftest import CUSTOMER, Api, codes, settle
from tests.served import Service, served

EVENT = "/api/crm/event"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PAUSE", 0.01)


@pytest.fixture
def fast_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of waiting takes a tenth."""
    monkeypatch.setattr(waiting, "clock", lambda: time.monotonic() * 10)


@pytest.fixture(autouse=True)
def _nobody_ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(waiting, "_ends", threading.Event())
    yield
    assert not waiting._sleep_lock.locked(), "somebody still holds the place of the one that may sleep"


class Waiting:
    """A request in another thread; `answer` is the response once it has come."""

    def __init__(self, api: Api, query: str, **extra: Any) -> None:
        self.api, self.query, self.extra, self.answer = api, query, extra, None
        self.thread = threading.Thread(target=self._call)
        self.thread.start()

    def _call(self) -> None:
        try:
            headers = {"authorization": f"Bearer {self.api.key}"}
            self.answer = self.api.client.get(f"{EVENT}?{self.query}", headers=headers, **self.extra)
        finally:
            connections.close_all()

    def ended(self) -> HttpResponse:
        self.thread.join(20)
        assert not self.thread.is_alive(), "it still waits"
        assert self.answer is not None
        return self.answer


def end(api: Api) -> str:
    settle()
    return api.get(EVENT).json()["next_cursor"]


def until(condition: Callable[[], bool]) -> None:
    over = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < over
        time.sleep(0.005)


def until_asleep() -> None:
    until(waiting._sleep_lock.locked)


def subject_ids(answer: HttpResponse) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [event["data"]["object"]["id"] for event in answer.json()["data"]]


def test_it_answers_as_soon_as_something_has_come(live_api: Api) -> None:
    cursor = end(live_api)
    request = Waiting(live_api, f"after={cursor}&wait=25")
    until_asleep()
    customer_id = live_api.create()["id"]
    answer = request.ended()
    assert subject_ids(answer) == [customer_id]
    assert live_api.feed(f"?after={answer.json()['next_cursor']}").json()["data"] == []


def test_what_is_there_already_is_not_waited_for(live_api: Api) -> None:
    customer_id = live_api.create()["id"]
    settle()
    began = time.monotonic()
    assert subject_ids(live_api.get(f"{EVENT}?after=start&wait=25")) == [customer_id]
    assert time.monotonic() - began < 5


@pytest.mark.slow
@pytest.mark.usefixtures("fast_clock")
def test_else_it_is_empty_once_the_time_is_over(live_api: Api) -> None:
    cursor = end(live_api)
    began = waiting.clock()
    answer = live_api.get(f"{EVENT}?after={cursor}&wait=2")
    assert waiting.clock() - began >= 2
    assert answer.json() == {"data": [], "has_more": False, "next_cursor": cursor}


def test_an_empty_log_is_waited_for_too(live_api: Api) -> None:
    request = Waiting(live_api, "after=start&wait=25")
    until_asleep()
    customer_id = live_api.create()["id"]
    assert subject_ids(request.ended()) == [customer_id]


@pytest.mark.slow
def test_only_what_is_asked_for_ends_the_waiting(live_api: Api) -> None:
    customer = live_api.create()["id"]
    cursor = end(live_api)
    request = Waiting(live_api, f"after={cursor}&types=customer.updated&customer_id={customer}&wait=25")
    until_asleep()
    live_api.create()
    live_api.add_row(customer)
    settle()
    time.sleep(0.1)  # so many looks that see only what others asked for
    assert request.answer is None
    live_api.patch(f"{CUSTOMER}/{customer}", {"territory": "North"})
    answer = request.ended()
    assert [event["type"] for event in answer.json()["data"]] == ["customer.updated"]


def test_one_request_of_a_process_sleeps_and_others_are_answered_at_once(live_api: Api) -> None:
    cursor = end(live_api)
    first = Waiting(live_api, f"after={cursor}&wait=25")
    until_asleep()
    began = time.monotonic()
    second = live_api.get(f"{EVENT}?after={cursor}&wait=25")
    assert second.json() == {"data": [], "has_more": False, "next_cursor": cursor}
    assert time.monotonic() - began < 5
    customer_id = live_api.create()["id"]
    assert subject_ids(first.ended()) == [customer_id]
    third = Waiting(live_api, f"after={end(live_api)}&wait=25")  # the place is free again
    until_asleep()
    live_api.create()
    assert len(subject_ids(third.ended())) == 1


def test_a_process_of_one_thread_lets_nobody_sleep(live_api: Api, settings: Any) -> None:
    settings.WEB_THREADS = 1
    began = time.monotonic()
    assert subject_ids(live_api.get(f"{EVENT}?after={end(live_api)}&wait=25")) == []
    assert time.monotonic() - began < 5


def test_who_leaves_is_not_waited_for(live_api: Api) -> None:
    ours, theirs = socket.socketpair()
    request = Waiting(live_api, f"after={end(live_api)}&wait=25", **{"gunicorn.socket": ours})
    until_asleep()
    assert request.answer is None
    theirs.close()
    assert subject_ids(request.ended()) == []
    ours.close()


def test_who_sends_the_next_request_already_has_not_left(live_api: Api) -> None:
    ours, theirs = socket.socketpair()
    request = Waiting(live_api, f"after={end(live_api)}&wait=25", **{"gunicorn.socket": ours})
    until_asleep()
    theirs.sendall(b"GET / HTTP/1.1\r\n")
    time.sleep(0.1)
    assert request.answer is None
    customer_id = live_api.create()["id"]
    assert subject_ids(request.ended()) == [customer_id]
    assert theirs.close() is None
    assert ours.recv(100) == b"GET / HTTP/1.1\r\n"  # looked at, not taken
    ours.close()


def test_a_process_that_ends_lets_nobody_sleep_on(live_api: Api) -> None:
    cursor = end(live_api)
    request = Waiting(live_api, f"after={cursor}&wait=25")
    until_asleep()
    waiting.end()
    assert subject_ids(request.ended()) == []
    began = time.monotonic()
    assert subject_ids(live_api.get(f"{EVENT}?after={cursor}&wait=25")) == []
    assert time.monotonic() - began < 5


@pytest.mark.slow
@pytest.mark.usefixtures("fast_clock")
def test_no_transaction_is_open_while_it_sleeps(live_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen from the sleeping thread itself: what it last said to the database has ended."""
    seen = []
    sleep = waiting._leaves

    def look_before_sleeping(client: socket.socket | None, seconds: float) -> bool:
        seen.append(connection.connection is not None and _is_idle())
        return sleep(client, seconds)

    monkeypatch.setattr(waiting, "_leaves", look_before_sleeping)
    assert subject_ids(live_api.get(f"{EVENT}?after={end(live_api)}&wait=2")) == []
    assert len(seen) > 3
    assert all(seen)


def _is_idle() -> bool:
    if connection.vendor == "sqlite":
        return not connection.in_atomic_block and not connection.connection.in_transaction
    return not connection.in_atomic_block and connection.connection.info.transaction_status.name == "IDLE"


def test_a_key_that_is_revoked_meanwhile_is_told_nothing(live_api: Api) -> None:
    request = Waiting(live_api, f"after={end(live_api)}&wait=25")
    until_asleep()
    other = Api(keys.mint("other")[1])
    ApiKey.objects.filter(digest=keys.digest(live_api.key)).update(revoked_at="2024-01-15T09:30:00Z")
    keys.forget()  # as it is after a few seconds
    other.create()
    answer = request.ended()
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "api_key_invalid")


def test_a_cursor_that_expires_meanwhile_is_gone(live_api: Api) -> None:
    request = Waiting(live_api, f"after={end(live_api)}&wait=25")
    until_asleep()
    epochs.start()
    answer = request.ended()
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "cursor_expired")


@pytest.mark.parametrize(
    ("query", "problems"),
    [
        ("after=start&wait=26", {"wait": "parameter_invalid_range"}),
        ("after=start&wait=99999999999999999999999999", {"wait": "parameter_invalid_range"}),
        ("after=start&wait=-1", {"wait": "parameter_invalid_range"}),
        ("after=start&wait=x", {"wait": "parameter_invalid_integer"}),
        ("after=start&wait=1.5", {"wait": "parameter_invalid_integer"}),
        ("after=start&wait=", {"wait": "parameter_invalid_integer"}),
        ("after=start&wait=1&wait=2", {"wait": "parameter_duplicate"}),
        ("wait=5", {"after": "parameter_missing"}),
        ("after=x&wait=5", {"after": "cursor_invalid"}),
    ],
)
def test_what_is_no_time_to_wait_is_refused_at_once(api: Api, query: str, problems: dict[str, str]) -> None:
    began = time.monotonic()
    answer = api.get(f"{EVENT}?{query}")
    assert (answer.status_code, codes(answer)) == (400, problems)
    assert time.monotonic() - began < 5


def test_the_time_to_wait_may_be_nothing(api: Api) -> None:
    for query in ("after=start&wait=0", "wait=0"):
        assert api.get(f"{EVENT}?{query}").status_code == 200


@pytest.mark.slow
@pytest.mark.usefixtures("fast_clock")
def test_it_is_no_slow_answer(live_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an operator watches is how long we take, not how long somebody wanted to wait."""
    seconds: list[float] = []
    monkeypatch.setattr(observability, "observe", lambda *args, **known: seconds.append(known["seconds"]))
    assert subject_ids(live_api.get(f"{EVENT}?after={feed.end_cursor()}&wait=5")) == []
    assert seconds[-1] < 0.4


@contextmanager
def asleep(service: Service, api: Api, cursor: str) -> Iterator[http.client.HTTPConnection]:
    """A request to the service that waits."""
    with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)) as caller:
        caller.request("GET", f"{EVENT}?after={cursor}&wait=25", headers={"Authorization": f"Bearer {api.key}"})
        assert not select.select([caller.sock], [], [], 0.5)[0], "it is answered at once"
        yield caller


def is_free(service: Service, api: Api, cursor: str) -> bool:
    """May a request sleep in the only worker? Otherwise it is answered at once."""
    began = time.monotonic()
    assert service.get(f"{EVENT}?after={cursor}&wait=1", api.key)[0] == 200
    return time.monotonic() - began > 0.9


def awaited_ids(caller: http.client.HTTPConnection) -> list[str]:
    answer = caller.getresponse()
    assert answer.status == 200
    return [event["data"]["object"]["id"] for event in json.loads(answer.read())["data"]]


@pytest.mark.slow
def test_a_service_wakes_lets_go_of_who_leaves_and_ends_in_a_moment(live_api: Api, tmp_path: Path) -> None:
    with served(tmp_path, WEB_CONCURRENCY="1") as service:
        with asleep(service, live_api, end(live_api)) as caller:
            customer_id = live_api.create()["id"]
            assert awaited_ids(caller) == [customer_id]
        cursor = end(live_api)
        with asleep(service, live_api, cursor):
            assert not is_free(service, live_api, cursor)
        until(lambda: is_free(service, live_api, cursor))  # the client has left
        with asleep(service, live_api, cursor) as caller:
            service.process.send_signal(signal.SIGHUP)  # a reload: the worker ends, another one goes on
            assert awaited_ids(caller) == []
        assert service.get("/healthz")[0] == 200  # as soon as the other one has started
        with asleep(service, live_api, cursor) as caller:
            began = time.monotonic()
            service.process.send_signal(signal.SIGTERM)
            assert awaited_ids(caller) == []
            service.process.wait(20)
            assert time.monotonic() - began < 10
