"""axe finds nothing serious on the pages that people use, light and dark, wide and narrow."""

from django.core.management import call_command
from django.urls import reverse

from crm import services
from crm.backoffice.pages.merge import compare_url
from tests.backoffice.people import member
from tests.browser.accessibility import findings_wide_and_narrow
from tests.browser.conftest import Visitors
from tests.domain.customers import ORIGIN, make


def test_axe_finds_nothing_serious(visit: Visitors) -> None:
    client = member("Administrator")
    a = make("Nordlicht", 2, territory="North", tax_id="DE 1", disabled=True, website="example.com")
    b = make("Nordlicht GmbH", 1, is_frozen=True)
    services.update_customer(a, {"territory": "South"}, origin=ORIGIN)
    client.post(reverse("duplicates"))
    call_command("run_worker", until_idle=True)
    # Past the policy, because axe itself writes styles into the page; the walks are held to it.
    stranger, page = visit(bypass_csp=True), visit(client, bypass_csp=True)
    addresses = [
        "/admin/",
        "/admin/crm/customer/",
        "/admin/crm/customer/?q=nord&customer_type=Company",
        reverse("admin:crm_customer_change", args=[a]),
        reverse("admin:crm_customer_history", args=[a]),
        compare_url([a, b]),
        reverse("duplicates"),
        reverse("confirm_duplicates"),
        reverse("admin:overplane_events_event_changelist"),
        reverse("admin:overplane_jobs_job_changelist"),
        reverse("admin:auth_user_changelist"),
        reverse("admin:auth_group_change", args=[1]),
        reverse("second_factor"),
    ]
    problems: list[str] = []
    for tab, address in [(stranger, "/admin/login/"), *((page, address) for address in addresses)]:
        tab.goto(address)
        problems += findings_wide_and_narrow(tab)
    assert not problems, "\n".join(problems)
