"""What happens to events, endpoints and deliveries while an attempt is under way."""

import threading
import time
from collections.abc import Iterator

import pytest

from overplane.events.webhooks import purging, services, transport
from overplane.events.webhooks.models import Attempt, Endpoint
from overplane.events.webhooks.transport import Sender
from tests.conftest import CUSTOMER, Api, settle
from tests.events.webhooks.conftest import Clock, Courier, deliveries
from tests.events.webhooks.receiving import Handler, Receiver


@pytest.fixture
def held(receiver: Receiver) -> Iterator[threading.Event]:
    """The receiver answers when this is set, with an error and what it got."""
    released = threading.Event()

    def answer(handler: Handler) -> None:
        released.wait(20)
        handler.say(500, b"I got " + handler.said.body)

    receiver.answer = answer
    yield released
    released.set()


def start(courier: Courier, receiver: Receiver) -> None:
    """Until something is under way."""
    settle()
    courier.dispatcher._renewed = float("-inf")
    until = time.monotonic() + 10
    while not receiver.received:
        assert time.monotonic() < until
        courier.step()
        time.sleep(0.01)


def test_what_is_erased_while_an_attempt_is_under_way_is_not_kept_of_its_answer(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier, held: threading.Event
) -> None:
    customer = live_api.create(customer_name="Confidential")
    start(courier, receiver)
    live_api.delete(f"{CUSTOMER}/{customer['id']}")
    held.set()
    courier.deliver()
    assert "Confidential" in receiver.received[0].body.decode()
    assert [one.excerpt for one in Attempt.objects.all()] == [""]
    assert deliveries(endpoint)[0].last_status_code == 500


def test_an_endpoint_that_is_deleted_meanwhile_stops_nobody(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier, held: threading.Event
) -> None:
    live_api.create()
    start(courier, receiver)
    services.delete_endpoint(endpoint.id)
    other = services.create_endpoint({"url": receiver.url})[0]
    held.set()
    live_api.create()
    courier.deliver()
    assert [one.attempts for one in deliveries(other)] == [1]


def test_a_delivery_that_is_left_out_and_purged_meanwhile_stops_nobody(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier, held: threading.Event, moved: Clock
) -> None:
    live_api.create()
    start(courier, receiver)
    services.update_endpoint(endpoint.id, {"position": "now"})
    moved.move(days=31)
    assert purging.purge() == 1
    moved.move(days=-31)
    held.set()
    live_api.create()
    courier.deliver()
    assert [one.attempts for one in deliveries(endpoint)] == [1]


def test_who_lost_the_lease_while_the_name_was_looked_up_sends_nothing(receiver: Receiver) -> None:
    sender = Sender()

    def late(host: str, port: int) -> list[str]:
        sender.until = time.monotonic() - 1
        return ["127.0.0.1"]

    sender.resolver = late
    outcome = sender.send(receiver.url, b"{}", {})
    sender.close()
    assert outcome is transport.LEFT
    assert receiver.received == []
