"""What the description says in words: something everywhere, and of each filter what it does and what it compares."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models import Model

from crm.filters import CUSTOMER_FILTERS, LINE_ITEM_FILTERS
from crm.line_items import LINE_ITEMS
from crm.models import Customer
from overplane.api.schemas import input_schema, output_schema
from overplane.database.attributes import attributes
from tests.described import DESCRIBED, OPERATIONS, SCHEMAS, resolved

FEW = 4  # words that say nothing: "Gender.", "Which operation."


def text_of(part: dict[str, Any]) -> str:
    """Its own, or that of what it refers to."""
    while "description" not in part and "$ref" in part:
        part = resolved({"$ref": part["$ref"]})
    return part.get("description", "")


def properties(part: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of this schema and of those that are written out in it."""
    if isinstance(part, list):
        for one in part:
            yield from properties(one, where)
    elif isinstance(part, dict):
        for name, one in part.get("properties", {}).items():
            if one != {"not": {}}:  # a condition, which is no property
                yield f"{where}.{name}", one
                yield from properties(one, f"{where}.{name}")
        for name in ("items", "anyOf", "oneOf", "allOf"):
            yield from properties(part.get(name, []), where)


def described() -> Iterator[tuple[str, str]]:
    """Whatever has a description, and where it stands."""
    for tag in DESCRIBED["tags"]:
        yield f"tag {tag['name']}", tag["description"]
    for name, schema in SCHEMAS.items():
        yield f"schema {name}", text_of(schema)
        for where, one in properties(schema, name):
            yield where, text_of(one)
    for name, operation in OPERATIONS:
        yield name, text_of(operation)
        for parameter in map(resolved, operation.get("parameters", [])):
            yield f"{name} {parameter['name']}", text_of(parameter)
        for status, response in operation["responses"].items():
            yield f"{name} {status}", text_of(resolved(response))
            for header, one in resolved(response).get("headers", {}).items():
                yield f"{name} {status} {header}", text_of(one)


def labels() -> set[str]:
    """What is said of an attribute that nobody has explained yet (test_description: of these models everybody has)."""
    models: list[type[Model]] = [Customer, *(kind.model for kind in LINE_ITEMS)]
    texts: set[str] = set()
    for model in models:
        output = output_schema(model, attributes(model), rules={})["properties"]
        sent = input_schema(model, rules={}, partial=True, ignored=[])["properties"]
        texts |= {one["description"] for one in (*output.values(), *sent.values())}
    return texts


def test_everything_is_described_in_more_than_a_few_words() -> None:
    unexplained = labels()
    texts = {where: text for where, text in described() if text not in unexplained}
    assert len(texts) > 1000
    assert {where: text for where, text in texts.items() if len(text.split()) <= FEW} == {}
    assert {where: text for where, text in texts.items() if not text.endswith((".", "…`"))} == {}


def filters_of(operation: dict[str, Any]) -> dict[str, str]:
    parameters = map(resolved, operation.get("parameters", []))
    return {one["name"]: one["description"] for one in parameters if one["in"] == "query"}


LISTS = {name: filters_of(one) for name, one in OPERATIONS if filters_of(one)}
LISTS["the search"] = {name: one["description"] for name, one in SCHEMAS["CustomerSearch"]["properties"].items()}


@pytest.mark.parametrize("listed", LISTS)
def test_no_two_parameters_of_a_list_share_a_text(listed: str) -> None:
    by_text: dict[str, list[str]] = defaultdict(list)
    for name, text in LISTS[listed].items():
        by_text[text].append(name)
    assert [names for names in by_text.values() if len(names) > 1] == []


def test_filters_that_differ_by_their_operator_differ_in_words() -> None:
    """Also between attributes: what is said of `gt` is said of no `gte`."""
    sentences: dict[str, set[str]] = defaultdict(set)
    for filters in LISTS.values():
        for name, text in filters.items():
            field, bracket, operator = name.partition("[")
            if name in CUSTOMER_FILTERS:
                own = SCHEMAS["Customer"]["properties"][field]["description"]
                sentences[text.replace(f"`{field}`", "").replace(own, "")].add(bracket + operator)
    assert {text: operators for text, operators in sentences.items() if len(operators) > 1} == {}
    assert len(sentences) > 20


def test_a_filter_says_what_its_attribute_holds() -> None:
    """New attributes and kinds of line items too: the words come off what describes their objects."""
    tables = {"Customer": (CUSTOMER_FILTERS, LISTS["get /api/crm/customer"])}
    for kind in LINE_ITEMS:
        tables[kind.schema] = (LINE_ITEM_FILTERS[kind.name], LISTS[f"get /api/crm/{kind.id_prefix}"])
    for schema, (table, texts) in tables.items():
        assert table.keys() <= texts.keys()
        for name, one in table.items():
            assert SCHEMAS[schema]["properties"][one.name]["description"] in texts[name]
            assert f"`{one.name}`" in texts[name]
