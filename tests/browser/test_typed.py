"""Nothing typed is lost, in a browser: the draft of a form, signing in again in place, Back, two posts at once."""

import re
from collections.abc import Callable
from time import sleep

import pytest
from django.conf import settings
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import Page, expect

from crm import services
from crm.models import Customer, SupplierNumberAtCustomer
from overplane.people.models import Session
from tests.backoffice.people import PASSWORD, User, member
from tests.browser.accessibility import findings_wide_and_narrow
from tests.browser.conftest import PHONE, WIDE, Visitors
from tests.domain.customers import ORIGIN, make

LIST = "/admin/crm/customer/"
ADD = f"{LIST}add/"
DRAFTS = "() => Object.keys(localStorage).filter((key) => key.startsWith('draft:')).length"


def change(customer: str) -> str:
    return reverse("admin:crm_customer_change", args=[customer])


@pytest.fixture
def page(visit: Visitors) -> Page:
    return visit(member("Editor"))


def retype(page: Page, name: str, text: str) -> None:
    page.locator(f".field-{name} .shown").click()
    page.locator(f"#id_{name}").fill(text)


def expect_drafts(page: Page, number: int = 1) -> None:
    """So many drafts are in the browser."""
    until(lambda: page.evaluate(DRAFTS) == number)


def until(is_so: Callable[[], bool]) -> None:
    for _ in range(80):
        if is_so():
            return
        sleep(0.1)
    raise AssertionError


def crash(page: Page) -> Page:
    """The tab is gone without a word; another one is opened."""
    other = page.context.new_page()
    page.close(run_before_unload=False)
    return other


def sign_out_behind_the_back(page: Page) -> None:
    Session.objects.all().delete()


# Drafts


def test_what_was_typed_is_offered_again_after_a_crash_and_put_back(page: Page) -> None:
    customer = make("Nordlicht", 2, territory="North", industry="Glass")
    page.goto(change(customer))
    retype(page, "territory", "South")
    page.get_by_label(re.compile("^company.*1$", re.IGNORECASE)).fill("Acme")
    expect_drafts(page)
    page = crash(page)
    page.goto(change(customer))
    offer = page.get_by_role("region", name=re.compile(r"You typed something here at .* and did not save it"))
    expect(offer).to_contain_text("Territory: South")
    expect(offer).to_contain_text("Acme")
    expect(page.locator(".field-territory .shown")).to_have_text("North")
    offer.get_by_role("button", name="Put it back").click()
    expect(offer).to_be_hidden()
    expect(page.locator("#id_territory")).to_have_value("South")
    expect(page.locator(".unsaved")).to_contain_text("Territory")
    page.keyboard.press("Control+s")
    expect(page.locator("#toasts")).to_contain_text("is saved")
    assert Customer.objects.get().territory == "South"
    assert "Acme" in SupplierNumberAtCustomer.objects.values_list("company", flat=True)
    expect_drafts(page, 0)
    page.reload()
    expect(offer).to_be_hidden()


def test_it_is_thrown_away_if_one_wants(page: Page) -> None:
    customer = make("Nordlicht", territory="North")
    page.goto(change(customer))
    retype(page, "territory", "South")
    expect_drafts(page)
    page = crash(page)
    page.goto(change(customer))
    page.get_by_role("button", name="Throw it away").click()
    expect_drafts(page, 0)
    page.reload()
    expect(page.locator("[data-offer]")).to_be_hidden()


def test_rows_that_were_added_or_taken_away_belong_to_it(page: Page) -> None:
    customer = make("Nordlicht", 2)
    page.goto(change(customer))
    page.locator(".add-row a, button.add-row").first.click()
    page.locator("[name='supplier_numbers-2-company']").fill("New & Co")
    page.locator("[name='supplier_numbers-2-supplier_number']").fill("77")
    page.locator("[name='supplier_numbers-0-supplier_number']").fill("changed")
    expect_drafts(page)
    page = crash(page)
    page.goto(change(customer))
    page.get_by_role("button", name="Put it back").click()
    expect(page.locator("[name='supplier_numbers-2-company']")).to_have_value("New & Co")
    page.keyboard.press("Control+s")
    expect(page.locator("#toasts")).to_contain_text("is saved")
    stored = SupplierNumberAtCustomer.objects.order_by("idx").values_list("supplier_number", flat=True)
    assert len(stored) == 3
    assert stored[0] == "changed"
    assert stored[2] == "77"
    expect_drafts(page, 0)


def test_a_new_customer_is_drafted_too_and_its_errors_do_not_end_it(page: Page) -> None:
    page.goto(ADD)
    page.locator("#id_customer_name").fill("Nordlicht")
    page.locator("#id_email_id").fill("no address")
    expect_drafts(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errorlist").first).to_be_visible()
    expect(page.locator("[data-offer]")).to_be_hidden()
    expect_drafts(page)
    page.locator("#id_territory").fill("North")
    until(lambda: "North" in page.evaluate("JSON.stringify(localStorage)"))
    page = crash(page)
    page.goto(ADD)
    page.get_by_role("button", name="Put it back").click()
    expect(page.locator("#id_customer_name")).to_have_value("Nordlicht")
    page.locator("#id_email_id").fill("a@b.example")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".record-head h1")).to_have_text("Nordlicht")
    assert Customer.objects.values_list("customer_name", "territory", "email_id").get() == (
        "Nordlicht",
        "North",
        "a@b.example",
    )
    page.goto(ADD)
    expect(page.locator("[data-offer]")).to_be_hidden()


def test_what_somebody_else_wrote_meanwhile_is_said_and_not_overwritten(page: Page) -> None:
    customer = make("Nordlicht", territory="North")
    page.goto(change(customer))
    retype(page, "territory", "South")
    expect_drafts(page)
    services.update_customer(customer, {"territory": "West"}, origin=ORIGIN)
    page = crash(page)
    page.goto(change(customer))
    expect(page.locator("[data-offer]")).to_contain_text("Territory: South (now: West)")
    page.get_by_role("button", name="Put it back").click()
    page.keyboard.press("Control+s")
    expect(page.get_by_role("heading", name="Changed by somebody else")).to_be_visible()
    assert Customer.objects.get().territory == "West"


def test_what_is_stored_already_is_not_offered(page: Page) -> None:
    customer = make("Nordlicht", territory="North")
    page.goto(change(customer))
    retype(page, "territory", "South")
    expect_drafts(page)
    services.update_customer(customer, {"territory": "South"}, origin=ORIGIN)
    page = crash(page)
    page.goto(change(customer))
    expect(page.locator(".field-territory .shown")).to_have_text("South")
    expect(page.locator("[data-offer]")).to_be_hidden()
    expect_drafts(page, 0)


def test_log_out_ends_all_drafts_and_another_person_sees_none(visit: Visitors) -> None:
    page, customer = visit(member("Editor")), make("Nordlicht", territory="North")
    page.goto(change(customer))
    retype(page, "territory", "Secret plan")
    expect_drafts(page)
    other = page.context.new_page()
    other.goto(LIST)
    other.get_by_role("button", name="Account and settings").click()
    other.get_by_role("button", name="Log out").click()
    expect_drafts(other, 0)
    page.locator("#id_territory").fill("typed after the log-out")
    page.wait_for_timeout(400)
    assert page.evaluate(DRAFTS) == 0
    assert "plan" not in page.evaluate("JSON.stringify(localStorage)")


def test_a_log_out_without_our_script_ends_them_on_the_next_page(visit: Visitors) -> None:
    client = member("Editor")
    page, customer = visit(client), make("Nordlicht", territory="North")
    page.goto(change(customer))
    retype(page, "territory", "Secret plan")
    expect_drafts(page)
    page.context.add_cookies([{"name": "signed_out", "value": "1", "url": f"{visit.base_url}/admin/"}])
    page = crash(page)
    page.goto("/admin/login/")
    expect_drafts(page, 0)
    page.goto(change(customer))
    retype(page, "territory", "Another plan")
    expect_drafts(page)
    bert = member("Editor", "bert").cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": bert, "url": visit.base_url}])
    page = crash(page)
    page.goto(change(customer))
    expect(page.locator("[data-offer]")).to_be_hidden()
    expect_drafts(page, 0)


def test_an_old_draft_is_thrown_away(page: Page) -> None:
    customer = make("Nordlicht", territory="North")
    page.goto(change(customer))
    retype(page, "territory", "South")
    expect_drafts(page)
    page.evaluate("""() => { for (const key of Object.keys(localStorage)) if (key.startsWith("draft:")) {
        const draft = JSON.parse(localStorage[key]); draft.at -= 8 * 24 * 3600 * 1000; localStorage[key] = JSON.stringify(draft); } }""")
    page = crash(page)
    page.goto(change(customer))
    expect_drafts(page, 0)
    expect(page.locator("[data-offer]")).to_be_hidden()


# Signing in again in place


def test_the_session_ends_in_the_middle_of_a_form_and_nothing_is_lost(page: Page) -> None:
    customer = make("Nordlicht", territory="North")
    page.goto(change(customer))
    retype(page, "territory", "South")
    sign_out_behind_the_back(page)
    page.keyboard.press("Control+s")
    dialog = page.get_by_role("dialog", name="Log in again")
    expect(dialog).to_contain_text("Your session has ended")
    expect(dialog.get_by_label("Username")).to_have_value("anna")
    expect(dialog.get_by_label("Username")).not_to_be_editable()
    expect(dialog.get_by_label("Password")).to_be_focused()
    expect(dialog.get_by_label("Code from")).to_be_hidden()
    dialog.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("correct username and password")
    dialog.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("is saved")
    assert Customer.objects.get().territory == "South"


def test_the_dialog_asks_for_the_second_factor(page: Page) -> None:
    customer = make("Nordlicht", territory="North")
    page.goto(change(customer))
    device = TOTPDevice.objects.create(user=User.objects.get(username="anna"), confirmed=True)
    retype(page, "territory", "South")
    sign_out_behind_the_back(page)
    page.keyboard.press("Control+s")
    dialog = page.get_by_role("dialog", name="Log in again")
    dialog.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(dialog.get_by_label("Code from")).to_be_focused()
    assert Customer.objects.get().territory == "North"
    dialog.get_by_label("Code from").fill(f"{TOTP(device.bin_key).token():06d}")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("is saved")
    assert Customer.objects.get().territory == "South"


def test_who_cancels_stays_where_he_is_and_can_try_again(page: Page) -> None:
    page.goto(change(make("Nordlicht", territory="North")))
    retype(page, "territory", "South")
    sign_out_behind_the_back(page)
    page.keyboard.press("Control+s")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#id_territory")).to_have_value("South")
    page.keyboard.press("Control+s")
    expect(page.get_by_role("dialog", name="Log in again")).to_be_visible()


def test_nothing_is_sent_in_the_name_of_somebody_else(page: Page, visit: Visitors) -> None:
    page.goto(change(make("Nordlicht", territory="North")))
    retype(page, "territory", "South")
    bert = member("Editor", "bert").cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": bert, "url": visit.base_url}])
    page.keyboard.press("Control+s")
    dialog = page.get_by_role("dialog", name="Log in again")
    expect(dialog).to_contain_text("bert has logged in here")
    assert Customer.objects.get().territory == "North"


def test_a_stale_token_is_renewed_without_a_word(page: Page) -> None:
    page.goto(change(make("Nordlicht", territory="North")))
    retype(page, "territory", "South")
    page.evaluate(
        "document.querySelectorAll('[name=csrfmiddlewaretoken]').forEach((one) => { one.value = 'x'.repeat(64); })"
    )
    page.keyboard.press("Control+s")
    expect(page.locator("#toasts")).to_contain_text("is saved")


def test_without_a_connection_nothing_is_sent(visit: Visitors) -> None:
    page = visit(member("Editor"))
    page.goto(change(make("Nordlicht", territory="North")))
    retype(page, "territory", "South")
    page.route("**/admin/session/", lambda route: route.abort())
    page.keyboard.press("Control+s")
    expect(page.locator("#toasts")).to_contain_text("cannot be reached")
    expect(page.locator("#id_territory")).to_have_value("South")
    page.unroute("**/admin/session/")
    page.keyboard.press("Control+s")
    expect(page.locator("#toasts")).to_contain_text("is saved")
    visit.complaints.clear()  # the browser's own of the lost connection


def test_a_cell_of_the_list_is_sent_again_too(visit: Visitors) -> None:
    page = visit(member("Editor"))
    make("Nordlicht", territory="North")
    page.goto(LIST)
    sign_out_behind_the_back(page)
    cell = page.locator("td.field-territory")
    for value in ("South", "West"):
        cell.dblclick()
        page.keyboard.type(value)
        page.keyboard.press("Enter")
        if value == "South":
            page.get_by_role("dialog", name="Log in again").get_by_label("Password").fill(PASSWORD)
            page.keyboard.press("Enter")
        else:
            page.evaluate(
                "document.querySelectorAll('[name=csrfmiddlewaretoken]').forEach((one) => { one.value = 'x'.repeat(64); })"
            )
        expect(cell).to_have_text(value)
        expect(cell).to_have_class(re.compile("saved"))
        assert Customer.objects.get().territory == value
        page.evaluate(
            "document.querySelectorAll('[name=csrfmiddlewaretoken]').forEach((one) => { one.value = 'x'.repeat(64); })"
        )
    visit.complaints.clear()  # the browser's own of the refusal


# Without a script, Back, and two posts at once


def test_without_a_script_the_form_is_there_after_signing_in(visit: Visitors) -> None:
    page = visit(member("Editor"), java_script_enabled=False)
    customer = make("Nordlicht", territory="North")
    page.goto(change(customer))
    page.locator("#id_territory").fill("South")
    sign_out_behind_the_back(page)
    page.locator("[name=_continue]").click()
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Go on with the form").click()
    expect(page.locator("#id_territory")).to_have_value("South")
    page.locator("[name=_continue]").click()
    expect(page.get_by_text("is saved")).to_be_visible()
    assert Customer.objects.get().territory == "South"
    visit.complaints.clear()  # the browser's own of the 403


def test_back_from_the_conflict_page_shows_the_form_as_it_was_typed(page: Page) -> None:
    customer = make("Nordlicht", territory="North")
    page.goto(change(customer))
    retype(page, "territory", "South")
    services.update_customer(customer, {"territory": "West"}, origin=ORIGIN)
    page.keyboard.press("Control+s")
    expect(page.get_by_role("heading", name="Changed by somebody else")).to_be_visible()
    page.go_back()
    expect(page.locator("#id_territory")).to_be_visible()
    expect(page.locator("#id_territory")).to_have_value("South")
    expect(page.locator(".unsaved")).to_contain_text("Territory")
    page.keyboard.press("Control+s")
    expect(page.get_by_role("heading", name="Changed by somebody else")).to_be_visible()
    page.get_by_role("button", name="Back to my form").click()
    expect(page.locator("#id_territory")).to_have_value("South")
    expect(page.get_by_text("Nothing is saved yet")).to_be_visible()


def test_a_customer_deleted_meanwhile_becomes_a_new_one(page: Page) -> None:
    customer = make("Nordlicht", 1, territory="North")
    page.goto(change(customer))
    retype(page, "territory", "South")
    services.delete_customer(customer, origin=ORIGIN)
    page.keyboard.press("Control+s")
    expect(page.get_by_role("heading", name="Deleted by somebody else")).to_be_visible()
    expect(page.locator(".typed")).to_have_text("TerritorySouth")
    page.get_by_role("button", name="Make a new customer of it").click()
    expect(page.locator("#id_territory")).to_have_value("South")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".record-head h1")).to_have_text("Nordlicht")
    assert Customer.objects.get().territory == "South"
    expect_drafts(page, 0)


def test_a_double_click_makes_one_customer(page: Page) -> None:
    page.goto(ADD)
    page.locator("#id_customer_name").fill("Nordlicht")
    page.get_by_role("button", name="Save", exact=True).dblclick()
    expect(page.locator(".record-head h1")).to_have_text("Nordlicht")
    assert Customer.objects.count() == 1


def test_the_offer_and_the_dialog_fit(visit: Visitors, page: Page) -> None:
    customer = make("Nordlicht", territory="North")
    page.goto(change(customer))
    retype(page, "territory", "S" * 255)
    expect_drafts(page)
    page = crash(page)
    page.goto(change(customer))
    expect(page.locator("[data-offer]")).to_be_visible()
    fits_wide_and_on_a_phone(page)
    page.get_by_role("button", name="Put it back").click()
    sign_out_behind_the_back(page)
    page.keyboard.press("Control+s")
    expect(page.get_by_role("dialog", name="Log in again")).to_be_visible()
    fits_wide_and_on_a_phone(page)
    visit.complaints.clear()  # axe has opened frames of its own


def fits_wide_and_on_a_phone(page: Page) -> None:
    for size in (PHONE, WIDE):
        page.set_viewport_size(size)
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    assert findings_wide_and_narrow(page) == []
