"""What arrives: every event, signed, in the order of its customer, once more after a failure."""

import base64
import json
from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from overplane.database.encoding import dumps
from overplane.events import feed
from overplane.events.feed import Log
from overplane.events.models import Event
from overplane.events.webhooks import clock, intake, output, schedule, secret, services
from overplane.events.webhooks.models import Attempt, Delivery, Endpoint
from tests.conftest import CUSTOMER, Api, settle
from tests.events.webhooks import receiving
from tests.events.webhooks.conftest import Clock, Courier, deliveries
from tests.events.webhooks.receiving import Receiver


def test_an_event_arrives_as_the_feed_shows_it(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier
) -> None:
    live_api.create(customer_name="Müller")
    courier.deliver()
    (got,) = receiver.received
    feed_event = live_api.feed("?after=start").json()["data"][0]
    assert got.event == feed_event | {"timestamp": feed_event["created_at"]}
    assert got.body == dumps(feed.find(feed_event["id"]) | {"timestamp": Event.objects.get().created_at})
    assert got.headers["webhook-id"] == feed_event["id"]
    assert got.headers["content-type"] == "application/json"
    assert abs(int(got.headers["webhook-timestamp"]) - clock.now().timestamp()) < 5
    (delivery,) = deliveries(endpoint)
    assert (delivery.status, delivery.attempts, delivery.last_status_code) == ("succeeded", 1, 200)
    assert output.endpoint(services.find(endpoint.id))["lag_seconds"] == 0


@pytest.mark.slow
@pytest.mark.half("postgresql")
def test_the_official_library_accepts_a_thousand_of_a_thousand(
    live_api: Api, receiver: Receiver, courier: Courier
) -> None:
    _, signing_secret = services.create_endpoint({"url": receiver.url})
    for number in range(100):
        live_api.create(customer_name=f"Köln {number}")
    endpoint = Endpoint.objects.get()
    courier.deliver()
    for _ in range(9):
        settle()
        assert services.replay(endpoint.id, after="start") == 100
    courier.deliver()
    assert len(receiver.received) == 1000
    verifier = Webhook(signing_secret)
    for got in receiver.received:
        assert verifier.verify(got.body, got.headers)["id"] == got.headers["webhook-id"]
    assert Delivery.objects.filter(status="succeeded").count() == 1000


def test_after_a_roll_both_secrets_verify_for_a_day(
    live_api: Api, receiver: Receiver, courier: Courier, moved: Clock
) -> None:
    endpoint, first = services.create_endpoint({"url": receiver.url})
    _, second = services.roll_secret(endpoint.id)
    live_api.create()
    courier.deliver()
    got = receiver.received[-1]
    assert len(got.headers["webhook-signature"].split(" ")) == 2
    for each in (first, second):
        Webhook(each).verify(got.body, got.headers)
    moved.move(hours=24, seconds=1)
    live_api.create()
    courier.deliver()
    assert len(receiver.received[-1].headers["webhook-signature"].split(" ")) == 1
    assert len(base64.b64decode(second.removeprefix("whsec_"))) == 32


def test_only_chosen_types_and_thin_payloads(live_api: Api, receiver: Receiver, courier: Courier) -> None:
    row_created = "supplier_number_at_customer.created"
    services.create_endpoint({"url": receiver.url, "event_types": [row_created], "payload": "thin"})
    customer = live_api.create()
    row = live_api.add_row(customer["id"], company="Secret")
    courier.deliver()
    assert [event["type"] for event in receiver.events] == [row_created]
    assert receiver.events[0]["data"] == {
        "object": {"id": row["id"], "customer_id": customer["id"]},
        "previous_attributes": {},
    }


@pytest.mark.slow
def test_what_nobody_chose_is_passed_over(
    live_api: Api, receiver: Receiver, courier: Courier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "PAGE", 2)
    chosen = services.create_endpoint({"url": receiver.url, "event_types": ["customer.updated"]})[0]
    customer_ids = []
    for _ in range(5):
        customer_ids.append(live_api.create()["id"])
        live_api.create()
        live_api.patch(f"{CUSTOMER}/{customer_ids[-1]}", {"territory": "North"})
    live_api.create()
    courier.deliver()
    assert sorted(got.subject for got in receiver.received) == sorted(customer_ids)
    assert {got.event["type"] for got in receiver.received} == {"customer.updated"}
    assert services.find(chosen.id).position == Log.now().end()[0]


@pytest.mark.slow
def test_events_of_one_customer_come_one_after_the_other_and_others_at_the_same_time(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier
) -> None:
    customers = [live_api.create() for _ in range(12)]
    for territory in ("North", "South", "East"):
        for one in customers:
            live_api.patch(f"{CUSTOMER}/{one['id']}", {"territory": territory})
    receiver.answer = receiving.slow(0.02)
    courier.deliver()
    assert len(receiver.received) == 48
    assert 2 <= receiver.most_at_once <= 8
    for one in customers:
        versions = [got.event["object_version"] for got in receiver.received if got.subject == one["id"]]
        assert versions == [1, 2, 3, 4]
    assert receiver.connections <= 16  # they are used again


@pytest.mark.slow
def test_a_failing_event_holds_back_its_own_customer_only(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier, moved: Clock
) -> None:
    ill, well = live_api.create(), live_api.create()
    receiver.answer = lambda handler: handler.say(500 if handler.said.subject == ill["id"] else 200)
    for territory in ("North", "South"):
        live_api.patch(f"{CUSTOMER}/{ill['id']}", {"territory": territory})
        live_api.patch(f"{CUSTOMER}/{well['id']}", {"territory": territory})
    courier.deliver()
    assert [got.event["object_version"] for got in receiver.received if got.subject == well["id"]] == [1, 2, 3]
    assert [got.event["object_version"] for got in receiver.received if got.subject == ill["id"]] == [1]
    receiver.answer = receiving.status(204)
    moved.move(seconds=6)
    courier.deliver()
    assert [got.event["object_version"] for got in receiver.received if got.subject == ill["id"]] == [1, 1, 2, 3]
    assert receiver.ids.count(receiver.ids[0]) <= 2


@pytest.mark.slow
def test_tries_follow_the_schedule_and_then_end(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier, moved: Clock
) -> None:
    ill = live_api.create()
    live_api.patch(f"{CUSTOMER}/{ill['id']}", {"territory": "North"})
    receiver.answer = lambda handler: handler.say(500 if handler.said.subject == ill["id"] else 200)
    courier.deliver()
    for number, step in enumerate(schedule.STEPS, 1):
        live_api.create()  # succeeds, so the endpoint itself is well
        courier.deliver()
        delivery = deliveries(endpoint)[0]
        assert (delivery.attempts, delivery.status) == (number, "pending")
        wait = delivery.next_attempt_at - delivery.last_at
        assert step * 0.8 <= wait <= step * 1.2 + timedelta(seconds=1)
        moved.move(seconds=wait.total_seconds() - 2)
        courier.deliver()
        assert deliveries(endpoint)[0].attempts == number
        moved.move(seconds=3)
        courier.deliver()
    first, second = deliveries(endpoint)[:2]
    assert (first.attempts, first.status, first.next_attempt_at) == (10, "failed", None)
    assert second.attempts == 1  # the next of the same customer is tried now
    ids = {got.headers["webhook-id"] for got in receiver.received if got.subject == ill["id"]}
    assert len(ids) == 2  # the same on every retry


def test_retry_after_stretches_a_step_to_twice_its_length_at_most() -> None:
    now = clock.now()
    assert 4 <= (schedule.next_attempt(1, now) - now).total_seconds() <= 6
    assert (schedule.next_attempt(1, now, 8.0) - now).total_seconds() == 8
    assert (schedule.next_attempt(1, now, 10.0**9) - now).total_seconds() == 10
    assert (schedule.next_attempt(1, now, 1.0) - now).total_seconds() >= 4
    assert schedule.next_attempt(10, now) is None


@pytest.mark.parametrize("retry_after", ["9", "date"])
def test_retry_after_is_read_in_both_forms(
    retry_after: str, live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier
) -> None:
    moment = (clock.now() + timedelta(seconds=10)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    receiver.answer = receiving.status(429, Retry_After=moment if retry_after == "date" else retry_after)
    live_api.create()
    courier.deliver()
    (delivery,) = deliveries(endpoint)
    assert 7 <= (delivery.next_attempt_at - delivery.last_at).total_seconds() <= 11


@pytest.mark.slow
def test_what_was_scrubbed_meanwhile_is_not_sent(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier, moved: Clock
) -> None:
    receiver.answer = lambda handler: handler.say(500, b"I got " + handler.said.body)
    customer = live_api.create(customer_name="Confidential")
    courier.deliver()
    assert "Confidential" in receiver.received[0].body.decode()
    assert Attempt.objects.get().excerpt.startswith("I got ")
    assert len(Attempt.objects.get().excerpt) == 500
    live_api.delete(f"{CUSTOMER}/{customer['id']}")
    assert Attempt.objects.get().excerpt == ""
    receiver.answer = receiving.status(200)
    moved.move(seconds=6)
    courier.deliver()
    assert [event["type"] for event in receiver.events[1:]] == ["customer.created", "customer.deleted"]
    assert receiver.events[1]["data"]["object"] == {"id": customer["id"]}
    assert not any("Confidential" in got.body.decode() for got in receiver.received[1:])


@pytest.mark.slow
def test_what_was_purged_meanwhile_is_abandoned(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier, moved: Clock
) -> None:
    receiver.answer = receiving.status(500)
    customer = live_api.create()
    courier.deliver()
    live_api.patch(f"{CUSTOMER}/{customer['id']}", {"territory": "North"})
    courier.deliver()
    Event.objects.filter(type="customer.created").delete()
    receiver.answer = receiving.status(200)
    moved.move(seconds=6)
    courier.deliver()
    assert [one.status for one in deliveries(endpoint)] == ["abandoned", "succeeded"]


def test_nothing_of_the_values_stands_in_the_log_of_deliveries(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier
) -> None:
    live_api.create(customer_name="Confidential")
    courier.deliver()
    (delivery,) = deliveries(endpoint)
    assert "Confidential" not in json.dumps(output.delivery_with_attempts(delivery), default=str)
    assert [one["status_code"] for one in output.delivery_with_attempts(delivery)["attempt_log"]] == [200]


def test_a_secret_that_is_lost_is_said_and_nothing_is_sent(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier
) -> None:
    Endpoint.objects.update(check_bytes=b"0000")
    live_api.create()
    courier.deliver()
    assert not receiver.received
    assert deliveries(endpoint)[0].last_error == str(secret.SecretLost())
