"""What every kind of line item must do. Each test here runs for each kind that is registered: a new one is tested by that."""

from typing import Any

import pytest
from django.http import HttpResponse

from crm.line_items import LINE_ITEMS, LineItem
from tests.conftest import CUSTOMER, Api
from tests.contract.values import values_of


class Items:
    """The line items of one kind, by the API."""

    def __init__(self, api: Api, kind: LineItem) -> None:
        self.api, self.kind, self.route = api, kind, f"/api/crm/{kind.id_prefix}"

    def post(self, customer_id: str, n: int = 1, **more: Any) -> HttpResponse:
        return self.api.post(self.route, {"customer_id": customer_id} | values_of(self.kind, n) | more)

    def add(self, customer_id: str, n: int = 1, **more: Any) -> dict[str, Any]:
        answer = self.post(customer_id, n, **more)
        assert answer.status_code == 201, answer.content
        return answer.json()

    def customer(self, count: int = 3) -> tuple[str, list[str]]:
        """A new customer with so many, and their ids in order."""
        customer_id = self.api.create()["id"]
        return customer_id, [self.add(customer_id, n)["id"] for n in range(1, count + 1)]

    def all(self, customer_id: str) -> list[dict[str, Any]]:
        return self.api.get(f"{self.route}?parent_id={customer_id}").json()["data"]

    def order(self, customer_id: str) -> list[str]:
        items = self.all(customer_id)
        assert [one["idx"] for one in items] == list(range(1, len(items) + 1))
        return [one["id"] for one in items]

    def patch(self, item_id: str, body: Any, **headers: str) -> HttpResponse:
        return self.api.patch(f"{self.route}/{item_id}", body, **headers)

    def delete(self, item_id: str, **headers: str) -> HttpResponse:
        return self.api.delete(f"{self.route}/{item_id}", **headers)

    def whole(self, customer_id: str) -> dict[str, Any]:
        return self.api.get(f"{CUSTOMER}/{customer_id}?expand[]={self.kind.name}").json()


@pytest.fixture(params=LINE_ITEMS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> LineItem:
    return request.param


@pytest.fixture
def items(api: Api, kind: LineItem) -> Items:
    return Items(api, kind)


@pytest.fixture
def live_items(live_api: Api, kind: LineItem) -> Items:
    """For tests that read the feed or have threads: what is written is committed."""
    return Items(live_api, kind)
