"""An endpoint from its form to a delivery that is sent again, at a desk and on a phone; hostile answers; axe."""

import re
from datetime import timedelta
from typing import Any

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from overplane.events.webhooks import clock, secret, services
from overplane.events.webhooks.models import Attempt, Cause, Delivery, DeliveryStatus, Endpoint
from tests.backoffice.people import member
from tests.browser.accessibility import findings_wide_and_narrow
from tests.browser.conftest import PHONE, WIDE, Visitors

LIST = "/admin/overplane_webhooks/endpoint/"
URL = "https://hooks.example.com/crm"
HOSTILE = '"><svg onload="window.hacked=1"><b>\u202egpj.exe {{ 7 }}'
LONG = "x" * 500


def page_of(endpoint: Endpoint) -> str:
    return reverse("admin:overplane_webhooks_endpoint_change", args=[quote(endpoint.pk)])


def delivered(endpoint: Endpoint, answer: str, **values: Any) -> Delivery:
    at = timezone.now()
    one = Delivery.objects.create(
        endpoint=endpoint, epoch=1, seq=1, event_type="customer.updated", subject="customer_1", created_at=at,
        cause=Cause.FEED, attempts=1, last_at=at, last_milliseconds=120, **values,
    )  # fmt: skip
    Attempt.objects.create(
        delivery=one, subject="customer_1", at=at, milliseconds=120, error=values.get("last_error", ""), excerpt=answer
    )
    return one


def ill() -> tuple[Endpoint, Delivery]:
    """An endpoint that fails, with a delivery whose answer means no good."""
    endpoint = services.create_endpoint({"url": f"https://hooks.example.com/{LONG}", "description": HOSTILE})[0]
    one = delivered(endpoint, f"{HOSTILE} {LONG}", status=DeliveryStatus.FAILED, last_error=f"HTTP 500 {HOSTILE}")
    delivered(endpoint, "", status=DeliveryStatus.SUCCEEDED, last_status_code=200)
    since = clock.now() - timedelta(hours=7)
    Endpoint.objects.filter(pk=endpoint.pk).update(failing_since=since, failures=12, probe_at=clock.now())
    return endpoint, one


def test_an_endpoint_is_made_tried_and_enabled_again(visit: Visitors) -> None:
    page = visit(member("Administrator"), permissions=["clipboard-read", "clipboard-write"])
    page.goto(LIST)
    page.get_by_role("link", name="New webhook endpoint").click()
    page.get_by_label("URL").fill("http://example.com")
    page.get_by_role("button", name="Create the endpoint").click()
    expect(page.get_by_text("The URL must begin with https://.")).to_be_visible()
    page.get_by_label("URL").fill(URL)
    page.get_by_label("Description").fill("Bills")
    page.get_by_role("checkbox", name="Created customer.created").check()
    page.get_by_role("button", name="Create the endpoint").click()

    # The secret, this once.
    page.get_by_role("button", name="Copy the secret").click()
    endpoint = Endpoint.objects.get()
    (signing_secret,) = secret.valid(endpoint, clock.now())
    assert page.evaluate("navigator.clipboard.readText()") == signing_secret
    expect(page.locator("#toasts")).to_contain_text("Copied")
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("heading", name=URL)).to_be_visible()
    assert signing_secret not in page.content()

    # A test event, and what came of it.
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("#toasts")).to_contain_text("A test event is on its way.")
    expect(page.locator(".deliveries tbody tr")).to_have_count(1)
    expect(page.locator(".deliveries tbody")).to_contain_text("pending")
    failed = {"status": DeliveryStatus.FAILED, "next_attempt_at": None, "last_error": "HTTP 500", "attempts": 1}
    Delivery.objects.update(**failed, last_at=timezone.now(), last_milliseconds=120)
    page.reload()
    page.locator(".deliveries").get_by_role("link", name="Test event").click()
    page.get_by_role("button", name="Send again").click()
    expect(page.locator("#toasts")).to_contain_text("The event is sent once more")
    expect(page.get_by_text("Not tried yet.")).to_be_visible()

    # It is given up, which the first page says; and enabled again.
    services.disable(endpoint.pk, "It answered 410: it is gone.")
    page.goto("/admin/")
    page.get_by_role("link", name="Webhook disabled: Bills").click()
    expect(page.get_by_text("It answered 410: it is gone.")).to_be_visible()
    page.get_by_role("button", name="Enable: go on where it stopped").click()
    expect(page.get_by_text("This endpoint was disabled")).to_have_count(0)
    page.goto("/admin/")
    expect(page.get_by_text("Webhook disabled")).to_have_count(0)


def test_the_way_back_keeps_the_filters_of_the_list(visit: Visitors) -> None:
    client = member("Administrator")
    endpoint, _one = ill()
    page = visit(client)
    page.goto(f"{LIST}?state=failing")
    page.locator("#result_list tbody th a").click()
    page.locator(".deliveries tbody a").last.click()
    page.get_by_role("button", name="Send again").click()
    page.get_by_role("navigation", name="Breadcrumbs").get_by_role("link").last.click()
    expect(page).to_have_url(re.compile(re.escape(page_of(endpoint))))
    page.get_by_role("navigation", name="Breadcrumbs").get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(re.escape(f"{LIST}?state=failing") + "$"))


def pages(endpoint: Endpoint, one: Delivery) -> list[str]:
    own = page_of(endpoint)
    below = own.removesuffix("change/")
    return [
        LIST, f"{LIST}add/", own, f"{below}edit/", f"{below}replay/", f"{below}roll/", f"{below}delivery/{one.public_id}/",
        f"{below}delete/", "/admin/",
    ]  # fmt: skip


def test_long_and_hostile_answers_stay_texts_and_axe_finds_nothing(visit: Visitors) -> None:
    client = member("Administrator")
    endpoint, one = ill()
    page = visit(client, bypass_csp=True)  # because axe itself writes styles into the page
    problems: list[str] = []
    for address in pages(endpoint, one):
        page.goto(address)
        assert not page.evaluate("Boolean(window.hacked || document.querySelector('[onload], main b'))"), address
        for size in (WIDE, PHONE):
            page.set_viewport_size(size)
            if page.evaluate("document.documentElement.scrollWidth") > size["width"]:
                problems.append(f"{address} is wider than {size['width']}")
        problems += findings_wide_and_narrow(page)
    assert not problems, "\n".join(problems)
