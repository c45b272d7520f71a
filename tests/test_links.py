"""The `Link` of a list leads through it as it was asked for."""

import re

import pytest

from tests.conftest import CUSTOMER, Api


def links(answer) -> dict[str, str]:
    found = re.findall(r'<http://testserver([^>]+)>; rel="(\w+)"', answer.get("Link", ""))
    return {rel: path for path, rel in found}


@pytest.mark.parametrize("start", ["offset=0", "offset=1", "starting_after={0}"])
def test_the_next_page_is_shaped_as_this_one(api: Api, start: str) -> None:
    ids = [api.create(customer_name=f"c{i}", territory="North & South")["id"] for i in range(5)][::-1]
    for one in ids:
        api.add_row(one, company="A")
    query = f"limit=1&territory=North+%26+South&q=c&fields=id&expand[]=supplier_numbers&{start.format(*ids)}"
    first = api.get(f"{CUSTOMER}?{query}").json()["data"][0]
    second = api.get(links(api.get(f"{CUSTOMER}?{query}"))["next"]).json()
    assert [one["id"] for one in second["data"]] == [ids[ids.index(first["id"]) + 1]]
    assert set(second["data"][0]) == set(first) == {"id", "supplier_numbers"}
    assert second["total"] == 5


@pytest.mark.parametrize(("offset", "expected"), [(1, [4, 3]), (2, [4, 3]), (3, [3, 2]), (99, [])])
def test_the_page_before_begins_at_the_beginning_at_the_earliest(api: Api, offset: int, expected: list[int]) -> None:
    for i in range(5):
        api.create(customer_name=f"c{i}")
    answer = api.get(links(api.get(f"{CUSTOMER}?limit=2&offset={offset}"))["prev"])
    assert answer.status_code == 200
    assert [one["customer_name"] for one in answer.json()["data"]] == [f"c{i}" for i in expected]
