"""What is wrong with a customer and with its line items, of every kind, is told in one answer."""

from typing import Any

import pytest
from django.http import HttpResponse

from crm import rules
from crm.line_items import LINE_ITEMS
from overplane.events.models import Event
from overplane.problems import Code, invalid
from tests.conftest import CUSTOMER, Api, codes
from tests.contract.values import values_of

BAD = {"email_id": "no address"}
Wrong = dict[str, str]


@pytest.fixture(params=["parse", "rules"])
def bad_items(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], Wrong]:
    """Lists of each kind, with one that is good and one that is not: it cannot be read, or a rule refuses it."""
    lists: dict[str, Any] = {}
    wrong: Wrong = {}
    for kind in LINE_ITEMS:
        name, bad = kind.names[0], values_of(kind, 2)
        if request.param == "parse":
            bad[name], code = [], "parameter_invalid_type"
        else:
            refused, code = bad[name], "parameter_invalid"
            error = invalid(Code.PARAMETER_INVALID, "Not that one.")
            judge = lambda value, refused=refused, error=error: error if value == refused else None  # noqa: E731
            monkeypatch.setitem(rules.LINE_ITEM_RULES, kind.name, {name: judge})
        lists[kind.name] = [values_of(kind, 1), bad]
        wrong[f"{kind.name}[1].{name}"] = code
    return lists, wrong


def in_data(wrong: Wrong) -> Wrong:
    return {f"operations[0].data.{path}": code for path, code in wrong.items()}


def batch(api: Api, **operation: Any) -> HttpResponse:
    return api.post(f"{CUSTOMER}/batch", {"operations": [operation]})


def test_by_every_call_that_writes_a_customer(api: Api, bad_items: tuple[dict[str, Any], Wrong]) -> None:
    lists, wrong = bad_items
    customer_id, before = api.create(tax_id="1")["id"], Event.objects.count()
    body, all_wrong = BAD | lists, {"email_id": "parameter_invalid"} | wrong
    assert codes(api.post(CUSTOMER, {"customer_name": "A"} | body)) == all_wrong
    assert codes(api.post(CUSTOMER, body)) == all_wrong | {"customer_name": "parameter_missing"}
    assert codes(api.patch(f"{CUSTOMER}/{customer_id}", body)) == all_wrong
    assert codes(batch(api, op="create", data={"customer_name": "A"} | body)) == in_data(all_wrong)
    assert codes(batch(api, op="update", id=customer_id, data=body)) == in_data(all_wrong)
    assert codes(batch(api, op="upsert", match_on="tax_id", data={"tax_id": "1"} | body)) == in_data(all_wrong)
    assert codes(batch(api, op="update", id=customer_id, data=lists)) == in_data(wrong)
    assert Event.objects.count() == before
