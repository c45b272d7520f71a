"""`Link` headers: from wherever a client begins, both ways end, and it has seen every row once."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.http import HttpResponse

from tests.conftest import CUSTOMER, ROW, Api

PAGES_AT_MOST = 40


def link(answer: object, rel: str) -> str:
    match = re.search(rf'<http://testserver([^>]+)>; rel="{rel}"', answer.headers.get("Link", ""))
    return match[1] if match else ""


def walk(api: Api, url: str, rel: str) -> list[list[str]]:
    """The ids of the pages that the links lead to, `url` itself not among them."""
    pages: list[list[str]] = []
    url = link(api.get(url), rel)
    while url:
        assert len(pages) < PAGES_AT_MOST, url
        answer = api.get(url)
        assert answer.status_code == 200, answer.content
        pages.append([one["id"] for one in answer.json()["data"]])
        url = link(answer, rel)
    return pages


def all_around(api: Api, url: str) -> list[str]:
    here = [one["id"] for one in api.get(url).json()["data"]]
    return [i for page in [*walk(api, url, "prev")[::-1], here, *walk(api, url, "next")] for i in page]


LIMITS = ["", "limit=1&", "limit=4&", "limit=5&", "limit=100&"]
OFFSETS = ["", "offset=0", "offset=3", "offset=10", "offset=11", "offset=15", "offset=99999999999999999999"]
CURSORS = ["starting_after=0", "starting_after=5", "starting_after=10", "ending_before=0", "ending_before=5"]
STARTS = [f"{limit}{start}" for limit in LIMITS for start in (*OFFSETS, *CURSORS)]


def with_id(start: str, ids: list[str]) -> str:
    return re.sub(r"(after|before)=(\d+)", lambda match: f"{match[1]}={ids[int(match[2])]}", start)


@pytest.mark.slow
def test_rows_of_a_customer_are_walked_to_both_ends(api: Api) -> None:
    customer = api.create()["id"]
    api.add_row(api.create()["id"])
    ids = [api.add_row(customer, company="x")["id"] for _ in range(11)]
    for start in STARTS:
        assert all_around(api, f"{ROW}?parent_id={customer}&company=x&{with_id(start, ids)}") == ids, start


@pytest.mark.slow
@pytest.mark.parametrize("more", ["", "territory=x&", "order_by=customer_name&", "q=acme&"])
def test_customers_are_walked_to_both_ends(api: Api, more: str) -> None:
    ids = [api.create(territory="x", customer_name=f"Acme {i:02}")["id"] for i in range(11)]
    ids = ids if "order_by" in more else ids[::-1]
    for start in STARTS:
        assert all_around(api, f"{CUSTOMER}?{more}{with_id(start, ids)}") == ids, start


def test_a_walk_beyond_what_a_filter_leaves_comes_back(api: Api) -> None:
    """The cursor's own customer is not among the filtered ones."""
    first, second, last = (api.create(territory=name)["id"] for name in "yxy")
    for cursor in (f"starting_after={first}", f"ending_before={last}"):
        assert all_around(api, f"{CUSTOMER}?territory=x&{cursor}") == [second]
    assert "Link" not in api.get(f"{CUSTOMER}?territory=nowhere&starting_after={first}").headers
    assert "Link" not in api.get(f"{CUSTOMER}?territory=nowhere&offset=7").headers


def test_links_keep_what_was_asked_for(api: Api) -> None:
    for name in ("A & B", "A & B", "A & B"):
        api.create(territory=name)
    requested = "territory=A+%26+B&fields=territory&expand[0]=supplier_numbers&q=acme&limit=1"
    answer = api.get(f"{CUSTOMER}?{requested}&offset=1")
    for rel, offset in (("prev", "0"), ("next", "2")):
        query = parse_qs(urlsplit(link(answer, rel)).query)
        assert query == {
            "territory": ["A & B"],
            "fields": ["territory"],
            "expand[]": ["supplier_numbers"],
            "q": ["acme"],
            "limit": ["1"],
            "offset": [offset],
        }
        (output,) = api.get(link(answer, rel)).json()["data"]
        assert set(output) == {"id", "territory", "supplier_numbers"}


def test_links_that_no_proxy_would_take_are_left_out(api: Api) -> None:
    """A header of at most 4 KiB; a client goes on by `starting_after` without it."""
    ids = [api.create()["id"] for _ in range(2)]

    def listed(length: int) -> HttpResponse:
        answer = api.get(f"{CUSTOMER}?limit=1&territory[ne]={'x' * length}")
        assert (answer.status_code, answer.json()["has_more"]) == (200, True)
        return answer

    room = 4096 - len(listed(1)["Link"])
    longest = listed(1 + room)
    assert len(longest["Link"]) == 4096
    assert [one["id"] for one in api.get(link(longest, "next")).json()["data"]] == ids[:1]
    assert "Link" not in listed(2 + room).headers


def test_rows_with_an_offset_and_no_limit_name_what_is_before_them(api: Api) -> None:
    customer = api.create()["id"]
    ids = [api.add_row(customer)["id"] for _ in range(5)]
    answer = api.get(f"{ROW}?parent_id={customer}&offset=3")
    assert link(answer, "next") == ""
    assert link(answer, "prev").endswith(f"?parent_id={customer}&offset=0&limit=3")
    assert [one["id"] for one in api.get(link(answer, "prev")).json()["data"]] == ids[:3]


@pytest.mark.parametrize("start", ["offset=0", "offset=1", "starting_after={0}"])
def test_the_next_page_is_shaped_as_this_one(api: Api, start: str) -> None:
    ids = [api.create(customer_name=f"c{i}", territory="North & South")["id"] for i in range(5)][::-1]
    for one in ids:
        api.add_row(one, company="A")
    query = f"limit=1&territory=North+%26+South&q=c&fields=id&expand[]=supplier_numbers&{start.format(*ids)}"
    first = api.get(f"{CUSTOMER}?{query}").json()["data"][0]
    second = api.get(link(api.get(f"{CUSTOMER}?{query}"), "next")).json()
    assert [one["id"] for one in second["data"]] == [ids[ids.index(first["id"]) + 1]]
    assert set(second["data"][0]) == set(first) == {"id", "supplier_numbers"}
    assert second["total"] == 5


@pytest.mark.parametrize(("offset", "expected"), [(1, [4]), (2, [4, 3]), (3, [3, 2]), (99, [1, 0])])
def test_the_page_before_is_within_the_list(api: Api, offset: int, expected: list[int]) -> None:
    for i in range(5):
        api.create(customer_name=f"c{i}")
    answer = api.get(link(api.get(f"{CUSTOMER}?limit=2&offset={offset}"), "prev"))
    assert answer.status_code == 200
    assert [one["customer_name"] for one in answer.json()["data"]] == [f"c{i}" for i in expected]
