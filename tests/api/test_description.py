"""What clients are generated from: schemas that say what is so, in a way that generated code can live with."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings
from django.db import models

from crm.api.meanings import MEANINGS, SAME_FOR_ALL, words_of
from crm.line_items import BY_EVENT, BY_NAME, LINE_ITEMS, SUPPLIER_NUMBERS, LineItem
from crm.models import Customer, SupplierNumberAtCustomer
from crm.transfer import announcements
from crm.transfer.undo import undo
from overplane.api.schemas import attribute_schema, example_of, input_schema, output_schema
from overplane.database.attributes import attributes
from overplane.events import types
from overplane.origin import Origin
from tests.conftest import CUSTOMER, Api
from tests.contract.conftest import Items
from tests.contract.values import values_of
from tests.described import DESCRIBED, OPERATIONS, SCHEMAS, parts, resolved, validator


def answer(operation: dict[str, Any]) -> dict[str, Any]:
    success = resolved(operation["responses"][min(operation["responses"])])
    return resolved(success["content"].get("application/json", {"schema": {}})["schema"])


def test_says_where_it_is_served_and_whose_it_is() -> None:
    assert [server["url"] for server in DESCRIBED["servers"]] == [settings.BASE_URL]
    assert {"title", "summary", "description", "contact", "license", "version"} <= DESCRIBED["info"].keys()


@pytest.mark.slow
def test_is_that_of_the_deployment_that_serves_it() -> None:
    """Asked of a process that was started with another address."""
    script = "from overplane.api.pages import description; print(description().decode())"
    ran = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", script],
        cwd=settings.BASE_DIR, env=os.environ | {"BASE_URL": "https://crm.example.com:8443/"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    description = json.loads(ran.stdout)
    assert [server["url"] for server in description["servers"]] == ["https://crm.example.com:8443"]
    assert description["info"]["contact"]["url"] == "https://crm.example.com:8443/docs"
    assert settings.BASE_URL not in ran.stdout


@pytest.mark.parametrize(("name", "operation"), [one for one in OPERATIONS if "requestBody" in one[1]])
def test_nothing_that_may_be_left_out_of_a_body_has_a_default(name: str, operation: dict[str, Any]) -> None:
    """To openapi-typescript what has a default is always there, so that it would have to be sent."""
    contents = operation["requestBody"]["content"].values()
    schemas = [part for content in contents for part in parts(content["schema"], set())]
    assert len(schemas) > 4
    assert [part for part in schemas if "default" in part] == []


def test_only_a_name_must_be_sent() -> None:
    assert SCHEMAS["CustomerCreate"]["required"] == ["customer_name"]
    assert "required" not in SCHEMAS["CustomerUpdate"]
    assert "`Company` unless given." in SCHEMAS["CustomerCreate"]["properties"]["customer_type"]["description"]


def test_rows_can_be_sent_with_their_customer_as_they_are_answered() -> None:
    for name in ("CustomerCreate", "CustomerUpdate"):
        rows = SCHEMAS[name]["properties"]["supplier_numbers"]
        assert (rows["type"], rows["maxItems"]) == ("array", 1000)
        assert set(resolved(rows["items"])["properties"]) == set(SCHEMAS["SupplierNumberAtCustomer"]["properties"])
        assert "required" not in resolved(rows["items"])


def test_no_boolean_is_a_constant() -> None:
    """openapi-generator's Python client compares it with a text, and raises when the work is done."""
    schemas = list(parts(DESCRIBED, set()))
    assert [part for part in schemas if isinstance(part.get("const"), bool)] == []


@pytest.mark.parametrize(("name", "operation"), OPERATIONS)
def test_an_answer_has_one_schema(name: str, operation: dict[str, Any]) -> None:
    """Clients would have to guess which of several it is, however deep it stands; unless a property says it."""
    for response in map(resolved, operation["responses"].values()):
        schemas = list(parts(response, set()))
        assert len(schemas) > 3
        unclear = [part["anyOf"] for part in schemas if "anyOf" in part and not is_nullable(part["anyOf"])]
        assert unclear == []
        assert [part for part in schemas if "oneOf" in part and not part["discriminator"]["propertyName"]] == []


def is_nullable(alternatives: list[dict[str, Any]]) -> bool:
    """One schema, or null."""
    return len(alternatives) == 2 and alternatives[1] == {"type": "null"}


def test_an_outcome_of_a_batch_is_as_described(api: Api) -> None:
    there, other = api.create()["id"], api.create()["id"]
    rows = [{"company": "A"}]
    operations: list[dict[str, Any]] = [
        {"op": "create", "data": {"customer_name": "B", "supplier_numbers": rows}},
        {"op": "retrieve", "id": there},
        {"op": "update", "id": there, "data": {"territory": "North"}},
        {"op": "upsert", "match_on": "tax_id", "data": {"customer_name": "C", "tax_id": "C"}},
        {"op": "delete", "id": other},
        {"op": "delete", "id": other},
    ]
    sent = {"operations": operations, "atomic": False}
    validator("Batch").validate(sent)
    answer = api.post(f"{CUSTOMER}/batch", sent).json()
    validator("BatchAnswer").validate(answer)
    assert [one.get("object", {}).get("deleted") for one in answer["data"]] == [None, None, None, None, True, None]
    assert [one["status"] for one in answer["data"]] == [201, 200, 200, 201, 200, 404]


@pytest.mark.parametrize(("name", "operation"), [one for one in OPERATIONS if one[1]["operationId"].startswith("list")])
def test_a_list_is_a_list_of_named_objects(name: str, operation: dict[str, Any]) -> None:
    page = answer(operation)
    assert page["properties"]["data"]["type"] == "array"
    assert "$ref" in page["properties"]["data"]["items"]
    assert page["properties"]["has_more"]["type"] == "boolean"
    assert set(page["required"]) == set(page["properties"])


@pytest.mark.parametrize(
    ("model", "meanings", "output"),
    [
        (Customer, MEANINGS, "Customer"),
        (
            SupplierNumberAtCustomer,
            SAME_FOR_ALL | words_of(SUPPLIER_NUMBERS).meanings,
            "SupplierNumberAtCustomer",
        ),
    ],
)
def test_every_attribute_says_what_it_is_for(model: type[models.Model], meanings: Any, output: str) -> None:
    assert set(attributes(model)) <= set(meanings)
    for part in (SCHEMAS[output], SCHEMAS[f"{output}Create"], SCHEMAS[f"{output}Update"]):
        for name in attributes(model):
            text = part["properties"][name]["description"]
            assert text.startswith(meanings[name])
            assert len(text.split()) > 3, name
            assert text.endswith(".")


def test_a_closed_choice_that_may_be_without_a_value_says_so() -> None:
    choice = {"gender": {"enum": ["a", "b"]}}
    schema = output_schema(Customer, ["gender"], rules=choice)["properties"]["gender"]
    assert schema["anyOf"] == [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}]
    assert "enum" not in schema
    assert example_of(schema, "gender") == "a"


def test_an_attribute_that_nobody_has_explained_is_told_by_its_label() -> None:
    assert attribute_schema(Customer, "tax_id", rules={})["description"] == "Tax ID."
    assert input_schema(Customer, rules={}, partial=False, ignored=[])["properties"]["tax_id"]["maxLength"] == 255
    assert output_schema(Customer, ["tax_id"], rules={})["properties"]["tax_id"]["description"] == "Tax ID."


def test_a_customer_is_described_however_it_is_asked_for(api: Api) -> None:
    customer = api.create(territory="North")
    api.add_row(customer["id"], supplier_number="4711")
    assert list(customer) == [name for name in SCHEMAS["Customer"]["properties"] if name not in BY_NAME]
    assert "supplier_numbers" in BY_NAME
    expanded = [f"expand[]={name}" for name in BY_NAME]
    for query in ("", "?fields=territory", *(f"?{one}" for one in expanded), f"?fields=gender&{'&'.join(expanded)}"):
        one = api.get(f"{CUSTOMER}/{customer['id']}{query}").json()
        page = api.get(f"{CUSTOMER}{query}").json()
        validator("Customer").validate(one)
        validator("CustomerPage").validate(page)
        assert page["data"] == [one]
    assert validator("Customer").is_valid(customer | {"id": None}) is False


def test_every_type_of_event_is_described() -> None:
    assert list(SCHEMAS["Event"]["discriminator"]["mapping"]) == types.known
    for type_, address in SCHEMAS["Event"]["discriminator"]["mapping"].items():
        assert resolved({"$ref": address})["properties"]["type"]["const"] == type_
    assert len(SCHEMAS["Event"]["oneOf"]) == len(types.known)


def every_event(api: Api) -> list[dict[str, Any]]:
    events = api.feed("?after=start&limit=1000").json()["data"]
    for event in events:
        name = SCHEMAS["Event"]["discriminator"]["mapping"][event["type"]].rpartition("/")[2]
        validator(name).validate(event)
        validator("Event").validate(event)  # one of them, and only one
    return events


def change_line_items(api: Api, kind: LineItem, customer_id: str) -> None:
    """Each kind of event of theirs."""
    items = Items(api, kind)
    first, second, third = (items.add(customer_id, number, idx=1)["id"] for number in range(3))
    items.patch(first, values_of(kind, 3) | {"idx": 1})
    items.delete(second)
    api.post(f"{items.route}/reorder", {"parent_id": customer_id, "ordered_ids": [third, first]})


@pytest.mark.slow
def test_every_event_is_as_described_also_when_it_has_lost_its_values(live_api: Api, imported: Any) -> None:
    api = live_api
    customer = api.create()
    api.patch(f"{CUSTOMER}/{customer['id']}", {"customer_type": "Individual", "default_commission_rate": 2.5})
    for kind in LINE_ITEMS:
        change_line_items(api, kind, customer["id"])
    other = api.create()["id"]
    for call, name in (("merge", "from"), ("unmerge", "restore"), ("merge", "from")):
        assert api.post(f"{CUSTOMER}/{customer['id']}/{call}", {name: [other]}).status_code == 200
    undo(imported("name\nAcme\n").report["run"], started_by="test")
    announcements.exported("export_abc123", 1, Origin("api_key:key_abc123"))
    before = every_event(api)
    api.delete(f"{CUSTOMER}/{customer['id']}")
    after = every_event(api)
    assert {event["type"] for event in after} == set(types.known)
    assert len(after) == len(before) + 2  # it and the one that was merged into it
    assert before[0]["data"]["object"] == customer
    assert after[0]["data"]["object"] == {"id": customer["id"]}
    assert "supplier_number_at_customer.created" in BY_EVENT
    of_rows = [event["data"]["object"] for event in before + after if event["type"] in BY_EVENT]
    assert {one["customer_id"] for one in of_rows} == {customer["id"]}
