"""What people do all day in the back office, with a real browser."""

import re

from playwright.sync_api import Locator, Page, expect

from crm import services
from crm.duplicates import following
from crm.models import Customer
from overplane.events.models import Event
from tests.backoffice.people import PASSWORD, member
from tests.browser.conftest import Visitors
from tests.browser.customer_pages import LIST, edit, form_of, save
from tests.domain.customers import ORIGIN, make, rows_of

ROWS = "#supplier_numbers-group tr.form-row:not(.empty-form)"


def names(page: Page) -> list[str]:
    return page.locator("#result_list tbody th.field-customer_name bdi").all_inner_texts()


def drag(page: Page, row: Locator, onto: Locator, *, below: bool) -> None:
    page.locator("#supplier_numbers-group").evaluate("group => group.scrollIntoView({block: 'center'})")
    start, target = row.locator(".bo-drag").bounding_box(), onto.bounding_box()
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    end = target["y"] + target["height"] * (0.9 if below else 0.1)
    page.mouse.move(start["x"] + 5, end, steps=8)
    page.mouse.up()


def numbers(page: Page) -> list[str]:
    return [field.input_value() for field in page.locator(f"{ROWS} .field-supplier_number input").all()]


def test_logs_in_finds_a_customer_and_logs_out(visit: Visitors) -> None:
    member("Manager", "anna")
    make("Müller & Söhne")
    make("Nordlicht")
    page = visit()
    page.goto("/")
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator(".errornote")).to_be_visible()
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Changed last")).to_be_visible()
    page.goto(LIST)
    page.keyboard.press("/")
    expect(page.locator("#searchbar")).to_be_focused()
    page.keyboard.type("sohne muller")
    page.keyboard.press("Enter")
    page.wait_for_url("**?q=*")
    assert names(page) == ["Müller & Söhne"]
    expect(page.locator(".heading .amount")).to_have_text("1")
    page.get_by_role("button", name="Account and settings").click()
    page.get_by_role("button", name="Log out").click()
    page.goto(LIST)
    expect(page.get_by_label("Password")).to_be_visible()


def test_filters_are_chips_that_come_off(visit: Visitors) -> None:
    client = member("Viewer")
    for i in range(3):
        make(f"North {i}", territory="North")
    make("North person", territory="North", customer_type="Individual")
    make("South", territory="South")
    page = visit(client)
    page.goto(LIST)
    page.locator(".filter-menu > summary").click()
    page.get_by_role("radio", name="Territory", exact=True).check()
    page.get_by_label("Value", exact=True).fill("north")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**territory.contains=north*")
    page.locator(".filter-menu > summary").click()
    page.get_by_role("radio", name="Customer type", exact=True).check()
    page.get_by_label("Value", exact=True).select_option("Company")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(3)
    assert names(page) == ["North 2", "North 1", "North 0"]
    chips = page.get_by_role("list", name="Filters in use").get_by_role("listitem")
    expect(chips).to_have_count(3)  # two, and the one that clears all
    chips.filter(has_text="Company").get_by_role("link").click()
    expect(chips).to_have_count(2)
    assert len(names(page)) == 4
    page.get_by_role("link", name="Clear all").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(5)


def test_suggests_values_already_used(visit: Visitors) -> None:
    make("One", territory="Nordrhein-Westfalen")
    page = visit(member("Editor"))
    page.goto("/admin/crm/customer/add/")
    field = page.locator("#id_territory")
    field.focus()
    field.press_sequentially("nord")
    expect(page.locator("datalist option[value='Nordrhein-Westfalen']")).to_be_attached()


def test_edits_a_customer_and_restores_the_old_value_from_the_history(visit: Visitors) -> None:
    customer_id = make("Nordlicht", territory="North")
    page = visit(member("Editor"))
    page.goto(LIST)
    page.get_by_role("link", name="Nordlicht").click()
    edit(page)
    page.locator("#id_territory").fill("South")
    page.locator("#id_email_id").fill("two@signs@example.com")
    page.keyboard.press("Control+s")
    expect(page.locator(".field-email_id .errorlist")).to_be_visible()
    expect(page.locator("#id_email_id")).to_be_focused()
    page.locator("#id_email_id").fill("info@example.com")
    page.keyboard.press("Control+s")
    expect(page.locator("#toasts li").first).to_be_visible()
    page.get_by_role("button", name="More").click()
    page.get_by_role("link", name="History", exact=True).click()
    line = page.locator(".bo-event", has_text="South").get_by_role("row", name=re.compile("territory", re.IGNORECASE))
    expect(line.locator(".bo-old")).to_have_text("North")
    expect(line.locator(".bo-new")).to_have_text("South")
    expect(page.locator(".bo-event").first).to_contain_text("anna (back office)")
    line.get_by_role("button").click()
    expect(page.locator("#toasts li").first).to_be_visible()
    left = Customer.objects.get(pk=customer_id)
    assert (left.territory, left.email_id, left.version) == ("North", "info@example.com", 3)


def test_rows_are_added_dragged_and_moved_by_keys_before_and_after_saving(visit: Visitors) -> None:
    customer_id = make("Nordlicht")
    page = visit(member("Manager"))
    page.goto(form_of(customer_id))
    for name in "ABCD":
        page.get_by_role("button", name=re.compile("Add another Supplier")).click()
        page.locator(ROWS).last.locator(".field-supplier_number input").fill(name)
    rows = page.locator(ROWS)
    page.locator(f"{ROWS} .field-supplier_number input").nth(3).press("Alt+ArrowUp")
    assert numbers(page) == ["A", "B", "D", "C"]
    drag(page, rows.nth(0), rows.nth(3), below=True)
    assert numbers(page) == ["B", "D", "C", "A"]
    save(page)
    assert rows_of(customer_id) == [(1, "B"), (2, "D"), (3, "C"), (4, "A")]
    drag(page, rows.nth(3), rows.nth(0), below=False)
    page.get_by_role("button", name="Move down, 2").click()
    page.locator(ROWS).nth(3).locator("input[type=checkbox]").check()
    page.get_by_role("button", name=re.compile("Add another Supplier")).click()
    page.locator(ROWS).last.locator(".field-supplier_number input").fill("E")
    page.locator(ROWS).last.locator(".field-supplier_number input").press("Alt+ArrowUp")
    save(page)
    assert rows_of(customer_id) == [(1, "A"), (2, "D"), (3, "B"), (4, "E")]


def test_two_people_change_the_same_field_and_the_second_chooses(visit: Visitors) -> None:
    customer_id = make("Nordlicht", territory="North", industry="Glass")
    anna, bert = visit(member("Editor", "anna")), visit(member("Editor", "bert"))
    for page in (anna, bert):
        page.goto(form_of(customer_id))
        edit(page)
    anna.locator("#id_territory").fill("South")
    anna.locator("#id_market_segment").fill("Retail")
    save(anna)
    bert.locator("#id_territory").fill("East")
    bert.locator("#id_industry").fill("Steel")
    bert.keyboard.press("Control+s")
    expect(bert.get_by_role("heading", name="Changed by somebody else")).to_be_visible()
    choice = bert.get_by_role("group", name="Territory")
    expect(choice).to_contain_text("North")
    expect(choice.get_by_role("radio", name=re.compile("Theirs.*anna.*South"))).not_to_be_checked()
    choice.get_by_role("radio", name=re.compile("Yours.*East")).check()
    bert.get_by_role("button", name="Save as chosen").click()
    expect(bert.locator("#toasts li").first).to_be_visible()
    left = Customer.objects.get(pk=customer_id)
    assert (left.territory, left.industry, left.market_segment) == ("East", "Steel", "Retail")


def test_compares_two_customers_and_merges_them(visit: Visitors) -> None:
    survivor, other = make("Nordlicht", 1, territory="North"), make("Nordlicht GmbH", 1, tax_id="DE 1")
    page = visit(member("Manager"))
    page.goto(LIST)
    for row in page.locator("#result_list tbody tr").all():
        row.get_by_role("checkbox").check()
    page.get_by_role("button", name="Compare and merge …").click()
    expect(page.get_by_role("heading", name="Merge customers")).to_be_visible()
    page.locator(f"input[name=kept][value={survivor}]").check()
    page.locator(f"input[name=field-customer_name][value={other}]").check()
    page.get_by_role("button", name="Merge").click()
    expect(page.locator("#toasts li").first).to_contain_text("2 customers merged.")
    left = Customer.objects.get()
    assert (left.pk, left.customer_name, left.tax_id, left.territory) == (survivor, "Nordlicht GmbH", "DE 1", "North")
    assert rows_of(survivor) == [(1, "Nordlicht 1"), (2, "Nordlicht GmbH 1")]
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts li").first).to_contain_text("Undone: 2 customers")
    assert Customer.objects.get(pk=survivor).customer_name == "Nordlicht"
    assert (rows_of(survivor), rows_of(other)) == ([(1, "Nordlicht 1")], [(1, "Nordlicht GmbH 1")])


def test_leaving_unsaved_changes_asks_first(visit: Visitors) -> None:
    customer_id = make("Nordlicht")
    page = visit(member("Editor"))
    page.goto(form_of(customer_id))
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.type), dialog.dismiss()))
    page.locator(".edit-all").click()
    page.locator("#id_territory").fill("South")
    page.locator(".rail .mark").click(no_wait_after=True)
    page.wait_for_timeout(300)
    assert dialogs == ["beforeunload"]
    assert page.locator("#id_territory").input_value() == "South"
    page.locator("#id_territory").fill("")
    page.locator(".rail .mark").click()
    expect(page.get_by_role("heading", name="Changed last")).to_be_visible()
    assert dialogs == ["beforeunload"]


def test_hints_at_duplicates_while_a_name_is_typed(visit: Visitors) -> None:
    following.compare_again(make("Nordlicht Werke", tax_id="DE811234"))  # as the worker does
    page = visit(member("Editor"))
    page.goto("/admin/crm/customer/add/")
    hint = page.locator("[data-duplicates-target]")
    page.locator("#id_customer_name").press_sequentially("Nordlicht Werk")
    expect(hint).to_contain_text("Nordlicht Werke")
    page.locator("#id_customer_name").fill("Quite another")
    expect(hint).to_be_empty()
    page.locator("#id_tax_id").fill("de 811 234")
    expect(hint).to_contain_text("same tax ID")
    save(page)
    assert Customer.objects.count() == 2


def test_columns_and_views_are_kept(visit: Visitors) -> None:
    make("Nordlicht", industry="Glass", territory="North")
    page = visit(member("Manager", "anna"))
    page.goto(LIST)
    page.get_by_text("Columns", exact=True).click()
    page.get_by_role("checkbox", name="Industry").check()
    page.get_by_role("checkbox", name="Territory").uncheck()
    page.get_by_role("button", name="Show these").click()
    expect(page.locator("#result_list td.field-industry")).to_have_text("Glass")
    expect(page.locator("#result_list td.field-territory")).to_have_count(0)
    page.goto(f"{LIST}?customer_type=Company")
    page.get_by_role("button", name="Save view").click()
    page.get_by_label("Save this list as").fill("Companies")
    page.get_by_label("Share with everybody").check()
    page.get_by_label("Open the list with it").check()
    with page.expect_navigation():
        page.locator("#new-view").get_by_role("button", name="Save view").click()
    page.wait_for_url("**view=*")
    page.goto(LIST)
    page.wait_for_url("**view=*")
    expect(page.get_by_role("list", name="Filters in use")).to_contain_text("Company")
    other = visit(member("Viewer", "bert"))
    other.goto(LIST)
    expect(other.locator("#result_list td.field-territory")).to_have_text("North")
    other.get_by_role("navigation", name="Views").get_by_role("link", name="Companies").click()
    expect(other.locator("#result_list td.field-industry")).to_have_text("Glass")


def test_changes_and_deletes_many_after_showing_how_many(visit: Visitors) -> None:
    for i in range(4):
        make(f"Customer {i}", 1)
    page = visit(member("Manager"))
    page.goto(LIST)
    page.locator("#action-toggle").check()
    page.get_by_role("button", name="Set the territory …").click()
    expect(page.locator("#content-main")).to_contain_text("4 customers")
    page.get_by_label("Territory").fill("West")
    page.get_by_role("button", name="Set it").click()
    expect(page.locator("#toasts li").first).to_be_visible()
    assert set(Customer.objects.values_list("territory", flat=True)) == {"West"}
    page.locator("#result_list tbody input[type=checkbox]").first.check()
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("button", name="Delete …").click()
    expect(page.locator("#content-main")).to_contain_text("1 customer, 1 supplier number")
    expect(page.locator("#content-main")).to_contain_text("Customer 3")
    page.get_by_role("button", name="Yes, delete them").click()
    expect(page.locator("#toasts li").first).to_be_visible()
    assert Event.objects.filter(type="customer.deleted").count() == 1
    assert Customer.objects.count() == 3


def test_pages_lead_on_and_back(visit: Visitors) -> None:
    services_names = [f"Customer {i:03}" for i in range(120)]
    for name in services_names:
        services.create_customer({"customer_name": name}, origin=ORIGIN)
    page = visit(member("Viewer"))
    page.goto(LIST)
    seen = names(page)
    for _ in range(2):
        page.get_by_role("link", name="Next ›").click()
        page.wait_for_load_state()
        seen += names(page)
    assert seen == services_names[::-1]
    page.get_by_role("link", name="‹ Back").click()
    page.wait_for_load_state()
    assert names(page) == services_names[::-1][50:100]
