"""One worker at a time delivers to an endpoint; when it dies another takes over, and nothing is lost."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from overplane.events.webhooks import dispatching, guard, leases, outcomes, picking, purging, services
from overplane.events.webhooks.dispatching import Dispatcher
from overplane.events.webhooks.models import Attempt, Delivery, Endpoint
from overplane.jobs import loops
from tests.conftest import Api
from tests.connections import only_postgresql
from tests.events.webhooks import receiving
from tests.events.webhooks.conftest import Clock, Courier, deliveries
from tests.events.webhooks.receiving import Receiver
from tests.threads import concurrently


@pytest.mark.django_db
def test_one_holder_at_a_time() -> None:
    endpoint, _ = services.create_endpoint({"url": "https://example.com/"})
    assert holder(endpoint, after="one") == "one"
    assert holder(endpoint, after="two") == "one"
    Endpoint.objects.update(held_until=Now() - timedelta(seconds=1))
    assert holder(endpoint, after="two") == "two"
    assert holder(endpoint, after="one") == "two"
    leases.release("two")
    assert holder(endpoint, after="one") == "one"
    Endpoint.objects.update(held_until=Now() + timedelta(hours=1))  # by a clock that was set back since
    assert holder(endpoint, after="two") == "two"
    assert timedelta(seconds=10) >= leases.LEASE


def holder(endpoint: Endpoint, *, after: str) -> str:
    """Who holds it when this one has tried."""
    assert leases.hold(after)
    return services.find(endpoint.id).holder


@only_postgresql
def test_while_one_of_its_leases_could_not_be_renewed_a_worker_may_send_no_longer_than_that_lease(
    endpoint: Endpoint, courier: Courier
) -> None:
    """Somebody may change an endpoint for longer than a lease, and the next worker takes it at once afterwards."""
    dispatcher = courier.dispatcher
    courier.deliver()
    until = dispatcher.sender.until

    def renew(_: int) -> None:
        dispatcher._renewed = float("-inf")
        dispatcher._renew()

    with transaction.atomic():
        Endpoint.objects.select_for_update(no_key=True).get()
        concurrently(renew, 1)
        assert dispatcher.sender.until == until
    dispatcher._renew()  # at once, not three seconds later
    assert dispatcher.sender.until > until


@pytest.mark.slow
def test_what_a_dead_worker_had_under_way_is_sent_again_and_all_else_once(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier
) -> None:
    for _ in range(20):
        live_api.create()
    receiver.answer = receiving.hang
    dead = Dispatcher()
    for _ in range(5):
        dead.step()
    until = time.monotonic() + 5
    while len(receiver.received) < 8 and time.monotonic() < until:
        time.sleep(0.01)
    assert len(receiver.received) == picking.MAX_PARALLEL
    courier.deliver()
    assert len(receiver.received) == picking.MAX_PARALLEL  # the lease is the other's
    receiver.answer = receiving.status(200)
    Endpoint.objects.update(held_until=Now() - timedelta(seconds=1))
    courier.deliver()
    assert len(receiver.received) == 28
    assert {one.status for one in deliveries(endpoint)} == {"succeeded"}
    # The dead one wakes up: what it says counts no more.
    dead.sender.close()
    dead.pool.shutdown()
    before = Attempt.objects.count()
    dead._write()
    assert Attempt.objects.count() == before
    assert services.find(endpoint.id).failures == 0


def test_without_its_lease_a_worker_sends_nothing(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier
) -> None:
    courier.deliver()
    live_api.create()
    courier.dispatcher._renewed = time.monotonic()
    courier.dispatcher.sender.until = time.monotonic() - 1
    for _ in range(3):
        courier.step()
    assert not receiver.received


@pytest.mark.slow
@pytest.mark.parametrize("then", [0.0, float("inf")], ids=["over", "renewed"])
def test_what_the_end_of_the_lease_cut_was_no_attempt(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier, then: float
) -> None:
    """As where the database kept the worker waiting between what is due and its sending. `then`: until when its lease is after that."""
    sender = courier.dispatcher.sender

    def late(host: str, port: int) -> list[str]:
        for request in sender._requests:
            request.cut(0.0)  # as `_watch` does
        sender.until, sender.resolver = then, guard.resolve
        return ["127.0.0.1"]

    courier.deliver()
    live_api.create()
    sender.resolver = late
    courier.deliver()
    if not then:
        assert not receiver.received
        assert [(one.attempts, one.status) for one in deliveries(endpoint)] == [(0, "pending")]
    courier.deliver()
    assert [(one.attempts, one.status) for one in deliveries(endpoint)] == [(1, "succeeded")]
    assert len(receiver.received) == 1


def test_an_outcome_is_written_once_more_if_the_database_refused(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_api.create()
    whole = outcomes._attempt

    def refuse(*args: Any) -> Attempt:
        monkeypatch.setattr(outcomes, "_attempt", whole)
        raise ConnectionError

    monkeypatch.setattr(outcomes, "_attempt", refuse)
    with pytest.raises(ConnectionError):
        courier.deliver()
    courier.deliver()
    (delivery,) = deliveries(endpoint)
    assert (delivery.status, delivery.attempts, len(receiver.received)) == ("succeeded", 1, 1)


@pytest.mark.slow
def test_an_endpoint_deleted_meanwhile_troubles_nobody(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier
) -> None:
    live_api.create()
    receiver.answer = lambda handler: (receiver.ended.wait(0.1), handler.say(200))[0]
    courier.dispatcher.step()
    services.delete_endpoint(endpoint.id)
    courier.deliver()
    purging.purge()
    assert not Delivery.objects.exists()


@pytest.mark.slow
def test_the_loop_runs_beside_the_queue_and_ends_with_it(live_api: Api, receiver: Receiver, endpoint: Endpoint) -> None:
    assert loops.known["webhooks"] is dispatching.run
    live_api.create()
    with loops.running():
        until = time.monotonic() + 10
        while not Delivery.objects.filter(status="succeeded").exists():
            assert time.monotonic() < until
            time.sleep(0.02)
    assert not any(thread.name == "webhooks" for thread in threading.enumerate())
    assert services.find(endpoint.id).holder == ""  # given back, not left to expire


def test_old_deliveries_are_purged_and_pending_ones_stay(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier, moved: Clock
) -> None:
    live_api.create()
    courier.deliver()
    receiver.answer = receiving.status(500)
    live_api.create()
    courier.deliver()
    moved.move(days=29)
    assert purging.purge() == 0
    moved.move(days=2)
    services.ping(endpoint.id)
    assert purging.purge() == 1
    assert [(one.cause, one.status) for one in deliveries(endpoint)] == [("feed", "pending"), ("ping", "pending")]


@pytest.mark.slow
def test_many_events_behind_failing_customers_stop_nobody(
    live_api: Api, receiver: Receiver, endpoint: Endpoint, courier: Courier
) -> None:
    ill = [live_api.create()["id"] for _ in range(9)]
    receiver.answer = lambda handler: handler.say(500 if handler.said.subject in ill else 200)
    for territory in range(60):
        for one in ill[:3]:
            live_api.patch(f"/api/crm/customer/{one}", {"territory": str(territory)})
    well = live_api.create()["id"]
    with connection.execute_wrapper(_counting := Counting()):
        courier.deliver()
    assert [got.subject for got in receiver.received if got.subject not in ill] == [well]
    assert len(receiver.received) == 10
    assert _counting.count < 200


class Counting:
    count = 0

    def __call__(self, execute: Any, *args: Any) -> Any:
        self.count += 1
        return execute(*args)
