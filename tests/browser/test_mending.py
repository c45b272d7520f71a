"""Rows mended in the page of a check by mouse and keys, while the server is away, and in two tabs: with a real browser."""

import re

from django.core.management import call_command
from playwright.sync_api import Page, Route, expect

from crm.models import Customer
from overplane.jobs.models import Job
from tests.backoffice.mending_pages import checked
from tests.backoffice.people import member
from tests.browser.conftest import Visitors

FILE = "Name,E-Mail,Type\nAcme,nobody,Kunde X\nBell,nobody,Company\nCole,wrong,Company\n"


def field(page: Page, name: str) -> str:
    return page.locator(f'.mending-grid [name="{name}"]').input_value()


def test_rows_are_mended_by_mouse_and_keys_and_in_two_tabs(visit: Visitors) -> None:
    client = member("Manager")
    report = checked(client, FILE)
    page = visit(client)
    page.goto(report)
    left = page.locator("output.left")
    page.get_by_label("“nobody”, 2 times, becomes").fill("a@b")
    page.keyboard.press("Enter")
    expect(left).to_have_text("2 rows are wrong still.")
    page.get_by_role("checkbox", name="(empty)").check()
    expect(page.locator('[name="cell-2-1"]')).to_have_value("")
    expect(left).to_have_text("2 rows are wrong still.")
    page.get_by_label("“nobody”, 2 times, becomes").fill("c@d")
    page.keyboard.press("Tab")
    expect(page.get_by_role("checkbox", name="(empty)")).not_to_be_checked()
    expect(page.locator('[name="cell-2-1"]')).to_have_value("c@d")
    # By keys: out of a field, to the cell beside it, and into that.
    page.locator('[name="cell-4-1"]').focus()
    page.keyboard.type("typed")
    page.keyboard.press("Escape")
    expect(page.locator('[name="cell-4-1"]')).to_have_value("wrong")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("F2")
    expect(page.get_by_role("textbox", name="Name, row 4")).to_be_focused()
    page.keyboard.type("Cole & Co")
    page.keyboard.press("Tab")
    page.get_by_role("cell", name="Bell", exact=True).click()
    page.keyboard.type("Bell & Co")
    # In another tab a cell is corrected. What this one shows of it is old, and is not sent by it.
    other = page.context.new_page()
    other.goto(report)
    other.locator('[name="cell-4-1"]').fill("cole@b.de")
    other.keyboard.press("Tab")
    expect(other.locator("output.left")).to_have_text("1 row is wrong still.")
    page.locator('[name="cell-2-2"]').select_option("Company")
    page.get_by_role("button", name="Check again").click()
    expect(page.get_by_text("This page renews itself")).to_be_visible()
    call_command("run_worker", until_idle=True)
    page.reload()
    expect(page.get_by_text("No problems.")).to_be_visible()
    page.get_by_role("button", name="Import now").click()
    expect(page.get_by_text("This page renews itself")).to_be_visible()
    call_command("run_worker", until_idle=True)
    assert set(Customer.objects.values_list("customer_name", "email_id")) == {
        ("Acme", "c@d"), ("Bell & Co", "c@d"), ("Cole & Co", "cole@b.de"),
    }  # fmt: skip


def test_what_is_typed_while_the_server_is_away_is_sent_when_it_is_back(visit: Visitors) -> None:
    client = member("Manager")
    report = checked(client, FILE)
    page = visit(client)
    page.goto(report)
    left, address = page.locator("output.left"), re.compile("/correct/$")

    def refuse(route: Route) -> None:
        route.fulfill(status=503, body="")

    page.route(address, refuse)
    page.locator('[name="cell-4-1"]').fill("c@d")
    page.keyboard.press("Tab")
    expect(left).to_contain_text("Not kept yet: the server does not answer.")
    with page.expect_response(address):
        page.get_by_role("button", name="Check again").click()  # it tries to keep it first
    expect(left).to_contain_text("Not kept yet")
    assert field(page, "cell-4-1") == "c@d"
    assert "corrected" not in Job.objects.get(kind="crm.check_import").payload
    page.unroute(address)
    expect(left).to_have_text("2 rows are wrong still.", timeout=15_000)  # it is sent again every five seconds
    assert Job.objects.get(kind="crm.check_import").payload["corrected"]["cells"] == {"4": {"E-Mail": "c@d"}}
    visit.complaints[:] = [one for one in visit.complaints if "503" not in one]
