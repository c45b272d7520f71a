"""The tables of line items in the customer form, all kinds on one page: what is moved in one leaves the others alone."""

import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from playwright.sync_api import Locator, Page, expect

from crm import rules
from crm.line_items import LINE_ITEMS, LineItem
from tests.browser.accessibility import findings_in_light_and_dark
from tests.browser.conftest import PHONE, WIDE, Visitors
from tests.browser.customer_pages import form_of, save
from tests.contract.values import texts_of
from tests.domain.customers import make


def box(element: Locator) -> Any:
    bounds = element.bounding_box()
    assert bounds, "it is not on the page"
    return bounds


class LineItemTable:
    """One kind's table; a row is known by a text of its own."""

    def __init__(self, page: Page, kind: LineItem) -> None:
        self.page, self.kind = page, kind
        closed = rules.LINE_ITEM_CHOICES.get(kind.name, {})
        self.name = next(n for n in kind.names if kind.attributes[n].kind == "string" and n not in closed)
        self.group = page.locator(f"#{kind.name}-group")
        self.rows = self.group.locator("tr.form-row:not(.empty-form)")

    def add(self, text: str) -> None:
        self.group.get_by_role("button", name=re.compile("Add another")).click()
        for name, value in texts_of(self.kind, 1).items():
            if self.kind.attributes[name].required:
                self.rows.nth(-1).locator(f".field-{name} :is(input, select, textarea)").first.fill(value)
        self.input(-1).fill(text)

    def input(self, i: int) -> Locator:
        return self.rows.nth(i).locator(f".field-{self.name} :is(input:not([type=hidden]), textarea)")

    def texts(self) -> list[str]:
        return [self.input(i).input_value() for i in range(self.rows.count())]

    def positions(self) -> list[str]:
        return [
            self.rows.nth(i).locator(".field-idx input:not([type=hidden])").input_value()
            for i in range(self.rows.count())
        ]

    def drag(self, i: int, onto: Locator) -> None:
        """To the lower part of another row."""
        self.group.evaluate("group => group.scrollIntoView({block: 'center'})")
        start, target = box(self.rows.nth(i).locator(".bo-drag")), box(onto)
        self.page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
        self.page.mouse.down()
        self.page.mouse.move(start["x"] + 5, target["y"] + target["height"] * 0.9, steps=8)
        self.page.mouse.up()

    def stored(self, customer_id: str) -> list[Any]:
        rows = self.kind.model.objects.filter(customer_id=customer_id).order_by("idx")
        return list(rows.values_list("idx", self.name))


@pytest.fixture
def staff(transactional_db: None) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("anna", password="x"))
    return client


def tables(page: Page) -> list[LineItemTable]:
    return [LineItemTable(page, kind) for kind in LINE_ITEMS]


def test_each_table_is_sorted_by_itself(visit: Visitors, staff: Client) -> None:
    customer_id = make("Nordlicht")
    page = visit(staff)
    page.goto(form_of(customer_id))
    for table in tables(page):
        for text in "ABC":
            table.add(text)
    for table in tables(page):
        table.input(2).press("Alt+ArrowUp")
        assert table.texts() == ["A", "C", "B"]
    for table in tables(page):
        table.drag(0, table.rows.nth(2))
        assert table.texts() == ["C", "B", "A"]
        table.rows.nth(0).get_by_role("button", name="Move down, 1").click()
        expect(table.rows.nth(1).get_by_role("button", name="Move down, 2")).to_be_focused()
    save(page)
    for table in tables(page):
        assert table.texts() == ["B", "C", "A"]
        assert table.stored(customer_id) == [(1, "B"), (2, "C"), (3, "A")]


def test_what_happens_in_one_leaves_the_others_alone(visit: Visitors, staff: Client) -> None:
    customer_id = make("Nordlicht")
    page = visit(staff)
    page.goto(form_of(customer_id))
    for table in tables(page):
        for text in "ABC":
            table.add(text)
    first, *others = tables(page)
    first.rows.nth(1).get_by_role("button", name=re.compile("Remove")).click()
    assert (first.texts(), first.positions()) == (["A", "C"], ["1", "2"])
    for other in others:
        first.drag(0, other.rows.nth(2))  # beyond its own table, which it cannot leave
        assert (other.texts(), other.positions()) == (["A", "B", "C"], ["1", "2", "3"])
    save(page)
    first.rows.nth(0).get_by_role("checkbox", name=re.compile("Delete row")).check()
    expect(first.rows.nth(0)).to_have_class(re.compile("bo-deleted"))
    assert first.positions()[1] == "1"
    assert [other.positions() for other in others] == [["1", "2", "3"]] * len(others)
    save(page)
    assert len(first.stored(customer_id)) == 1
    assert [other.stored(customer_id) for other in others] == [[(1, "A"), (2, "B"), (3, "C")]] * len(others)


def test_every_field_of_a_row_can_be_reached(visit: Visitors, staff: Client) -> None:
    """However many there are: nothing is cut off, and the page itself is as wide as the window."""
    customer_id = make("Nordlicht")
    page = visit(staff, bypass_csp=True)  # axe writes styles into the page
    page.goto(form_of(customer_id))
    for table in tables(page):
        table.add("A")
    for size in (WIDE, PHONE):
        page.set_viewport_size(size)
        for table in tables(page):
            for name in texts_of(table.kind, 1):
                field = table.rows.nth(0).locator(f".field-{name}").locator("input, select, textarea").first
                field.scroll_into_view_if_needed()
                expect(field).to_be_in_viewport(ratio=0.5)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert findings_in_light_and_dark(page) == []
    save(page)
