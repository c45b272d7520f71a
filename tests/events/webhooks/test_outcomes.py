"""How outcomes are written: in one statement if an endpoint is well, judged under its lock if it is not.

That statement may wait for somebody who changes the endpoint, and then began with rows as they were before.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from overplane.events.webhooks import leases, outcomes, services
from overplane.events.webhooks.models import Attempt, Cause, Delivery, DeliveryStatus, Endpoint
from overplane.events.webhooks.transport import AttemptResult
from tests.connections import only_postgresql
from tests.threads import concurrently, meanwhile

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 27, tzinfo=UTC)
ARRIVED, REFUSED = AttemptResult(NOW, 5, 200), AttemptResult(NOW, 5, 500, error="It answered 500.")
HOLDER = "me"
ENDPOINT_TABLE = Endpoint._meta.db_table
TRANSACTIONAL = pytest.mark.django_db(transaction=True)
# Of a line of three: the first has arrived, the second is due, the third waits behind it.
ONE_ON = [(DeliveryStatus.SUCCEEDED, False), (DeliveryStatus.PENDING, True), (DeliveryStatus.PENDING, False)]


@pytest.fixture
def endpoint() -> Endpoint:
    created = services.create_endpoint({"url": "https://example.com/webhooks"})[0]
    Endpoint.objects.update(holder=HOLDER)
    created.holder = HOLDER
    return created


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
    by_pk = {one.pk: one for one in Delivery.objects.all()}
    return [(by_pk[one.pk].status, by_pk[one.pk].next_attempt_at is not None) for one in several]


def test_what_arrived_at_an_endpoint_that_is_well_is_one_statement(endpoint: Endpoint) -> None:
    a, b = line(endpoint, "customer_a"), line(endpoint, "customer_b")
    with CaptureQueriesContext(connection) as queries:
        assert outcomes.write([(a[0], ARRIVED), (b[0], ARRIVED)], HOLDER, known(endpoint)) == [endpoint]
    if connection.vendor == "postgresql":
        assert len(queries) == 1
    assert states(a) == states(b) == [(DeliveryStatus.SUCCEEDED, False), (DeliveryStatus.PENDING, True)]
    assert Endpoint.objects.values_list("succeeded", "failed").get() == (2, 0)
    assert Attempt.objects.filter(status_code=200).count() == 2


@pytest.mark.parametrize(("outcome", "failing"), [(ARRIVED, True), (REFUSED, False)], ids=["arrived again", "refused"])
def test_health_is_judged_by_what_is_stored_now(endpoint: Endpoint, outcome: AttemptResult, failing: bool) -> None:
    """What the dispatcher knows is of a moment ago."""
    (only,) = line(endpoint, "customer_a", 1)
    if failing:
        Endpoint.objects.update(failures=3, failing_since=NOW)
    (now,) = outcomes.write([(only, outcome)], HOLDER, known(endpoint))
    assert now.failures == Endpoint.objects.get().failures == (0 if outcome is ARRIVED else 1)
    assert states([only]) == [
        (DeliveryStatus.SUCCEEDED, False) if outcome is ARRIVED else (DeliveryStatus.PENDING, True)
    ]


def test_a_disabled_endpoint_stays_disabled(endpoint: Endpoint) -> None:
    several = line(endpoint, "customer_a")
    Endpoint.objects.update(status="disabled", disabled_reason="By hand.")
    (now,) = outcomes.write([(several[0], ARRIVED)], HOLDER, known(endpoint))
    assert (now.status, now.succeeded) == ("disabled", 1)
    assert states(several)[0] == (DeliveryStatus.SUCCEEDED, False)


def test_nothing_is_written_of_an_endpoint_that_another_worker_holds(endpoint: Endpoint) -> None:
    several = line(endpoint, "customer_a")
    Endpoint.objects.update(holder="other")
    assert outcomes.write([(several[0], ARRIVED)], HOLDER, known(endpoint)) == []
    assert states(several) == [(DeliveryStatus.PENDING, True), (DeliveryStatus.PENDING, False)]
    assert not Attempt.objects.exists()
    assert Endpoint.objects.get().succeeded == 0


def test_what_somebody_abandoned_meanwhile_stays_so(endpoint: Endpoint) -> None:
    several = line(endpoint, "customer_a")
    Delivery.objects.update(status=DeliveryStatus.ABANDONED, next_attempt_at=None)
    outcomes.write([(several[0], ARRIVED)], HOLDER, known(endpoint))
    assert states(several) == [(DeliveryStatus.ABANDONED, False)] * 2


def test_several_endpoints_are_written_together(endpoint: Endpoint) -> None:
    other = services.create_endpoint({"url": "https://example.com/others"})[0]
    Endpoint.objects.update(holder=HOLDER)
    several = [line(endpoint, "customer_a", 1)[0], line(other, "customer_a", 1)[0]]
    written = outcomes.write([(one, ARRIVED) for one in several], HOLDER, known(endpoint) | known(other))
    assert [one.succeeded for one in written] == [1, 1]
    assert states(several) == [(DeliveryStatus.SUCCEEDED, False)] * 2


def written_during(
    change: Callable[[], object], one: Delivery, *, before: str = f'UPDATE "{ENDPOINT_TABLE}"'
) -> list[Endpoint]:
    """What the holder gets if it begins to write that this one arrived while the change has the endpoint's lock."""
    as_known = known(Endpoint.objects.get())
    with meanwhile(lambda: outcomes.write([(one, ARRIVED)], HOLDER, as_known), before=before) as answers:
        change()
    return answers[0]


@pytest.mark.slow
@TRANSACTIONAL
def test_who_sends_it_to_the_logs_end_abandons_what_is_next_too(endpoint: Endpoint) -> None:
    several = line(endpoint, "customer_a", 3)
    written_during(lambda: services.update_endpoint(endpoint.pk, {"position": "now"}), several[0])
    assert states(several) == [(DeliveryStatus.ABANDONED, False)] * 3
    assert Attempt.objects.count() == Endpoint.objects.get().succeeded == 1


@pytest.mark.slow
@TRANSACTIONAL
def test_who_disables_it_finds_it_disabled_and_the_line_goes_on_when_it_is_enabled(endpoint: Endpoint) -> None:
    several = line(endpoint, "customer_a", 3)
    (now,) = written_during(lambda: services.disable(endpoint.pk, "By hand."), several[0])
    assert (now.status, Endpoint.objects.get().status) == ("disabled", "disabled")
    assert states(several) == ONE_ON


@pytest.mark.slow
@TRANSACTIONAL
def test_who_enables_it_plans_the_first_of_the_line_anew_and_not_what_arrived(endpoint: Endpoint) -> None:
    several = line(endpoint, "customer_a", 3)
    services.disable(endpoint.pk)
    written_during(lambda: services.enable(endpoint.pk), several[0])
    assert Endpoint.objects.get().status == "enabled"
    assert states(several) == ONE_ON


@pytest.mark.slow
@TRANSACTIONAL
def test_who_changes_its_url_loses_nothing_of_it(endpoint: Endpoint) -> None:
    several = line(endpoint, "customer_a")
    written_during(lambda: services.update_endpoint(endpoint.pk, {"url": "https://example.com/new"}), several[0])
    assert Endpoint.objects.values_list("url", "succeeded").get() == ("https://example.com/new", 1)
    assert states(several) == [(DeliveryStatus.SUCCEEDED, False), (DeliveryStatus.PENDING, True)]


@pytest.mark.slow
@TRANSACTIONAL
def test_who_deletes_it_leaves_nothing_to_write(endpoint: Endpoint) -> None:
    several = line(endpoint, "customer_a")
    deleted = written_during(lambda: services.delete_endpoint(endpoint.pk), several[0], before="DELETE FROM")
    assert deleted == []
    assert states(several) == [(DeliveryStatus.PENDING, True), (DeliveryStatus.PENDING, False)]
    assert not Attempt.objects.exists()


@pytest.mark.slow
@TRANSACTIONAL
def test_who_takes_it_over_has_all_that_is_not_written(endpoint: Endpoint) -> None:
    """Written half, the line would go on behind what the other worker is about to send once more."""
    several = line(endpoint, "customer_a")
    Endpoint.objects.update(held_until=Now() - timedelta(seconds=1))
    assert written_during(lambda: leases.hold("other"), several[0]) == []
    assert states(several) == [(DeliveryStatus.PENDING, True), (DeliveryStatus.PENDING, False)]
    assert not Attempt.objects.exists()


@TRANSACTIONAL
@only_postgresql
def test_nobody_takes_it_over_while_its_outcomes_are_written(endpoint: Endpoint) -> None:
    several = line(endpoint, "customer_a")
    Endpoint.objects.update(held_until=Now() - timedelta(seconds=1))
    with transaction.atomic():
        outcomes.write([(several[0], ARRIVED)], HOLDER, known(endpoint))
        concurrently(lambda _: leases.hold("other"), 1)
        assert Endpoint.objects.get().holder == HOLDER
    leases.hold("other")
    assert Endpoint.objects.get().holder == "other"


@TRANSACTIONAL
def test_of_what_was_purged_meanwhile_nothing_is_written_and_all_else_is(endpoint: Endpoint) -> None:
    gone, (there, behind) = line(endpoint, "customer_a", 1)[0], line(endpoint, "customer_b")
    Delivery.objects.filter(pk=gone.pk).delete()
    outcomes.write([(gone, ARRIVED), (there, ARRIVED)], HOLDER, known(endpoint))
    assert states([there, behind]) == [(DeliveryStatus.SUCCEEDED, False), (DeliveryStatus.PENDING, True)]
    assert list(Attempt.objects.values_list("delivery", "at")) == [(there.pk, NOW)]
