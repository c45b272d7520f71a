"""The columns of a list: moved, widened and low, and still so when the list is opened again."""

import pytest
from playwright.sync_api import Page, expect

from overplane.backoffice.models import SavedView
from tests.backoffice.people import member
from tests.browser.conftest import Visitors
from tests.domain.customers import make

LIST = "/admin/crm/customer/"


@pytest.fixture
def page(visit: Visitors) -> Page:
    make("Nordlicht", territory="North", customer_group="A")
    return visit(member("Editor"))


def order(page: Page) -> list[str]:
    return page.eval_on_selector_all("#result_list thead th[data-name]", "all => all.map(one => one.dataset.name)")


def test_a_column_is_dragged_and_stays_there(page: Page) -> None:
    page.goto(LIST)
    with page.expect_response("**/columns/"):
        page.locator("th.column-territory").drag_to(page.locator("th.column-customer_type"))
    expect(page.locator("#result_list tbody tr > *").nth(2)).to_have_text("North")
    page.goto(LIST)
    assert order(page)[:3] == ["customer_name", "territory", "customer_type"]
    # Cells are edited where they are now.
    page.locator("td.field-territory").dblclick()
    page.locator(".open input").fill("South")
    page.keyboard.press("Enter")
    expect(page.locator("td.field-territory")).to_have_text("South")


def test_a_column_is_moved_by_keys(page: Page) -> None:
    page.goto(LIST)
    heading = page.locator("th.column-customer_type a").first
    heading.focus()
    with page.expect_response("**/columns/"):
        page.keyboard.press("Alt+ArrowRight")
    expect(heading).to_be_focused()
    page.reload()
    assert order(page)[:3] == ["customer_name", "customer_group", "customer_type"]


def test_widths_and_density_are_kept_in_the_view_that_is_open(page: Page) -> None:
    page.goto(LIST)
    edge = page.locator("th.column-customer_group .widener").bounding_box()
    assert edge is not None
    x, y = edge["x"] + edge["width"] / 2, edge["y"] + edge["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 120, y, steps=4)
    with page.expect_response("**/columns/"):
        page.mouse.up()
    page.reload()
    width = page.locator("td.field-customer_group").evaluate("cell => cell.offsetWidth")
    assert width > 200
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("Low rows").check()
    page.get_by_role("button", name="Show these").click()
    row = page.locator("td.field-customer_group").bounding_box()
    assert row is not None
    assert row["height"] < 32
    assert abs(row["width"] - width) < 2
    assert SavedView.objects.get().layout == {"widths": {"customer_group": round(width)}, "dense": True}
