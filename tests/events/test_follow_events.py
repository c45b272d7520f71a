"""`manage.py follow_events`: the feed at a terminal, printed or forwarded."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from standardwebhooks import Webhook

from overplane.database.encoding import dumps
from overplane.events import epochs, feed
from overplane.events.feed import START, Choice
from overplane.events.webhooks import following
from overplane.events.webhooks.following import Event, Follower, Forwarder
from tests.conftest import CUSTOMER, Api, settle
from tests.served import ROOT, database_url

SECRET = "whsec_" + "c2VjcmV0IG9mIGEgdGVzdCwgMzIgYnl0ZXMgbG9uZyE="


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PAUSE", "AWAY_PAUSE", "LONGEST_PAUSE"):
        monkeypatch.setattr(following, name, 0.01)


class Receiver:
    """Answers with each of `statuses` in turn, then with 200; `requests` has what came, `before` runs before an answer."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.before = lambda: None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append(({name.lower(): value for name, value in self.headers.items()}, content))
                receiver.before()
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def events(self) -> list[Event]:
        return [json.loads(content) for _, content in self.requests]

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.close()


def collecting(count: int, cursor: str | None = START, **options: Any) -> tuple[Follower, list[Event], list[str]]:
    """A follower that ends as soon as it has so many events; what it took and told."""
    taken: list[Event] = []
    messages: list[str] = []

    def take(events: list[Event]) -> bool:
        taken.extend(json.loads(dumps(event)) for event in events)
        if len(taken) >= count:
            follower.stopped.set()
        return True

    follower = Follower(take, messages.append, cursor, **options)
    return follower, taken, messages


def forwarding(receiver: Receiver, count: int, **options: Any) -> tuple[Follower, list[str]]:
    """A follower that ends when so many events have arrived."""
    messages: list[str] = []
    forwarder = Forwarder(receiver.url, SECRET, messages.append)
    arrived = []

    def take(events: list[Event]) -> bool:
        is_taken = forwarder(events)
        arrived.extend(events if is_taken else [])
        if len(arrived) >= count:
            follower.stopped.set()
        return is_taken

    follower = Follower(take, messages.append, START, limit=1, **options)
    return follower, messages


def interrupt_after(work: Any) -> threading.Thread:
    """Does the work in a thread, then presses Ctrl C."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def lines_in(out: io.StringIO, count: int) -> None:
    """Waits for so many lines."""
    over = time.monotonic() + 20
    while out.getvalue().count("\n") < count:
        assert time.monotonic() < over, out.getvalue()
        time.sleep(0.01)


def test_prints_a_line_for_each_event_and_where_to_go_on(live_api: Api) -> None:
    customer_id = live_api.create()["id"]
    settle()
    out, err = io.StringIO(), io.StringIO()

    def meanwhile() -> None:
        lines_in(out, 1)
        live_api.patch(f"{CUSTOMER}/{customer_id}", {"territory": "North"})
        lines_in(out, 2)

    thread, former = interrupt_after(meanwhile), signal.getsignal(signal.SIGINT)
    call_command("follow_events", "--after", "start", stdout=out, stderr=err)
    thread.join()
    page = live_api.feed("?after=start").json()
    assert [json.loads(line) for line in out.getvalue().splitlines()] == page["data"]
    assert f"--after {page['next_cursor']}" in err.getvalue()
    assert signal.getsignal(signal.SIGINT) is former


def test_unless_told_it_begins_at_the_end_of_the_log(live_api: Api) -> None:
    live_api.create()
    settle()
    follower, taken, _ = collecting(1, cursor=None)
    follower._step()
    customer_id = live_api.create()["id"]
    follower.run()
    assert [event["data"]["object"]["id"] for event in taken] == [customer_id]


def test_only_the_chosen_types(live_api: Api) -> None:
    customer_id = live_api.create()["id"]
    live_api.patch(f"{CUSTOMER}/{customer_id}", {"territory": "North"})
    settle()
    follower, taken, _ = collecting(1, choice=Choice(types=["customer.updated"]))
    follower.run()
    assert [event["type"] for event in taken] == ["customer.updated"]


def test_goes_on_when_the_database_is_back(live_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    first = live_api.create()["id"]
    settle()
    follower, taken, messages = collecting(2, limit=1)
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "PORT", "1")
        if connection.vendor == "sqlite":
            patch.setitem(connection.settings_dict, "NAME", f"{connection.settings_dict['NAME']}-gone/db")
        connection.close()
        away = threading.Thread(target=_run, args=(follower,))
        away.start()
        time.sleep(0.1)  # some tries
    second = live_api.create()["id"]
    away.join(20)
    assert [event["data"]["object"]["id"] for event in taken] == [first, second]
    assert [line.partition(",")[0] for line in messages] == [
        "The database does not answer", "The database answers again.",
    ]  # fmt: skip


def _run(follower: Follower) -> None:
    try:
        follower.run()
    finally:
        connections.close_all()


def test_what_is_forwarded_is_signed_and_ordered(live_api: Api, receiver: Receiver) -> None:
    customer_ids = [live_api.create(customer_name=f"Müller {i}")["id"] for i in range(3)]
    settle()
    follower, messages = forwarding(receiver, 3)
    follower.run()
    page = live_api.feed("?after=start").json()
    for (headers, content), event in zip(receiver.requests, page["data"], strict=True):
        assert Webhook(SECRET).verify(content.decode(), headers) == event | {"timestamp": event["created_at"]}
        assert headers["webhook-id"] == event["id"]
        assert headers["content-type"] == "application/json"
    assert [event["data"]["object"]["id"] for event in receiver.events] == customer_ids
    assert messages == [f"{event['type']} {event['id']}: 200" for event in page["data"]]
    assert follower.cursor == page["next_cursor"]


@pytest.mark.slow
@pytest.mark.parametrize("status", [500, 404, 302, 429])
def test_what_is_refused_is_sent_again_before_the_next(live_api: Api, receiver: Receiver, status: int) -> None:
    first, second = (live_api.create()["id"] for _ in range(2))
    settle()
    receiver.statuses = [200, status, status]
    follower, messages = forwarding(receiver, 2)
    follower.run()
    assert [event["data"]["object"]["id"] for event in receiver.events] == [first, second, second, second]
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 2
    assert [line.rpartition(" ")[2] for line in messages] == ["200", str(status), str(status), "200"]


def test_the_pauses_between_two_tries_grow(live_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    live_api.create()
    settle()
    monkeypatch.setattr(following, "LONGEST_PAUSE", 60.0)
    follower = Follower(lambda events: False, lambda message: None, START)
    assert [follower._step() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    follower.take = lambda events: True
    assert follower._step() == 0
    follower.take = lambda events: False
    live_api.create()
    settle()
    assert follower._step() == 1


def test_a_receiver_that_is_away_is_tried_again(live_api: Api, receiver: Receiver) -> None:
    live_api.create()
    settle()
    follower, messages = forwarding(receiver, 1)
    here = follower.take
    takes = iter([Forwarder("http://127.0.0.1:1/", SECRET, messages.append)] * 2)

    def take(events: list[Event]) -> bool:
        return next(takes, here)(events)

    follower.take = take
    follower.run()
    assert [line.partition(": ")[2] for line in messages] == ["NewConnectionError, trying again"] * 2 + ["200"]


def test_values_that_are_erased_meanwhile_are_not_sent_again(live_api: Api, receiver: Receiver) -> None:
    customer_id = live_api.create(customer_name="Secret Ltd")["id"]
    settle()
    receiver.statuses = [500]

    def erase() -> None:
        receiver.before = lambda: None
        try:
            live_api.delete(f"{CUSTOMER}/{customer_id}")
        finally:
            connections.close_all()

    receiver.before = erase
    follower, _ = forwarding(receiver, 1)
    follower.run()
    (_, first), (_, second) = receiver.requests
    assert b"Secret" in first
    assert b"Secret" not in second
    assert json.loads(first)["id"] == json.loads(second)["id"]


def test_the_command_forwards(live_api: Api, receiver: Receiver) -> None:
    live_api.create()
    settle()
    out, err = io.StringIO(), io.StringIO()
    thread = interrupt_after(lambda: lines_in(out, 1))
    call_command(
        "follow_events", "--after", "start", "--forward", receiver.url, "--secret", SECRET, stdout=out, stderr=err
    )
    thread.join()
    assert [event["type"] for event in receiver.events] == ["customer.created"]
    assert f"--after {live_api.feed('?after=start').json()['next_cursor']}" in err.getvalue()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--types", "customer.create"], 'Did you mean "customer.created"?'),
        (["--forward", "http://127.0.0.1:1/"], "belong together"),
        (["--secret", SECRET], "belong together"),
        (["--forward", "nowhere", "--secret", SECRET], "Write the URL like"),
        (["--forward", "ftp://example.com", "--secret", SECRET], "Write the URL like"),
        (["--forward", "http://127.0.0.1:1/", "--secret", "whsec_?"], "whsec_"),
        (["--after", "x"], "no cursor of this feed"),
    ],
)
@pytest.mark.django_db
def test_refuses_what_it_cannot_do(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message.replace("?", r"\?")):
        call_command("follow_events", *arguments, stderr=io.StringIO())


def test_a_cursor_that_expires_ends_it(live_api: Api) -> None:
    live_api.create()
    settle()
    cursor = feed.end_cursor()
    epochs.start()
    with pytest.raises(CommandError, match="no longer reaches back"):
        call_command("follow_events", "--after", cursor, stderr=io.StringIO())


@pytest.mark.slow
def test_as_people_run_it(live_api: Api, tmp_path: Path) -> None:
    """In a shell: lines at once, Ctrl C, and a reader that leaves."""
    customer_id = live_api.create()["id"]
    settle()
    command = [sys.executable, "manage.py", "follow_events", "--after", "start"]
    environment = os.environ | {"DATABASE_URL": database_url(), "DATA_DIR": str(tmp_path)}

    def begun() -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    with begun() as running:
        assert running.stdout
        assert json.loads(running.stdout.readline())["data"]["object"]["id"] == customer_id
        running.send_signal(signal.SIGINT)
        rest, err = running.communicate(timeout=20)
        assert (rest, running.returncode) == ("", 0)
        cursor = err.strip().rpartition(" ")[2]
        assert live_api.feed(f"?after={cursor}").json()["data"] == []
    with begun() as running:
        assert running.stdout
        running.stdout.readline()
        running.stdout.close()
        live_api.create()
        assert running.wait(20) == 0
        assert running.stderr
        err = running.stderr.read()
        assert "Go on with" in err
        assert "BrokenPipe" not in err
