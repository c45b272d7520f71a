"""axe finds nothing serious on the pages that people use, light and dark, wide and narrow."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.management import call_command
from django.urls import reverse
from playwright.sync_api import Page

from crm import services
from crm.backoffice.pages.merge import compare_url
from tests.backoffice.test_people import member
from tests.browser.conftest import WIDE, Visitors
from tests.domain.test_merge import ORIGIN, make

GRAVE = ("serious", "critical")
PHONE = {"width": 390, "height": 844}


# axe looks at styles of its own making; it need not load anybody's again.
OPTIONS = {"resultTypes": ["violations"], "preload": False}


def findings(page: Page) -> list[str]:
    found = Axe().run(page, options=OPTIONS).response["violations"]
    grave = [one for one in found if one["impact"] in GRAVE]
    return [f"{page.url}: {one['id']}: {node['html'][:200]}" for one in grave for node in one["nodes"]]


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_axe_finds_nothing_serious(visit: Visitors, size: dict[str, int]) -> None:
    client = member("Administrator")
    a = make("Nordlicht", 2, territory="North", tax_id="DE 1", disabled=True, website="example.com")
    b = make("Nordlicht GmbH", 1, is_frozen=True)
    services.update_customer(a, {"territory": "South"}, origin=ORIGIN)
    client.post(reverse("duplicates"))
    call_command("run_worker", until_idle=True)
    # Past the policy, because axe itself writes styles into the page; the walks are held to it.
    options = {"viewport": size, "bypass_csp": True}
    stranger, page = visit(**options), visit(client, **options)
    addresses = [
        "/admin/",
        "/admin/crm/customer/",
        "/admin/crm/customer/?q=nord&customer_type=Company",
        reverse("admin:crm_customer_change", args=[a]),
        reverse("admin:crm_customer_history", args=[a]),
        compare_url([a, b]),
        reverse("duplicates"),
        reverse("admin:overplane_events_event_changelist"),
    ]
    found: list[str] = []
    for tab, address in [(stranger, "/admin/login/"), *((page, address) for address in addresses)]:
        tab.goto(address)
        for scheme in ("light", "dark"):
            tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found += [f"{scheme}: {one}" for one in findings(tab)]
    assert not found, "\n".join(found)
