"""`Ctrl K`: a dialog that finds records, pages and actions by the keyboard, by the mouse and on a phone."""

import re

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Page, expect

from crm import line_item_services
from crm.line_items import SUPPLIER_NUMBERS
from overplane.backoffice.models import SavedView
from tests.backoffice.people import member
from tests.browser.accessibility import findings_in_light_and_dark
from tests.browser.conftest import PHONE, Visitors
from tests.domain.customers import ORIGIN, make

LIST = "/admin/crm/customer/"


@pytest.fixture
def page(visit: Visitors) -> Page:
    page = visit(member("Manager"))
    make("Nordlicht", mobile_no="(647)561-7697")
    make("Südwind", mobile_no="+49 30 1234567")
    return page


def opened(page: Page, address: str = LIST) -> Page:
    page.goto(address)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Search or jump to…")).to_be_focused()
    return page


def test_a_part_of_a_phone_number_and_enter_open_the_record(page: Page) -> None:
    opened(page)
    page.keyboard.type("561 76")
    page.keyboard.press("Enter")  # at once: the answer is still on its way
    expect(page).to_have_title(re.compile("^Nordlicht"))


def test_the_record_says_what_was_found(page: Page) -> None:
    opened(page, "/admin/")
    page.keyboard.type("0049301234567")
    expect(page.get_by_role("option", name="Südwind")).to_contain_text("mobile phone +49 30 1234567")
    expect(page.get_by_role("option", name="Südwind")).to_have_attribute("aria-selected", "true")


def test_on_the_page_of_a_record_it_opens_too_and_goes_nowhere(page: Page) -> None:
    page.goto(f"{LIST}?q=nord")
    page.get_by_role("link", name="Nordlicht", exact=True).click()
    page.wait_for_load_state()
    address = page.url
    page.keyboard.press("Control+k")
    page.keyboard.type("jkne")
    expect(page.get_by_role("combobox", name="Search or jump to…")).to_have_value("jkne")
    assert page.url == address


def test_arrows_choose_and_go_round(page: Page) -> None:
    opened(page)
    page.keyboard.type("1234")
    expect(page.locator("#palette").get_by_role("option")).to_have_count(2)
    for key, chosen in (("ArrowDown", "Show all matches"), ("ArrowDown", "Südwind"), ("ArrowUp", "Show all matches")):
        page.keyboard.press(key)
        expect(page.locator("[role=option][aria-selected=true]")).to_contain_text(chosen)
        active = page.get_by_role("combobox").get_attribute("aria-activedescendant")
        assert page.locator(f"#{active}").get_attribute("aria-selected") == "true"
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"\?q=1234$"))


def test_control_and_enter_open_a_new_tab(page: Page) -> None:
    opened(page)
    page.keyboard.type("nordl")
    expect(page.get_by_role("option", name="Nordlicht")).to_be_visible()
    with page.context.expect_page() as new:
        page.keyboard.press("Control+Enter")
    expect(new.value).to_have_title(re.compile("^Nordlicht"))
    assert page.url.endswith(LIST)


def test_escape_closes_it_and_the_focus_goes_back(page: Page) -> None:
    page.goto(LIST)
    page.get_by_role("button", name="Search or jump to…").click()
    expect(page.get_by_role("dialog", name="Search or jump to…")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("button", name="Search or jump to…")).to_be_focused()


def test_pages_actions_and_views_are_found(page: Page) -> None:
    anna = get_user_model().objects.get(username="anna")
    SavedView.objects.create(user=anna, page="crm.customer", name="Wind and water", query="territory=North")
    for words, address in (("expo", "/admin/export/"), ("new cust", f"{LIST}add/"), ("water", "territory=North")):
        opened(page)
        page.keyboard.type(words)
        expect(page.locator("[role=option][aria-selected=true]")).to_be_visible()
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(re.escape(address)))
    opened(page)
    page.keyboard.type("dark")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_language_is_chosen_and_the_dialog_speaks_it(page: Page) -> None:
    opened(page)
    page.keyboard.type("deutsch")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Suchen, öffnen …")).to_be_focused()
    page.keyboard.type("5617697")
    expect(page.get_by_role("option", name="Nordlicht")).to_contain_text("Mobiltelefon (647)561-7697")


def test_nothing_found_is_said(page: Page) -> None:
    opened(page)
    page.keyboard.type("zzzz")
    expect(page.locator("#palette").get_by_role("status")).to_have_text("Nothing found. Fewer letters find more.")
    expect(page.get_by_role("combobox")).to_have_attribute("aria-expanded", "false")


def test_a_session_that_ended_is_said(page: Page) -> None:
    opened(page)
    page.context.clear_cookies()
    page.keyboard.type("nord")
    expect(page.locator("#palette").get_by_role("status")).to_have_text(
        "The search does not answer. Try again, or sign in again."
    )


def test_what_was_opened_is_offered_until_log_out(page: Page) -> None:
    for name in ("Nordlicht", "Südwind"):
        page.goto(f"{LIST}?q={name}")
        page.get_by_role("link", name=name, exact=True).click()
        expect(page).to_have_title(re.compile(f"^{name}"))
        page.wait_for_load_state()
    opened(page, "/admin/")
    expect(page.get_by_role("group", name="Recently opened").get_by_role("option")).to_have_text(
        [re.compile("Südwind$"), re.compile("Nordlicht$")]
    )
    stored = page.evaluate("JSON.stringify({...localStorage})")
    assert "Nordlicht" not in stored
    assert "customer_" in stored
    page.keyboard.type("log out")
    page.keyboard.press("Enter")
    expect(page).not_to_have_url(re.compile("/admin/$"))
    assert "customer_" not in page.evaluate("JSON.stringify({...localStorage})")


def test_somebody_else_is_not_offered_it(page: Page, visit: Visitors) -> None:
    page.goto(f"{LIST}?q=nord")
    page.get_by_role("link", name="Nordlicht", exact=True).click()
    expect(page).to_have_title(re.compile("^Nordlicht"))
    page.wait_for_load_state()
    page.evaluate('localStorage.setItem(\'opened\', localStorage.opened.replace(/"person":"\\d+"/, \'"person":"0"\'))')
    opened(page, "/admin/")
    expect(page.get_by_role("option", name="New customer")).to_be_visible()
    expect(page.get_by_role("group", name="Recently opened")).to_have_count(0)


def test_on_a_phone_a_button_in_the_bar_opens_it(visit: Visitors) -> None:
    customer_id = make("Nordlicht", mobile_no="(647)561-7697")
    line_item_services.add_line_item(
        SUPPLIER_NUMBERS, customer_id, {"supplier_number": "2195750", "company": "Overplane NL"}, origin=ORIGIN
    )
    page = visit(member("Viewer"), viewport=PHONE)
    page.goto(LIST)
    page.get_by_role("button", name="Search or jump to…").click()
    page.keyboard.type("2195750")
    option = page.get_by_role("option", name="Nordlicht")
    expect(option).to_contain_text("supplier number 2195750, Overplane NL")
    assert option.evaluate("(option) => option.getBoundingClientRect().height") >= 44
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    option.click()
    expect(page).to_have_title(re.compile("^Nordlicht"))


def test_it_is_accessible(visit: Visitors) -> None:
    page = visit(member("Manager"), bypass_csp=True)  # axe writes styles into the page
    make("Nordlicht", mobile_no="(647)561-7697")
    opened(page)
    assert findings_in_light_and_dark(page) == []
    page.keyboard.type("5617")
    expect(page.get_by_role("option", name="Nordlicht")).to_be_visible()
    assert findings_in_light_and_dark(page) == []
    page.get_by_role("combobox").fill("zzzz")
    expect(page.locator("#palette").get_by_role("status")).to_contain_text("Nothing found")
    assert findings_in_light_and_dark(page) == []
