"""What comes out of the printer: paper is white, has no buttons, and begins with what it is about."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.backoffice.people import member
from tests.browser.conftest import Visitors
from tests.browser.customer_pages import LIST, form_of
from tests.domain.customers import make

A4 = {"width": 794, "height": 1123}  # at 96 dots an inch


def sheets(page: Page) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4")))


@pytest.fixture
def paper(visit: Visitors) -> Page:
    page = visit(member("Manager"), viewport=A4, color_scheme="dark")
    page.emulate_media(media="print")
    return page


def test_a_list_is_a_table_from_the_first_sheet_on(paper: Page) -> None:
    for i in range(50):
        make(f"Customer {i} of a list that is printed", territory="North", email_id=f"c{i}@example.com")
    paper.goto(LIST)
    assert paper.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    first = paper.locator("#result_list tbody tr").first.bounding_box()
    assert first is not None
    assert first["y"] < 200
    expect(paper.locator("#result_list thead")).to_be_visible()
    expect(paper.get_by_role("link", name="New customer")).to_be_hidden()
    expect(paper.locator("#result_list .action-checkbox").first).to_be_hidden()
    assert paper.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert sheets(paper) <= 4  # 50 rows of two lines: the screen's one box that scrolls is none on paper


def test_a_record_is_on_one_sheet(paper: Page) -> None:
    paper.goto(form_of(make("Nordlicht", 3, territory="North")))
    for hidden in (".rail", ".tabs", ".tools", ".removal", ".add-row"):
        expect(paper.locator(hidden).first).to_be_hidden()
    heading = paper.get_by_role("heading", level=1).bounding_box()
    assert heading is not None
    assert heading["y"] < 60
    expect(paper.locator(".field-territory .shown")).to_be_visible()
    assert (
        paper.evaluate("getComputedStyle(document.querySelector('.section')).backgroundColor") == "rgb(255, 255, 255)"
    )
    assert sheets(paper) <= 2
