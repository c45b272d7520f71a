"""How many statements a page of the back office costs, whatever the number of customers. A page that needs more says so here."""

import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm import services
from crm.backoffice.pages.merge import compare_url
from crm.line_items import LINE_ITEMS
from overplane.api import keys
from overplane.events.webhooks import services as webhooks
from overplane.events.webhooks.models import Delivery, Endpoint
from tests.backoffice.people import member
from tests.domain.customers import ORIGIN, make

LIST = "/admin/crm/customer/"
Address = Callable[[str, str], str]
# What everybody pays: the session, the person, the permissions.
COUNTS: dict[str, tuple[Address, int]] = {
    "list": (lambda a, b: LIST, 5),
    "list, second page": (lambda a, b: f"{LIST}?after=2999-01-01T00:00:00%2B00:00~{a}", 5),
    "list, searched": (lambda a, b: f"{LIST}?q=nord", 6),
    # One more asks an indexed column how its values are written.
    "list, filtered": (lambda a, b: f"{LIST}?territory=North", 7),
    "list, filtered without an index": (lambda a, b: f"{LIST}?industry.empty=&website.empty=", 6),
    "form": (lambda a, b: reverse("admin:crm_customer_change", args=[a]), 6 + 2 * len(LINE_ITEMS)),
    "form of a new one": (lambda a, b: reverse("admin:crm_customer_add"), 3),
    "history": (lambda a, b: reverse("admin:crm_customer_history", args=[a]), 5),
    "all changes": (lambda a, b: reverse("admin:overplane_events_event_changelist"), 6),
    "merge": (lambda a, b: compare_url([a, b]), 5 + len(LINE_ITEMS)),
    "duplicates": (lambda a, b: reverse("duplicates"), 6),
    "suggestions": (lambda a, b: reverse("admin:crm_customer_values", args=["territory"]), 4),
    "hints": (
        lambda a, b: f"{reverse('admin:crm_customer_duplicates_of')}?customer_name=Nordlicht&tax_id=DE1&self={a}",
        7,
    ),
    "dashboard": (lambda a, b: reverse("admin:index"), 12),
}

MENU = (
    "'open' LIMIT 1000[)]"  # how many pairs of duplicates are open, counted to there, on every page that has the menu
)


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("page", COUNTS)
def test_a_page_costs_these_statements_and_no_more(page: str) -> None:
    client = member("Manager")
    a, b = (make("Nordlicht", 20, territory="North") for _ in range(2))
    for i in range(60):
        make(f"Nordlicht {i}", 1, territory="North")
    services.update_customer(a, {"territory": "South"}, origin=ORIGIN)
    keys.mint("about to expire")
    address, expected = COUNTS[page]
    client.get(address(a, b))  # what a process learns once
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address(a, b)).status_code == 200
    # What asks for no row: the tests' own transactions, and on PostgreSQL the limit of time of a filtered list.
    statements = [one["sql"] for one in queries if not re.search(f"SAVEPOINT|statement_timeout|{MENU}", one["sql"])]
    assert sum(bool(re.search(MENU, one["sql"])) for one in queries) <= 1
    assert len(statements) == expected, "\n".join(statements)


HOOKS = "admin:overplane_webhooks_endpoint"
OF_WEBHOOKS: dict[str, tuple[Callable[[Endpoint, Delivery], str], int]] = {
    "endpoints": (lambda one, last: reverse(f"{HOOKS}_changelist"), 8),
    "endpoint": (lambda one, last: reverse(f"{HOOKS}_change", args=[one.pk]), 9),
    "delivery": (lambda one, last: reverse(f"{HOOKS}_delivery", args=[one.pk, last.public_id]), 7),
    "edit": (lambda one, last: reverse(f"{HOOKS}_edit", args=[one.pk]), 4),
}


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("page", OF_WEBHOOKS)
def test_a_page_of_webhooks_costs_the_same_for_any_number_of_deliveries(page: str) -> None:
    client = member("Administrator")
    endpoint, *_others = (webhooks.create_endpoint({"url": f"https://{n}.example.com/"})[0] for n in "abc")
    last = [webhooks.ping(endpoint.pk) for _ in range(70)][-1]
    address, expected = OF_WEBHOOKS[page]
    client.get(address(endpoint, last))
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address(endpoint, last)).status_code == 200
    statements = [one["sql"] for one in queries if not re.search(f"SAVEPOINT|pg_stat_clear|{MENU}", one["sql"])]
    assert len(statements) == expected, "\n".join(statements)
