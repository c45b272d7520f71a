"""Parameters of reads: names that are not ours, values that are none of the choices, lists as clients write them."""

import pytest

from crm.line_items import BY_NAME
from tests.conftest import CUSTOMER, ROW, Api, codes

EVENTS = "/api/crm/event"
EXPORT = f"{CUSTOMER}/export"
EXPANDED = ", ".join(BY_NAME)


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        (CUSTOMER, "page=2", ["offset", "starting_after"]),
        (CUSTOMER, "page[number]=2", ["offset", "starting_after"]),
        (CUSTOMER, "skip=2", ["offset", "starting_after"]),
        (CUSTOMER, "cursor=x", ["starting_after"]),
        (CUSTOMER, "after=x", ["starting_after"]),
        (CUSTOMER, "before=x", ["ending_before"]),
        (CUSTOMER, "per_page=2", ["limit"]),
        (CUSTOMER, "page_size=2", ["limit"]),
        (CUSTOMER, "pageSize=2", ["limit"]),
        (CUSTOMER, "page[size]=2", ["limit"]),
        (CUSTOMER, "sort=x", ["order_by"]),
        (CUSTOMER, "order=x", ["order_by"]),
        (CUSTOMER, "search=x", ["q"]),
        (CUSTOMER, "query=x", ["q"]),
        (CUSTOMER, "include=x", ["expand[]"]),
        (CUSTOMER, "ofset=2", ["offset"]),
        (CUSTOMER, "custmer_name[contans]=x", ["customer_name[contains]"]),
        (EVENTS, "page=2", ["after"]),
        (EVENTS, "cursor=x", ["after"]),
        (EVENTS, "starting_after=x", ["after"]),
        (ROW, "parent_id=x&page=2", ["offset", "starting_after"]),
        (EXPORT, "page=2", []),  # it has no pages
        (EXPORT, "search=x", ["q"]),
    ],
)
def test_an_unknown_name_is_told_ours(api: Api, path: str, query: str, named: list[str]) -> None:
    answer = api.get(f"{path}?{query}")
    assert list(codes(answer).values()) == ["parameter_unknown"]
    message = answer.json()["error"]["message"].partition(" here.")[2]
    assert message.split('"')[1::2] == named


@pytest.mark.parametrize(
    ("path", "query", "param", "message"),
    [
        (CUSTOMER, "fields=nope", "fields", 'customer_name, gender'),
        (CUSTOMER, "fields=customer_name,teritory", "fields", 'not "teritory". Did you mean "territory"?'),
        (CUSTOMER, "fields=", "fields", 'not "".'),
        (CUSTOMER, "order_by=name", "order_by", "Must be one of created_at, -created_at"),
        (CUSTOMER, "expand[]=rows", "expand[][0]", f'Must be one of {EXPANDED}, not "rows".'),
        (CUSTOMER, "expand[3]=rows", "expand[3]", f'Must be one of {EXPANDED}, not "rows".'),
        (CUSTOMER, "expand=supplier_number", "expand", 'Did you mean "supplier_numbers"?'),
        (EXPORT, "fields=nope", "fields", "Must be one of id, created_at"),
        (EVENTS, "types=nope", "types", "Must be one of customer.created, customer.updated"),
        (EVENTS, "types=customer.create", "types", 'Did you mean "customer.created"?'),
    ],
)  # fmt: skip
def test_a_value_that_is_none_of_the_choices(api: Api, path: str, query: str, param: str, message: str) -> None:
    answer = api.get(f"{path}?{query}")
    assert codes(answer) == {param: "parameter_invalid"}
    assert message in answer.json()["error"]["message"]


def test_fields_of_one_customer_too(api: Api) -> None:
    customer = api.create()
    answer = api.get(f"{CUSTOMER}/{customer['id']}?fields=nope")
    assert codes(answer) == {"fields": "parameter_invalid"}


def test_of_many_mistakes_some_are_told(api: Api) -> None:
    assert len(api.get(f"{CUSTOMER}?fields={'x,' * 3000}").json()["error"]["errors"]) == 20
    unknown = "&".join(f"stranger{i}=1" for i in range(400))
    assert len(api.get(f"{CUSTOMER}?{unknown}").json()["error"]["errors"]) == 20


@pytest.mark.parametrize(
    "written",
    [
        "expand=supplier_numbers",
        "expand[]=supplier_numbers",
        "expand[0]=supplier_numbers",
        "expand%5B0%5D=supplier_numbers&expand%5B1%5D=supplier_numbers",
        "expand[]=supplier_numbers&expand[]=supplier_numbers",
    ],
)
def test_expand_as_clients_write_it(api: Api, written: str) -> None:
    customer = api.create()
    row = api.add_row(customer["id"])
    whole = customer | {"supplier_numbers": [row]}
    assert api.get(f"{CUSTOMER}?{written}").json()["data"] == [whole]
    assert api.get(f"{CUSTOMER}/{customer['id']}?{written}").json() == whole
    lines = b"".join(api.get(f"{EXPORT}?{written}").streaming_content).decode()
    assert '"supplier_numbers":[{"id":"' + row["id"] in lines


@pytest.mark.parametrize("name", ["expand[x]", "expand[-1]", "expand[0][0]", "expands[0]", "fields[0]", "q[]"])
def test_what_only_looks_like_a_list(api: Api, name: str) -> None:
    answer = api.get(f"{CUSTOMER}?{name}=supplier_numbers")
    assert codes(answer) == {name: "parameter_unknown"}
