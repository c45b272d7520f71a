"""What a customer carries stays text on every page: no element, no script, no link, no turned page."""

from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse
from playwright.sync_api import Page, expect

from crm import line_item_services, services
from crm.backoffice.admin.customers import CustomerAdmin
from crm.backoffice.pages.merge import compare_url
from crm.duplicates import following
from crm.line_items import LINE_ITEMS
from crm.models import Customer
from overplane.backoffice.models import SavedView
from overplane.database.attributes import attributes
from tests.backoffice.people import User, member
from tests.browser.conftest import Visitors
from tests.browser.customer_pages import LIST, edit, form_of
from tests.domain.customers import ORIGIN

TURNED = "\u202e"
MARKUP = f'"><svg onload="window.hacked=1">{{{{7*7}}}}<b>{TURNED}gpj.exe'
LINK = f"javascript:window.hacked=1//{{{{7*7}}}}<b>{TURNED}gpj.exe"
# What the rules ask of these; everything else takes any text.
RULED = {"customer_type": "Company", "default_currency": "EUR"}

LOOK = """() => {
  const all = [...document.querySelectorAll('*')];
  const texts = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) texts.push(walk.currentNode);
  const isIsolated = (text) => {
    // Up to the block it stands in: isolated, or nothing after it that could be turned.
    for (let at = text.parentElement; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (at.matches('option, textarea') || /isolate|plaintext/.test(style.unicodeBidi) || style.display === 'none') return true;
      if (style.display !== 'inline') return at.textContent.trim().endsWith(text.data.trim());
    }
    return false;
  };
  return {
    hacked: Boolean(window.hacked),
    handlers: all.filter((e) => [...e.attributes].some((a) => a.name.startsWith('on'))).map((e) => e.outerHTML.slice(0, 200)),
    made: all.filter((e) => e.matches('b, [onload]')).map((e) => e.outerHTML.slice(0, 200)),
    links: all.filter((e) => ['href', 'src', 'action', 'formaction', 'srcdoc', 'data'].some((n) => /^\\s*(javascript|data|vbscript):/i.test(e.getAttribute(n) ?? ''))).map((e) => e.outerHTML.slice(0, 200)),
    turned: texts.filter((t) => t.data.includes('\\u202e') && !isIsolated(t)).map((t) => t.parentElement.outerHTML.slice(0, 300)),
    isShown: document.documentElement.textContent.includes('{{7*7}}') || all.some((e) => (e.value ?? '').includes?.('{{7*7}}')),
  };
}"""
HARMLESS = {"hacked": False, "handlers": [], "made": [], "links": [], "turned": [], "isShown": True}


def hostile(text: str, **values: Any) -> str:
    texts = {name: text for name, known in attributes(Customer).items() if known.default is None}
    texts |= {"email_id": f"{text.replace(' ', '/')}@x.example", "default_commission_rate": None} | RULED | values
    customer_id = services.create_customer(texts, origin=ORIGIN).output["id"]
    for kind in LINE_ITEMS:
        texts = {name: text for name, known in kind.attributes.items() if known.kind == "string"}
        line_item_services.add_line_item(kind, customer_id, texts, origin=ORIGIN)
    return customer_id


def look(page: Page) -> None:
    assert page.evaluate(LOOK) == HARMLESS, page.url


@pytest.mark.parametrize("text", [MARKUP, LINK], ids=["markup", "link"])
def test_hostile_values_stay_text_on_every_page(visit: Visitors, text: str) -> None:
    client = member("Administrator")
    a, b = hostile(text), hostile(text, territory="North")
    client.post(reverse("duplicates"))
    call_command("run_worker", until_idle=True)
    SavedView.objects.create(
        user=User.objects.get(username="anna"), page="crm.customer", name=text[:80], is_shared=True, query="q=",
        columns=list(CustomerAdmin.columns),
    )  # fmt: skip
    SavedView.objects.create(
        user=User.objects.get(username="anna"), page="crm.customer", columns=list(CustomerAdmin.columns)
    )
    page = visit(client)
    addresses = [
        "/admin/",
        LIST,
        f"{LIST}?q=gpj&territory=North",
        form_of(a),
        reverse("admin:crm_customer_history", args=[a]),
        reverse("admin:crm_customer_delete", args=[a]),
        compare_url([a, b]),
        reverse("duplicates"),
    ]
    for address in addresses:
        page.goto(address)
        look(page)
    page.goto(LIST)
    page.locator("#action-toggle").check()
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("button", name="Delete …").click()
    expect(page.locator("#content-main")).to_contain_text("2 customers")
    look(page)


@pytest.mark.parametrize("text", [MARKUP, LINK], ids=["markup", "link"])
def test_hostile_values_stay_text_in_a_conflict_a_hint_and_what_is_told(visit: Visitors, text: str) -> None:
    customer_id, page = hostile(text), visit(member("Manager"))
    following.compare_again(customer_id)  # as the worker does
    page.goto(form_of(customer_id))
    edit(page)
    page.locator("#id_territory").fill(f"mine {text}")
    page.locator("#id_industry").focus()
    expect(page.locator("#id_industry ~ datalist option")).to_have_count(1)
    services.update_customer(customer_id, {"territory": f"theirs {text}"}, origin=ORIGIN)
    page.keyboard.press("Control+s")
    expect(page.get_by_role("heading", name="Changed by somebody else")).to_be_visible()
    look(page)
    page.get_by_role("radio", name="Yours").check()
    page.get_by_role("button", name="Save as chosen").click()
    expect(page.locator("#toasts li").first).to_be_visible()
    look(page)
    page.goto("/admin/crm/customer/add/")
    page.locator("#id_customer_name").fill(text)
    expect(page.locator("[data-duplicates-target] a")).to_be_visible()
    look(page)
    page.locator("#id_customer_name").fill("")  # nothing is left unsaved
