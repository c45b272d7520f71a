"""Characters that nobody can see or store are refused at every door through which a text comes, with the place where it stands."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.urls import reverse

from crm.models import Customer, SupplierNumberAtCustomer
from overplane.events.models import Event
from tests.backoffice.people import member
from tests.conftest import CUSTOMER, ROW, Api, codes
from tests.filled_forms import filled

SIGNS = ["\0", "\x1b", "\x85", "\ufffe", "\U0001ffff"]
World = dict[str, str]  # the ids of a customer and its row
# What is sent with a text in it, and where the answer says that the text is.
Door = Callable[[Api, World, str], HttpResponse]


def batch(api: Api, *operations: dict[str, Any], atomic: bool = True) -> HttpResponse:
    return api.post(f"{CUSTOMER}/batch", {"operations": list(operations), "atomic": atomic})


DOORS: dict[str, tuple[Door, str]] = {
    "a row of its own": (
        lambda api, world, text: api.post(ROW, {"customer_id": world["customer"], "company": text}),
        "company",
    ),
    "a change of a row": (
        lambda api, world, text: api.patch(f"{ROW}/{world['row']}", {"supplier_number": text}),
        "supplier_number",
    ),
    "the row's customer": (
        lambda api, world, text: api.post(ROW, {"customer_id": text, "company": "A"}),
        "customer_id",
    ),
    "an order": (
        lambda api, world, text: api.post(f"{ROW}/reorder", {"parent_id": world["customer"], "ordered_ids": [text]}),
        "ordered_ids[0]",
    ),
    "a new customer's list": (
        lambda api, world, text: api.post(
            CUSTOMER, {"customer_name": "A", "supplier_numbers": [{"company": "A"}, {"company": text}]}
        ),
        "supplier_numbers[1].company",
    ),
    "a customer's list": (
        lambda api, world, text: api.patch(
            f"{CUSTOMER}/{world['customer']}", {"supplier_numbers": [{"id": world["row"], "supplier_number": text}]}
        ),
        "supplier_numbers[0].supplier_number",
    ),
    "a batch's data": (
        lambda api, world, text: batch(
            api, {"op": "retrieve", "id": world["customer"]}, {"op": "create", "data": {"customer_name": text}}
        ),
        "operations[1].data.customer_name",
    ),
    "a batch that does what it can": (
        lambda api, world, text: batch(
            api, {"op": "update", "id": world["customer"], "data": {"territory": text}}, atomic=False
        ),
        "operations[0].data.territory",
    ),
    "a list in a batch": (
        lambda api, world, text: batch(
            api, {"op": "update", "id": world["customer"], "data": {"supplier_numbers": [{"company": text}]}}
        ),
        "operations[0].data.supplier_numbers[0].company",
    ),
    "the value that a batch matches": (
        lambda api, world, text: batch(api, {"op": "upsert", "match_on": "tax_id", "data": {"tax_id": text}}),
        "operations[0].data.tax_id",
    ),
    "a batch's id": (lambda api, world, text: batch(api, {"op": "delete", "id": text}), "operations[0].id"),
    "words to search": (lambda api, world, text: api.client.get(CUSTOMER, {"q": text}, headers=key(api)), "q"),
    "a part to filter by": (
        lambda api, world, text: api.client.get(CUSTOMER, {"territory[contains]": text}, headers=key(api)),
        "territory[contains]",
    ),
    "a filter of rows": (
        lambda api, world, text: api.client.get(
            ROW, {"parent_id": world["customer"], "company[in]": f"A,{text}"}, headers=key(api)
        ),
        "company[in]",
    ),
    "words in a search": (lambda api, world, text: api.post(f"{CUSTOMER}/search", {"q": text}), "q"),
    "a list in a search": (
        lambda api, world, text: api.post(f"{CUSTOMER}/search", {"territory[in]": ["A", text]}),
        "territory[in][1]",
    ),
    "a filter in a search": (
        lambda api, world, text: api.post(f"{CUSTOMER}/search", {"tax_id[prefix]": text}),
        "tax_id[prefix]",
    ),
}


def key(api: Api) -> dict[str, str]:
    return {"authorization": f"Bearer {api.key}"}


@pytest.fixture
def world(api: Api) -> World:
    customer = api.create()["id"]
    return {"customer": customer, "row": api.add_row(customer, company="Acme")["id"]}


@pytest.mark.parametrize("sign", SIGNS, ids=ascii)
@pytest.mark.parametrize("door", DOORS)
def test_the_api_refuses_them(api: Api, world: World, door: str, sign: str) -> None:
    send, param = DOORS[door]
    events = Event.objects.count()
    for text in (f"a{sign}b", f"ä{'b' * 300}{sign}"):
        answer = send(api, world, text)
        assert answer.status_code == 400, answer.content
        assert codes(answer) == {param: "characters_not_allowed"}
        assert f"U+{ord(sign):04X}" in answer.json()["error"]["message"]
    assert Event.objects.count() == events


@pytest.mark.slow
@pytest.mark.parametrize("sign", SIGNS, ids=ascii)
@pytest.mark.parametrize("row", [0, 1], ids=["changed", "new"])
def test_the_rows_of_the_form_refuse_them(api: Api, world: World, row: int, sign: str) -> None:
    client, url = member("Editor"), reverse("admin:crm_customer_change", args=[world["customer"]])
    typed = {"supplier_numbers-TOTAL_FORMS": "2", f"supplier_numbers-{row}-supplier_number": f"4{sign}711"}
    page = client.post(url, filled(client.get(url)) | typed)
    assert page.status_code == 200
    formsets = {inline.formset.prefix: inline.formset for inline in page.context["inline_admin_formsets"]}
    (problem,) = formsets["supplier_numbers"].forms[row].errors.as_data()["supplier_number"]
    assert problem.code == "characters_not_allowed"
    assert f"U+{ord(sign):04X}" in problem.messages[0]
    assert SupplierNumberAtCustomer.objects.get().supplier_number is None
    assert Customer.objects.get().version == 1
