"""POST /api/crm/customer/search: the list, asked for by a JSON object."""

from typing import Any

import pytest
from django.utils import timezone

from crm.models import CUSTOMERS, Customer
from crm.services import new_customer
from overplane.events.models import Event
from tests.conftest import CUSTOMER, ROW, Api, codes

SEARCH = f"{CUSTOMER}/search"


def names(api: Api, body: Any) -> list[str]:
    answer = api.post(SEARCH, body)
    assert answer.status_code == 200, answer.content
    assert list(answer.json()) == ["data", "has_more", "total"]
    assert "Link" not in answer.headers
    return [one["customer_name"] for one in answer.json()["data"]]


@pytest.fixture
def customers(api: Api) -> list[dict[str, Any]]:
    created = [
        api.create(customer_name="Acme, Inc.", territory="North", default_commission_rate=5, disabled=True),
        api.create(customer_name="Foo", territory="north", default_commission_rate=7.5, customer_type="Individual"),
        api.create(customer_name='a "b", c', mobile_no="(647) 561-7697"),
    ]
    api.add_row(created[0]["id"], supplier_number="4711")
    return created


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", {}),
        ("limit=2", {"limit": 2}),
        ("limit=2", {"limit": "2"}),
        ("limit=2", {"limit": 2.0}),
        ("limit=99999999999999999999999999", {"limit": 10**60}),
        ("limit=1000", {"limit": 1e300}),
        ("offset=1&limit=1", {"offset": 1, "limit": 1}),
        ("offset=5", {"offset": 5}),
        ("limit=2", {"limit": 2, "offset": None, "starting_after": None, "q": None, "fields": None, "expand": None}),
        ("order_by=customer_name", {"order_by": "customer_name"}),
        ("q=acme", {"q": "acme"}),
        ("q=6475617697", {"q": "6475617697"}),
        ("fields=customer_name,gender", {"fields": "customer_name,gender"}),
        ("fields=customer_name,gender", {"fields": ["customer_name", "gender"]}),
        ("expand[]=supplier_numbers", {"expand[]": ["supplier_numbers"]}),
        ("expand[]=supplier_numbers", {"expand": ["supplier_numbers"]}),
        ("expand[]=supplier_numbers", {"expand": "supplier_numbers"}),
        ("expand[]=supplier_numbers", {"expand[0]": "supplier_numbers"}),
        ("disabled=true", {"disabled": True}),
        ("disabled=true", {"disabled": "true"}),
        ("disabled[ne]=true", {"disabled[ne]": True}),
        ("disabled[in]=true,false", {"disabled[in]": [True, "false"]}),
        ("gender[is_null]=true", {"gender[is_null]": True}),
        ("default_commission_rate=7.5", {"default_commission_rate": 7.5}),
        ("default_commission_rate[gte]=5", {"default_commission_rate[gte]": 5}),
        ("default_commission_rate[in]=5,7.5", {"default_commission_rate[in]": [5, "7.5"]}),
        ("created_at[gte]=2024-01-15", {"created_at[gte]": "2024-01-15"}),
        ("created_at[in]=2024-01-15,2024-01-16", {"created_at[in]": ["2024-01-15", "2024-01-16"]}),
        ("territory[contains]=ORT", {"territory[contains]": "ORT"}),
        ("customer_type[in]=Company,Individual", {"customer_type[in]": ["Company", "Individual"]}),
        ("customer_type[in]=Company,Individual", {"customer_type[in]": "Company,Individual"}),
        ("customer_name[in]=%22Acme,%20Inc.%22,Foo", {"customer_name[in]": ["Acme, Inc.", "Foo"]}),
        ("customer_name[in]=%22Acme,%20Inc.%22,Foo", {"customer_name[in]": '"Acme, Inc.",Foo'}),
        ("customer_name=a%20%22b%22,%20c", {"customer_name[in]": ['a "b", c']}),
    ],
)
def test_answers_as_the_list_does(api: Api, customers: Any, query: str, body: Any) -> None:
    searched, listed = api.post(SEARCH, body), api.get(f"{CUSTOMER}?{query}")
    assert (searched.status_code, listed.status_code) == (200, 200), (searched.content, listed.content)
    assert searched.json() == listed.json()
    assert "Link" not in searched.headers
    assert "ETag" not in searched.headers


def test_cursors(api: Api, customers: Any) -> None:
    ids = [one["id"] for one in customers][::-1]
    page = api.post(SEARCH, {"starting_after": ids[0], "limit": 1}).json()
    assert ([one["id"] for one in page["data"]], page["has_more"], page["total"]) == (ids[1:2], True, 3)
    assert names(api, {"ending_before": ids[2], "limit": 1, "starting_after": None}) == ["Foo"]


@pytest.mark.slow
@pytest.mark.parametrize("order_by", ["-created_at", "customer_name"])
def test_thousands_of_ids(api: Api, order_by: str) -> None:
    rows = [new_customer({"customer_name": f"c{i:04}"}, now=timezone.now()) for i in range(4000)]
    CUSTOMERS.insert([row | {"search_text": ""} for row in rows])
    ids = [row["id"] for row in rows]
    wanted = ids[::2] + [f"customer_nobody{i}" for i in range(5000)]
    for value in (wanted, ",".join(wanted)):
        page = api.post(SEARCH, {"id[in]": value, "limit": 1000, "order_by": order_by, "fields": "customer_name"})
        assert (page.json()["total"], page.json()["has_more"]) == (2000, True)
        output = [one["id"] for one in page.json()["data"]]
        assert output == (ids[::2][:1000] if order_by == "customer_name" else ids[::2][:-1001:-1])


@pytest.mark.slow
def test_as_many_values_as_databases_take(api: Api) -> None:
    api.create(territory="x")
    most = [f"v{i}" for i in range(5_000)]
    assert names(api, {"territory[in]": [*most[1:], "x"], "industry[in]": most}) == []
    assert names(api, {"territory[in]": [*most, *most[1:], "x"]}) == ["Acme"]
    for body, param in (
        ({"territory[in]": [*most, *most, "x"]}, "territory[in]"),
        ({"territory[in]": ",".join([*most, *most, "x"])}, "territory[in]"),
        ({"territory[in]": most, "industry[in]": [*most, "x"]}, "industry[in]"),
        ({"created_at[in]": ["2024-01-15"] * 101}, "created_at[in]"),
    ):
        answer = api.post(SEARCH, body)
        assert codes(answer) == {param: "parameter_invalid_range"}
    days = ["2024-01-15"] * 50 + ["2024-01-15T09:30:00Z"] * 50
    assert names(api, {"created_at[in]": days, "updated_at[in]": days}) == []


def test_an_empty_list_is_nobody(api: Api, customers: Any) -> None:
    assert names(api, {"id[in]": []}) == []
    assert names(api, {"created_at[in]": []}) == []
    assert names(api, {"id[in]": [], "q": "acme", "order_by": "customer_name", "expand": ["supplier_numbers"]}) == []


@pytest.mark.slow
def test_long_texts(api: Api) -> None:
    api.create(customer_name="Acme", customer_details="ŉ%" * 30_000)
    assert names(api, {"customer_details[contains]": "ʼn%" * 30_000}) == ["Acme"]
    assert names(api, {"customer_details[prefix]": "ʼN%" * 29_999 + "ʼN_"}) == []
    assert names(api, {"customer_details": "ŉ%" * 30_000}) == ["Acme"]
    for operator in ("", "[ne]", "[in]", "[contains]", "[prefix]"):
        matches = names(api, {f"customer_name{operator}": "a%_" * 200_000})
        assert matches == (["Acme"] if operator == "[ne]" else [])


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"limit": 0}, {"limit": "parameter_invalid_range"}),
        ({"limit": -(10**60)}, {"limit": "parameter_invalid_range"}),
        ({"limit": 1.5}, {"limit": "parameter_invalid_integer"}),
        ({"limit": "x"}, {"limit": "parameter_invalid_integer"}),
        ({"limit": True}, {"limit": "parameter_invalid_type"}),
        ({"limit": [1]}, {"limit": "parameter_invalid_type"}),
        ({"offset": {}}, {"offset": "parameter_invalid_type"}),
        ({"starting_after": 1}, {"starting_after": "parameter_invalid_type"}),
        ({"starting_after": "a", "offset": 1}, {"starting_after": "parameter_conflict"}),
        ({"starting_after": "customer_never"}, {"starting_after": "resource_missing"}),
        ({"order_by": ["created_at"]}, {"order_by": "parameter_invalid_type"}),
        ({"order_by": "gender"}, {"order_by": "parameter_invalid"}),
        ({"q": 4711}, {"q": "parameter_invalid_type"}),
        ({"q": "x" * 201}, {"q": "parameter_too_long"}),
        ({"fields": 1}, {"fields": "parameter_invalid_type"}),
        ({"fields": ["gender", "sex", 1]}, {"fields[1]": "parameter_invalid", "fields[2]": "parameter_invalid_type"}),
        ({"expand": ["rows"]}, {"expand[0]": "parameter_invalid"}),
        ({"expand": [["supplier_numbers"]]}, {"expand[0]": "parameter_invalid_type"}),
        ({"expand": {}}, {"expand": "parameter_invalid_type"}),
        ({"expand": True}, {"expand": "parameter_invalid_type"}),
        ({"disabled": 1}, {"disabled": "parameter_invalid_type"}),
        ({"disabled": None}, {"disabled": "parameter_invalid_type"}),
        ({"territory": None}, {"territory": "parameter_invalid_type"}),
        ({"territory": 1}, {"territory": "parameter_invalid_type"}),
        ({"territory": ""}, {"territory": "parameter_invalid_empty"}),
        ({"territory": ["x"]}, {"territory": "parameter_invalid_type"}),
        ({"territory[contains]": 1}, {"territory[contains]": "parameter_invalid_type"}),
        ({"territory[in]": ["x", "", 1]}, {"territory[in][1]": "parameter_invalid_empty", "territory[in][2]": "parameter_invalid_type"}),
        ({"territory[in]": {"x": 1}}, {"territory[in]": "parameter_invalid_type"}),
        ({"territory[in]": None}, {"territory[in]": "parameter_invalid_type"}),
        ({"customer_type": "company"}, {"customer_type": "parameter_invalid"}),
        ({"customer_type[in]": ["Company", "Foo"]}, {"customer_type[in][1]": "parameter_invalid"}),
        ({"default_commission_rate": True}, {"default_commission_rate": "parameter_invalid_type"}),
        ({"default_commission_rate": "x"}, {"default_commission_rate": "parameter_invalid_type"}),
        ({"default_commission_rate[gt]": 1e300}, {"default_commission_rate[gt]": "parameter_invalid_range"}),
        ({"created_at": 1705312800}, {"created_at": "parameter_invalid_type"}),
        ({"created_at": {"gte": "2024-01-15"}}, {"created_at": "parameter_invalid_type"}),
        ({"teritory": "x"}, {"teritory": "parameter_unknown"}),
        ({"page": 2}, {"page": "parameter_unknown"}),
        ({"teritory": None}, {"teritory": "parameter_unknown"}),
        ({"territory": "\0"}, {"territory": "characters_not_allowed"}),
        ([], {None: "body_not_object"}),
    ],
)  # fmt: skip
def test_refuses(api: Api, body: Any, wrong: dict[str, str]) -> None:
    answer = api.post(SEARCH, body)
    assert answer.status_code == 400, answer.content
    assert codes(answer) == wrong


def test_says_what_to_do(api: Api) -> None:
    messages = {
        "teritory": 'Did you mean "territory"?',
        "page": 'Use "offset" or "starting_after".',
        "territory": "To find what has no value use [is_null].",
    }
    answer = api.post(SEARCH, {"teritory": "x", "page": 1, "territory": None})
    for problem in answer.json()["error"]["errors"]:
        assert messages.pop(problem["param"]) in problem["message"]
    assert not messages


@pytest.mark.slow
def test_of_many_mistakes_some_are_told(api: Api) -> None:
    for body in (
        {f"stranger{i}": 1 for i in range(20_000)},
        {"fields": ["nope"] * 50_000},
        {"expand": [1] * 50_000},
        {"territory[in]": [1] * 9_000},
    ):
        answer = api.post(SEARCH, body)
        assert (answer.status_code, len(answer.json()["error"]["errors"])) == (400, 20)


def test_it_is_a_read(read_only_api: Api, api: Api) -> None:
    api.create()
    events = Event.objects.count()
    for _ in range(2):
        answer = read_only_api.post(SEARCH, {}, Idempotency_Key="one")
        assert (answer.status_code, answer.json()["total"]) == (200, 1)
        assert "Idempotent-Replayed" not in answer.headers
    other = read_only_api.post(SEARCH, {"territory": "x"}, Idempotency_Key="one")
    assert (other.status_code, other.json()["total"]) == (200, 0)
    api.create()  # and what is read is what is there now
    assert read_only_api.post(SEARCH, {}, Idempotency_Key="one").json()["total"] == 2
    assert Event.objects.count() == events + 1


def test_nothing_else_is_a_read(read_only_api: Api, api: Api) -> None:
    customer = api.create()
    for method, path in (
        ("POST", CUSTOMER),
        ("POST", f"{CUSTOMER}/batch"),
        ("POST", ROW),
        ("POST", f"{ROW}/reorder"),
        ("PATCH", f"{CUSTOMER}/{customer['id']}"),
        ("DELETE", f"{CUSTOMER}/{customer['id']}"),
    ):
        answer = read_only_api.call(method, path, {})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "key_read_only"), path
    assert Customer.objects.count() == 1


def test_the_frame_is_that_of_every_call(api: Api) -> None:
    assert Api("").post(SEARCH, {}).status_code == 401
    answer = api.get(SEARCH)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, OPTIONS")
    assert api.post(f"{SEARCH}?limit=1", {}).json()["error"]["code"] == "parameter_unknown"
    assert api.post(f"{SEARCH}/", {}).status_code == 200
    assert api.post(SEARCH, {"id[in]": ["x" * 100] * 11_000}).status_code == 413
