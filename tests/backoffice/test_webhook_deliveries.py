"""The deliveries of an endpoint in the back office: lines and pages, attempts, sending again, hostile texts."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm import services as customers
from overplane.events.feed import Log
from overplane.events.webhooks import services
from overplane.events.webhooks.models import Attempt, Cause, Delivery, DeliveryStatus
from tests.backoffice.people import member
from tests.backoffice.webhook_pages import FILTERS_KEY, address, content_of, delivered, new_endpoint, sent, text_of
from tests.conftest import settle
from tests.domain.customers import ORIGIN, make

HOSTILE = "<script>alert(1)</script>\N{RIGHT-TO-LEFT OVERRIDE}{{ 7 }}"
pytestmark = pytest.mark.django_db
# Only what is committed can be read from the feed.
SETTLED = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client() -> Client:
    return member("Administrator")


def test_errors_are_told_in_german(client: Client) -> None:
    endpoint = new_endpoint()
    one = delivered(endpoint, status="failed", last_error="timeout: no connection within 5 s")
    Attempt.objects.create(
        delivery=one, subject="", at=one.created_at, milliseconds=9, error="refused: x is no public address."
    )
    german = {"accept-language": "de"}
    assert (
        "keine Verbindung innerhalb von 5 s"
        in client.get(address("change", endpoint.pk), headers=german).content.decode()
    )
    page = client.get(address("delivery", endpoint.pk, one.public_id), headers=german).content.decode()
    assert "abgelehnt: x ist keine öffentliche Adresse." in page


def test_a_line_says_what_happened_and_what_comes_next(client: Client) -> None:
    endpoint = new_endpoint()
    soon = timezone.now() + timedelta(minutes=5)
    delivered(endpoint, status="failed", attempts=10, last_error="HTTP 503", last_status_code=503)
    delivered(endpoint, status="pending", attempts=2, last_error="timeout: no whole answer", next_attempt_at=soon)
    delivered(endpoint, status="pending", attempts=0, last_at=None, seq=2)
    delivered(endpoint, status="succeeded", last_status_code=204, cause=Cause.REPLAY)
    page = content_of(client, "change", endpoint.pk)
    rows = [text_of(one) for one in page.partition("<tbody>")[2].split("</tr>")]
    assert "Customer: changed replay" in rows[0]
    assert "succeeded customer_1 1 HTTP 204 120 ms" in rows[0]
    assert "pending customer_1 0 after an earlier one" in rows[1]
    assert "pending customer_1 2 timeout: no whole answer 120 ms" in rows[2]
    assert f"{soon:%Y-%m-%dT%H:%M:%S}" in page
    assert "failed customer_1 10 HTTP 503" in rows[3]
    services.disable(endpoint.pk)
    assert "when the endpoint is enabled" in content_of(client, "change", endpoint.pk)


@pytest.mark.slow
def test_deliveries_come_in_pages_the_newest_first(client: Client) -> None:
    endpoint, other = new_endpoint(), new_endpoint()
    keys = [delivered(endpoint, subject=f"customer_{i}").pk for i in range(120)]
    delivered(other)

    def numbers(page: str) -> list[int]:
        return [int(one) for one in re.findall(r"<code>customer_(\d+)</code>", page)]

    def follow(page: str, direction: str) -> str:
        query = re.search(f'rel="{direction}" href="([^"]+)"', page)[1].replace("&amp;", "&")
        answer = client.get(address("change", endpoint.pk) + query)
        return answer.content.decode()

    first = content_of(client, "change", endpoint.pk, **{FILTERS_KEY: "q=x", "status": "pending"})
    second = follow(first, "next")
    third = follow(second, "next")
    assert numbers(first) + numbers(second) + numbers(third) == list(range(119, -1, -1))
    assert 'rel="prev"' not in first
    assert 'rel="next"' not in third
    assert numbers(follow(third, "prev")) == numbers(second)
    assert numbers(follow(follow(third, "prev"), "prev")) == numbers(first)
    assert "_changelist_filters=q%3Dx" in third
    assert "status=pending" in third
    Delivery.objects.filter(pk=keys[5]).update(status=DeliveryStatus.FAILED)
    assert numbers(content_of(client, "change", endpoint.pk, status="failed")) == [5]
    assert len(numbers(content_of(client, "change", endpoint.pk, status="nonsense", before="nonsense"))) == 50


@SETTLED
def test_a_delivery_shows_each_attempt_and_is_sent_again(client: Client) -> None:
    endpoint = new_endpoint()
    customer = make()
    settle()
    services.replay(endpoint.pk, after="start")
    one = Delivery.objects.get()
    for code in (500, 200):
        error = "HTTP 500" if code == 500 else ""
        excerpt = "out of order" if code == 500 else ""
        Attempt.objects.create(
            delivery=one, subject=one.subject, at=timezone.now(), status_code=code, milliseconds=code, error=error,
            excerpt=excerpt,
        )  # fmt: skip
    page = content_of(client, "delivery", endpoint.pk, one.public_id)
    assert "Customer: created" in page
    assert one.event_id in page
    assert f"?subject={customer}" in page
    assert text_of(page).index("HTTP 500") < text_of(page).index("out of order") < text_of(page).index("HTTP 200")
    answer = sent(client, "resend", endpoint.pk, one.public_id)
    again = Delivery.objects.get(cause=Cause.RESEND)
    assert answer["Location"] == address("delivery", endpoint.pk, again.public_id)
    assert again.event_id == one.event_id
    page = content_of(client, "delivery", endpoint.pk, again.public_id)
    assert "Not tried yet." in page
    assert "again.js" in page


@pytest.mark.slow
@SETTLED
def test_events_are_replayed_by_time_and_types_or_from_a_cursor(client: Client) -> None:
    endpoint = new_endpoint()
    customer = make()
    customers.update_customer(customer, {"territory": "North"}, origin=ORIGIN)
    settle()
    log = Log.now()
    hour = timedelta(hours=1)
    before, after = (f"{timezone.now() + side * hour:%Y-%m-%dT%H:%M}" for side in (-1, 1))

    def replayed(**form: Any) -> list[str]:
        Delivery.objects.all().delete()
        answer = sent(client, "replay", endpoint.pk, **form)
        assert answer["Location"] == address("change", endpoint.pk)
        return list(Delivery.objects.filter(cause=Cause.REPLAY).order_by("id").values_list("event_type", flat=True))

    both = ["customer.created", "customer.updated"]
    assert replayed(created_from=before) == both
    assert replayed(created_from=before, created_before=after, event_types=["customer.updated"]) == both[1:]
    assert replayed(created_before=before) == []
    assert "No event fits." in text_of(content_of(client, "change", endpoint.pk))
    assert replayed(after=log.cursor(log.purged)) == both
    assert "2 events are sent once more." in text_of(content_of(client, "change", endpoint.pk))


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "Say which events: enter a time or a cursor."),
        ({"created_from": "soon"}, "Enter a valid date/time."),
        ({"created_from": "2026-01-02T00:00", "created_before": "2026-01-01T00:00"}, "later than the beginning"),
        ({"after": "yesterday"}, "This is no cursor of this feed."),
    ],
)
def test_a_replay_that_says_nothing_is_refused(client: Client, form: dict[str, str], said: str) -> None:
    make()
    settle()
    endpoint = new_endpoint()
    assert said in text_of(sent(client, "replay", endpoint.pk, **form).content.decode())
    assert not Delivery.objects.exists()


@pytest.mark.slow
def test_hostile_texts_are_texts(client: Client) -> None:
    endpoint = new_endpoint(url="https://example.com/<img/src=x>'\"", description=f"<b>{HOSTILE[:25]}")
    services.disable(endpoint.pk, f"No success for five days. The last error: {HOSTILE}")
    one = delivered(endpoint, status="failed", last_error=HOSTILE, subject="<i>", event_type="<u>{{ 7 }}")
    Attempt.objects.create(
        delivery=one, subject="<i>", at=timezone.now(), milliseconds=1, error=HOSTILE, excerpt=HOSTILE
    )
    pages = [
        content_of(client, "changelist"),
        content_of(client, "change", endpoint.pk),
        content_of(client, "delivery", endpoint.pk, one.public_id),
        content_of(client, "edit", endpoint.pk),
        content_of(client, "replay", endpoint.pk),
        content_of(client, "delete", endpoint.pk),
        client.get(reverse("admin:index")).content.decode(),
    ]
    for page in pages:
        assert not re.search(r"<(img|b|i|u)[ />]", page)
        assert "<script>alert" not in page
    for page in pages[1:3]:  # what turns the direction of text stays in its box
        assert f"<bdi>{HOSTILE}".replace("<script>", "&lt;script&gt;").replace("</script>", "&lt;/script&gt;") in page
