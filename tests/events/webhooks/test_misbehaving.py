"""Receivers that do what they should not. None costs more than its time."""

import time
from collections.abc import Iterator

import pytest

from overplane.events.webhooks import transport
from overplane.events.webhooks.models import Attempt, Endpoint
from overplane.events.webhooks.transport import AttemptResult, Sender
from tests.conftest import Api
from tests.events.webhooks import receiving
from tests.events.webhooks.conftest import Courier, deliveries, trust
from tests.events.webhooks.receiving import Answer, Receiver


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    monkeypatch.setattr(transport, "SECONDS", 0.4)
    monkeypatch.setattr(transport, "WATCH_SECONDS", 0.05)
    own = Sender(tls=trust())
    own.start()
    yield own
    own.close()


def sent(sender: Sender, receiver: Receiver, answer: Answer) -> AttemptResult:
    receiver.answer = answer
    return sender.send(receiver.url, b"{}", {})


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
def test_2xx_is_success(code: int, sender: Sender, receiver: Receiver) -> None:
    outcome = sent(sender, receiver, receiving.status(code))
    assert (outcome.is_success, outcome.status_code, outcome.excerpt) == (True, code, "")


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_is_a_failure(code: int, sender: Sender, receiver: Receiver) -> None:
    with receiving.receiving() as elsewhere:
        outcome = sent(sender, receiver, receiving.status(code, Location=elsewhere.url))
        assert not outcome.is_success
        assert "redirects are not followed" in outcome.error
        assert not elsewhere.received


@pytest.mark.parametrize("code", [400, 401, 404, 410, 429, 500, 503])
def test_other_answers_are_failures_with_the_first_500_characters(
    code: int, sender: Sender, receiver: Receiver
) -> None:
    outcome = sent(sender, receiver, receiving.status(code, "ä".encode() * 5000))
    assert (outcome.is_success, outcome.status_code, outcome.error) == (False, code, f"HTTP {code}")
    assert outcome.excerpt == "ä" * 500


@pytest.mark.slow
@pytest.mark.parametrize("answer", [receiving.hang, receiving.drip_headers, receiving.drip_body])
def test_an_answer_that_does_not_come_or_drips_costs_its_time_and_no_more(
    answer: Answer, sender: Sender, receiver: Receiver
) -> None:
    started = time.monotonic()
    outcome = sent(sender, receiver, answer)
    assert outcome.error == transport.TIMEOUT
    assert 0.3 < time.monotonic() - started < 2


@pytest.mark.slow
def test_an_answer_may_take_longer_than_the_connection(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.05)
    assert sent(sender, receiver, receiving.slow(0.2)).is_success


def test_a_reset_is_a_failure(sender: Sender, receiver: Receiver) -> None:
    outcome = sent(sender, receiver, receiving.reset)
    assert (outcome.is_success, outcome.status_code) == (False, None)
    assert "reset" in outcome.error.lower()


def test_of_a_gigabyte_20000_bytes_are_read(sender: Sender, receiver: Receiver) -> None:
    outcome = sent(sender, receiver, receiving.pour)
    assert (outcome.status_code, outcome.excerpt) == (500, "x" * 500)


def test_nobody_listens(sender: Sender, receiver: Receiver) -> None:
    outcome = sender.send("http://127.0.0.1:9/hook", b"{}", {})
    assert "refused" in outcome.error.lower()
    assert "object at" not in outcome.error


def test_a_connection_that_the_server_ended_is_no_failure(sender: Sender, receiver: Receiver) -> None:
    def answer_and_close(handler: receiving.Handler) -> None:
        handler.say(200)
        handler.close_connection = True

    for _ in range(20):
        assert sent(sender, receiver, answer_and_close).is_success
    assert receiver.connections == 20


def test_a_connection_is_used_again(sender: Sender, receiver: Receiver) -> None:
    for _ in range(20):
        assert sent(sender, receiver, receiving.status(200, b"thank you")).is_success
    assert receiver.connections == 1


def test_when_the_lease_is_over_nothing_is_under_way(sender: Sender, receiver: Receiver) -> None:
    sender.until = time.monotonic() + 0.1
    started = time.monotonic()
    assert sent(sender, receiver, receiving.hang) is transport.LEFT
    assert time.monotonic() - started < 0.35


@pytest.mark.slow
@pytest.mark.parametrize("answer", [receiving.hang, receiving.pour, receiving.drip_body], ids=lambda one: one.__name__)
def test_it_costs_no_other_endpoint_anything(
    answer: Answer, live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(transport, "SECONDS", 3.0)
    monkeypatch.setattr(transport, "WATCH_SECONDS", 0.05)
    with receiving.receiving(answer) as other:
        bad = Endpoint.objects.get()
        bad.pk, bad.url = "whe_bad", other.url
        bad.save(force_insert=True)
        for _ in range(10):
            live_api.create()
        started = time.monotonic()
        courier.deliver()
        assert len(receiver.received) == 10
        first_written = max(one.last_at for one in deliveries(endpoint))
        assert all(one.last_status_code == 200 for one in deliveries(endpoint))
        assert time.monotonic() - started < 10
        # It would be three seconds and more if one attempt of the other were waited for.
        assert (first_written - min(one.created_at for one in deliveries(endpoint))).total_seconds() < 2.9
        assert Attempt.objects.filter(delivery__endpoint="whe_bad").exists()
