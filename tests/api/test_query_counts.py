"""How many SQL statements a call costs, exactly, on a warm process. More is a mistake; fewer is good news to write down here.

`BEGIN` and `COMMIT` count too. A statement that is sent for many rows at once counts once.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from crm.line_items import LINE_ITEMS
from overplane.api import pagination
from tests.conftest import CUSTOMER, ROW, Api

EVENTS = "/api/crm/event"
# Kinds of line items that customers are found by: a new searched text takes a look at each.
SEARCHED = [kind for kind in LINE_ITEMS if kind.searched]
# On SQLite, on PostgreSQL.
COUNTS: dict[str, tuple[int, int]] = {
    "retrieve": (1, 1),
    "retrieve, fields": (1, 1),
    "retrieve, expand": (2, 2),
    "retrieve, 304": (1, 1),
    "list": (1, 1),
    "list of 1": (1, 1),
    "list, expand": (2, 2),
    "list, beyond the end": (2, 2),
    "list, far out": (5, 6),
    "list, cursor": (2, 2),
    "list, ending_before": (2, 2),
    "list, filtered": (2, 2),
    "list, searched": (2, 2),
    "list, ordered": (2, 2),
    "search": (1, 1),
    "search, 1,000 ids, expand": (3, 3),
    "create": (4, 1),
    "create, keyed": (6, 1),
    "patch": (5, 2),
    "patch, searched attribute": (5 + len(SEARCHED), 2 + len(SEARCHED)),
    "patch, searched attribute, no rows": (5, 2),
    "patch, nothing": (1, 1),
    "patch, If-Match": (5, 2),
    "delete": (11, 5),
    "rows": (2, 2),
    "rows, 2 of them": (3, 3),
    "row": (1, 1),
    "row, create": (6, 6),
    "row, create at a place": (9, 8),
    "row, patch": (8, 8),
    "row, move": (11, 10),
    "row, delete": (11, 10),
    "reorder": (8, 7),
    "batch of 1": (4, 4),
    "batch of 100": (5, 5),  # one asks for the epoch, which COPY cannot compute
    "batch of 3 deletes": (13, 8),
    "events, newest": (3, 3),
    "events, from the start": (3, 3),
    "refused body": (0, 0),
    "unknown customer": (2, 2),
}


class Scenario:
    """Three customers; the first has three rows, and is found by one of them. Ids of both."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.customers = [api.create(territory=name)["id"] for name in ("North", "South", "West")]
        self.rows = [api.add_row(self.customers[0], company=name)["id"] for name in "AB"]
        self.rows.append(api.add_row(self.customers[0], supplier_number="C")["id"])

    @property
    def customer(self) -> str:
        return f"{CUSTOMER}/{self.customers[0]}"

    @property
    def row(self) -> str:
        return f"{ROW}/{self.rows[0]}"


def creates(count: int) -> dict[str, Any]:
    return {"operations": [{"op": "create", "data": {"customer_name": f"c{i}"}} for i in range(count)]}


def far_out(scenario: Scenario) -> HttpResponse:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pagination, "FAR", 2)
        return scenario.api.get(f"{CUSTOMER}?offset=2")


CALLS: dict[str, Callable[[Scenario], HttpResponse]] = {
    "retrieve": lambda g: g.api.get(g.customer),
    "retrieve, fields": lambda g: g.api.get(f"{g.customer}?fields=customer_name"),
    "retrieve, expand": lambda g: g.api.get(f"{g.customer}?expand[]=supplier_numbers"),
    "retrieve, 304": lambda g: g.api.get(g.customer, If_None_Match='"1"'),
    "list": lambda g: g.api.get(CUSTOMER),
    "list of 1": lambda g: g.api.get(f"{CUSTOMER}?limit=1"),
    "list, expand": lambda g: g.api.get(f"{CUSTOMER}?expand[]=supplier_numbers"),
    "list, beyond the end": lambda g: g.api.get(f"{CUSTOMER}?offset=10"),
    "list, far out": far_out,
    "list, cursor": lambda g: g.api.get(f"{CUSTOMER}?starting_after={g.customers[2]}"),
    "list, ending_before": lambda g: g.api.get(f"{CUSTOMER}?ending_before={g.customers[0]}"),
    "list, filtered": lambda g: g.api.get(f"{CUSTOMER}?territory=North&customer_name[prefix]=a"),
    "list, searched": lambda g: g.api.get(f"{CUSTOMER}?q=acme"),
    "list, ordered": lambda g: g.api.get(f"{CUSTOMER}?order_by=customer_name"),
    "search": lambda g: g.api.post(f"{CUSTOMER}/search", {}, Idempotency_Key="of no use"),
    "search, 1,000 ids, expand": lambda g: g.api.post(
        f"{CUSTOMER}/search", {"id[in]": g.customers * 333 + ["x"], "expand": ["supplier_numbers"]}
    ),
    "create": lambda g: g.api.post(CUSTOMER, {"customer_name": "x"}),
    "create, keyed": lambda g: g.api.post(CUSTOMER, {"customer_name": "x"}, Idempotency_Key="new"),
    "patch": lambda g: g.api.patch(g.customer, {"gender": "x"}),
    "patch, searched attribute": lambda g: g.api.patch(g.customer, {"customer_name": "x"}),
    "patch, searched attribute, no rows": lambda g: g.api.patch(f"{CUSTOMER}/{g.customers[1]}", {"customer_name": "x"}),
    "patch, nothing": lambda g: g.api.patch(g.customer, {"territory": "North"}),
    "patch, If-Match": lambda g: g.api.patch(g.customer, {"gender": "x"}, If_Match='"1"'),
    "delete": lambda g: g.api.delete(g.customer),
    "rows": lambda g: g.api.get(f"{ROW}?parent_id={g.customers[0]}"),
    "rows, 2 of them": lambda g: g.api.get(f"{ROW}?parent_id={g.customers[0]}&limit=2"),
    "row": lambda g: g.api.get(g.row),
    "row, create": lambda g: g.api.post(ROW, {"customer_id": g.customers[0]}),
    "row, create at a place": lambda g: g.api.post(ROW, {"customer_id": g.customers[0], "idx": 1}),
    "row, patch": lambda g: g.api.patch(g.row, {"company": "x"}),
    "row, move": lambda g: g.api.patch(g.row, {"idx": 3}),
    "row, delete": lambda g: g.api.delete(g.row),
    "reorder": lambda g: g.api.post(f"{ROW}/reorder", {"parent_id": g.customers[0], "ordered_ids": g.rows[::-1]}),
    "batch of 1": lambda g: g.api.post(f"{CUSTOMER}/batch", creates(1)),
    "batch of 100": lambda g: g.api.post(f"{CUSTOMER}/batch", creates(100)),
    "batch of 3 deletes": lambda g: g.api.post(
        f"{CUSTOMER}/batch", {"operations": [{"op": "delete", "id": customer} for customer in g.customers]}
    ),
    "events, newest": lambda g: g.api.get(EVENTS),
    "events, from the start": lambda g: g.api.get(f"{EVENTS}?after=start&types=customer.created"),
    "refused body": lambda g: g.api.post(CUSTOMER, {}),
    "unknown customer": lambda g: g.api.get(f"{CUSTOMER}/customer_nobody"),
}


@pytest.mark.parametrize("name", CALLS)
def test_costs_so_many_statements(live_api: Api, name: str) -> None:
    scenario = Scenario(live_api)
    assert live_api.get(EVENTS).status_code == 200
    with CaptureQueriesContext(connection) as captured:
        answer = CALLS[name](scenario)
    assert answer.status_code < 500
    statements = [one["sql"] for one in captured.captured_queries]
    assert len(statements) == COUNTS[name][connection.vendor == "postgresql"], statements


def test_every_call_has_its_count() -> None:
    assert set(COUNTS) == set(CALLS)
