"""The list and the form of customers, in a browser."""

from django.urls import reverse
from playwright.sync_api import Page, expect

LIST = "/admin/crm/customer/"
ROWS = "#supplier_numbers-group tr.form-row"
PASTE = """(field, text) => {
  const carried = new DataTransfer();
  carried.setData("text/plain", text);
  field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: carried, bubbles: true, cancelable: true }));
}"""


def form_of(customer_id: str) -> str:
    return reverse("admin:crm_customer_change", args=[customer_id])


def edit(page: Page) -> None:
    """Opens the whole form."""
    page.get_by_role("button", name="Edit").click()


def save(page: Page) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#toasts li").first).to_be_visible()
