"""Filters made in a browser: from the bar, a heading, a chip and without scripts; views as tabs."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from overplane.backoffice.models import SavedView
from tests.backoffice.people import User, member
from tests.browser.accessibility import SIZES, findings
from tests.browser.conftest import PHONE, WIDE, Visitors
from tests.domain.customers import make

LIST = "/admin/crm/customer/"


@pytest.fixture
def customers() -> None:
    make("Alpha", territory="North", customer_group="Retail", default_commission_rate="2.5")
    make("Beta", territory="north", customer_type="Individual", disabled=True)
    make("Gamma", territory="South", customer_group="Retail")


def query_of(page: Page) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(page.url).query, keep_blank_values=True)


def rows(page: Page) -> Locator:
    return page.locator("#result_list tbody th")


def panel(page: Page) -> Locator:
    return page.get_by_role("group", name="A filter")


def open_panel(page: Page) -> Locator:
    page.locator(".filter-menu > summary").click()
    return panel(page)


@pytest.mark.parametrize("words", ["territory", "gebiet", "TERR"])
def test_an_attribute_is_found_in_either_language_and_filtered_by_from_the_keyboard(
    visit: Visitors, customers: None, words: str
) -> None:
    page = visit(member("Viewer"))
    page.goto(LIST)
    page.locator(".filter-menu > summary").focus()
    page.keyboard.press("Enter")
    expect(panel(page).get_by_placeholder("Find an attribute")).to_be_focused()
    page.keyboard.type(words)
    expect(panel(page).get_by_role("radio")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(panel(page).get_by_label("Value", exact=True)).to_be_focused()
    page.keyboard.type("NOR")
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_text([re.compile("Beta"), re.compile("Alpha")])
    assert query_of(page) == [("territory.contains", "NOR")]
    expect(page.get_by_role("list", name="Filters in use")).to_contain_text("Territory contains NOR")


def test_no_attribute_of_that_name_is_said(visit: Visitors) -> None:
    page = visit(member("Viewer"))
    page.goto(LIST)
    opened = open_panel(page)
    opened.get_by_placeholder("Find an attribute").fill("nonsense")
    expect(opened).to_contain_text("No attribute of this name.")
    page.keyboard.press("Escape")
    expect(opened).to_be_hidden()


def test_each_kind_has_its_comparisons_and_fields(visit: Visitors) -> None:
    page = visit(member("Viewer"))
    page.goto(LIST)
    opened = open_panel(page)
    comparison = opened.get_by_label("Comparison")

    def offered(attribute: str) -> list[str]:
        opened.get_by_role("radio", name=attribute, exact=True).check()
        return comparison.locator("option").all_inner_texts()

    assert offered("Territory") == ["contains", "is", "is one of", "is not", "begins with", "is empty", "is not empty"]
    assert offered("Disabled") == ["is"]
    assert opened.get_by_label("Value", exact=True).locator("option").all_inner_texts() == ["yes", "no"]
    assert offered("Customer details") == ["contains", "is empty", "is not empty"]
    assert offered("Commission rate")[:4] == ["is", "is between", "is at least", "is at most"]
    assert offered("Created") == [
        "is within", "is on", "is between", "is from", "is until", "is before", "is after",
    ]  # fmt: skip
    expect(opened.get_by_label("Value", exact=True)).to_have_value("today")
    comparison.select_option(label="is between")
    expect(opened.locator("[name='add.until']")).to_have_attribute("type", "date")
    comparison.select_option(label="is on")
    expect(opened.locator("[name='add.until']")).to_have_count(0)


def test_several_values_are_chosen_with_suggestions_and_taken_back(visit: Visitors, customers: None) -> None:
    page = visit(member("Viewer"))
    page.goto(f"{LIST}?customer_group=retail")
    opened = open_panel(page)
    opened.get_by_role("radio", name="Territory", exact=True).check()
    opened.get_by_label("Comparison").select_option(label="is one of")
    value = opened.get_by_label("Value", exact=True)
    value.fill("sou")
    expect(page.locator("datalist option[value='South']")).to_have_count(1)
    value.fill("South")
    value.press("Enter")
    value.fill("Nowhere, at all")
    value.press("Enter")
    opened.get_by_role("button", name="Remove: South").click()
    value.fill("NORTH")
    opened.get_by_role("button", name="Apply").click()
    expect(rows(page)).to_have_text([re.compile("Alpha")])
    assert query_of(page) == [
        ("customer_group", "retail"), ("territory.in", "Nowhere, at all"), ("territory.in", "NORTH"),
    ]  # fmt: skip


def test_a_period_keeps_what_was_typed_and_chosen_before(visit: Visitors, customers: None) -> None:
    page = visit(member("Viewer"))
    page.goto(f"{LIST}?status=active")
    page.get_by_role("searchbox", name="Search", exact=True).fill("a")
    opened = open_panel(page)
    opened.get_by_role("radio", name="Created", exact=True).check()
    opened.get_by_label("Value", exact=True).select_option(label="the last 7 days")
    opened.get_by_role("button", name="Apply").click()
    expect(rows(page)).to_have_text([re.compile("Alpha")])
    assert set(query_of(page)) == {("q", "a"), ("status", "active"), ("created_at.within", "last_7_days")}


def test_a_heading_opens_the_panel_with_its_attribute(visit: Visitors, customers: None) -> None:
    page = visit(member("Viewer"))
    page.goto(f"{LIST}?status=active&customer_type=Company&disabled=false&is_frozen=false")
    page.get_by_role("button", name="Filter by territory").click()
    assert_in_window(page, panel(page))
    assert page.evaluate(
        "[...document.querySelectorAll('*')].every((one) => one.id === 'searchbar' || !one.scrollLeft)"
    )
    expect(panel(page).get_by_role("radio", name="Territory", exact=True)).to_be_checked()
    expect(panel(page).get_by_label("Value", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Filter by updated").click()
    expect(panel(page).get_by_role("radio", name="Updated", exact=True)).to_be_checked()


def test_a_chip_is_changed_and_removed(visit: Visitors, customers: None) -> None:
    page = visit(member("Viewer"))
    page.goto(f"{LIST}?territory.contains=nor&status=active&default_commission_rate.between=1..2")
    chips = page.get_by_role("list", name="Filters in use")
    expect(rows(page)).to_have_count(0)
    chips.get_by_role("button", name="Commission rate is between 1 and 2").click()
    expect(panel(page).get_by_label("Value", exact=True)).to_have_value("1")
    panel(page).locator("[name='add.until']").fill("3")
    panel(page).get_by_role("button", name="Apply").click()
    expect(rows(page)).to_have_text([re.compile("Alpha")])
    chips.get_by_role("link", name="Remove Status is active").click()
    chips.get_by_role("link", name="Remove Commission rate").click()
    expect(rows(page)).to_have_count(2)
    assert query_of(page) == [("territory.contains", "nor")]


def test_a_search_leaves_the_panel_out_and_keeps_the_filters(visit: Visitors, customers: None) -> None:
    page = visit(member("Viewer"))
    page.goto(f"{LIST}?territory.contains=nor&industry.empty=")
    page.get_by_role("searchbox", name="Search", exact=True).fill("alp")
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_text([re.compile("Alpha")])
    assert sorted(query_of(page)) == [("industry.empty", ""), ("q", "alp"), ("territory.contains", "nor")]


def test_without_a_script_the_form_still_makes_a_filter(visit: Visitors, customers: None) -> None:
    page = visit(member("Viewer"), java_script_enabled=False)
    page.goto(f"{LIST}?status=active")
    opened = open_panel(page)
    opened.get_by_role("combobox", name="Attribute").select_option(label="Territory")
    opened.get_by_label("Comparison").select_option(label="is one of")
    opened.get_by_label("Value", exact=True).fill("north, south")
    opened.get_by_role("button", name="Apply").click()
    expect(rows(page)).to_have_count(2)
    assert query_of(page) == [("status", "active"), ("territory.in", "north"), ("territory.in", "south")]


def test_what_cannot_be_read_is_said_and_mended_in_the_panel(visit: Visitors, customers: None) -> None:
    page = visit(member("Viewer"))
    page.goto(f"{LIST}?created_from=abc&status=active")
    expect(page.get_by_role("alert")).to_contain_text("it expects a date, as in 2024-01-15, not “abc”")
    expect(rows(page)).to_have_count(0)
    page.get_by_role("alert").get_by_role("link", name="Remove this filter").click()
    expect(rows(page)).to_have_count(2)
    assert query_of(page) == [("status", "active")]


def test_a_view_is_saved_changed_shared_and_arranged_as_a_tab(visit: Visitors, customers: None) -> None:
    page = visit(member("Manager"))
    page.goto(f"{LIST}?territory.contains=nor")
    tabs = page.get_by_role("navigation", name="Views")
    expect(tabs.locator("[aria-current=page]")).to_have_text("All")
    tabs.get_by_role("button", name="Save view").click()
    page.get_by_label("Save this list as").fill("In the north")
    page.keyboard.press("Enter")
    current = tabs.locator("[aria-current=page]")
    expect(current).to_contain_text("In the north")
    expect(tabs.get_by_role("button", name="Save changes")).to_have_count(0)
    page.get_by_role("link", name="Remove Territory").click()
    expect(current).to_contain_text("In the north")
    expect(rows(page)).to_have_count(3)
    page.goto(f"{page.url}&status=active")
    tabs.get_by_role("button", name="Save changes").first.click()
    expect(rows(page)).to_have_count(2)
    tabs.get_by_role("button", name="What to do with the view “In the north”").click()
    tabs.get_by_role("button", name="Share with everybody").click()
    other = visit(member("Viewer", "bert"))
    other.goto(LIST)
    other.get_by_role("navigation", name="Views").get_by_role("link", name="In the north").click()
    expect(rows(other)).to_have_count(2)
    other.get_by_role("button", name="What to do with the view").click()
    expect(other.get_by_text("Shared by anna")).to_be_visible()
    other.get_by_role("button", name="Hide it from my tabs").click()
    expect(other.get_by_role("navigation", name="Views").get_by_role("link", name="In the north")).to_have_count(0)


def many_views() -> None:
    user = User.objects.get(username="anna")
    for i in range(30):
        name = f"View {i} " + "with a name that is as long as a name may be" * (i % 2)
        SavedView.objects.create(user=user, page="crm.customer", name=name[:80], query=f"q=a{i}")


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_many_tabs_scroll_on_one_line_and_the_open_one_is_in_sight(visit: Visitors, size: dict[str, int]) -> None:
    client = member("Viewer")
    many_views()
    page = visit(client, viewport=size)
    page.goto(f"{LIST}?view={SavedView.objects.get(name='View 28 ').pk}")
    tabs = page.get_by_role("navigation", name="Views")
    expect(tabs.locator("[aria-current=page]")).to_be_in_viewport()
    box = tabs.bounding_box()
    assert box is not None
    assert box["height"] < 60
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("scheme", "size"), SIZES, ids=["wide", "phone"])
def test_the_panel_and_the_menus_stay_in_the_window_and_are_accessible(
    visit: Visitors, customers: None, scheme: str, size: ViewportSize
) -> None:
    client = member("Manager")
    view = SavedView.objects.create(
        user=User.objects.get(username="anna"), page="crm.customer", name="Mine", query="status=active"
    )
    page = visit(client, viewport=size, color_scheme=scheme, reduced_motion="reduce")
    page.goto(f"{LIST}?status=active&territory.contains=o&created_from=abc&view={view.pk}")
    assert findings(page) == []
    page.get_by_role("button", name="What to do with the view").click()
    assert_in_window(page, page.locator("#view-menu"))
    assert findings(page) == []
    page.keyboard.press("Escape")
    opened = open_panel(page)
    opened.get_by_role("radio", name="Customer type", exact=True).check()
    opened.get_by_label("Comparison").select_option(label="is one of")
    opened.get_by_role("checkbox", name="Individual").check()
    assert_in_window(page, opened)
    assert findings(page) == []


def assert_in_window(page: Page, one: Locator) -> None:
    box, size = one.bounding_box(), page.viewport_size
    assert box is not None
    assert size is not None
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= size["width"]
    assert box["y"] + box["height"] <= size["height"]
