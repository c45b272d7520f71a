"""What holds for every page of the back office: it is as wide as the window, and what is touched is large enough."""

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page

from crm import line_item_services, services
from crm.backoffice.pages.merge import compare_url
from crm.line_items import SUPPLIER_NUMBERS
from overplane.events.models import Event
from tests.backoffice.people import member
from tests.browser.conftest import PHONE, WIDE, Visitors
from tests.browser.customer_pages import LIST, form_of
from tests.domain.customers import ORIGIN, make

LONG = "N" * 255
PLAIN = [
    "/admin/", LIST, f"{LIST}?territory={LONG}&q={LONG[:200]}", "/admin/crm/customer/add/", "/admin/duplicates/", "/admin/import/", "/admin/export/",
    "/admin/overplane_events/event/", "/admin/overplane_api/apikey/", "/admin/overplane_api/apikey/add/",
    "/admin/overplane_webhooks/endpoint/", "/admin/overplane_webhooks/endpoint/add/",
    "/admin/overplane_jobs/job/", "/admin/auth/user/", "/admin/auth/user/add/", "/admin/auth/group/", "/admin/auth/group/1/change/",
    "/admin/axes/accesslog/", "/admin/axes/accessattempt/", "/admin/password_change/", "/admin/second-factor/",
]  # fmt: skip
# Buttons, fields, and links that are no part of a sentence. A box with a label is as large as its label.
SMALL = """(least) => {
  const inText = (link) => {
    const block = link.closest("p, li, dd, td, th, label, h2, div, span.timezonewarning");
    return [...block.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && /[\\p{L}]{2}/u.test(node.textContent));
  };
  const found = [];
  for (const one of document.querySelectorAll("button, a[href], summary, select, textarea, input:not([type=hidden])")) {
    const box = (one.type === "checkbox" || one.type === "radio") && one.closest("label") || one, place = box.getBoundingClientRect();
    const isShown = box.checkVisibility({ checkOpacity: false, visibilityProperty: true }) && place.width && place.height && place.right > 0 && place.bottom > 0;
    const isForReaders = getComputedStyle(one).clipPath !== "none" || one.closest(".visually-hidden");
    if (!isShown || isForReaders || (one.matches("a") && inText(one))) continue;
    if (Math.round(place.width) < least || Math.round(place.height) < least) found.push(`${Math.round(place.width)}x${Math.round(place.height)} ${one.outerHTML.slice(0, 120)}`);
  }
  return found;
}"""
LEAST = 24  # CSS pixels, WCAG 2.2, success criterion 2.5.8


@pytest.fixture
def client(transactional_db: None) -> Client:
    return member("Administrator")


@pytest.fixture
def customers(client: Client) -> list[str]:
    """Two that are called alike, in one long word, with a change and an outcome of the search for duplicates."""
    ids = [make(LONG, territory=LONG, email_id=f"{LONG[:240]}@example.com", customer_group=LONG) for _ in range(2)]
    for customer in ids:
        values = {"company": LONG, "supplier_number": LONG}
        line_item_services.add_line_item(SUPPLIER_NUMBERS, customer, values, origin=ORIGIN)
    services.update_customer(ids[0], {"territory": "T" * 255}, origin=ORIGIN)
    client.post(reverse("duplicates"))
    call_command("run_worker", until_idle=True)
    return ids


def pages(page: Page, customers: list[str]) -> Iterator[str]:
    """Opens them one after the other."""
    event = Event.objects.filter(type="customer.updated").get()
    of_customer = [
        form_of(customers[0]),
        reverse("admin:crm_customer_history", args=customers[:1]),
        reverse("admin:crm_customer_delete", args=customers[:1]),
        reverse("admin:overplane_events_event_change", args=[event.pk]),
        compare_url(customers),
    ]
    for address in [*PLAIN, *of_customer]:
        page.goto(address)
        yield address
    for action in ("set_territory", "delete_selected"):
        page.goto(LIST)
        for box in page.locator("#result_list tbody input[name=_selected_action]").all():
            box.check()
        yield "a selection"
        page.evaluate("action => document.querySelector(`.selection [value=${action}]`).click()", action)
        page.wait_for_selector(".submit-row")
        yield action


def test_one_long_word_makes_no_page_wider_and_what_is_touched_is_large_enough(
    visit: Visitors, client: Client, customers: list[str]
) -> None:
    page = visit(client, has_touch=True)
    problems = []
    for address in pages(page, customers):
        for size in (WIDE, PHONE):
            page.set_viewport_size(size)
            if page.evaluate("document.documentElement.scrollWidth") > size["width"]:
                problems.append(f"{address} is wider than {size['width']}")
        problems += [f"{address}: {one}" for one in page.evaluate(SMALL, LEAST)]
    assert not problems, "\n".join(problems)
