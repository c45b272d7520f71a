"""Setting up the second factor, and getting in without the phone."""

from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import expect

from tests.backoffice.people import PASSWORD, member
from tests.browser.conftest import Visitors


def test_a_code_that_was_copied_leads_in_without_the_phone(visit: Visitors) -> None:
    page = visit(member("Viewer"), permissions=["clipboard-read", "clipboard-write"])
    page.goto("/admin/second-factor/")
    page.locator("#id_code").fill(f"{TOTP(TOTPDevice.objects.get().bin_key).token():06d}")
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator(".recovery-codes li")).to_have_count(10)
    page.get_by_role("button", name="Copy the codes").click()
    codes = page.evaluate("navigator.clipboard.readText()").split("\n")
    assert codes == page.locator(".recovery-codes code").all_inner_texts()
    page.evaluate("window.print = () => { document.title = 'printed'; }")
    page.get_by_role("button", name="Print").click()
    expect(page).to_have_title("printed")
    page.emulate_media(media="print")
    expect(page.get_by_role("button")).to_have_count(0)
    expect(page.locator(".recovery-codes")).to_be_visible()
    page.emulate_media(media="screen")
    page.context.clear_cookies()
    page.goto("/admin/")
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.locator("#id_code").fill(codes[0])
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("9 recovery codes are left")).to_be_visible()
    expect(page.get_by_role("navigation", name="Menu")).to_be_visible()
