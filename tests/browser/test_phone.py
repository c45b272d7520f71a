"""A working day on a phone at night: what the other walks do at a desk, 390 pixels wide and dark."""

from playwright.sync_api import Page, expect

from crm.models import Customer
from overplane.people.models import Session
from tests.backoffice.people import PASSWORD, member
from tests.browser.conftest import PHONE, Visitors
from tests.browser.customer_pages import LIST, PASTE, ROWS, form_of
from tests.domain.customers import make, rows_of


def is_as_wide_as_the_phone(page: Page) -> bool:
    return page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


def test_everything_can_be_done_on_a_phone_at_night(visit: Visitors) -> None:
    customer_id = make("Nordlicht", mobile_no="(647)561-7697", territory="North")
    for i in range(3):
        make(f"Customer {i}", customer_group="Old")
    page = visit(member("Manager"), viewport=PHONE, color_scheme="dark")

    # A part of a phone number leads to its customer.
    page.goto(f"{LIST}?q=561-7697")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    expect(page.locator("#result_list")).to_contain_text("(647)561-7697")

    # A cell, in its card, and back again.
    territory = page.locator("#result_list td.field-territory")
    territory.dblclick()
    page.locator(".open input").fill("South")
    page.keyboard.press("Enter")
    expect(territory).to_have_text("South")
    page.get_by_role("button", name="Undo").click()
    expect(territory).to_have_text("North")
    assert is_as_wide_as_the_phone(page)

    # Many at once, and back again.
    page.goto(f"{LIST}?customer_group.is=Old")
    page.get_by_role("checkbox", name="Select all on this page").check()
    bar = page.get_by_role("toolbar", name="With the selected")
    expect(bar).to_contain_text("3 selected")
    bar.get_by_role("button", name="Set the group").click()
    page.get_by_label("Customer group").fill("New")
    page.get_by_role("button", name="Set it").click()
    expect(page.locator("#toasts")).to_contain_text("3 customers changed.")
    assert Customer.objects.filter(customer_group="New").count() == 3
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts")).to_contain_text("Undone: 3 customers are as they were.")

    # The list is a view for everybody from now on.
    tabs = page.get_by_role("navigation", name="Views")
    tabs.get_by_role("button", name="Save view").click()
    page.get_by_label("Save this list as").fill("Old ones")
    page.keyboard.press("Enter")
    tabs.get_by_role("button", name="What to do with the view “Old ones”").click()
    tabs.get_by_role("button", name="Share with everybody").click()
    other = visit(member("Viewer", "bert"), viewport=PHONE)
    other.goto(LIST)
    other.get_by_role("navigation", name="Views").get_by_role("link", name="Old ones").click()
    expect(other.locator("#result_list tbody tr")).to_have_count(3)

    # Five supplier numbers at once, while the session ends.
    page.goto(form_of(customer_id))
    page.get_by_role("button", name="Add another Supplier number").click()
    block = "".join(f"Overplane {i}\tSUP-{i}\n" for i in range(5))
    page.locator(ROWS).first.locator(".field-company input:not([type=hidden])").evaluate(PASTE, block)
    expect(page.locator(ROWS)).to_have_count(5)
    assert is_as_wide_as_the_phone(page)
    Session.objects.all().delete()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("dialog", name="Log in again").get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("is saved")
    assert [number for _position, number in rows_of(customer_id)] == [f"SUP-{i}" for i in range(5)]

    # From anywhere to a customer.
    page.get_by_role("button", name="Search or jump to…").click()
    page.keyboard.type("Customer 2")
    page.get_by_role("option", name="Customer 2").click()
    expect(page.get_by_role("heading", name="Customer 2")).to_be_visible()
