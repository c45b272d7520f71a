"""The rows of a customer as in a spreadsheet: keys, a pasted block, a search, and what is not saved."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.backoffice.people import member
from tests.browser.conftest import Visitors
from tests.browser.customer_pages import PASTE, ROWS, form_of, save
from tests.domain.customers import make, rows_of


@pytest.fixture
def page(visit: Visitors) -> Page:
    return visit(member("Editor"))


def add(page: Page) -> None:
    page.get_by_role("button", name="Add another Supplier number").click()


def company(page: Page, i: int) -> Locator:
    return page.locator(ROWS).nth(i).locator(".field-company input:not([type=hidden])")


def number(page: Page, i: int) -> Locator:
    return page.locator(ROWS).nth(i).locator(".field-supplier_number input:not([type=hidden])")


def test_five_supplier_numbers_are_pasted_and_saved(page: Page) -> None:
    customer = make("Nordlicht", 1)
    page.goto(form_of(customer))
    add(page)
    block = "".join(f"Overplane {i}\tSUP-{i}\r\n" for i in range(4)) + '"Over ""plane"" 4"\tSUP-4\r\n'
    company(page, 1).evaluate(PASTE, block)
    expect(page.locator(ROWS)).to_have_count(6)
    expect(page.locator("[data-rows-status]").first).to_have_text("5 rows pasted.")
    assert company(page, 5).input_value() == 'Over "plane" 4'
    expect(company(page, 5)).to_be_focused()
    save(page)
    assert rows_of(customer) == [(1, "Nordlicht 1"), *((i + 2, f"SUP-{i}") for i in range(5))]


def test_a_pasted_column_goes_down_over_what_is_there(page: Page) -> None:
    customer = make("Nordlicht", 2)
    page.goto(form_of(customer))
    number(page, 1).evaluate(PASTE, "A\nB\n\nC\n")
    assert [number(page, i).input_value() for i in range(4)] == ["Nordlicht 1", "A", "B", "C"]
    number(page, 0).evaluate(PASTE, "one text")  # is no block: the browser's own way
    save(page)
    assert rows_of(customer) == [(1, "Nordlicht 1"), (2, "A"), (3, "B"), (4, "C")]


def test_more_than_a_form_takes_is_said(page: Page) -> None:
    page.goto(form_of(make("Nordlicht")))
    add(page)
    number(page, 0).evaluate(PASTE, "\n".join(map(str, range(503))))
    expect(page.locator(ROWS)).to_have_count(500)
    expect(page.locator("#toasts")).to_contain_text("Only the first 500 rows were taken.")


def test_keys_alone_fill_rows_and_an_untouched_one_is_not_saved(page: Page) -> None:
    customer = make("Nordlicht")
    page.goto(form_of(customer))
    page.get_by_role("button", name="Add another Supplier number").press("Enter")
    expect(company(page, 0)).to_be_focused()
    expect(company(page, 0)).to_have_accessible_name("Company, 1")
    for text in ["Overplane", "Tab", "SUP-1", "Enter", "Overplane Inc.", "Tab", "SUP-2", "Enter"]:
        page.keyboard.press(text) if text in ("Tab", "Enter") else page.keyboard.type(text)
    expect(company(page, 2)).to_be_focused()
    page.keyboard.press("Enter")  # the last one is still empty: it stays
    expect(page.locator(ROWS)).to_have_count(3)
    page.keyboard.press("Shift+Enter")
    expect(company(page, 1)).to_be_focused()
    save(page)
    assert rows_of(customer) == [(1, "SUP-1"), (2, "SUP-2")]
    add(page)
    save(page)
    assert rows_of(customer) == [(1, "SUP-1"), (2, "SUP-2")]


def test_a_new_row_is_taken_away_before_it_is_saved(page: Page) -> None:
    customer = make("Nordlicht", 1)
    page.goto(form_of(customer))
    for i in range(3):
        add(page)
        number(page, i + 1).fill(f"N{i}")
    page.get_by_role("button", name="Remove, 3").click()
    expect(company(page, 2)).to_be_focused()
    save(page)
    assert rows_of(customer) == [(1, "Nordlicht 1"), (2, "N0"), (3, "N2")]


def test_an_editor_takes_away_a_stored_row(page: Page) -> None:
    customer = make("Nordlicht", 2)
    page.goto(form_of(customer))
    page.get_by_role("checkbox", name="Delete row 1").check()
    save(page)
    assert rows_of(customer) == [(1, "Nordlicht 2")]


def test_a_search_above_many_rows(page: Page) -> None:
    few, many = make("Few", 20), make("Many", 21)
    page.goto(form_of(few))
    expect(page.get_by_role("searchbox", name="Search: supplier numbers")).to_have_count(0)
    page.goto(form_of(many))
    page.get_by_role("searchbox", name="Search: supplier numbers").fill("many 2")
    expect(page.locator(f"{ROWS}:visible")).to_have_count(3)
    expect(page.get_by_text("3 of 21 rows on this page")).to_be_visible()
    page.keyboard.press("Enter")  # neither saves nor leaves
    number(page, 20).fill("Changed")
    save(page)
    assert rows_of(many)[-1] == (21, "Changed")


def test_a_search_of_more_pages_asks_the_server(page: Page) -> None:
    customer = make("Many", 120)
    page.goto(form_of(customer))
    search = page.get_by_role("searchbox", name="Search: supplier numbers")
    search.fill("MANY 11")
    expect(page.get_by_text("1 of 100 rows on this page")).to_be_visible()
    expect(page.get_by_role("button", name="Search all 120 rows")).to_be_visible()
    search.press("Enter")
    expect(page.locator(ROWS)).to_have_count(11)  # 11 and 110 to 119
    expect(page.get_by_text("11 rows found.")).to_be_visible()
    number(page, 10).fill("found and changed")
    save(page)
    assert rows_of(customer)[118] == (119, "found and changed")
    assert len(rows_of(customer)) == 120
    page.get_by_role("link", name="Show all").click()
    expect(page.locator(ROWS)).to_have_count(100)


def test_the_first_field_that_is_wrong_gets_the_focus(page: Page) -> None:
    page.goto(form_of(make("Nordlicht", 3)))
    page.locator("#supplier_numbers-group input[maxlength]").evaluate_all(
        "all => all.forEach(one => one.removeAttribute('maxlength'))"
    )
    number(page, 1).fill("x" * 300)
    page.keyboard.press("Control+s")
    expect(page.locator(".errornote")).to_be_visible()
    expect(number(page, 1)).to_be_focused()
    expect(page.locator(f"{ROWS}.errors")).to_have_count(1)


def test_rows_can_be_read_without_a_script(visit: Visitors) -> None:
    page = visit(member("Editor", "bert"), java_script_enabled=False)
    page.goto(form_of(make("Nordlicht", 2)))
    expect(page.get_by_role("textbox", name="Company, 2")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="position, 2")).to_be_visible()
    expect(page.get_by_role("checkbox", name=re.compile("Delete row 2"))).to_be_visible()
