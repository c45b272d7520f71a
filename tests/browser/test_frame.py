"""The frame of every page: the rail, the account menu, the theme, times, and what a phone shows of them."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm.models import Customer
from tests.backoffice.people import member
from tests.browser.conftest import PHONE, Visitors
from tests.domain.customers import make

LIST = "/admin/crm/customer/"
PAGES = [
    "/admin/", LIST, "/admin/crm/customer/add/", "/admin/duplicates/", "/admin/import/", "/admin/export/",
    "/admin/overplane_events/event/", "/admin/overplane_api/apikey/", "/admin/overplane_api/apikey/add/",
    "/admin/overplane_jobs/job/", "/admin/auth/user/", "/admin/auth/group/", "/admin/auth/group/1/change/",
    "/admin/axes/accesslog/", "/admin/password_change/", "/admin/second-factor/",
]  # fmt: skip
UNNAMED = """() => [...document.querySelectorAll("button, a[href]")]
  .filter((one) => one.checkVisibility() && !one.textContent.trim() && !one.ariaLabel && !one.title).map((one) => one.outerHTML)"""


@pytest.fixture
def page(visit: Visitors) -> Page:
    return visit(member("Administrator"))


def test_every_page_stands_in_it(page: Page, subtests: pytest.Subtests) -> None:
    for address in PAGES:
        with subtests.test(address):
            page.goto(address)
            rail = page.get_by_role("navigation", name="Menu")
            expect(rail.get_by_role("link", name="Customers")).to_be_visible()
            expect(page.get_by_role("heading", level=1)).to_have_count(1)
            assert page.evaluate(UNNAMED) == []
            assert "Select " not in page.get_by_role("heading", level=1).inner_text()


def test_an_error_stands_in_it_too(visit: Visitors) -> None:
    page = visit(member("Viewer"))
    page.route("**/nowhere/", lambda route: route.continue_())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visit, "complaints", [])  # the browser tells of the 404 itself
        page.goto("/admin/nowhere/")
        expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
        expect(page.get_by_role("navigation", name="Menu").get_by_role("link", name="Customers")).to_be_visible()
        visit.complaints.clear()


def test_the_menu_marks_where_one_is(page: Page) -> None:
    customer = make("Nordlicht")
    page.goto(reverse("admin:crm_customer_change", args=[customer]))
    expect(page.locator(".rail [aria-current=page]")).to_have_text("Customers")
    expect(page).to_have_title("Nordlicht | Change customer | Overplane CRM")


def test_a_theme_is_chosen_and_stays(page: Page) -> None:
    page.goto(LIST)
    page.get_by_role("button", name="Account and settings").click()
    page.get_by_role("button", name="Dark", exact=True).click()
    page.goto("/admin/")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 26, 33)"


def test_times_are_those_of_the_browser(visit: Visitors) -> None:
    customer = make("Nordlicht")
    a_while_ago = timezone.now() - timedelta(minutes=12)
    Customer.objects.filter(pk=customer).update(created_at="2025-01-02T23:30:00Z", updated_at=a_while_ago)
    client = member("Viewer")
    german = visit(client, locale="de-DE")
    german.goto(LIST)
    expect(german.locator("td.field-updated time")).to_have_text(re.compile("^vor 1[23] Min\\.$"))  # "12 m" were metres
    page = visit(client, timezone_id="Asia/Tokyo", locale="en-GB")
    page.goto(f"{LIST}?q=nord")
    expect(page.get_by_text("Asia/Tokyo")).to_be_visible()
    age = page.locator("td.field-updated time")
    expect(age).not_to_contain_text("UTC")
    expect(age).to_have_attribute("title", re.compile(r"\(Asia/Tokyo\)$"))


def test_on_a_phone_the_menu_opens_and_content_begins_at_once(visit: Visitors) -> None:
    page = visit(member("Viewer"), viewport=PHONE)
    page.goto(LIST)
    top = page.get_by_role("heading", level=1).bounding_box()
    assert top is not None
    assert top["y"] < 120
    rail = page.get_by_role("navigation", name="Menu")
    expect(rail).to_be_hidden()
    assert page.locator("kbd").all() != []
    assert [key.inner_text() for key in page.locator("kbd").all() if key.is_visible()] == []  # a phone has no keys
    page.get_by_role("button", name="Menu").click()
    rail.get_by_role("link", name="Duplicates").click()
    expect(page.get_by_role("heading", name="duplicates")).to_be_visible()


LOADED = """() => performance.getEntriesByType("resource").filter((one) => one.initiatorType === "script").map((one) => [one.name, one.decodedBodySize])"""
MOST_SCRIPT_BYTES = 60_000  # of a list; Django's own scripts were 250 KB


def test_lists_and_records_load_no_script_that_they_do_not_use(page: Page, subtests: pytest.Subtests) -> None:
    record = reverse("admin:crm_customer_change", args=[make("Nordlicht", 1)])
    for address in (LIST, "/admin/crm/customer/add/", record, "/admin/overplane_events/event/"):
        with subtests.test(address):
            page.goto(address)
            loaded = page.evaluate(LOADED)
            assert [
                name for name, _size in loaded if "/admin/js/" in name or "jquery" in name or "jsi18n" in name
            ] == []
            assert 0 < sum(size for _name, size in loaded) < MOST_SCRIPT_BYTES


def test_a_new_key_is_copied_by_a_button(visit: Visitors) -> None:
    page = visit(member("Administrator"), permissions=["clipboard-read", "clipboard-write"])
    page.goto("/admin/overplane_api/apikey/add/")
    page.locator("#id_name").fill("sync")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Copy the key").click()
    expect(page.locator("#toasts")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator(".secret code").inner_text()


LINES = """() => {
  const width = (selector, side = "Top") => parseFloat(getComputedStyle(document.querySelector(selector))[`border${side}Width`]);
  const row = getComputedStyle(document.querySelector("#rows tr:has(:checked)"));
  return { "where one is": width(".rail [aria-current]"), tag: width("#rows .tag"), bar: width(".selection"), language: width(".segment[aria-current]"), tab: width(".tab.current", "Bottom"), row: parseFloat(row.outlineWidth) };
}"""


def test_what_is_told_by_colour_has_a_line_where_the_system_chooses_colours(visit: Visitors) -> None:
    make("Nordlicht", customer_group="Energy")
    page = visit(member("Administrator"), forced_colors="active")
    page.goto(LIST)
    page.locator("#rows input").check()
    expect(page.locator(".selection")).to_be_visible()
    assert {name: width for name, width in page.evaluate(LINES).items() if not width} == {}
    page.emulate_media(forced_colors="none")
    assert [name for name, width in page.evaluate(LINES).items() if not width]
