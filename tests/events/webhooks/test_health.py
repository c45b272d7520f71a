"""When an endpoint is probed, disabled, enabled again; replays, and what they say of its health: nothing."""

from datetime import timedelta

import pytest

from overplane.events.webhooks import clock, lag, output, schedule, services
from overplane.events.webhooks.models import Delivery, Endpoint
from tests.conftest import CUSTOMER, Api, settle
from tests.events.webhooks import receiving
from tests.events.webhooks.conftest import Clock, Courier, deliveries
from tests.events.webhooks.receiving import Receiver


def dead(live_api: Api, receiver: Receiver, courier: Courier, moved: Clock) -> Endpoint:
    """An endpoint that has failed ten times in a row."""
    receiver.answer = receiving.status(500)
    for _ in range(12):
        live_api.create()
    for _ in range(3):
        courier.deliver()
        moved.move(seconds=7)
    return Endpoint.objects.get()


@pytest.mark.slow
def test_after_ten_failures_it_is_probed_once_a_step(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier, moved: Clock
) -> None:
    one = dead(live_api, receiver, courier, moved)
    assert one.failures >= 10
    assert one.probe_at is not None
    for _ in range(5):
        before = len(receiver.received)
        moved.ahead = services.find(endpoint.id).probe_at - clock.now() + moved.ahead + timedelta(seconds=1)
        for _ in range(2):
            live_api.create()
            courier.deliver()
        assert len(receiver.received) == before + 1
    # Nothing is tried to its end meanwhile, and nothing is lost.
    assert not Delivery.objects.filter(status="failed").exists()
    receiver.answer = receiving.status(200)
    moved.move(hours=25)  # longer than any step
    courier.deliver()
    assert len({got.subject for got in receiver.received}) == 22
    now = services.find(endpoint.id)
    assert (now.failures, now.failing_since, now.probe_at) == (0, None, None)


@pytest.mark.slow
def test_a_clock_that_is_set_back_makes_no_delivery_wait(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier, moved: Clock
) -> None:
    moved.move(hours=3)
    receiver.answer = receiving.status(500)
    live_api.create()
    courier.deliver()  # the next attempt is planned for three hours and five seconds from now
    live_api.create()
    Delivery.objects.filter(attempts=0).update(next_attempt_at=clock.now())
    moved.move(hours=-3)
    receiver.answer = receiving.status(200)
    courier.deliver()
    assert sorted(Delivery.objects.values_list("status", "attempts")) == [("succeeded", 1), ("succeeded", 2)]
    # Nor does an endpoint that is being probed.
    dead(live_api, receiver, courier, moved)
    Endpoint.objects.update(probe_at=clock.now() + timedelta(hours=3))
    before = len(receiver.received)
    courier.deliver()
    assert len(receiver.received) == before + 1


@pytest.mark.slow
def test_five_days_without_success_disable_it_and_enabling_goes_on(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier, moved: Clock
) -> None:
    dead(live_api, receiver, courier, moved)
    started = services.find(endpoint.id).failing_since
    while services.find(endpoint.id).is_enabled:
        assert clock.now() - started < timedelta(days=5, hours=1)
        moved.ahead = services.find(endpoint.id).probe_at - clock.now() + moved.ahead + timedelta(seconds=1)
        courier.deliver()
    assert clock.now() - started >= timedelta(days=5)
    one = services.find(endpoint.id)
    assert "five days" in one.disabled_reason
    assert lag.state(one) == "disabled"
    calls = len(receiver.received)
    live_api.create()
    courier.deliver()
    assert len(receiver.received) == calls
    assert output.endpoint(one)["lag_seconds"] > 400_000
    receiver.answer = receiving.status(200)
    assert services.enable(endpoint.id).disabled_reason == ""
    courier.deliver()
    assert {got.subject for got in receiver.received[calls:]} == {got.subject for got in receiver.received}
    assert len({got.subject for got in receiver.received}) == 13


@pytest.mark.slow
def test_enabled_from_now_it_leaves_out_what_happened(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier, moved: Clock
) -> None:
    receiver.answer = receiving.status(410)
    live_api.create()
    courier.deliver()
    assert not services.find(endpoint.id).is_enabled
    assert "410" in services.find(endpoint.id).disabled_reason
    live_api.create()
    settle()
    receiver.answer = receiving.status(200)
    services.enable(endpoint.id, from_now=True)
    new = live_api.create()
    courier.deliver()
    assert [got.subject for got in receiver.received[1:]] == [new["id"]]
    assert [one.status for one in deliveries(endpoint)] == ["abandoned", "succeeded"]


@pytest.mark.slow
def test_replay_resend_and_ping_are_tried_once_also_by_a_disabled_endpoint(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier, moved: Clock
) -> None:
    customer = live_api.create()
    live_api.patch(f"{CUSTOMER}/{customer['id']}", {"territory": "North"})
    courier.deliver()
    services.disable(endpoint.id, "maintenance")
    receiver.answer = receiving.status(500)
    assert services.replay(endpoint.id, after="start") == 2
    services.resend(endpoint.id, deliveries(endpoint)[0].public_id)
    services.ping(endpoint.id)
    courier.deliver()
    moved.move(hours=1)
    courier.deliver()
    requested = deliveries(endpoint)[2:]
    assert [(one.cause, one.status, one.attempts) for one in requested] == [
        ("replay", "failed", 1), ("replay", "failed", 1), ("resend", "failed", 1), ("ping", "failed", 1),
    ]  # fmt: skip
    of_it = [got for got in receiver.received if got.subject == customer["id"]]
    assert [got.event["object_version"] for got in of_it] == [1, 2, 1, 2, 1]
    assert receiver.ids[0] == of_it[2].headers["webhook-id"]  # the same as the first time
    pinged = next(got for got in receiver.received if got.event["type"] == "webhook.ping")
    assert pinged.event["data"]["object"] == {"id": endpoint.id}
    one = services.find(endpoint.id)
    assert (one.failures, one.failing_since, one.disabled_reason) == (0, None, "maintenance")
    assert (one.succeeded, one.failed) == (2, 4)


@pytest.mark.slow
def test_the_metrics(live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier, moved: Clock) -> None:
    live_api.create()
    courier.deliver()
    receiver.answer = receiving.status(500)
    live_api.create()
    courier.deliver()
    moved.move(seconds=90)
    text = live_api.client.get("/metrics").content.decode()
    assert f'overplane_webhook_attempts_total{{endpoint="{endpoint.id}",outcome="failed"}} 1.0' in text
    assert f'overplane_webhook_attempts_total{{endpoint="{endpoint.id}",outcome="succeeded"}} 1.0' in text
    assert 'overplane_webhook_lag_seconds{state="failing"} 9' in text
    assert "overplane_webhook_endpoints_disabled 0.0" in text
    services.disable(endpoint.id)
    assert "overplane_webhook_endpoints_disabled 1.0" in live_api.client.get("/metrics").content.decode()


def test_the_steps_of_probes_end_with_a_day() -> None:
    now = clock.now()
    assert timedelta(seconds=4) <= schedule.next_probe(10, now) - now <= timedelta(seconds=6)
    assert schedule.next_probe(50, now) - now >= timedelta(hours=19)
