"""Webhooks in the back office: what each page shows, and that each button does what it says."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from overplane.events.feed import Log
from overplane.events.webhooks import clock, purging, services
from overplane.events.webhooks import secret as secrets
from overplane.events.webhooks.models import Cause, Delivery, DeliveryStatus, Endpoint
from overplane.people.models import Session
from tests.backoffice.people import User, member
from tests.backoffice.webhook_pages import (
    FILTERS_KEY,
    URL,
    address,
    content_of,
    delivered,
    fail,
    new_endpoint,
    now,
    row,
    sent,
    text_of,
)
from tests.conftest import settle
from tests.domain.customers import make

pytestmark = pytest.mark.django_db
# Only what is committed can be read from the feed.
SETTLED = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client() -> Client:
    return member("Administrator")


# The list


@SETTLED
def test_the_list_shows_the_health_of_each(client: Client) -> None:
    make()
    settle()
    good, bad, given_up, paused = (new_endpoint(description=name) for name in ("good", "bad", "given up", "paused"))
    delivered(good, status=DeliveryStatus.SUCCEEDED, last_status_code=200)
    late = services.create_endpoint({"url": URL, "event_types": ["customer.created"]}, start_at="start")[0]
    fail(bad, hours=7)
    services.disable(given_up.pk, "It answered 410: it is gone.")
    services.disable(paused.pk)
    page = content_of(client, "changelist")
    assert "delivering none" in row(page, good)
    assert len(re.findall(r"<time", page.partition(f'value="{good.pk}"')[2].partition("</tr>")[0])) == 1
    assert "failing" in row(page, bad)
    assert 'bo-failed">disabled' in page
    assert 'bo-disabled">disabled' in page
    assert "Customer: created" in row(page, late)
    assert re.search(r"delivering \d+ s", row(page, late)) or "delivering none" in row(page, late)
    assert "all" in row(page, good)


@pytest.mark.slow
@SETTLED
def test_the_lag_is_said_in_its_largest_unit(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make()
    settle()
    endpoint = services.create_endpoint({"url": URL}, start_at="start")[0]
    for ahead, text in ((timedelta(seconds=90), "1 min"), (timedelta(hours=5), "5 h"), (timedelta(days=3), "3 d")):
        moved = timezone.now() + ahead
        monkeypatch.setattr(clock, "now", lambda moved=moved: moved)
        assert f"delivering {text}" in row(content_of(client, "changelist"), endpoint)


@pytest.mark.slow
def test_the_list_is_searched_and_filtered(client: Client) -> None:
    bills = new_endpoint(description="Bills", event_types=["customer.created"])
    store = new_endpoint(url="https://store.example.com/", payload="thin")
    lost = new_endpoint(url="https://lost.example.com/")
    fail(store, hours=1)
    services.disable(lost.pk)

    def matches(**query: str) -> set[Endpoint]:
        page = content_of(client, "changelist", **query)
        assert "filter-problem" not in page
        return {one for one in (bills, store, lost) if f'value="{one.pk}"' in page}

    assert matches(q="bills") == {bills}
    assert matches(**{"url.contains": "store"}) == {store}
    assert matches(state="delivering") == {bills}
    assert matches(state="failing") == {store}
    assert matches(state="disabled") == {lost}
    assert matches(event="customer.created") == {bills, store, lost}
    assert matches(event="customer.deleted") == {store, lost}
    assert matches(payload="thin") == {store}
    assert matches(**{"failing_since.filled": "1"}) == {store}


def test_several_are_disabled_and_enabled_at_once(client: Client) -> None:
    several = [new_endpoint(), new_endpoint()]
    chosen = {"_selected_action": [one.pk for one in several], "index": 0}
    client.post(address("changelist"), chosen | {"action": "disable_selected"})
    assert [now(one).status for one in several] == ["disabled", "disabled"]
    client.post(address("changelist"), chosen | {"action": "enable_selected"})
    assert [now(one).status for one in several] == ["enabled", "enabled"]


def test_who_rolls_twice_in_a_day_is_warned(client: Client) -> None:
    endpoint = new_endpoint()
    assert "signs no more" not in content_of(client, "roll", endpoint.pk)
    services.roll_secret(endpoint.pk)
    assert "signs no more" in content_of(client, "roll", endpoint.pk)


def test_it_is_deleted_with_its_deliveries_alone_or_with_others(client: Client) -> None:
    endpoints = [new_endpoint() for _ in range(3)]
    for one in endpoints:
        delivered(one)
    assert "It cannot be undone." in content_of(client, "delete", endpoints[0].pk)
    sent(client, "delete", endpoints[0].pk, post="yes")
    chosen = {"action": "delete_selected", "_selected_action": [one.pk for one in endpoints[1:]], "index": 0}
    client.post(address("changelist"), chosen)
    assert Endpoint.objects.count() == 2
    client.post(address("changelist"), chosen | {"post": "yes"})
    assert not Endpoint.objects.exists()
    purging.purge()
    assert not Delivery.objects.exists()


# The form, and the secret

FORM = {"url": URL, "payload": "snapshot", "status": "enabled", "start": "now"}


def test_a_new_one_shows_its_secret_this_once(client: Client) -> None:
    form = FORM | {"description": "Bills", "event_types": ["customer.created"], "payload": "thin"}
    answer = client.post(address("add"), form, headers={"accept-encoding": "gzip"})
    endpoint = Endpoint.objects.get()
    (secret,) = secrets.valid(endpoint, clock.now())
    assert (endpoint.url, endpoint.description, endpoint.event_types) == (URL, "Bills", ["customer.created"])
    assert (endpoint.payload, endpoint.status) == ("thin", "enabled")
    page = answer.content.decode()  # not compressed: its length would tell of the secret
    assert f'data-copy="{secret}"' in page
    assert "no-store" in answer["Cache-Control"]
    assert "Content-Encoding" not in answer
    assert not any(secret in str(one.get_decoded()) for one in Session.objects.all())
    for again in ("changelist",), ("change", endpoint.pk), ("edit", endpoint.pk):
        assert secret not in content_of(client, *again)


@SETTLED
def test_it_begins_now_or_at_the_beginning_or_at_a_cursor(client: Client) -> None:
    make()
    settle()
    log = Log.now()
    end = log.end()[0]
    sent(client, "add", **FORM)
    assert Endpoint.objects.get().position == end
    sent(client, "add", **FORM | {"start": "start"})
    assert Endpoint.objects.first().position == log.purged
    make()
    settle()
    sent(client, "add", **FORM | {"start": "cursor", "cursor": log.cursor(end)})
    assert Endpoint.objects.first().position == end
    assert Endpoint.objects.count() == 3


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"url": ""}, "This field is required."),
        ({"url": "http://example.com/"}, "must begin with https://"),
        ({"url": "https://127.0.0.1/"}, "127.0.0.1 is no public address."),
        ({"url": f"https://example.com/{'a' * 2000}"}, "at most 2000 characters"),
        ({"description": "a" * 256}, "at most 255 characters"),
        ({"description": "a\x07b"}, "Holds characters that are not allowed."),
        ({"event_types": ["customer.exploded"]}, "customer.exploded is not one of the available choices."),
        ({"payload": "fat"}, "fat is not one of the available choices."),
        ({"start": "cursor"}, "Enter the cursor to begin at."),
        ({"start": "cursor", "cursor": "yesterday"}, "This is no cursor of this feed."),
        ({"start": "cursor", "cursor": f"{'0' * 16}.1.1.1"}, "The log does not have this cursor (any more)."),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(client: Client, wrong: dict[str, Any], said: str) -> None:
    page = sent(client, "add", **FORM | {"description": "typed"} | wrong).content.decode()
    assert said in text_of(page)
    assert not Endpoint.objects.exists()
    assert "description" in wrong or 'value="typed"' in page


def test_types_of_events_are_ticked_in_groups(client: Client) -> None:
    endpoint = new_endpoint(event_types=["customer.merged"])
    page = content_of(client, "edit", endpoint.pk)
    assert "Customers" in page
    assert "Supplier numbers" in page
    assert "Merged into another <code>customer.merged</code>" in page
    assert re.findall(r'value="([\w.]+)"[^>]* checked', page) == ["customer.merged"]


def test_it_is_edited(client: Client) -> None:
    endpoint = new_endpoint(description="Bills", event_types=["customer.merged"])
    form = {"url": f"{URL}/2", "description": "", "event_types": [], "payload": "thin", "status": "disabled"}
    answer = client.post(address("edit", endpoint.pk, **{FILTERS_KEY: "q=bills"}), form)
    assert answer["Location"] == address("change", endpoint.pk, **{FILTERS_KEY: "q=bills"})
    endpoint = now(endpoint)
    assert (endpoint.url, endpoint.description, endpoint.event_types) == (f"{URL}/2", None, [])
    assert (endpoint.payload, endpoint.status, endpoint.disabled_reason) == ("thin", "disabled", "")
    assert LogEntry.objects.get().change_message.startswith("Changed: url")


@pytest.mark.slow
def test_the_secret_is_rolled_and_shown_once(client: Client) -> None:
    endpoint = new_endpoint()
    (former,) = secrets.valid(endpoint, clock.now())
    assert "For 24 hours the former one signs too" in content_of(client, "roll", endpoint.pk)
    assert secrets.valid(now(endpoint), clock.now()) == [former]
    answer = sent(client, "roll", endpoint.pk)
    new = secrets.valid(now(endpoint), clock.now())[0]
    assert new != former
    assert f'data-copy="{new}"' in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert "signs too, until" in content_of(client, "change", endpoint.pk)


# One endpoint


def test_its_page_says_since_when_it_fails(client: Client) -> None:
    endpoint = new_endpoint()
    assert "This endpoint fails" not in content_of(client, "change", endpoint.pk)
    fail(endpoint, hours=7)
    page = text_of(content_of(client, "change", endpoint.pk))
    assert "This endpoint fails" in page
    assert "3 failures in a row." in page


@pytest.mark.slow
@SETTLED
@pytest.mark.parametrize(("page", "is_from_now"), [("enable", False), ("enable_from_now", True)])
def test_why_it_was_disabled_is_said_and_it_is_enabled_again(client: Client, page: str, *, is_from_now: bool) -> None:
    endpoint = services.create_endpoint({"url": URL}, start_at="start")[0]
    make()
    settle()
    services.disable(endpoint.pk, "No success for five days. The last error: HTTP 503")
    shown_page = content_of(client, "change", endpoint.pk)
    assert "This endpoint was disabled" in shown_page
    assert "No success for five days. The last error: HTTP 503" in shown_page
    german = client.get(address("change", endpoint.pk), headers={"accept-language": "de"}).content.decode()
    assert "Seit fünf Tagen kein Erfolg. Der letzte Fehler: HTTP 503" in german
    assert sent(client, page, endpoint.pk).status_code == 302
    assert now(endpoint).is_enabled
    assert (now(endpoint).position == Log.now().end()[0]) == is_from_now
    assert "was disabled" not in content_of(client, "change", endpoint.pk)


def test_it_is_disabled_by_hand(client: Client) -> None:
    endpoint = new_endpoint()
    sent(client, "disable", endpoint.pk)
    assert (now(endpoint).status, now(endpoint).disabled_reason) == ("disabled", "")
    assert "This endpoint is disabled" in content_of(client, "change", endpoint.pk)


def test_a_test_event_is_sent(client: Client) -> None:
    endpoint = new_endpoint()
    assert sent(client, "ping", endpoint.pk)["Location"] == address("change", endpoint.pk)
    assert Delivery.objects.get().cause == Cause.PING
    page = content_of(client, "change", endpoint.pk)
    assert "Test event" in page
    assert "again.js" in page  # who waits for it sees it arrive
    Delivery.objects.update(status=DeliveryStatus.SUCCEEDED, next_attempt_at=None)
    assert "again.js" not in content_of(client, "change", endpoint.pk)


# The way back, and who may


@pytest.mark.slow
def test_every_page_leads_back_to_the_list_as_it_was(client: Client) -> None:
    endpoint = new_endpoint()
    one = delivered(endpoint)
    query = {FILTERS_KEY: "state=failing"}
    for page, *args in ("change",), ("edit",), ("replay",), ("roll",), ("delivery", one.public_id):
        shown_page = content_of(client, page, endpoint.pk, *args, **query)
        assert f'href="{address("changelist")}?state=failing"' in shown_page, page
        actions = re.findall(r'(?:action|href)="(/admin/overplane_webhooks/endpoint/whe_5F[^"]+)"', shown_page)
        assert all("_changelist_filters=state%3Dfailing" in one for one in actions), (page, actions)
        assert page != "change" or len(actions) >= 7
    for page in ("ping", "disable", "enable", "enable_from_now"):
        assert client.post(address(page, endpoint.pk, **query))["Location"] == address("change", endpoint.pk, **query)


@pytest.mark.parametrize("page", ["change", "edit", "roll", "replay"])
def test_what_is_not_there_is_not_found(client: Client, page: str) -> None:
    endpoint = new_endpoint()
    assert client.get(address(page, "whe_0")).status_code == 404
    assert client.get(address("delivery", endpoint.pk, "dlv_0")).status_code == 404
    other = delivered(new_endpoint())
    assert client.get(address("delivery", endpoint.pk, other.public_id)).status_code == 404
    assert client.post(address("resend", endpoint.pk, other.public_id)).status_code == 404


@pytest.mark.parametrize("page", ["ping", "enable", "enable_from_now", "disable"])
def test_what_changes_something_is_not_done_by_a_link(client: Client, page: str) -> None:
    assert client.get(address(page, new_endpoint().pk)).status_code == 405


def test_who_may_only_look_gets_no_buttons() -> None:
    client = member("Viewer", "vera")
    from_page = member("Administrator")
    endpoint = new_endpoint()
    assert client.get(address("changelist")).status_code == 403
    viewer = User.objects.get(username="vera")
    viewer.user_permissions.add(permission("view_endpoint"))
    page = content_of(client, "change", endpoint.pk)
    assert "Send a test" not in page.partition("Deliveries")[0]
    assert client.post(address("ping", endpoint.pk)).status_code == 403
    assert "Send a test" in content_of(from_page, "change", endpoint.pk).partition("Deliveries")[0]


def permission(name: str) -> Any:
    return Permission.objects.get(codename=name)


# The first page


def needs(client: Client) -> str:
    page = client.get(reverse("admin:index")).content.decode()
    return text_of(page.partition('id="d-needs"')[2].partition("</section>")[0])


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda one: fail(one, hours=1), "Webhook fails: Bills"),
        (lambda one: services.disable(one.pk, "It answered 410: it is gone."), "Webhook disabled: Bills"),
    ],
)
def test_the_first_page_names_what_does_not_arrive(
    client: Client, break_it: Callable[[Endpoint], object], said: str
) -> None:
    endpoint = new_endpoint(description="Bills")
    assert "Webhook" not in needs(client)
    break_it(endpoint)
    assert said in needs(client)
    assert "Webhook" not in needs(member("Manager", "max"))
    services.disable(endpoint.pk)
    services.enable(endpoint.pk)
    assert "Webhook" not in needs(client)
