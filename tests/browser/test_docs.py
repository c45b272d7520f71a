"""The reference pages in a browser: found by keyboard, samples in three languages with the reader's key, nothing cut."""

import time
from itertools import product
from typing import Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FilePayload, Locator, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.accessibility import COLOURS, OPTIONS, SIZES
from tests.browser.conftest import Visitors
from tests.conftest import Api
from tests.reference_page import KEY, SYNC, assert_only_what_came_after, calls_in, prepared, samples_in

OWN_KEY = "sk_test_0123456789abcdefghijABCDEFGHIJ01234567"
EVERYTHING_OPEN = "for (const one of document.querySelectorAll('main details')) one.open = true"
# One of each kind: axe looks at every element, and at these pages' twenty thousand that takes minutes.
ONE_OF_EACH = """() => {
  const alike = '.chapter > .row[id]:not(#listCustomers, #batchCustomers, #object-Event), .line:nth-child(n+7), dl > div:nth-child(n+6)';
  for (const one of document.querySelectorAll(alike)) one.remove();
}"""
# What is wider than its place, unless people can scroll to it.
CUT = """() => [...document.querySelectorAll('main *, header *, nav *')].filter((one) => {
  const style = getComputedStyle(one);
  const isCut = one.scrollWidth > one.clientWidth + 1 && style.overflowX !== 'visible' && style.display !== 'inline';
  const isOut = one.getClientRects().length && one.getBoundingClientRect().right > innerWidth + 1;
  return !one.closest('.unseen') && (isCut || isOut);
}).map((one) => one.outerHTML.slice(0, 120))"""


@pytest.fixture
def page(visit: Visitors) -> Page:
    page = visit()
    page.goto("/docs")
    return page


def options(page: Page) -> Locator:
    return page.get_by_role("option")


def test_search_is_done_by_keyboard(page: Page) -> None:
    page.keyboard.press("/")
    field = page.get_by_role("combobox", name="Search this page")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-expanded", "false")
    page.keyboard.type("if_m")
    expect(field).to_have_attribute("aria-expanded", "true")
    chosen = page.locator("[role=option][aria-selected=true]")
    expect(chosen).to_contain_text("if_match")
    expect(field).to_have_attribute("aria-activedescendant", str(chosen.get_attribute("id")))
    expect(page.locator(".search [role=status]")).to_contain_text("result")
    page.keyboard.press("ArrowDown")
    assert chosen.get_attribute("id") == "found-1"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    # It stands in an object within an object: all around it is opened.
    expect(page.locator("[id='batchCustomers.body.operations.op-update.if_match']")).to_be_in_viewport()
    expect(options(page)).to_have_count(0)


def test_search_finds_sections_attributes_parameters_and_codes(page: Page, subtests: pytest.Subtests) -> None:
    for typed, kind, title in (
        ("create a cus", "Section", "Create a customer"),
        ("keeping", "Section", "Keeping a copy"),
        ("territory", "Attribute", "territory"),
        ("starting_a", "Query parameter", "starting_after"),
        ("idempotency-k", "Header", "Idempotency-Key"),
        ("cursor_exp", "Error code", "cursor_expired"),
        ("tax_id[pre", "Filter", "tax_id"),
        ("412", "Status", "412"),
        ("nesting", "Limit", "Nesting of a body"),
        ("doc_url", "Attribute of an error", "doc_url"),
    ):
        with subtests.test(typed):
            page.keyboard.press("Control+k")
            page.keyboard.press("Control+a")
            page.keyboard.type(typed)
            first = options(page).first
            expect(first.locator("b, code")).to_have_text(title)
            expect(first.locator("small")).to_contain_text(kind)
            first.click()
            target = "document.getElementById(decodeURIComponent(location.hash.slice(1)))"
            assert page.evaluate(f"{target}.checkVisibility()")


def test_search_says_that_there_is_nothing(page: Page) -> None:
    field = page.get_by_role("combobox")
    field.fill("xyzzy")
    expect(page.locator(".search .none")).to_have_text("No result for “xyzzy”.")
    expect(page.locator(".search [role=status]")).to_have_text("No result for “xyzzy”.")
    expect(field).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Escape")
    expect(page.locator(".search .none")).to_be_hidden()
    expect(field).to_have_value("xyzzy")
    page.keyboard.press("Escape")
    expect(field).to_have_value("")


def test_a_slash_is_only_a_slash_where_one_types(page: Page) -> None:
    page.get_by_text("Your API key", exact=True).first.click()
    field = page.get_by_label("Your API key", exact=True)
    expect(field).to_be_focused()
    page.keyboard.type("a/b")
    expect(field).to_have_value("a/b")


def test_one_language_is_chosen_for_all_samples_and_remembered(page: Page) -> None:
    output = page.locator(".code:visible")

    def languages() -> set[str]:
        return set(output.evaluate_all("all => all.map((one) => one.dataset.language)"))

    assert languages() == {"curl"}
    tabs = page.locator("#retries").get_by_role("tab")
    tabs.get_by_text("curl").focus()
    page.keyboard.press("ArrowRight")
    expect(tabs.get_by_text("Python")).to_be_focused()
    expect(tabs.get_by_text("Python")).to_have_attribute("aria-selected", "true")
    page.reload()
    assert languages() == {"python"}
    assert output.count() == len(samples_in("python"))
    page.locator("#sync").get_by_role("tab", name="JavaScript").first.click()
    assert languages() == {"javascript"}


def test_the_readers_key_stands_in_every_sample_and_goes_nowhere(visit: Visitors) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    sent: list[str] = []
    page.on("request", lambda one: sent.append(f"{one.url} {one.all_headers()} {one.post_data}"))
    page.goto("/docs")
    key_elements = page.locator(".key")
    count = key_elements.count()
    assert set(key_elements.all_text_contents()) == {KEY}
    page.get_by_text("Your API key", exact=True).first.click()
    field = page.get_by_label("Your API key", exact=True)
    expect(field).to_be_focused()
    field.fill("nonsense")
    expect(page.locator("#own-key-state")).to_contain_text("This is no API key.")
    assert set(key_elements.all_text_contents()) == {KEY}
    field.fill(f" {OWN_KEY} ")
    assert key_elements.all_text_contents() == [OWN_KEY] * count
    expect(page.locator("#own-key-state")).to_contain_text("4567")
    expect(page.locator("#own-key-note")).to_contain_text("sends it nowhere")
    page.keyboard.press("Escape")
    expect(field).to_be_hidden()
    page.locator("#createCustomer").get_by_role("button", name="Copy “Request”").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    (sample,) = [one.text for one in samples_in("curl") if one.section == "createCustomer"]
    assert copied == sample.replace(KEY, OWN_KEY)
    page.reload()
    assert set(key_elements.all_text_contents()) == {OWN_KEY}
    assert page.evaluate("[JSON.stringify(localStorage), document.cookie, location.href].join()").count(OWN_KEY) == 0
    assert len(sent) > 3
    assert not [one for one in sent if OWN_KEY in one]
    page.get_by_text("Your API key …4567").click()
    page.get_by_role("button", name="Forget the key").click()
    assert set(key_elements.all_text_contents()) == {KEY}
    assert page.evaluate("sessionStorage.length") == 0


def test_a_link_opens_what_it_leads_into(visit: Visitors) -> None:
    page = visit()
    page.goto("/docs#errors.error.errors.code")
    expect(page.locator("[id='errors.error.errors.code']")).to_be_in_viewport()
    page.goto("/docs#listCustomers.filter.territory")
    expect(page.locator("[id='listCustomers.filter.territory']")).to_be_in_viewport()


def test_without_scripts_the_page_is_whole(visit: Visitors) -> None:
    page = visit(java_script_enabled=False)
    page.goto("/docs")
    expect(page.locator(".search")).to_be_hidden()
    expect(page.locator(".own-key")).to_be_hidden()
    assert page.locator(".code:visible").count() == sum(
        len(samples_in(one)) for one in ("curl", "python", "javascript")
    )
    expect(page.locator("#retries .language")).to_have_text(["curl", "Python", "JavaScript"])
    page.get_by_role("navigation").get_by_text("Change many customers").click()
    expect(page.locator("#batchCustomers h3")).to_be_in_viewport()
    page.locator("#batchCustomers summary").filter(has_text="Its forms of operations").click()
    expect(page.locator("[id='batchCustomers.body.operations.op-create.op']")).to_be_visible()


def test_nothing_is_cut_at_any_width(page: Page, subtests: pytest.Subtests) -> None:
    page.evaluate(EVERYTHING_OPEN)
    # What the languages differ in has a width of its own at the two ends alone.
    others = product(("python", "javascript"), (320, 1440))
    for language, width in [*(("curl", width) for width in (320, 390, 768, 961, 1241, 1440, 2560)), *others]:
        with subtests.test(f"{language} {width}"):
            page.evaluate("(language) => { document.documentElement.dataset.language = language; }", language)
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(CUT) == []


def test_print_has_everything_and_no_controls(page: Page) -> None:
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator("header.bar")).to_be_hidden()
    expect(page.locator(".copy").first).to_be_hidden()
    assert page.locator("main details:not([open])").count() == 0
    assert page.evaluate(
        "[...document.querySelectorAll('pre')].every((pre) => pre.scrollHeight <= pre.clientHeight + 1)"
    )
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("main details:not([open])").count() > 20


@pytest.fixture
def console(visit: Visitors) -> tuple[Page, list[str]]:
    """A page of the deployment's own address, and what is written to its console."""
    page = visit()
    written: list[str] = []
    page.goto("/docs")
    page.on("console", lambda message: written.append(message.text))
    # What the samples take from a page that sends a file.
    page.evaluate("() => document.body.append(Object.assign(document.createElement('input'), {type: 'file'}))")
    file = FilePayload(name="customers.csv", mimeType="text/csv", buffer=b"customer_name\nGrant Plastics Ltd.\n")
    page.locator("input[type=file]").set_input_files(file)
    return page, written


def test_every_sample_in_javascript_runs(
    live_api: Api, console: tuple[Page, list[str]], live_server: LiveServer, subtests: pytest.Subtests
) -> None:
    page, written = console
    for sample, text in prepared(calls_in("javascript"), live_api, live_server.url):
        with subtests.test(sample.name):
            written.clear()
            page.evaluate(f"async () => {{ {text} }}")
            assert written, "it tells nothing"


def test_javascript_goes_on_from_the_cursor_of_the_export(
    live_api: Api, console: tuple[Page, list[str]], live_server: LiveServer
) -> None:
    page, _ = console
    feed: list[Any] = []
    created: list[str] = []

    def after_a_change(route: Route) -> None:
        # Over the wire: in here Django would open a database connection that nobody closes (playwright calls this in
        # a context of its own).
        created.append(create_and_wait_for_the_feed(live_server.url, live_api.key))
        answer = route.fetch()
        feed.extend(answer.json()["data"])
        route.fulfill(response=answer)

    page.route("**/api/crm/event?**", after_a_change)
    samples = [one for one in samples_in("javascript") if one.title == SYNC]
    ((_, text),) = prepared(samples, live_api, live_server.url)
    page.evaluate(f"async () => {{ {text} }}")
    assert len(created) == 1
    assert_only_what_came_after(feed, created[0])


def test_axe_finds_nothing(visit: Visitors) -> None:
    # Past the policy, because axe itself writes styles into the page.
    page = visit(bypass_csp=True)
    page.goto("/docs")
    page.get_by_text("Your API key", exact=True).first.click()
    page.get_by_label("Your API key", exact=True).fill("nonsense")
    page.get_by_role("combobox").fill("cur")
    page.evaluate(ONE_OF_EACH)
    page.evaluate(EVERYTHING_OPEN)
    problems: list[str] = []
    for scheme, size in SIZES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size(size)
        problems += violations(page, {} if scheme == "light" else COLOURS)
    assert not problems, "\n".join(problems)


def violations(page: Page, only: dict[str, Any]) -> list[str]:
    """Of whatever weight."""
    broken_rules = Axe().run(page, options=OPTIONS | only).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in broken_rules for node in one["nodes"]]


def create_and_wait_for_the_feed(base_url: str, key: str) -> str:
    called = {"headers": {"Authorization": f"Bearer {key}"}, "timeout": 30}
    created = requests.post(f"{base_url}/api/crm/customer", json={"customer_name": "Meanwhile"}, **called).json()["id"]
    for _ in range(200):
        newest = requests.get(f"{base_url}/api/crm/event?limit=1", **called).json()["data"]
        if newest[0]["data"]["object"]["id"] == created:
            break
        time.sleep(0.1)
    return created


def test_a_long_answer_is_reached_by_keyboard(page: Page) -> None:
    long = page.locator("#object-Customer .answer pre")
    expect(long).to_have_attribute("tabindex", "0")
    long.focus()
    page.keyboard.press("End")
    for _ in range(100):  # not wait_for_function, which evaluates a text where the page's policy forbids it
        if long.evaluate("element => element.scrollTop"):
            break
        page.wait_for_timeout(50)
    else:
        pytest.fail("The End key did not move the long answer.")
    expect(page.locator("#deleteCustomer .answer pre")).not_to_have_attribute("tabindex", "0")
