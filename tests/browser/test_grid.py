"""The list as a grid: cells edited by keyboard and mouse, two people at one cell, a selection over pages, undo."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from crm import services
from crm.models import Customer
from overplane.events.models import Event
from tests.backoffice.people import member
from tests.browser.conftest import PHONE, Visitors
from tests.domain.customers import ORIGIN, make

LIST = "/admin/crm/customer/"


@pytest.fixture
def page(visit: Visitors) -> Page:
    return visit(member("Editor"))


def cell(page: Page, name: str, column: str) -> Locator:
    return page.locator("#result_list tr", has=page.get_by_role("link", name=name)).locator(f".field-{column}")


def values(column: str) -> list[str]:
    return list(Customer.objects.order_by("customer_name").values_list(column, flat=True))


def test_twenty_cells_are_edited_without_leaving_the_list(page: Page) -> None:
    for i in range(10):
        make(f"C{i}", territory="North")
    page.goto(f"{LIST}?o=customer_name")
    cell(page, "C0", "customer_group").dblclick()
    for i in range(10):  # down the column by Enter, which saves and goes to the next row
        page.locator(".open input").fill(f"Group {i}")
        page.keyboard.press("Enter")
        if i < 9:
            page.keyboard.press("F2")
    expect(cell(page, "C9", "customer_group")).to_have_text("Group 9")
    cell(page, "C0", "territory").dblclick()
    for i in range(10):
        page.locator(".open input").fill(f"Land {i}")
        page.keyboard.press("Enter")
        if i < 9:
            page.keyboard.press("Enter")
    expect(page.locator(".saving")).to_have_count(0)
    expect(cell(page, "C9", "territory")).to_have_text("Land 9")
    assert values("customer_group") == [f"Group {i}" for i in range(10)]
    assert values("territory") == [f"Land {i}" for i in range(10)]
    assert Event.objects.filter(type="customer.updated", actor="user:anna").count() == 20
    assert page.url.endswith("o=customer_name")


def test_tab_goes_on_and_escape_leaves_as_it_was(page: Page) -> None:
    make("Nordlicht", customer_group="A", territory="North", email_id="a@b.example")
    page.goto(LIST)
    cell(page, "Nordlicht", "customer_group").dblclick()
    page.locator(".open input").fill("B")
    page.keyboard.press("Tab")
    page.locator(".open input").fill("South")
    page.keyboard.press("Tab")
    page.locator(".open input").fill("other@b.example")
    page.keyboard.press("Escape")
    expect(cell(page, "Nordlicht", "email_id")).to_have_text("a@b.example")
    expect(page.locator(".saving")).to_have_count(0)
    assert (values("customer_group"), values("territory"), values("email_id")) == (["B"], ["South"], ["a@b.example"])


def test_a_wrong_value_stays_open_with_its_reason(page: Page) -> None:
    make("Nordlicht", email_id="a@b.example")
    page.goto(LIST)
    cell(page, "Nordlicht", "email_id").dblclick()
    page.locator(".open input").fill("no address")
    with page.expect_response("**/cell/"):
        page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("mail")
    expect(page.locator(".open input")).to_have_value("no address")
    page.keyboard.press("Escape")
    expect(cell(page, "Nordlicht", "email_id")).to_have_text("a@b.example")


@pytest.mark.parametrize(("choice", "expected"), [("Keep mine", "South"), ("Take theirs", "West")])
def test_two_people_at_one_cell(page: Page, choice: str, expected: str) -> None:
    customer = make("Nordlicht", territory="North")
    page.goto(LIST)
    services.update_customer(customer, {"territory": "West"}, origin=ORIGIN)
    cell(page, "Nordlicht", "territory").dblclick()
    page.locator(".open input").fill("South")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("West")
    page.get_by_role("button", name=choice).click()
    expect(cell(page, "Nordlicht", "territory")).to_have_text(expected)
    expect(page.locator(".saving")).to_have_count(0)
    assert values("territory") == [expected]


def test_a_change_is_taken_back_from_its_toast(page: Page) -> None:
    make("Nordlicht", territory="North")
    page.goto(LIST)
    cell(page, "Nordlicht", "territory").dblclick()
    page.locator(".open input").fill("South")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts")).to_contain_text("Undone: 1 customer is as it was.")
    expect(cell(page, "Nordlicht", "territory")).to_have_text("North")


def test_a_selection_outlives_pages_and_forty_are_changed_and_taken_back(page: Page) -> None:
    for i in range(60):
        make(f"C{i:02}", customer_group="Old")
    page.goto(f"{LIST}?o=customer_name")
    page.get_by_role("checkbox", name="Select C00").check()
    page.get_by_role("checkbox", name="Select C29").click(modifiers=["Shift"])
    bar = page.get_by_role("toolbar", name="With the selected")
    expect(bar).to_contain_text("30 selected")
    page.get_by_role("link", name="Next ›").click()
    expect(bar).to_contain_text("30 selected")
    page.get_by_role("checkbox", name="Select all on this page").check()
    expect(bar).to_contain_text("40 selected")
    bar.get_by_role("button", name="Set the group").click()
    page.get_by_label("Customer group").fill("New")
    page.get_by_role("button", name="Set it").click()
    expect(page.locator("#toasts")).to_contain_text("40 customers changed.")
    assert values("customer_group").count("New") == 40
    expect(bar).to_be_hidden()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts")).to_contain_text("Undone: 40 customers are as they were.")
    assert set(values("customer_group")) == {"Old"}


def test_heading_and_first_column_stay_in_sight(page: Page) -> None:
    for i in range(50):
        make(f"C{i:02}", email_id=f"somebody-with-a-long-name-{i}@example.com", territory="A long way from here")
    page.set_viewport_size({"width": 1000, "height": 700})
    page.goto(f"{LIST}?o=customer_name")
    grid = page.locator(".grid")
    grid.evaluate("grid => grid.scrollTo(300, 900)")
    top, left = page.locator("#result_list thead th").nth(1), cell(page, "C25", "customer_name")
    box, heading, name = grid.bounding_box(), top.bounding_box(), left.bounding_box()
    assert box
    assert heading
    assert name
    assert abs(heading["y"] - box["y"]) < 3
    assert name["x"] - box["x"] < 60
    assert page.evaluate("document.scrollingElement.scrollHeight <= innerHeight")


def test_the_first_customer_is_near_for_the_keyboard(page: Page) -> None:
    make("Nordlicht")
    page.goto(LIST)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # "Skip to the list"
    for _ in range(13):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").strip().endswith("Nordlicht"):
            return
    pytest.fail("15 Tabs do not lead to the first customer")


def test_on_a_phone_the_list_is_cards(visit: Visitors) -> None:
    make("Nordlicht", territory="North")
    page = visit(member("Editor", "bert"), viewport=PHONE)
    page.goto(LIST)
    expect(page.locator("#result_list td.field-territory")).to_have_attribute("data-label", "Territory")
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


def test_back_after_an_action_brings_no_ticks_back_and_a_narrow_window_no_column_that_stays(page: Page) -> None:
    for name in "ABC":
        make(name)
    page.goto("/admin/")
    page.goto(LIST)
    page.get_by_role("checkbox", name="Select all").check()
    page.get_by_role("button", name="Disable").click()
    expect(page.locator("#toasts")).to_contain_text("3 customers changed.")
    page.go_back()
    expect(page).to_have_url(re.compile("customer/$"))
    page.wait_for_load_state()
    expect(page.locator("#result_list :checked")).to_have_count(0)
    expect(page.locator(".selection")).to_be_hidden()
    # As a card no cell stays.
    page.set_viewport_size({"width": 950, "height": 700})
    page.locator(".grid").evaluate("(grid) => { grid.scrollLeft = 100; }")
    expect(page.locator(".grid.is-scrolled")).to_have_count(1)
    names = page.locator("#result_list tbody th").first
    assert names.evaluate("(cell) => getComputedStyle(cell).position") == "sticky"
    page.set_viewport_size(PHONE)
    assert names.evaluate("(cell) => getComputedStyle(cell).position") == "static"
