"""The reference pages: everything that the description has, shown so that it can be read, nothing from elsewhere."""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client

from crm.api.line_item_components import CUSTOMER_ID
from crm.line_items import LINE_ITEMS
from overplane.api import idempotency
from overplane.api.body import BODY_LIMIT
from overplane.api.error_codes import MEANINGS
from overplane.api.reference.calls import Call, curl, javascript, python
from overplane.api.reference.limits import limits
from overplane.api.reference.pages import page as page_html
from overplane.api.reference.schemas import INPUT, Attribute, AttributeTable, Schemas
from overplane.api.reference.sections import Reference
from overplane.problems import Code
from overplane.server.connections import LONGEST_REQUEST_LINE
from tests.conftest import CUSTOMER, Api
from tests.reference_page import Page, described, is_receiver, parsed, reference, sections, whole_page

SAMPLES = Path(__file__).parent / "samples"


def operations() -> list[dict[str, Any]]:
    return [one for path in described()["paths"].values() for one in path.values()]


STATIC = ("reference.css", "samples.css", "early.js", "samples.js", "contents.js", "search.js")


def words(anchor: str) -> list[str]:
    """The sample call as a shell would take it apart."""
    call = sections()[anchor].call
    assert call is not None
    return shlex.split(curl(call).replace("\\\n", ""))


def attributes_in(tables: list[AttributeTable]) -> Iterator[Attribute]:
    """With those inside of them."""
    for table in tables:
        for attribute in table.attributes:
            yield attribute
            yield from attributes_in(attribute.inside)


@pytest.fixture
def page(client: Client) -> Page:
    return parsed(client.get("/docs").content.decode())


@pytest.mark.slow
def test_has_a_section_for_every_operation(page: Page) -> None:
    assert {one["operationId"] for one in operations()} <= set(page.ids)


@pytest.mark.slow
def test_has_a_line_for_every_error_code_where_doc_url_points(page: Page, api: Api) -> None:
    assert set(MEANINGS) == set(Code)
    assert {f"error-{code}" for code in Code} <= set(page.ids)
    doc_url = urlsplit(api.get(f"{CUSTOMER}?teritory=x").json()["error"]["doc_url"])
    assert (doc_url.path, doc_url.fragment) == ("/docs", "error-parameter_unknown")


def test_every_link_leads_somewhere(page: Page, client: Client) -> None:
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        elif link.startswith("/static/"):
            assert finders.find(link.removeprefix("/static/")), link
        elif link != "data:,":
            assert client.get(link).status_code == 200, link


@pytest.mark.slow
def test_needs_nothing_from_elsewhere_and_nothing_inline(page: Page, client: Client) -> None:
    assert "default-src 'self'" in client.get("/docs")["Content-Security-Policy"]
    for tag, attributes in page.tags:
        assert tag != "style"
        assert tag != "script" or attributes["src"].startswith("/static/")
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
    for name in STATIC:
        assert f"/static/reference/{name}" in page.links
        assert not re.search(r"https?:|@import|url\(", Path(finders.find(f"reference/{name}")).read_text())


def test_comes_compressed_to_who_takes_it(client: Client) -> None:
    answer = client.get("/docs", headers={"accept-encoding": "gzip"})
    assert answer["Content-Encoding"] == "gzip"
    assert len(answer.content) < 150_000


def test_methods_that_do_the_same_stand_in_one_section_which_says_so() -> None:
    section = sections()["reorderSupplierNumbersAtCustomer"]
    assert section.methods == ["POST", "PUT", "PATCH"]
    assert re.search(r"POST.*PUT.*PATCH.*do the same", section.text)
    linked = [link for link in whole_page().links if "OrderOf" in link or "reorder" in link]
    # In the contents once, in its chapter's routes with each method, and from its own title and attributes.
    assert not [link for link in linked if link[1:] in section.also]
    assert set(section.also) <= set(whole_page().ids)
    # The kinds of line items share the title: each has it in the contents and above its section, not once a method.
    same = [one for one in sections().values() if one.title == section.title]
    assert len(same) == len(LINE_ITEMS)
    assert whole_page().text.count(section.title) == 2 * len(same)


@pytest.mark.parametrize("anchor", ["listCustomers", "exportCustomers", "listSupplierNumbersAtCustomer"])
def test_filters_stand_by_attribute_with_all_their_operators(anchor: str) -> None:
    (operation,) = [one for one in operations() if one["operationId"] == anchor]
    names = {reference().schemas.referred(one)["name"] for one in operation["parameters"]}
    output = sections()[anchor].filters
    assert {name for one in output for name in one.names} >= {name for name in names if "[" in name} - {"expand[]"}
    for one in output:
        assert {name.partition("[")[0] for name in one.names} == {one.field}
        assert one.anchor in whole_page().ids
    lines = {a["id"]: a["data-names"] for _, a in whole_page().tags if "data-names" in a}
    assert lines[output[0].anchor].split() == output[0].names


def test_objects_within_objects_are_shown() -> None:
    batch = {one.anchor.partition(".")[2]: one for one in attributes_in(sections()["batchCustomers"].tables)}
    operations = batch["body.operations"]
    kinds = ["op: create", "op: retrieve", "op: update", "op: delete", "op: upsert"]
    assert [table.title for table in operations.inside][:5] == kinds
    assert batch["body.operations.op-create.data.customer_name"].required
    assert not batch["body.operations.op-update.data.customer_name"].required
    event = {one.name for one in attributes_in(sections()["object-Event"].tables)}
    assert {"id", "data", "object", "previous_attributes", "request", "idempotency_key"} <= event
    for anchor in ("errors.error.message", "errors.error.errors.code", "batchCustomers.answer.data.error.errors.param"):
        assert anchor in whole_page().ids


def test_a_long_object_is_shown_once_and_linked_from_where_it_is_a_part() -> None:
    (data,) = [one for table in sections()["listCustomers"].answer for one in table.attributes if one.name == "data"]
    assert [(table.link, table.attributes) for table in data.inside] == [("object-Customer", [])]


TREE: dict[str, Any] = {
    "Tree": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "left": {"$ref": "#/components/schemas/Tree"}},
    },
    "Cat": {
        "type": "object",
        "properties": {"id": {"type": "string"}, "kind": {"const": "cat"}, "lives": {"type": "integer"}},
        "required": ["lives"],
    },
    "Dog": {"type": "object", "properties": {"id": {"type": "string"}, "kind": {"const": "dog"}, "barks": {"type": "boolean"}}},
    "Pet": {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
        "discriminator": {"propertyName": "kind"},
    },
}  # fmt: skip


def seen(schema: dict[str, Any]) -> Any:
    """Tables as titles and names, as deep as they go."""

    def outline(tables: list[AttributeTable]) -> Any:
        return [
            (one.title, [(a.name, outline(a.inside)) if a.inside else a.name for a in one.attributes]) for one in tables
        ]

    return outline(Schemas({"components": {"schemas": TREE}}).inside(schema, "x", INPUT))


def test_an_object_that_holds_itself_ends_somewhere() -> None:
    # What is a Tree again is named, and not opened a second time.
    assert seen({"$ref": "#/components/schemas/Tree"}) == [("Tree", ["name", ("left", [("Tree", [])])])]


def test_alternatives_are_told_by_what_sets_them_apart_and_what_they_share_once() -> None:
    pet = {"$ref": "#/components/schemas/Pet"}
    forms = [("", ["id"]), ("kind: cat", ["kind", "lives"]), ("kind: dog", ["kind", "barks"])]
    assert seen(pet) == forms
    assert seen({"type": "array", "items": pet}) == forms
    nullable = {"anyOf": [{"$ref": "#/components/schemas/Cat"}, {"type": "null"}]}
    assert seen(nullable) == [("Cat", ["id", "kind", "lives"])]
    both = {"allOf": [{"$ref": "#/components/schemas/Cat"}, {"properties": {"owner": {"type": "string"}}}]}
    assert seen(both) == [("", ["id", "kind", "lives", "owner"])]


def test_limits_come_from_what_sets_them(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def values_by_subject() -> dict[str, str]:
        return {one.subject: one.value for one in limits(described())}

    before = values_by_subject()
    assert before["Body of a request"] == f"{BODY_LIMIT // 1024**2} MiB" == "1 MiB"
    assert before["Body of a request to `/api/crm/customer/batch`"] == "16 MiB"
    assert before["Nesting of a body"] == "32 levels"
    assert before["`limit` of a list"] == "1,000; 20 unless given"
    assert before["`operations` in one request"] == "1,000"
    assert before["`q`"] == "200 characters"
    assert before["Address with its query"] == f"{LONGEST_REQUEST_LINE:,} characters" == "65,536 characters"
    assert before["Any other text"] == "255 characters"
    assert {v for k, v in before.items() if "`website`" in k or "`primary_address`" in k} == {
        "2,048 characters",
        "65,535 characters",
    }
    assert before["An `Idempotency-Key` is remembered"] == "24 hours"
    assert before["Requests with one key"] == "not limited here"
    assert before["Failed authentications from one address"] == "20 a minute"
    settings.RATE_LIMIT = 2.5
    monkeypatch.setattr(idempotency, "RETENTION", idempotency.RETENTION * 2)
    after = values_by_subject()
    assert after["Requests with one key"] == "2.5 a second"
    assert after["An `Idempotency-Key` is remembered"] == "48 hours"


def topic(anchor: str) -> str:
    """The prose of a topic, as text."""
    html = page_html().partition(f'<section class="row" id="{anchor}"')[2].partition("</section>")[0]
    return " ".join(unescape(re.sub("<[^>]*>", "", html)).split())


@pytest.mark.parametrize(
    ("anchor", "texts"),
    [
        ("input", ["noncharacters, such as U+FFFE and U+FDD0", "characters_not_allowed", "(NFC)", "(NFD)"]),
        ("filters", ["Composed and decomposed characters (NFC and NFD) find each other", "so do NFC and NFD"]),
        ("pagination", ["expand, expand[] and expand[0]", "longer than 4 KiB it is left out"]),
        ("versions", ["Beside an ETag stands Cache-Control: private, no-cache", "All other answers are no-store"]),
        ("limits", ["4,096 characters left out"]),
    ],
)
def test_says_things_where_a_reader_looks_for_them(anchor: str, texts: list[str]) -> None:
    prose = topic(anchor)
    assert [text for text in texts if text not in prose] == []


def test_what_is_said_of_caches_and_lists_is_so(api: Api) -> None:
    one = f"{CUSTOMER}/{api.create()['id']}"
    assert {
        bool(answer.headers.get("ETag")): answer["Cache-Control"] for answer in (api.get(one), api.get(CUSTOMER))
    } == {
        True: "private, no-cache",
        False: "no-store",
    }
    lists = [api.get(f"{one}?{name}=supplier_numbers").json() for name in ("expand", "expand[]", "expand[0]")]
    assert lists[0] == lists[1] == lists[2]
    assert lists[0]["supplier_numbers"] == []


@pytest.mark.parametrize(
    ("name", "file"), [("Customer", "customer.json"), ("SupplierNumberAtCustomer", "supplier-number-at-customer.json")]
)
def test_shows_the_documented_sample_objects(name: str, file: str) -> None:
    documented = json.loads((SAMPLES / file).read_text())
    output = reference().schemas.sample(described()["components"]["schemas"][name])
    assert {**documented, "customer_id": CUSTOMER_ID} == {"customer_id": CUSTOMER_ID} | {
        attribute: value for attribute, value in output.items() if attribute in documented
    }


@pytest.mark.parametrize(
    ("anchor", "documented"),
    [
        ("retrieveCustomer", 'curl $BASE/api/crm/customer/customer_abc123 -H "Authorization: Bearer sk_test_..."'),
        ("listCustomers", 'curl $BASE/api/crm/customer -H "Authorization: Bearer sk_test_..."'),
        (
            "createCustomer",
            'curl $BASE/api/crm/customer -H "Authorization: Bearer sk_test_..." -X POST'
            """ -H "Content-Type: application/json" -d '{"customer_name":"customer_name_example"}'""",
        ),
        (
            "updateCustomer",
            'curl $BASE/api/crm/customer/customer_abc123 -H "Authorization: Bearer sk_test_..." -X PATCH'
            """ -H "Content-Type: application/json" -d '{"customer_name":"customer_name_example","gender":"gender_example"}'""",
        ),
        (
            "deleteCustomer",
            'curl $BASE/api/crm/customer/customer_abc123 -H "Authorization: Bearer sk_test_..." -X DELETE',
        ),
    ],
)
def test_shows_the_documented_calls(anchor: str, documented: str) -> None:
    assert words(anchor) == shlex.split(documented.replace("$BASE", "http://testserver"))


HARD = Call(
    base_url="http://testserver",
    method="POST",
    path="/x",
    query={"a[in]": '"b, c",d&e', "f": "ü"},
    headers={"If-Match": '"1"'},
    body={"it's": 'a "quoted" \\ text', "deep": {"list": [None, True, {"number": 1.5}], "empty": []}, "more": ["x" * 40, "y" * 40]},
)  # fmt: skip


def test_a_call_means_the_same_in_every_language() -> None:
    _, flag, url, *options = shlex.split(curl(HARD).replace("\\\n", ""))
    assert flag == "-g"  # or curl would take the brackets for a pattern of its own
    assert urlsplit(url).query == "a[in]=%22b,+c%22,d%26e&f=%C3%BC"
    assert json.loads(options[options.index("-d") + 1]) == HARD.body
    assert 'If-Match: "1"' in options
    posted = next(node for node in ast.walk(ast.parse(python(HARD))) if isinstance(node, ast.Call))
    arguments = {one.arg: ast.literal_eval(one.value) for one in posted.keywords}
    assert (arguments["json"], arguments["params"], arguments["headers"]["If-Match"]) == (HARD.body, HARD.query, '"1"')
    text = javascript(HARD)
    body = re.search(r"JSON\.stringify\((.*)\),\n\}\);", text, re.DOTALL)
    assert body
    assert json.loads(re.sub(r",(\s*[}\]])", r"\1", body[1])) == HARD.body
    assert "${query}" in text
    assert python(replace(HARD, method="PUT")).count("requests.put(") == 1


def test_every_sample_stands_in_three_languages_with_a_place_for_the_key() -> None:
    key_spans = [a for tag, a in whole_page().tags if tag == "span" and a.get("class") == "key"]
    assert len(key_spans) == sum(sample.text.count("sk_test_...") for sample in whole_page().samples)
    languages_by_sample: dict[tuple[str, str], list[str]] = {}
    for sample in whole_page().samples:
        if not is_receiver(sample):
            assert "sk_test_..." in sample.text
            assert settings.BASE_URL in sample.text
        languages_by_sample.setdefault((sample.section, sample.title), []).append(sample.language)
    assert {tuple(languages) for languages in languages_by_sample.values()} == {("curl", "python", "javascript")}
    topics = {
        "authentication",
        "input",
        "pagination",
        "filters",
        "retries",
        "versions",
        "line-items",
        "batches",
        "sync",
        "webhooks",
    }
    assert topics | {anchor for anchor, section in sections().items() if section.call} <= {
        section_id for section_id, _ in languages_by_sample
    }


def test_limits_have_the_rows_of_one_write() -> None:
    assert {one.subject: one.value for one in limits(described())}["`supplier_numbers` in one request"] == "1,000"


def test_the_list_by_a_body_has_the_filters_of_the_list() -> None:
    searched, listed = sections()["searchCustomers"], sections()["listCustomers"]
    assert [(one.field, one.names) for one in searched.filters] == [(one.field, one.names) for one in listed.filters]
    assert len(searched.filters) > 40


def test_filters_in_a_body_stand_by_attribute_too() -> None:
    listed = {"type": "object", "properties": {name: {"type": "string"} for name in ("limit", "town", "town[ne]")}}
    described = {
        "paths": {"/x": {"post": {**OPERATION, "requestBody": {"content": {"application/json": {"schema": listed}}}}}},
        "tags": [{"name": "X", "description": ""}],
        "components": {"schemas": {}},
    }
    ((section,),) = [chapter.sections for chapter in Reference(described, base_url="").chapters()]
    assert [(one.field, one.names) for one in section.filters] == [("town", ["town", "town[ne]"])]
    assert [[one.name for one in table.attributes] for table in section.tables] == [["limit"]]


OPERATION: dict[str, Any] = {
    "operationId": "x",
    "summary": "X",
    "description": "",
    "tags": ["X"],
    "responses": {"200": {"content": {"application/json": {"schema": {"type": "object", "properties": {}}}}}},
}
