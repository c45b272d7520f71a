"""The page of one customer: read first, edited in place or as a whole, gone through by keys; changes taken back from it."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from crm import services
from crm.models import Customer
from tests.backoffice.people import member
from tests.browser.conftest import PHONE, Visitors
from tests.domain.customers import ORIGIN, make

LIST = "/admin/crm/customer/"


def change(customer: str) -> str:
    return reverse("admin:crm_customer_change", args=[customer])


@pytest.fixture
def page(visit: Visitors) -> Page:
    return visit(member("Editor"))


def test_filled_attributes_first_and_one_is_edited_in_place(page: Page) -> None:
    customer = make("Nordlicht", territory="North", industry="Glass")
    page.goto(change(customer))
    expect(page.locator(".field-territory .shown")).to_have_text("North")
    expect(page.locator(".field-tax_id")).to_be_hidden()
    page.locator(".field-territory .shown").click()
    page.keyboard.type("South")
    expect(page.locator(".unsaved")).to_have_text(re.compile("1 unsaved change.*Territory"))
    page.keyboard.press("Enter")  # saves nothing and leaves nothing
    expect(page.locator(".unsaved")).to_be_visible()
    page.keyboard.press("Control+s")
    expect(page.locator("#toasts")).to_contain_text("“Nordlicht” is saved.")
    expect(page.locator(".field-territory .shown")).to_have_text("South")
    assert Customer.objects.get().territory == "South"
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".field-territory .shown")).to_have_text("North")


def test_empty_ones_are_a_click_away_and_all_can_be_opened(page: Page) -> None:
    customer = make("Nordlicht")
    page.goto(change(customer))
    page.get_by_role("button", name="empty attributes").click()
    expect(page.locator(".field-tax_id .shown")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("e")
    page.get_by_label("Tax ID").fill("DE 1")
    page.get_by_label("Industry").fill("Glass")
    page.get_by_role("button", name="Save", exact=False).last.click()
    expect(page.locator("#toasts")).to_contain_text("is saved")
    stored = Customer.objects.get()
    assert (stored.tax_id, stored.industry) == ("DE 1", "Glass")


def test_what_was_typed_can_be_discarded(page: Page) -> None:
    page.goto(change(make("Nordlicht", territory="North")))
    page.locator(".field-territory .shown").click()
    page.keyboard.type("South")
    page.get_by_role("button", name="Discard").click()
    expect(page.locator(".field-territory .shown")).to_have_text("North")
    expect(page.locator(".unsaved")).to_be_hidden()


def test_keys_go_through_the_list_as_it_was_filtered(page: Page) -> None:
    for name, territory in [("A", "North"), ("B", "South"), ("C", "North"), ("D", "North")]:
        make(name, territory=territory)
    page.goto(f"{LIST}?territory=North&o=customer_name")
    page.get_by_role("link", name="A", exact=True).click()
    expect(page.locator("h1")).to_have_text("A")
    page.wait_for_load_state()  # keys are heard once the scripts run
    for key, name in [("j", "C"), ("j", "D"), ("k", "C"), ("k", "A")]:
        page.keyboard.press(key)
        expect(page.locator("h1")).to_have_text(name)
        page.wait_for_load_state()
    page.keyboard.press("k")
    expect(page.locator("#toasts")).to_contain_text("This is the first of the list.")
    page.get_by_role("navigation", name="Breadcrumbs").get_by_role("link", name="Customers").click()
    expect(page).to_have_url(re.compile("territory=North"))


def test_a_change_is_taken_back_from_the_activity(page: Page) -> None:
    customer = make("Nordlicht", territory="North")
    services.update_customer(customer, {"territory": "South"}, origin=ORIGIN)
    page.goto(change(customer))
    activity = page.get_by_role("region", name="Activity")
    expect(activity).to_contain_text("South")
    activity.get_by_role("button", name="Restore the old value of Territory").click()
    expect(page.locator(".field-territory .shown")).to_have_text("North")


def test_a_viewer_reads_the_same_page(visit: Visitors) -> None:
    page = visit(member("Viewer", "looks"))
    page.goto(change(make("Nordlicht", 1, territory="North")))
    expect(page.locator(".field-territory .readonly")).to_have_text("North")
    expect(page.locator(".field-industry")).to_be_hidden()
    page.get_by_role("button", name="empty attributes").click()
    expect(page.locator(".field-industry .readonly")).to_have_text("–")
    expect(page.get_by_role("button", name="Edit")).to_have_count(0)
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    expect(page.locator(".record-side .inline-group")).to_contain_text("Nordlicht 1")


def test_a_long_name_wraps_and_a_phone_scrolls_one_way(visit: Visitors) -> None:
    page = visit(member("Editor", "bert"), viewport=PHONE)
    page.goto(change(make("N" * 255, territory="T" * 255)))
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
