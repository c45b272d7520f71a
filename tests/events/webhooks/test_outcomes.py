"""How outcomes are written: in one statement if an endpoint is well, judged under its lock if it is not."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from overplane.events.webhooks import outcomes, services
from overplane.events.webhooks.models import Attempt, Cause, Delivery, DeliveryStatus, Endpoint
from overplane.events.webhooks.transport import Outcome

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 27, tzinfo=UTC)
ARRIVED, REFUSED = Outcome(NOW, 5, 200), Outcome(NOW, 5, 500, error="It answered 500.")
ME = "me"


@pytest.fixture
def endpoint() -> Endpoint:
    made = services.create_endpoint({"url": "https://example.com/webhooks"})[0]
    Endpoint.objects.update(holder=ME)
    made.holder = ME
    return made


def line(endpoint: Endpoint, subject: str, count: int = 2) -> list[Delivery]:
    """Deliveries of one subject: the first is due, the others wait behind it."""
    common = {
        "endpoint": endpoint,
        "event_type": "customer.updated",
        "subject": subject,
        "cause": Cause.FEED,
        "epoch": 1,
    }
    return [
        Delivery.objects.create(**common, seq=i + 1, created_at=NOW, next_attempt_at=None if i else NOW)
        for i in range(count)
    ]


def known(endpoint: Endpoint) -> Mapping[str, Endpoint]:
    return {endpoint.pk: endpoint}


def states(several: list[Delivery]) -> list[tuple[str, bool]]:
    """What each is by now, and whether it is due."""
    found = {one.pk: one for one in Delivery.objects.all()}
    return [(found[one.pk].status, found[one.pk].next_attempt_at is not None) for one in several]


def test_what_arrived_at_an_endpoint_that_is_well_is_one_statement(endpoint: Endpoint) -> None:
    a, b = line(endpoint, "customer_a"), line(endpoint, "customer_b")
    with CaptureQueriesContext(connection) as asked:
        assert outcomes.write([(a[0], ARRIVED), (b[0], ARRIVED)], ME, known(endpoint)) == [endpoint]
    if connection.vendor == "postgresql":
        assert len(asked) == 1
    assert states(a) == states(b) == [(DeliveryStatus.SUCCEEDED, False), (DeliveryStatus.PENDING, True)]
    assert Endpoint.objects.values_list("succeeded", "failed").get() == (2, 0)
    assert Attempt.objects.filter(status_code=200).count() == 2


@pytest.mark.parametrize(("outcome", "failing"), [(ARRIVED, True), (REFUSED, False)], ids=["arrived again", "refused"])
def test_health_is_judged_by_what_is_stored_now(endpoint: Endpoint, outcome: Outcome, failing: bool) -> None:
    """What the dispatcher knows is of a moment ago."""
    (only,) = line(endpoint, "customer_a", 1)
    if failing:
        Endpoint.objects.update(failures=3, failing_since=NOW)
    (now,) = outcomes.write([(only, outcome)], ME, known(endpoint))
    assert now.failures == Endpoint.objects.get().failures == (0 if outcome is ARRIVED else 1)
    assert states([only]) == [
        (DeliveryStatus.SUCCEEDED, False) if outcome is ARRIVED else (DeliveryStatus.PENDING, True)
    ]


def test_a_disabled_endpoint_stays_disabled(endpoint: Endpoint) -> None:
    several = line(endpoint, "customer_a")
    Endpoint.objects.update(status="disabled", disabled_reason="By hand.")
    (now,) = outcomes.write([(several[0], ARRIVED)], ME, known(endpoint))
    assert (now.status, now.succeeded) == ("disabled", 1)
    assert states(several)[0] == (DeliveryStatus.SUCCEEDED, False)


def test_nothing_is_written_of_an_endpoint_that_another_worker_holds(endpoint: Endpoint) -> None:
    several = line(endpoint, "customer_a")
    Endpoint.objects.update(holder="other")
    assert outcomes.write([(several[0], ARRIVED)], ME, known(endpoint)) == []
    assert states(several) == [(DeliveryStatus.PENDING, True), (DeliveryStatus.PENDING, False)]
    assert not Attempt.objects.exists()
    assert Endpoint.objects.get().succeeded == 0


def test_what_somebody_abandoned_meanwhile_stays_so(endpoint: Endpoint) -> None:
    several = line(endpoint, "customer_a")
    Delivery.objects.update(status=DeliveryStatus.ABANDONED, next_attempt_at=None)
    outcomes.write([(several[0], ARRIVED)], ME, known(endpoint))
    assert states(several) == [(DeliveryStatus.ABANDONED, False)] * 2


def test_several_endpoints_are_written_together(endpoint: Endpoint) -> None:
    other = services.create_endpoint({"url": "https://example.com/others"})[0]
    Endpoint.objects.update(holder=ME)
    several = [line(endpoint, "customer_a", 1)[0], line(other, "customer_a", 1)[0]]
    written = outcomes.write([(one, ARRIVED) for one in several], ME, known(endpoint) | known(other))
    assert [one.succeeded for one in written] == [1, 1]
    assert states(several) == [(DeliveryStatus.SUCCEEDED, False)] * 2
